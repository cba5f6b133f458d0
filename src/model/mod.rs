//! The network as data: a graph of ops with shapes, the generators that build it, and the package of
//! weights on disk. Nothing in here knows Bevy or a GPU.
//!
//! ```text
//! manifest (RON) --Generator::build--> Graph     safetensors --TensorFile--> Weights
//!                                         \_____________ Model _____________/
//! ```

#[cfg(feature = "few_shot")]
pub mod autodiff;
mod checkpoint;
mod error;
pub mod generator;
mod graph;
mod import;
mod manifest;
mod op;
mod package;
mod param;
mod shape;
mod tensor;

pub use checkpoint::{Checkpoint, CheckpointForm};
pub use error::ModelError;
pub use generator::Generator;
pub use graph::{Graph, GraphBuilder, Node, NodeId};
pub use import::import_checkpoint;
pub use manifest::{GroupEntry, MANIFEST_VERSION, Manifest};
pub use op::Op;
pub use package::{Model, Weights};
pub use param::{Owner, Param, ParamId};
pub use shape::Shape;
pub use tensor::{Tensor, TensorFile};
