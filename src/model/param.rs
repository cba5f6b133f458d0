//! A weight tensor that the graph refers to by its dotted path.

/// Who owns a weight: the part shared by all groups, or each group for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// One tensor, in the trunk's file.
    Trunk,
    /// One tensor a group, in each branch file, under the same path.
    Branch,
}

/// Index of a [`Param`] in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub(crate) usize);

/// Path, shape and owner of a weight tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Dotted path, such as `encode1.conv2.weight`.
    pub path: String,
    /// Row-major shape; convolutions are `[out, in, k, k]`, linear maps `[out, in]`.
    pub dims: Vec<usize>,
    /// Trunk or branch.
    pub owner: Owner,
}

impl Param {
    /// Number of values.
    pub fn elements(&self) -> usize {
        self.dims.iter().product()
    }
}
