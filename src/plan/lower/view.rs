//! Lazy values: tensors with what is still to be done when they are read.

use crate::model::{NodeId, Op, ParamId};
use crate::plan::kernel::Affine;

use super::{Lowering, PlanError};

/// One tensor as a reader sees it: `max(norm(x), floor)`, perhaps scaled, perhaps up-sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) struct Part {
    pub tensor: usize,
    pub norm: Option<NormSource>,
    pub relu: bool,
    pub up: bool,
    /// A weight a channel that it is multiplied by, which a convolution does in its own weights.
    pub scale: Option<ParamId>,
}

/// What a norm is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum NormSource {
    /// Centers, scales, shifts.
    Coefficients(usize),
    /// Mean and M2 of four chunks of equal size.
    Quarters(usize),
    /// The tensor that is normed; this is the norm's node.
    Own(NodeId),
}

impl NormSource {
    /// The tensor that is read besides the one that is normed.
    pub fn tensor(self) -> Option<usize> {
        match self {
            Self::Coefficients(tensor) | Self::Quarters(tensor) => Some(tensor),
            Self::Own(_) => None,
        }
    }
}

impl Part {
    pub fn new(tensor: usize) -> Self {
        Self { tensor, norm: None, relu: false, up: false, scale: None }
    }

    pub fn is_plain(&self) -> bool {
        *self == Self::new(self.tensor)
    }

    pub fn affine(&self) -> Affine {
        match self.norm {
            None => Affine::None,
            Some(NormSource::Coefficients(_)) => Affine::Coefficients,
            Some(NormSource::Quarters(_)) => Affine::Quarters,
            Some(NormSource::Own(_)) => Affine::Own,
        }
    }
}

/// Parts whose channels follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) struct View {
    pub parts: Vec<Part>,
}

impl View {
    pub fn plain(tensor: usize) -> Self {
        Self::part(Part::new(tensor))
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
        let input = self.graph.node(id).inputs[0];
        let mut view = self.view(input)?;
        if view.parts.iter().any(|part| part.scale.is_some()) {
            view = View::plain(self.plain(input)?);
        }
        view.parts.iter_mut().for_each(|part| part.relu = true);
        Ok(view)
    }

    pub(super) fn upsample(&mut self, id: NodeId) -> Result<View, PlanError> {
        let input = self.graph.node(id).inputs[0];
        let mut view = self.view(input)?;
        let node = self.graph.node(input);
        if node.shape.is_vector() {
            // One pixel lies as a vector does, a value a tile; its neighbours to be lie in quads.
            let arrangement = self.format.arrangement(node.shape, self.limits.planes(self.format));
            view = View::plain(self.place_in(&format!("{}.quads", node.name), node.shape, arrangement, &view)?);
        } else if view.parts.iter().any(|part| part.up) {
            view = View::plain(self.plain(input)?);
        }
        view.parts.iter_mut().for_each(|part| part.up = true);
        Ok(view)
    }

    /// Concatenation costs nothing, except of vectors, which are read by index.
    pub(super) fn concat(&mut self, id: NodeId) -> Result<View, PlanError> {
        let node = self.graph.node(id);
        if node.shape.is_vector() {
            return Ok(View::plain(self.concat_vectors(id)?));
        }
        let mut parts = Vec::new();
        for input in &node.inputs {
            parts.extend(self.view(*input)?.parts);
        }
        Ok(View { parts })
    }

    /// Scaling channels is left to the reader.
    pub(super) fn scale_channels(&mut self, id: NodeId) -> Result<View, PlanError> {
        let node = self.graph.node(id);
        let Op::ScaleChannels { weight } = node.op else {
            return Err(self.unsupported(id, "not a scale"));
        };
        let tensor = self.plain(node.inputs[0])?;
        let view = View::part(Part { scale: Some(weight), ..Part::new(tensor) });
        // Weights that are trained are packed one by one.
        if self.is_training() {
            return Ok(View::plain(self.materialise(&node.name, node.shape, &view)?));
        }
        Ok(view)
    }
}
