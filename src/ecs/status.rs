//! What an entity's cartoon is doing, in words a panel can show.

use std::fmt;

use bevy::prelude::*;

use super::CartoonError;

/// The state of an entity's cartoon.
#[derive(Component, Debug, Clone, Default, PartialEq)]
pub enum CartoonStatus {
    /// The model or the picture is loading.
    #[default]
    Loading,
    /// Everything is there; shaders compile or the first cartoon is being drawn.
    Ready,
    /// The cartoon is on screen.
    Running {
        /// Cartoons drawn so far.
        updates: u64,
        /// Milliseconds from recording the latest batch to its completion on the GPU.
        milliseconds: f32,
    },
    /// No cartoon, and why. The picture stays as it was.
    Failed(CartoonError),
}

impl CartoonStatus {
    /// Whether at least one cartoon has been drawn.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// The error, if there is one.
    pub fn error(&self) -> Option<&CartoonError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for CartoonStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loading => write!(f, "loading"),
            Self::Ready => write!(f, "ready"),
            Self::Running { updates, milliseconds } => write!(f, "running: {updates} updates, {milliseconds:.1} ms"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}
