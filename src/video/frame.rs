//! A picture on its way from a source to the screen.

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;

use super::VideoError;

/// Bytes of a pixel.
const PIXEL: usize = 4;

/// A picture of 8-bit sRGB with straight alpha, four bytes a pixel, row by row from the top left.
///
/// A source gets the same few frames again and again, so that their memory is used again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    size: UVec2,
    pixels: Vec<u8>,
}

impl Frame {
    /// A frame of pixels that exist: `4 * width * height` bytes.
    pub fn new(size: UVec2, pixels: Vec<u8>) -> Self {
        Self { size, pixels }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> UVec2 {
        self.size
    }

    /// The bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Makes it this large and returns the bytes, `4 * width * height` of them, for the source to write all of. What is
    /// in them is left over from an earlier frame.
    pub fn resize(&mut self, size: UVec2) -> &mut [u8] {
        self.size = size;
        self.pixels.resize(bytes(size), u8::MAX);
        &mut self.pixels
    }

    /// Whether it has as many bytes as its size says, and any at all.
    pub(super) fn check(&self) -> Result<(), VideoError> {
        let found = self.pixels.len();
        if found == 0 || found != bytes(self.size) {
            return Err(VideoError::BadFrame { width: self.size.x, height: self.size.y, bytes: found });
        }
        Ok(())
    }

    /// Left becomes right.
    pub(super) fn mirror(&mut self) {
        let (pixels, _) = self.pixels.as_chunks_mut::<PIXEL>();
        for row in pixels.chunks_exact_mut(self.size.x.max(1) as usize) {
            row.reverse();
        }
    }

    /// Cuts it down to the square in its middle.
    pub(super) fn crop_square(&mut self) {
        let side = self.size.min_element() as usize;
        let corner = (self.size - UVec2::splat(side as u32)) / 2;
        let stride = PIXEL * self.size.x as usize;
        let first = stride * corner.y as usize + PIXEL * corner.x as usize;
        for row in 0..side {
            let from = first + row * stride;
            self.pixels.copy_within(from..from + PIXEL * side, row * PIXEL * side);
        }
        self.size = UVec2::splat(side as u32);
        self.pixels.truncate(bytes(self.size));
    }

    /// The frame as an image, without a copy. It lives on the device only, so that a later frame of the same size is
    /// written into its texture.
    pub(super) fn into_image(self) -> Image {
        // A white pixel of 8-bit sRGB.
        let mut image = Image::default();
        (image.texture_descriptor.size.width, image.texture_descriptor.size.height) = (self.size.x, self.size.y);
        image.data = Some(self.pixels);
        image.asset_usage = RenderAssetUsages::RENDER_WORLD;
        image
    }
}

fn bytes(size: UVec2) -> usize {
    PIXEL * size.x as usize * size.y as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pixel says where it was.
    fn numbered(width: u32, height: u32) -> Frame {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 7, 255]));
        Frame::new(UVec2::new(width, height), pixels.collect())
    }

    fn pixel(frame: &Frame, x: u32, y: u32) -> [u8; 2] {
        let at = 4 * (y * frame.size().x + x) as usize;
        [frame.pixels()[at], frame.pixels()[at + 1]]
    }

    #[test]
    fn a_mirror_swaps_left_and_right_of_every_row_and_twice_is_nothing() {
        for (width, height) in [(1, 1), (1, 3), (2, 1), (5, 4), (8, 3)] {
            let mut frame = numbered(width, height);
            frame.mirror();
            for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
                assert_eq!(pixel(&frame, x, y), [(width - 1 - x) as u8, y as u8], "{width} x {height}");
            }
            frame.mirror();
            assert_eq!(frame, numbered(width, height));
        }
    }

    #[test]
    fn a_square_is_cut_from_the_middle() {
        for (width, height, side, left, top) in
            [(6, 4, 4, 1, 0), (4, 6, 4, 0, 1), (5, 5, 5, 0, 0), (7, 4, 4, 1, 0), (1, 9, 1, 0, 4)]
        {
            let mut frame = numbered(width, height);
            frame.crop_square();
            assert_eq!(frame.size(), UVec2::splat(side));
            frame.check().expect("as many bytes as pixels");
            for (x, y) in (0..side).flat_map(|x| (0..side).map(move |y| (x, y))) {
                assert_eq!(pixel(&frame, x, y), [(x + left) as u8, (y + top) as u8], "{width} x {height}");
            }
        }
    }

    #[test]
    fn memory_is_used_again() {
        let mut frame = numbered(64, 48);
        let memory = frame.pixels().as_ptr();
        frame.resize(UVec2::new(32, 48));
        frame.resize(UVec2::new(48, 64));
        assert_eq!(frame.pixels().as_ptr(), memory);
        let image = frame.into_image();
        assert_eq!(image.data.as_ref().map(|data| data.as_ptr()), Some(memory), "moved, not copied");
    }

    #[test]
    fn a_frame_without_pixels_or_with_too_few_is_refused() {
        let short = Frame::new(UVec2::new(4, 4), vec![0; 63]);
        assert_eq!(short.check(), Err(VideoError::BadFrame { width: 4, height: 4, bytes: 63 }));
        assert!(Frame::default().check().is_err());
    }
}
