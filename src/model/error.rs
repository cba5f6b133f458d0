//! What can be wrong with a model, in words that name the file, the tensor or the node.

use thiserror::Error;

/// A mistake in a manifest, a weight file or a network configuration.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("cannot access `{file}`: {reason}")]
    File {
        /// The path as it was asked for.
        file: String,
        /// The operating system's or the asset reader's words.
        reason: String,
    },
    /// The manifest is not valid RON, lacks a field or has one that is not known.
    #[error("manifest `{file}` cannot be understood: {reason}")]
    Manifest {
        /// The manifest's path.
        file: String,
        /// Position and reason, from the RON parser.
        reason: String,
    },
    /// The manifest was written for another version of this crate.
    #[error("manifest `{file}` has version {found}, this build reads version {supported}; export the model again")]
    ManifestVersion {
        /// The manifest's path.
        file: String,
        /// The version in the file.
        found: u32,
        /// The version this build reads.
        supported: u32,
    },
    /// A field of the manifest is out of range.
    #[error("manifest `{file}`: {field} {reason}")]
    ManifestField {
        /// The manifest's path.
        file: String,
        /// The field's name.
        field: String,
        /// What it must be.
        reason: String,
    },
    /// A number or name in the generator's configuration is out of range.
    #[error("invalid generator configuration: {field} {reason}")]
    Config {
        /// The field's name.
        field: String,
        /// What it must be.
        reason: String,
    },
    /// The bytes are no safetensors file, or it was cut short.
    #[error("`{file}` is not a readable safetensors file: {reason}")]
    Safetensors {
        /// The file's path.
        file: String,
        /// The reader's reason.
        reason: String,
    },
    /// A tensor that the network needs is not in the file.
    #[error("`{file}` has no tensor `{tensor}` (expected shape {expected:?})")]
    MissingTensor {
        /// The file's path.
        file: String,
        /// The tensor's dotted path.
        tensor: String,
        /// The shape the network needs.
        expected: Vec<usize>,
    },
    /// The file holds a tensor that the network does not know: usually a typo or another architecture.
    #[error("`{file}` has the tensor `{tensor}`, which this generator does not use")]
    UnknownTensor {
        /// The file's path.
        file: String,
        /// The tensor's dotted path.
        tensor: String,
    },
    /// Weights were asked for of a group that has none.
    #[error("there are no weights for group {group}: the model has {branches} branches")]
    MissingBranch {
        /// The group's index.
        group: usize,
        /// Number of branches.
        branches: usize,
    },
    /// A tensor has another shape than the network needs.
    #[error("`{file}`: tensor `{tensor}` has shape {found:?}, expected {expected:?}")]
    TensorShape {
        /// The file's path.
        file: String,
        /// The tensor's dotted path.
        tensor: String,
        /// The shape the network needs.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor is stored in a number format that is not read.
    #[error("`{file}`: tensor `{tensor}` is stored as {found}, expected F32 or F16")]
    TensorType {
        /// The file's path.
        file: String,
        /// The tensor's dotted path.
        tensor: String,
        /// The format in the file.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error("`{file}`: tensor `{tensor}` holds {value} at element {index}; weights must be finite")]
    NotFinite {
        /// The file's path.
        file: String,
        /// The tensor's dotted path.
        tensor: String,
        /// Index of the first bad element in row-major order.
        index: usize,
        /// The bad value, as text (NaN compares unequal to itself).
        value: String,
    },
    /// A group was asked for that the model does not have.
    #[error("unknown group `{group}`; this model knows {known:?}")]
    UnknownGroup {
        /// The name that was asked for.
        group: String,
        /// The names the model has, in order.
        known: Vec<String>,
    },
    /// An op does not fit its inputs.
    #[error("node `{node}`: {reason}")]
    Shape {
        /// The node's name in the graph.
        node: String,
        /// What does not fit.
        reason: String,
    },
    /// A checkpoint is not of the published form that the importer reads.
    #[error("`{file}` is not an importable checkpoint: {reason}")]
    Import {
        /// The checkpoint's path.
        file: String,
        /// What does not fit.
        reason: String,
    },
}

impl ModelError {
    /// A [`ModelError::Shape`] for `node`.
    pub(crate) fn shape(node: &str, reason: impl Into<String>) -> Self {
        Self::Shape { node: node.to_owned(), reason: reason.into() }
    }

    /// A [`ModelError::Config`] for `field`.
    pub(crate) fn config(field: &str, reason: impl Into<String>) -> Self {
        Self::Config { field: field.to_owned(), reason: reason.into() }
    }

    /// A [`ModelError::File`] for `file`.
    pub(crate) fn file(file: impl Into<String>, reason: impl ToString) -> Self {
        Self::File { file: file.into(), reason: reason.to_string() }
    }
}
