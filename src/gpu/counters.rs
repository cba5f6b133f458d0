//! What has been done so far, in numbers: for tools, panels and tests.

use bevy::prelude::*;

/// What the plugin has done on the GPU since it started, in the main world; brought up to date every frame, one frame
/// late.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CartoonCounters {
    /// Render passes of chains recorded, those at both ends included.
    pub passes: u64,
    /// Draws in them.
    pub draws: u64,
    /// Cameras' views that were captured, a pass each.
    pub captures: u64,
    /// Cartoons that were laid over a camera's view, a pass each.
    pub overlays: u64,
    /// Batches begun.
    pub begun: u64,
    /// Batches recorded to their end.
    pub finished: u64,
    /// Batches that were given up because nobody waited for them any more.
    pub dropped: u64,
    /// Cartoons drawn.
    pub cartoons: u64,
    /// Frames in which anything was recorded.
    pub frames: u64,
    /// Frames in which there was work and the GPU was too far behind to be given any.
    pub held_back: u64,
    /// Frames that the GPU has been given and not finished.
    pub in_flight: usize,
    /// Textures made.
    pub textures: u64,
    /// Buffers made.
    pub buffers: u64,
    /// Bytes of weights uploaded. Of a model that changes, only the rows that changed are.
    pub weight_bytes: u64,
    /// Bind groups made.
    pub bind_groups: u64,
    /// Pipelines asked for, those at both ends of a chain included.
    pub pipelines: usize,
}
