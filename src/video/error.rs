//! What can go wrong with a camera or a video. The game goes on; the error stands in `VideoStatus`.

use std::path::PathBuf;

use thiserror::Error;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum VideoError {
    /// The machine has no camera.
    #[error("no camera found: connect one, then start again")]
    NoCamera,
    /// The camera that was asked for is not there.
    #[error("there is no camera {wanted}: connected are {known:?}")]
    UnknownCamera {
        /// What was asked for.
        wanted: String,
        /// Names of the cameras that are there.
        known: Vec<String>,
    },
    /// The system or its user does not let this program use the camera.
    #[error(
        "the camera {camera} must not be used by this program: allow it in the system's settings (on Linux, the user \
         belongs in the group `video`), then start again ({reason})"
    )]
    PermissionRefused {
        /// The camera.
        camera: String,
        /// The system's reason.
        reason: String,
    },
    /// Somebody else has the camera.
    #[error(
        "the camera {camera} is in use: close the other program, or use one `Webcam` for both, then start again ({reason})"
    )]
    Busy {
        /// The camera.
        camera: String,
        /// The system's reason.
        reason: String,
    },
    /// The camera has no format that can be decoded.
    #[error(
        "the camera {camera} has no format that is understood (MJPEG, YUYV, NV12, RGB, BGR at a whole number of frames a \
         second): choose another device ({reason})"
    )]
    UnsupportedFormat {
        /// The camera.
        camera: String,
        /// What it has, or the driver's reason.
        reason: String,
    },
    /// The camera went away while it was running.
    #[error("the camera {camera} is gone: connect it, then start again ({reason})")]
    Unplugged {
        /// The camera.
        camera: String,
        /// The system's reason.
        reason: String,
    },
    /// The camera's driver objects to something else.
    #[error("the camera {camera} does not work: {reason}")]
    Camera {
        /// The camera.
        camera: String,
        /// The driver's reason.
        reason: String,
    },
    /// One frame after another cannot be decoded.
    #[error("{frames} frames of {source_name} in a row cannot be decoded: {reason}")]
    Decode {
        /// The camera or file.
        source_name: String,
        /// How many were tried.
        frames: u32,
        /// The decoder's reason for the last one.
        reason: String,
    },
    /// The source has not answered for a long time. Its thread still waits: should a frame come, the video goes on.
    #[error("no frame for {seconds} s: is the camera covered by a switch, or used by another program?")]
    Stalled {
        /// How long it has been waited for.
        seconds: u64,
    },
    /// A folder has no pictures.
    #[error("the folder `{}` has no pictures ({extensions}): name another one", folder.display())]
    NoPictures {
        /// The folder.
        folder: PathBuf,
        /// Extensions that are looked for.
        extensions: String,
    },
    /// A file or folder cannot be read.
    #[error("`{}` cannot be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's or the decoder's reason.
        reason: String,
    },
    /// No rate that frames could come at.
    #[error("a rate of {fps} frames a second cannot be kept: it has to be above 0 and at most 1000")]
    Rate {
        /// The rate.
        fps: f32,
    },
    /// A frame does not fit a texture of the device.
    #[error("a frame is {width} x {height} pixels; this device takes at most {max} on each side: ask for smaller ones")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The device's limit.
        max: u32,
    },
    /// A source wrote a frame whose bytes do not fit its size.
    #[error("a frame of {width} x {height} pixels has {bytes} bytes instead of {}", 4 * width * height)]
    BadFrame {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes that there are.
        bytes: usize,
    },
    /// The system starts no further thread.
    #[error("no thread could be started for the video: {reason}")]
    Thread {
        /// The system's reason.
        reason: String,
    },
    /// The source panicked. Only its own thread has ended.
    #[error("the source of the video panicked: {reason}")]
    Panicked {
        /// The panic's words.
        reason: String,
    },
}
