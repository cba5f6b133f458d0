//! How many steps of a chain fit into a frame. Pure: costs and a budget come in, a number comes out.

use std::ops::Range;

use crate::ecs::CartoonBudget;

/// Weight of a new measurement against what was known before.
const SMOOTHING: f32 = 0.25;
/// What a step is thought to take before any has been measured: with the default budget, four are tried in the first
/// frames. Too much costs some frames once; too little would be felt, since measurements come some frames late.
const FIRST_GUESS_MS: f32 = 1.0;
/// A step costs no less than this: nothing is for free.
const LEAST_MS: f32 = 1e-4;
/// Most frames in flight that a budget can ask for.
pub(super) const MAX_FRAMES_IN_FLIGHT: usize = 4;

/// What is left of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Allowance {
    /// The GPU is too far behind.
    lagging: bool,
    passes: usize,
    milliseconds: f32,
    /// Nothing has been drawn in this frame yet.
    fresh: bool,
    /// No passes are allowed.
    #[cfg(feature = "few_shot")]
    paused: bool,
}

impl Allowance {
    /// A new frame, while the GPU still works on `in_flight` frames with cartoons.
    pub fn new(budget: &CartoonBudget, in_flight: usize) -> Self {
        let lagging = in_flight >= budget.frames_in_flight.clamp(1, MAX_FRAMES_IN_FLIGHT);
        Self {
            lagging,
            passes: if lagging { 0 } else { budget.passes_per_frame.unwrap_or(usize::MAX) },
            // NaN is no limit that anybody can mean.
            milliseconds: budget.milliseconds.filter(|ms| !ms.is_nan()).unwrap_or(f32::INFINITY),
            fresh: true,
            #[cfg(feature = "few_shot")]
            paused: budget.passes_per_frame == Some(0),
        }
    }

    /// Whether the GPU is so far behind that it is given nothing.
    pub fn is_lagging(&self) -> bool {
        self.lagging
    }

    /// Whether the budget allows no passes at all.
    #[cfg(feature = "few_shot")]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether a step of the least cost would still fit.
    pub fn is_spent(&self) -> bool {
        self.passes == 0 || !self.fresh && self.milliseconds < LEAST_MS
    }

    /// Takes as many steps off the front of `costs` as fit. The first step of a frame always fits, so that every chain
    /// comes to its end.
    pub fn take(&mut self, costs: &[f32]) -> usize {
        let mut steps = 0;
        for cost in costs {
            if self.passes == 0 || !self.fresh && self.milliseconds < *cost {
                break;
            }
            self.passes -= 1;
            self.milliseconds -= cost;
            self.fresh = false;
            steps += 1;
        }
        steps
    }
}

/// Milliseconds that each step of a chain takes, as far as is known.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    ms: Vec<f32>,
    measured: Vec<bool>,
}

impl Costs {
    /// Nothing is known yet. On a device that is `timed`, the first steps are taken slowly until they have been measured.
    pub fn new(steps: usize, timed: bool) -> Self {
        let guess = if timed { FIRST_GUESS_MS } else { CartoonBudget::UNTIMED_PASS_MS };
        Self { ms: vec![guess; steps], measured: vec![false; steps] }
    }

    /// The costs of some steps.
    pub fn of(&self, steps: Range<usize>) -> &[f32] {
        self.ms.get(steps).unwrap_or_default()
    }

    /// What some steps are thought to take together.
    pub fn sum(&self, steps: Range<usize>) -> f32 {
        self.of(steps).iter().sum()
    }

    /// Learns that some steps took `ratio` times as long as was thought. Steps that have never been measured learn
    /// from the others, and all there is to learn from the very first measurement.
    pub fn learn(&mut self, steps: Range<usize>, ratio: f32) {
        if !(ratio.is_finite() && ratio > 0.0) {
            return;
        }
        let smoothed = 1.0 + SMOOTHING * (ratio - 1.0);
        let is_first = !self.measured.contains(&true);
        for (step, (ms, measured)) in self.ms.iter_mut().zip(&mut self.measured).enumerate() {
            let factor = match (steps.contains(&step), *measured) {
                (true, false) => ratio,
                (false, false) if is_first => ratio,
                (true, true) | (false, false) => smoothed,
                (false, true) => continue,
            };
            *ms = (*ms * factor).max(LEAST_MS);
            *measured |= steps.contains(&step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Costs};
    use crate::ecs::CartoonBudget;

    fn budget(passes_per_frame: Option<usize>, milliseconds: Option<f32>) -> CartoonBudget {
        CartoonBudget { passes_per_frame, milliseconds, ..CartoonBudget::UNLIMITED }
    }

    /// Frames that a chain takes, and the most steps in one of them.
    fn spread(budget: &CartoonBudget, costs: &[f32]) -> (usize, usize) {
        let (mut next, mut frames, mut most) = (0, 0, 0);
        while next < costs.len() {
            let steps = Allowance::new(budget, 0).take(&costs[next..]);
            assert!(steps > 0, "a frame without a step");
            (next, frames, most) = (next + steps, frames + 1, most.max(steps));
        }
        (frames, most)
    }

    #[test]
    fn without_a_limit_everything_is_drawn_at_once() {
        assert_eq!(spread(&CartoonBudget::UNLIMITED, &[1.0; 720]), (1, 720));
        assert_eq!(spread(&budget(None, Some(f32::INFINITY)), &[1.0; 720]), (1, 720));
        assert_eq!(spread(&budget(None, Some(f32::NAN)), &[1.0; 720]), (1, 720));
    }

    #[test]
    fn passes_and_milliseconds_both_limit_a_frame() {
        assert_eq!(spread(&budget(Some(7), None), &[1.0; 100]), (15, 7));
        assert_eq!(spread(&budget(None, Some(4.0)), &[0.5; 100]), (13, 8));
        assert_eq!(spread(&budget(Some(7), Some(4.0)), &[0.5; 100]), (15, 7));
        assert_eq!(spread(&budget(Some(9), Some(4.0)), &[0.5; 100]), (13, 8));
    }

    #[test]
    fn a_step_that_costs_more_than_a_frame_has_is_drawn_alone() {
        for milliseconds in [0.0, -3.0, 1.0] {
            assert_eq!(spread(&budget(None, Some(milliseconds)), &[9.0; 5]), (5, 1));
        }
        assert_eq!(spread(&budget(None, Some(4.0)), &[1.0, 9.0, 1.0]), (3, 1));
    }

    #[test]
    fn chains_share_a_frame() {
        let mut frame = Allowance::new(&budget(Some(10), None), 0);
        assert_eq!(frame.take(&[1.0; 4]), 4);
        assert!(!frame.is_spent());
        assert_eq!(frame.take(&[1.0; 20]), 6);
        assert!(frame.is_spent());
        assert_eq!(frame.take(&[1.0; 20]), 0);
    }

    #[test]
    fn no_passes_is_a_pause() {
        let mut frame = Allowance::new(&budget(Some(0), None), 0);
        assert!(frame.is_spent() && !frame.is_lagging());
        assert_eq!(frame.take(&[0.0; 3]), 0);
    }

    #[test]
    fn a_gpu_that_lags_is_given_nothing() {
        for (allowed, in_flight, lags) in [
            (2, 0, false),
            (2, 1, false),
            (2, 2, true),
            (2, 5, true),
            (1, 1, true),
            (0, 0, false),
            (0, 1, true),
            (99, 4, true),
        ] {
            let budget = CartoonBudget { frames_in_flight: allowed, ..CartoonBudget::UNLIMITED };
            let mut frame = Allowance::new(&budget, in_flight);
            assert_eq!(frame.is_lagging(), lags, "{in_flight} of {allowed}");
            assert_eq!(frame.take(&[1.0]), usize::from(!lags), "{in_flight} of {allowed}");
        }
    }

    /// A device whose steps take these milliseconds, drawn under a budget and timed slice by slice.
    fn run(real: &[f32], updates: usize, milliseconds: f32) -> (Costs, f32) {
        let mut costs = Costs::new(real.len(), true);
        let mut worst = 0.0_f32;
        for _ in 0..updates {
            let mut next = 0;
            while next < real.len() {
                let steps =
                    next..next + Allowance::new(&budget(None, Some(milliseconds)), 0).take(costs.of(next..real.len()));
                let took: f32 = real[steps.clone()].iter().sum();
                costs.learn(steps.clone(), took / costs.sum(steps.clone()));
                // Unless it is a single step that takes longer.
                if steps.len() > 1 {
                    worst = worst.max(took);
                }
                next = steps.end;
            }
        }
        (costs, worst)
    }

    #[test]
    fn measured_costs_keep_a_frame_within_its_milliseconds() {
        let real: Vec<f32> = (0..400).map(|i| if i % 9 == 0 { 1.7 } else { 0.02 + 0.001 * (i % 50) as f32 }).collect();
        let (costs, worst) = run(&real, 12, 4.0);
        // From the first frame on, a tenth and the dearest step more at most.
        assert!(worst <= 1.1 * 4.0 + 1.7, "a frame of {worst} ms");
        let (thought, all) = (costs.sum(0..real.len()), real.iter().sum::<f32>());
        assert!((thought / all - 1.0).abs() < 0.2, "{thought} ms instead of {all} ms");
    }

    #[test]
    fn the_first_frames_are_careful_and_the_first_measurement_counts_for_all() {
        let mut costs = Costs::new(76, true);
        let steps = 0..Allowance::new(&budget(None, Some(4.0)), 0).take(costs.of(0..76));
        assert_eq!(steps, 0..4, "a slow device would feel more");
        costs.learn(steps, 40.0);
        assert_eq!(Allowance::new(&budget(None, Some(4.0)), 0).take(costs.of(4..76)), 1, "a step takes 40 ms");
        costs.learn(4..5, 1.0 / 400.0);
        let later = costs.sum(5..76) / 71.0;
        assert!((25.0..40.0).contains(&later), "later measurements are smoothed, {later} ms");
    }

    #[test]
    fn nonsense_from_a_timer_is_not_learned() {
        let mut costs = Costs::new(4, false);
        for ratio in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            costs.learn(0..4, ratio);
        }
        assert_eq!(costs.sum(0..4), 4.0 * CartoonBudget::UNTIMED_PASS_MS);
        costs.learn(2..9, 2.0);
        assert_eq!(costs.of(3..9), &[] as &[f32], "past the end");
    }
}
