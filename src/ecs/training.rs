//! What few-shot sessions ask of the GPU layer, and what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bevy::prelude::*;

use super::CartoonError;
use crate::model::Tensor;
use crate::model::autodiff::Training;

/// A training to run. Extracted by the GPU layer; remove it to stop.
#[derive(Component, Debug, Clone)]
#[require(TrainingProgress)]
pub struct TrainingRequest {
    /// The step.
    pub training: Arc<Training>,
    /// All that [`Training::examples`] names, for each example, as `[C, H, W]` or `[1, C, H, W]`.
    pub examples: Arc<Vec<BTreeMap<String, Tensor>>>,
    /// The last so many examples are never learned from. Their loss is measured before the first step, and where `taps`
    /// are read back.
    pub held_out: usize,
    /// Examples in a step, at least 1 and at most as many as there are to learn from.
    pub batch: usize,
    /// Steps to run.
    pub steps: usize,
    /// Outputs of the training graph that are read back after the first step, every so many steps, and after the last
    /// one; `loss` is read back after every step.
    pub taps: Vec<String>,
    /// See `taps`; at least 1.
    pub tap_every: usize,
    /// Stands still.
    pub paused: bool,
}

/// How far a training has come.
#[derive(Component, Debug, Clone, Default)]
pub struct TrainingProgress {
    /// Steps that are through.
    pub step: usize,
    /// The loss of each of them, as far as it has been read back: the batch's, before the step.
    pub losses: Vec<(usize, f32)>,
    /// The loss of the examples that are held out, by the weights after a step.
    pub held_out: Vec<(usize, f32)>,
    /// The latest of what was tapped: the step after which, and tensors by name.
    pub taps: Option<(usize, Vec<(String, Tensor)>)>,
    /// Batches of examples that are held out which have been read back since the last entry, and the sum of their losses.
    pub(crate) batches: (usize, f32),
    /// Why it cannot go on.
    pub error: Option<CartoonError>,
}

/// What a run through the passes of a training is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrainingRun {
    /// A step; as it was number so many, counted from 1.
    Step(usize),
    /// A batch of examples that are held out, one of so many, by the weights after a step.
    HeldOut { step: usize, batch: usize, of: usize },
}

/// Which examples a step takes: all of them in turn, in another order each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picker {
    /// Number of examples.
    pub count: usize,
    /// Examples in a step.
    pub batch: usize,
}

impl Picker {
    /// The examples of a step, counted from 0.
    pub fn pick(self, step: usize) -> Vec<usize> {
        let Self { count, batch } = self;
        if batch >= count {
            return (0..count).collect();
        }
        (step * batch..(step + 1) * batch).map(|at| self.order(at / count)[at % count]).collect()
    }

    /// In how many batches of the same size `others` examples each have as many turns as any other.
    pub(crate) fn batches_of(self, others: usize) -> usize {
        let mut divisor = (others, self.batch);
        while divisor.1 > 0 {
            divisor = (divisor.1, divisor.0 % divisor.1);
        }
        others / divisor.0.max(1)
    }

    /// Batch `nth` of the `others` examples that follow those that are picked from.
    pub(crate) fn pick_other(self, nth: usize, others: usize) -> Vec<usize> {
        (nth * self.batch..(nth + 1) * self.batch).map(|at| self.count + at % others.max(1)).collect()
    }

    /// A permutation for each turn (Fisher and Yates), from a small generator of random numbers (xorshift, Marsaglia).
    fn order(self, turn: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.count).collect();
        let mut state = (turn as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for i in (1..order.len()).rev() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            order.swap(i, (state >> 33) as usize % (i + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::Picker;

    #[test]
    fn every_example_has_its_turn() {
        for (count, batch) in [(7, 3), (4, 1), (15, 4), (2, 2)] {
            let picker = Picker { count, batch };
            let mut seen = vec![0; count];
            (0..count).flat_map(|step| picker.pick(step)).for_each(|example| seen[example] += 1);
            assert!(seen.iter().all(|n| *n == batch), "{picker:?}: {seen:?}");
        }
        for (others, batch, batches) in [(4, 4, 1), (3, 4, 3), (2, 4, 1), (5, 2, 5), (6, 4, 3), (1, 3, 1), (0, 4, 0)] {
            let picker = Picker { count: 9, batch };
            assert_eq!(picker.batches_of(others), batches, "{others} in batches of {batch}");
            let mut seen = vec![0; others];
            (0..batches).flat_map(|nth| picker.pick_other(nth, others)).for_each(|example| seen[example - 9] += 1);
            assert!(seen.iter().all(|n| n * others == batches * batch), "{others} in batches of {batch}: {seen:?}");
        }
        let picker = Picker { count: 8, batch: 8 };
        assert_eq!(picker.pick(5), [0, 1, 2, 3, 4, 5, 6, 7]);
        let orders: Vec<_> = (0..4).map(|turn| Picker { count: 8, batch: 1 }.order(turn)).collect();
        assert!(orders.windows(2).all(|pair| pair[0] != pair[1]), "{orders:?}");
    }
}
