//! Which of a camera's formats is taken. Pure.

use bevy::math::UVec2;
use nokhwa::utils::{CameraFormat, FrameFormat};

/// Formats that are decoded, the best first: without losses before JPEG.
pub(super) const DECODED: [FrameFormat; 5] =
    [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::RAWRGB, FrameFormat::RAWBGR, FrameFormat::MJPEG];

/// The format nearest to what is wanted: by size, then by rate, then the best to decode.
pub(super) fn nearest(formats: &[CameraFormat], size: UVec2, fps: u32) -> Option<CameraFormat> {
    let rank = |format: &FrameFormat| DECODED.iter().position(|known| known == format);
    let distance = |format: &CameraFormat| {
        let apart = |a: u32, b: u32| u64::from(a.abs_diff(b));
        let [dx, dy] = [apart(format.width(), size.x), apart(format.height(), size.y)];
        (dx * dx + dy * dy, apart(format.frame_rate(), fps), rank(&format.format()))
    };
    formats.iter().filter(|format| rank(&format.format()).is_some()).min_by_key(|format| distance(format)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(width: u32, height: u32, kind: FrameFormat, fps: u32) -> CameraFormat {
        CameraFormat::new_from(width, height, kind, fps)
    }

    #[test]
    fn size_counts_before_rate_and_rate_before_losses() {
        use FrameFormat::{GRAY, MJPEG, NV12, YUYV};
        let formats = [
            format(1920, 1080, YUYV, 5),
            format(1920, 1080, MJPEG, 30),
            format(640, 480, GRAY, 30),
            format(640, 480, MJPEG, 30),
            format(640, 480, YUYV, 30),
            format(640, 480, MJPEG, 60),
            format(320, 240, NV12, 30),
        ];
        let pick = |width, height, fps| nearest(&formats, UVec2::new(width, height), fps);
        assert_eq!(pick(640, 480, 30), Some(formats[4]));
        assert_eq!(pick(640, 480, 120), Some(formats[5]));
        assert_eq!(pick(1280, 1024, 30), Some(formats[1]));
        assert_eq!(pick(1920, 1080, 1), Some(formats[0]));
        assert_eq!(pick(0, 0, 0), Some(formats[6]));
        assert_eq!(nearest(&[formats[2]], UVec2::new(640, 480), 30), None, "grey has no colours");
        assert_eq!(nearest(&[], UVec2::ONE, 30), None);
    }
}
