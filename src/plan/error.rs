//! Why a graph cannot be planned for a device.

use thiserror::Error;

use crate::model::ModelError;

/// A plan does not fit the device, or a weight does not fit the graph.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// An activation needs a larger texture than the device has.
    #[error(
        "`{node}` ({shape} x {batch} pictures in {planes} planes) does not fit a texture of {limit} x {limit}; \
         use a smaller image size, fewer base channels or fewer pictures at once"
    )]
    TextureTooLarge {
        /// The node whose result does not fit.
        node: String,
        /// Its shape.
        shape: String,
        /// Pictures in a batch.
        batch: usize,
        /// Planes the channels are spread over.
        planes: usize,
        /// The device's largest texture side.
        limit: usize,
    },
    /// The weights of all groups together need a larger texture than the device has.
    #[error("the weights need a texture of {width} x {height}, the device's limit is {limit}; use fewer groups")]
    WeightsTooLarge {
        /// Width in texels.
        width: usize,
        /// Height in texels.
        height: usize,
        /// The device's largest texture side.
        limit: usize,
    },
    /// The textures together take more than the plan may.
    #[error(
        "{pictures} pictures at once take {slots} bytes of activations and {weights} bytes of weights, and {limit} bytes \
         are left of the memory that cartoons may take; use fewer models, a smaller one, `half_weights`, or raise \
         `ToonfacePlugin::max_memory`"
    )]
    OutOfMemory {
        /// Bytes of activations.
        slots: usize,
        /// Bytes of weights.
        weights: usize,
        /// Pictures in a batch.
        pictures: usize,
        /// Bytes that there may be.
        limit: usize,
    },
    /// An op is used in a way that no kernel covers.
    #[error("node `{node}` ({op}) cannot be planned: {reason}")]
    Unsupported {
        /// The node's name.
        node: String,
        /// Its op.
        op: &'static str,
        /// What is missing.
        reason: String,
    },
    /// The plan asks for a result that is neither an output of the graph nor a node.
    #[error("the model has no output and no layer `{output}`; its outputs are {known:?}")]
    UnknownOutput {
        /// The name that was asked for.
        output: String,
        /// The names of the graph's outputs.
        known: Vec<String>,
    },
    /// A weight is missing or has another shape.
    #[error(transparent)]
    Model(#[from] ModelError),
}
