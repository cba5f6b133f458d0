//! The plan of a training step.

use super::lower::{self, Lasting};
use super::{Plan, PlanError, PlanOptions, TensorFormat, WEIGHT_TEXTURE_WIDTH, finish};
use crate::model::autodiff::Training;

/// A plan that is run again and again: states go from step to step.
///
/// Each step begins with picking the pictures of its batch: draws with an `item` take the index of its example where a
/// plan for cartoons takes a group. After a step, the textures of every state and its next value change places.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingPlan {
    /// The passes of a step.
    pub plan: Plan,
    /// For each component of each texel of the packed weights, the index of the trained weight in it plus one, or 0.
    pub indices: Vec<[f32; 4]>,
    /// Vectors that go from step to step.
    pub states: Vec<PlannedState>,
    /// Tensors that the examples have to be in, by the name of what they are; picture `k` of each is example `k`.
    pub examples: Vec<(String, usize)>,
    /// Number of examples.
    pub count: usize,
}

/// A vector that goes from step to step.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedState {
    /// As in [`State`](crate::model::autodiff::State).
    pub name: String,
    /// Index of its tensor.
    pub tensor: usize,
    /// Index of the tensor with the next value, if it changes.
    pub next: Option<usize>,
    /// What it begins with.
    pub start: Vec<f32>,
}

impl TrainingPlan {
    /// Plans a step with batches of `options.batch` out of `examples` examples. Formats of less than 32 bits train in
    /// RGBA32F, and of the outputs all are kept.
    ///
    /// # Errors
    /// [`PlanError`] if something does not fit the device.
    pub fn new(training: &Training, options: PlanOptions, examples: usize) -> Result<Self, PlanError> {
        let format = match options.format {
            TensorFormat::Rgba16Float => TensorFormat::Rgba32Float,
            other => other,
        };
        let outputs = training.model.graph.outputs().iter().map(|(name, _)| name.clone()).collect();
        let batch = options.batch.clamp(1, examples.max(1));
        let options = PlanOptions { format, batch, outputs, half_weights: false, ..options };
        let (lowered, lasting) = lower::lower_training(&training.model, &options, examples)?;
        let (indices, _) = lower::lower_training(&training.indices, &options, examples)?;
        // Trained weights are the branch; in the trunk are others, and ones that only move channels.
        let frozen = indices.packer.branch_base();
        let mut indices = indices.packer.finish(options.limits.max_texture_size)?.texels;
        indices.iter_mut().take(frozen).for_each(|texel| *texel = [0.0; 4]);
        let plan = finish(training.model.manifest.name.clone(), options, 1, lowered)?;
        let Lasting { count, states: tensors, examples, .. } = lasting;
        let mut states = Vec::new();
        for state in &training.states {
            let tensor = tensors.iter().find(|(name, _)| *name == state.node).map(|(_, tensor)| *tensor);
            let next = state.next.as_ref().and_then(|next| plan.outputs.iter().find(|(name, _)| name == next));
            states.extend(tensor.map(|tensor| PlannedState {
                name: state.node.clone(),
                tensor,
                next: next.map(|(_, tensor)| *tensor),
                start: state.start.clone(),
            }));
        }
        debug_assert_eq!(indices.len(), plan.weights.height() * WEIGHT_TEXTURE_WIDTH);
        Ok(Self { plan, indices, states, examples, count })
    }

    /// Pairs of slots that change places after every step.
    pub fn swaps(&self) -> Vec<(usize, usize)> {
        let slots = |tensor: usize| self.plan.tensors[tensor].slots.iter().copied();
        let pairs = self.states.iter().filter_map(|state| Some((state.tensor, state.next?)));
        pairs.flat_map(|(now, next)| slots(now).zip(slots(next))).collect()
    }
}
