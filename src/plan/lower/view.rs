//! Lazy values: tensors with what is still to be done when they are read.

use crate::model::{NodeId, Op};

use super::{Lowering, PlanError};

/// One tensor as a reader sees it: `max((x - center) * scale + shift, floor)`, perhaps up-sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) struct Part {
    pub tensor: usize,
    /// Coefficient tensor: centers, scales, shifts.
    pub affine: Option<usize>,
    pub relu: bool,
    pub up: bool,
}

impl Part {
    pub fn is_plain(&self) -> bool {
        self.affine.is_none() && !self.relu && !self.up
    }
}

/// Parts whose channels follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) struct View {
    pub parts: Vec<Part>,
}

impl View {
    pub fn plain(tensor: usize) -> Self {
        Self::part(Part { tensor, affine: None, relu: false, up: false })
    }

    pub fn part(part: Part) -> Self {
        Self { parts: vec![part] }
    }

    /// The tensor, if nothing is left to be done.
    pub fn as_plain(&self) -> Option<usize> {
        match self.parts.as_slice() {
            [part] if part.is_plain() => Some(part.tensor),
            _ => None,
        }
    }

    /// The part, if there is only one.
    pub fn single(&self) -> Option<Part> {
        match self.parts.as_slice() {
            [part] => Some(*part),
            _ => None,
        }
    }
}

impl Lowering<'_> {
    pub(super) fn relu(&mut self, id: NodeId) -> Result<View, PlanError> {
        let mut view = self.view(self.graph.node(id).inputs[0])?;
        view.parts.iter_mut().for_each(|part| part.relu = true);
        Ok(view)
    }

    pub(super) fn upsample(&mut self, id: NodeId) -> Result<View, PlanError> {
        let input = self.graph.node(id).inputs[0];
        let mut view = self.view(input)?;
        if view.parts.iter().any(|part| part.up) {
            view = View::plain(self.plain(input)?);
        }
        view.parts.iter_mut().for_each(|part| part.up = true);
        Ok(view)
    }

    /// Concatenation costs nothing, except of vectors, which are read by index.
    pub(super) fn concat(&mut self, id: NodeId) -> Result<View, PlanError> {
        let node = self.graph.node(id);
        let mut parts = Vec::new();
        for input in &node.inputs {
            parts.extend(self.view(*input)?.parts);
        }
        let view = View { parts };
        if node.shape.is_vector() {
            return Ok(View::plain(self.materialise(&node.name, node.shape, &view)?));
        }
        Ok(view)
    }

    /// Scaling channels by weights is a coefficient vector for the reader.
    pub(super) fn scale_channels(&mut self, id: NodeId) -> Result<View, PlanError> {
        let node = self.graph.node(id);
        let Op::ScaleChannels { weight } = node.op else {
            return Err(self.unsupported(id, "not a scale"));
        };
        let tensor = self.plain(node.inputs[0])?;
        let affine = Some(self.scale_coefficients(&node.name, tensor, weight)?);
        Ok(View::part(Part { tensor, affine, relu: false, up: false }))
    }
}
