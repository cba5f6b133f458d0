//! What a video is doing, in words a panel can show.

use std::fmt;

use bevy::prelude::*;

use super::VideoError;

/// The state of an entity's [`Video`](super::Video) or webcam.
#[derive(Component, Debug, Clone, Default, PartialEq)]
pub enum VideoStatus {
    /// The source is being opened, or has not sent a frame yet.
    #[default]
    Starting,
    /// Frames arrive.
    Running {
        /// Width and height of the picture in pixels.
        size: UVec2,
        /// Frames a second that arrive, a whole number measured over a second; 0 in the first.
        fps: f32,
    },
    /// The source has ended; its last frame stays on screen.
    Ended,
    /// Not wanted: `active` is false. The device is free, the last frame stays on screen.
    Stopped,
    /// No further frames, and why; the last one stays on screen. To try again, change the component or call
    /// `set_changed()` on it.
    Failed(VideoError),
}

impl VideoStatus {
    /// Whether frames arrive.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// The error, if there is one.
    pub fn error(&self) -> Option<&VideoError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for VideoStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => write!(f, "starting"),
            Self::Running { size, fps } => write!(f, "running: {} x {}, {fps} frames a second", size.x, size.y),
            Self::Ended => write!(f, "ended"),
            Self::Stopped => write!(f, "stopped"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}
