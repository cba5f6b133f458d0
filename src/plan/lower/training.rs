//! What a training step has beside its ops: examples that are picked, states that stay, weights that change.

use crate::model::autodiff::GradientOp;
use crate::model::{Op, Shape};
use crate::plan::kernel::{BIND_A, BIND_VECTOR_A, BIND_WEIGHTS};
use crate::plan::kernel_gradient::GradientKernel;
use crate::plan::layout::Layout;
use crate::plan::params::GradientParams;
use crate::plan::pass::{DrawSpec, Patch, SourceSpec};
use crate::plan::weights::WEIGHT_TEXTURE_WIDTH;
use crate::plan::{Arrangement, PlanError};

use super::Lowering;
use super::gradient::Draft;

/// The tensors of a step that outlive it.
#[derive(Debug, Clone, Default)]
pub(in crate::plan) struct Lasting {
    /// Examples to pick from.
    pub count: usize,
    /// The weight texture as the passes read it.
    pub weights: usize,
    /// By the name of the node that picks from them.
    pub examples: Vec<(String, usize)>,
    /// By the name of the node.
    pub states: Vec<(String, usize)>,
}

impl Lowering<'_> {
    /// The first pass: the weight texture with the weights as they are now.
    pub(super) fn refresh(&mut self) -> Result<(), PlanError> {
        let is_state = |op: &Op| matches!(op, Op::Gradient(GradientOp::State(_)));
        let weights = self.graph.nodes().iter().find(|node| is_state(&node.op) && node.name == "weights");
        let Some(node) = weights else {
            return Err(PlanError::Unsupported {
                node: "weights".into(),
                op: "state",
                reason: "the graph trains nothing".into(),
            });
        };
        let flat = self.state(&node.name, node.shape)?;
        let shape = Shape { channels: 4, height: 1, width: WEIGHT_TEXTURE_WIDTH };
        // Its height is known when everything is packed.
        let layout = self.weight_layout(1);
        let out = self.tensor_in("refresh", shape, Some(layout))?;
        if let Some(lasting) = &mut self.lasting {
            lasting.weights = out;
        }
        let mut draw = self.draft(Draft::new(GradientKernel::Refresh, out, &[flat]));
        draw.textures = vec![
            (BIND_WEIGHTS, SourceSpec::Packed),
            (BIND_VECTOR_A, SourceSpec::Indices),
            (BIND_A, SourceSpec::Plane(flat, 0)),
        ];
        self.emit("refresh", out, vec![draw]);
        Ok(())
    }

    fn weight_layout(&self, height: usize) -> Layout {
        let layout = Layout {
            arrangement: Arrangement::QUADS,
            tile_width: WEIGHT_TEXTURE_WIDTH,
            tile_height: height,
            tiles: 1,
            grid_x: 1,
            batch: 1,
            blocks_x: 1,
            texture: (0, 0),
            base: (0, 0),
        };
        layout.alone()
    }

    /// The weight texture gets its height.
    pub(super) fn settle_weights(&mut self) {
        let layout = self.weight_layout(self.packer.height());
        if let Some(weights) = self.lasting.as_ref().map(|lasting| lasting.weights) {
            self.tensors[weights].layout = layout;
        }
    }

    /// A state's tensor, the same for all who ask.
    pub(super) fn state(&mut self, name: &str, shape: Shape) -> Result<usize, PlanError> {
        let known = |lasting: &Lasting| lasting.states.iter().find(|(n, _)| n == name).map(|(_, tensor)| *tensor);
        if let Some(tensor) = self.lasting.as_ref().and_then(known) {
            return Ok(tensor);
        }
        let tensor = self.shared(name, shape)?;
        if let Some(lasting) = &mut self.lasting {
            lasting.states.push((name.to_owned(), tensor));
        }
        Ok(tensor)
    }

    /// A tensor of the batch that is picked from examples.
    pub(super) fn example(&mut self, name: &str, shape: Shape) -> Result<usize, PlanError> {
        let out = self.tensor(name, shape)?;
        self.pick(name, shape, out)?;
        Ok(out)
    }

    /// Fills a tensor of the batch from examples.
    pub(super) fn pick(&mut self, name: &str, shape: Shape, out: usize) -> Result<(), PlanError> {
        let count = self.lasting.as_ref().map_or(1, |lasting| lasting.count);
        let arrangement = self.layout(out).arrangement;
        let layout = Layout::tensor(shape, arrangement, count, self.limits.max_texture_size);
        let label = format!("examples.{name}");
        let examples = self.tensor_in(&label, shape, layout)?;
        if let Some(lasting) = &mut self.lasting {
            lasting.examples.push((name.to_owned(), examples));
        }
        let mut draw = self.draft(Draft::new(GradientKernel::Pick { a: arrangement }, out, &[examples]));
        draw.params = draw.params.patch(std::mem::offset_of!(GradientParams, first), Patch::Variant(count));
        self.emit(name, out, vec![draw]);
        Ok(())
    }

    /// Passes of a training step read the weights as they are now.
    pub(super) fn with_trained_weights(&self, mut draws: Vec<DrawSpec>) -> Vec<DrawSpec> {
        let Some(lasting) = &self.lasting else { return draws };
        let sources = draws.iter_mut().flat_map(|draw| &mut draw.textures).map(|(_, source)| source);
        for source in sources.filter(|source| **source == SourceSpec::Weights) {
            *source = SourceSpec::Plane(lasting.weights, 0);
        }
        draws
    }
}
