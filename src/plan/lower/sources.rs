//! What a convolution reads: parts in arrangements that its blocks meet.

use crate::model::{NodeId, Shape};
use crate::plan::Arrangement;
use crate::plan::source::WeightRuns;

use super::{Lowering, NormSource, Part, PlanError, View};

/// What decides which input pixels a convolution reads.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    pub kernel: usize,
    pub stride: usize,
}

impl Lowering<'_> {
    /// The parts that the convolution reads: at most two, as many textures as the device samples.
    pub(super) fn sources(
        &mut self,
        input: NodeId,
        conv: Geometry,
        out: &Arrangement,
        other_planes: usize,
    ) -> Result<Vec<Part>, PlanError> {
        let parts = self.view(input)?.parts;
        // Parts of the same tensor are one operand: what each is multiplied by is in the weights.
        let mut tensors: Vec<Part> = Vec::new();
        for part in &parts {
            let same = |known: &Part| Part { scale: part.scale, ..*known } == *part;
            if !tensors.iter().any(same) {
                tensors.push(*part);
            }
        }
        let norm = |p: &Part| p.norm.and_then(NormSource::tensor).map_or(0, |norm| self.layout(norm).planes());
        let textures: usize = tensors.iter().map(|p| self.layout(p.tensor).planes() + norm(p)).sum();
        let fits = tensors.len() <= 2 && textures + other_planes < self.limits.max_sampled_textures;
        let parts = if fits { parts } else { View::plain(self.plain(input)?).parts };
        parts.into_iter().map(|part| self.readable(part, conv, out)).collect()
    }

    /// A part as the blocks of `out` can read it, in a tensor of its own if its phases differ.
    pub(super) fn readable(&mut self, part: Part, conv: Geometry, out: &Arrangement) -> Result<Part, PlanError> {
        let arrangement = self.layout(part.tensor).arrangement;
        let shape = self.tensors[part.tensor].shape;
        let meets =
            |phases: [usize; 2], step: usize| (0..2).all(|axis| (step * out.phases[axis]).is_multiple_of(phases[axis]));
        if !part.up {
            if meets(arrangement.phases, conv.stride) {
                return Ok(part);
            }
            let apart = Arrangement { phases: [1, 1], ..arrangement };
            return self.rearranged(part, shape, apart, "apart");
        }
        if conv.stride == 1 && WeightRuns::new(conv.kernel, 1, 1).steps == 1 {
            return self.one_phase(part);
        }
        let shape = Shape { height: 2 * shape.height, width: 2 * shape.width, ..shape };
        let whole = self.arrangement(shape);
        let target = if meets(whole.phases, conv.stride) { whole } else { Arrangement { phases: [1, 1], ..whole } };
        self.rearranged(part, shape, target, "up")
    }

    /// An up-sampled part with a pixel a texel: whichever pixel a block needs, it is in the same planes.
    fn one_phase(&mut self, part: Part) -> Result<Part, PlanError> {
        let (arrangement, shape) = (self.layout(part.tensor).arrangement, self.tensors[part.tensor].shape);
        let apart = Arrangement { phases: [1, 1], ..arrangement };
        if arrangement == apart {
            return Ok(part);
        }
        // Two passes where there is something to do first: the second is the same kernel for all.
        let mut plain = Part { up: false, scale: None, ..part };
        if !plain.is_plain() {
            plain = self.rearranged(plain, shape, arrangement, "plain")?;
        }
        Ok(Part { up: true, scale: part.scale, ..self.rearranged(plain, shape, apart, "apart")? })
    }

    /// What a part reads as, but for its scale, in a tensor of its own.
    pub(super) fn rearranged(
        &mut self,
        part: Part,
        shape: Shape,
        arrangement: Arrangement,
        suffix: &str,
    ) -> Result<Part, PlanError> {
        let name = format!("{}.{suffix}", self.tensors[part.tensor].name);
        let view = View::part(Part { scale: None, ..part });
        let tensor = self.materialise_in(&name, shape, arrangement, &view)?;
        Ok(Part { scale: part.scale, ..Part::new(tensor) })
    }
}
