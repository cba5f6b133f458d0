//! Where frames come from.

use super::{Frame, VideoError};

/// What [`FrameSource::read`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The frame has been written.
    Frame,
    /// There is no new frame yet, and the frame that was passed in may hold anything.
    Nothing,
    /// There will be no further frames: the last one stays on screen.
    End,
}

/// Something that yields one frame after another: a camera, files, a decoder of your own.
///
/// It is made, read and dropped in a thread of its own, so it may block and need not be `Send`. If frames come faster
/// than the app draws, the newest one wins and the others are never seen.
///
/// ```
/// use bevy_toonface::video::{Frame, FrameSource, Reading, Video, VideoError};
///
/// /// Grey that gets brighter and brighter.
/// struct Dawn(u8);
///
/// impl FrameSource for Dawn {
///     fn read(&mut self, frame: &mut Frame) -> Result<Reading, VideoError> {
///         std::thread::sleep(std::time::Duration::from_millis(40));
///         self.0 = self.0.saturating_add(1);
///         frame.resize((64, 64).into()).fill(self.0);
///         Ok(Reading::Frame)
///     }
/// }
///
/// let video = Video::new(|| Ok(Dawn(0)));
/// ```
pub trait FrameSource {
    /// Waits for the next frame and writes it; keeping the rate is the source's job.
    ///
    /// A video that is stopped or goes away ends after the call that is under way. So return [`Reading::Nothing`] at
    /// least several times a second where that is possible; a source that does not return for
    /// [`STALL`](super::STALL) is reported as stalled.
    ///
    /// # Errors
    /// What keeps further frames from coming: it ends the video. What spoils one frame is `Ok(Reading::Nothing)`.
    fn read(&mut self, frame: &mut Frame) -> Result<Reading, VideoError>;
}

impl FrameSource for Box<dyn FrameSource> {
    fn read(&mut self, frame: &mut Frame) -> Result<Reading, VideoError> {
        (**self).read(frame)
    }
}
