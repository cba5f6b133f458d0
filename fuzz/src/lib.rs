//! What the fuzz targets have in common. The model layer is compiled from the crate's own sources, without Bevy: a build takes
//! seconds.

#[path = "../../src/model/mod.rs"]
pub mod model;

pub mod alloc;
pub mod mutate;
pub mod targets;
