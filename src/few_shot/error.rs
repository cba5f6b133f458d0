//! What can go wrong with a session. The game goes on; the error stands in `FewShotStatus`.

use thiserror::Error;

use crate::ecs::CartoonError;
use crate::model::ModelError;

/// Why there is no new group.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum FewShotError {
    /// One example cannot tell a style from a face.
    #[error("{found} pairs of photograph and cartoon to learn from are too few: add some, at least 2, better 10 to 15")]
    TooFewPairs {
        /// Pairs that were given, without those that are held out.
        found: usize,
    },
    /// The two pictures of a pair do not belong together.
    #[error("pair {pair}: the photograph has {photo:?} pixels and the cartoon {cartoon:?}; crop both to the same size")]
    Sizes {
        /// Index of the pair.
        pair: usize,
        /// Width and height of the photograph.
        photo: [u32; 2],
        /// Width and height of the cartoon.
        cartoon: [u32; 2],
    },
    /// A picture could not be loaded or is of no use.
    #[error("pair {pair}: {error}")]
    Picture {
        /// Index of the pair.
        pair: usize,
        /// What is wrong with it.
        error: CartoonError,
    },
    /// What the frozen part of the model makes of a picture is no number.
    #[error("pair {pair}: the model's `{layer}` is not finite (NaN or Inf) for it; use a model whose weights are")]
    NotFinite {
        /// Index of the pair.
        pair: usize,
        /// The node of the network.
        layer: String,
    },
    /// The name cannot be that of a file.
    #[error("`{name}` cannot name a group: use letters, digits, `-` and `_`")]
    Name {
        /// The name.
        name: String,
    },
    /// The model has a group of that name.
    #[error("the model `{model}` has a group `{name}` already: choose another name")]
    NameTaken {
        /// The name.
        name: String,
        /// The model's name.
        model: String,
    },
    /// The model could not be loaded.
    #[error("the model `{path}` could not be loaded: {reason}")]
    ModelFailed {
        /// The asset path.
        path: String,
        /// The loader's reason.
        reason: String,
    },
    /// The group to start from is not there, nothing is in scope, or a file cannot be written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The device cannot do it.
    #[error(transparent)]
    Device(CartoonError),
    /// Numbers grew beyond all bounds.
    #[error("the training diverged at step {step}: use a smaller `learning_rate` (the branch of step {kept} is kept)")]
    Diverged {
        /// The step whose loss or weights are not finite.
        step: usize,
        /// The step whose branch is kept in `FewShotResult`; 0 is the branch that it began with.
        kept: usize,
    },
}
