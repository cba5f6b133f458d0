//! What each step of an update takes on the GPU, collected over the frames that it is spread over. On demand.

use std::sync::Arc;

use bevy::prelude::*;

use super::exchange::ChainInfo;
use super::in_flight::Slice;
use crate::plan::Plan;

/// Section of the pass that turns pictures into the network's input.
const PICTURE_IN: &str = "picture in";
/// Section of the passes that draw cartoons over their pictures.
const PICTURE_OUT: &str = "picture out";

/// Asks for GPU times of single passes, which then are in [`ChainInfo::times`]. A resource of the main world, put there
/// by whoever asks.
///
/// While it is on, every pass writes two timestamps, and a frame's times take 32 KiB on their way back; while it is off
/// (the default), none of this exists. Frames of more than 2048 passes are not measured, nor is anything on a device
/// without timestamps ([`ChainInfo::has_timestamps`]).
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CartoonProfiling {
    /// Whether times are asked for. Default: false.
    pub enabled: bool,
}

/// A step of an update: a render pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepInfo {
    /// The node's name, `encode` or `composite`.
    pub label: String,
    /// The part of the network that it belongs to.
    pub section: String,
    /// Whether it draws with weights that each group has for itself.
    pub branch: bool,
}

/// GPU milliseconds of one update.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepTimes {
    /// Of each step, as in [`ChainInfo::steps`]; 0 for steps that the update had not: encode for uploaded tensors,
    /// composites of pictures that the batch lacked.
    pub milliseconds: Vec<f32>,
    /// From the beginning of the first pass to the end of the last, without what lay between frames.
    pub total: f32,
    /// Frames that the update was spread over.
    pub frames: usize,
}

/// A part of the network and what it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// A module of the network such as `hourglass1`, `picture in`, or `picture out`.
    pub name: String,
    /// Passes in it.
    pub passes: usize,
    /// GPU milliseconds of the latest update that was measured; 0 if there is none.
    pub milliseconds: f32,
    /// Whether any of its passes draws with weights that each group has for itself.
    pub branch: bool,
}

impl ChainInfo {
    /// The steps of an update by section, in the order of their first passes. Every step is in exactly one.
    pub fn sections(&self) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::new();
        for (i, step) in self.steps.iter().enumerate() {
            let ms = self.times.as_ref().and_then(|times| times.milliseconds.get(i)).copied().unwrap_or(0.0);
            match sections.iter_mut().find(|section| section.name == step.section) {
                Some(section) => {
                    section.passes += 1;
                    section.milliseconds += ms;
                    section.branch |= step.branch;
                }
                None => sections.push(Section {
                    name: step.section.clone(),
                    passes: 1,
                    milliseconds: ms,
                    branch: step.branch,
                }),
            }
        }
        sections
    }
}

/// The steps of a full batch of a plan.
pub(super) fn steps(plan: &Plan) -> Vec<StepInfo> {
    let end = |label: &str, section: &str| StepInfo { label: label.into(), section: section.into(), branch: false };
    let pass = plan.passes.iter().map(|pass| StepInfo {
        label: pass.label(),
        section: pass.section().into(),
        branch: pass.is_branch(),
    });
    let composites = std::iter::repeat_n(end("composite", PICTURE_OUT), plan.options.batch);
    std::iter::once(end("encode", PICTURE_IN)).chain(pass).chain(composites).collect()
}

/// Collects the times of an update, frame by frame.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// Number of the batch that is being collected.
    batch: u64,
    collected: StepTimes,
    /// Steps that have been measured.
    measured: usize,
    latest: Option<Arc<StepTimes>>,
}

impl Profile {
    /// The latest update all of whose steps were measured.
    pub fn latest(&self) -> Option<Arc<StepTimes>> {
        self.latest.clone()
    }

    /// Notes beginning and end of the passes of a frame. Frames come in order.
    pub fn note(&mut self, slice: &Slice, laps: &[[f32; 2]]) {
        let (Some([begin, _]), Some([_, end])) = (laps.first(), laps.last()) else { return };
        // All passes but one a step are the first step's.
        let Some(own) = laps.len().checked_sub(slice.steps.len()).and_then(|extra| laps.get(extra..)) else { return };
        if self.batch != slice.batch {
            *self = Self { batch: slice.batch, latest: self.latest.take(), ..Self::default() };
        }
        let times = &mut self.collected;
        times.milliseconds.resize(slice.of.end, 0.0);
        for (step, lap) in slice.steps.clone().zip(own) {
            let begin = if step == slice.steps.start { begin } else { &lap[0] };
            times.milliseconds[step] = (lap[1] - begin).max(0.0);
        }
        times.total += (end - begin).max(0.0);
        times.frames += 1;
        self.measured += slice.steps.len();
        if self.measured == slice.of.len() {
            self.latest = Some(Arc::new(std::mem::take(times)));
            self.measured = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(batch: u64, steps: std::ops::Range<usize>) -> Slice {
        Slice { chain: 1, batch, passes: steps.len(), steps, of: 1..5 }
    }

    #[test]
    fn an_update_is_told_once_all_its_frames_are_in() {
        let mut profile = Profile::default();
        profile.note(&slice(1, 1..3), &[[0.0, 1.0], [1.5, 2.0]]);
        assert_eq!(profile.latest(), None);
        profile.note(&slice(1, 3..5), &[[7.0, 8.0], [8.0, 10.0]]);
        let times = profile.latest().expect("all steps");
        assert_eq!(times.milliseconds, [0.0, 1.0, 0.5, 1.0, 2.0]);
        assert_eq!((times.total, times.frames), (5.0, 2));
    }

    #[test]
    fn the_first_step_may_take_several_passes() {
        let mut profile = Profile::default();
        let slice = Slice { chain: 1, batch: 1, passes: 4, steps: 0..2, of: 0..2 };
        profile.note(&slice, &[[0.0, 1.0], [1.0, 2.0], [2.5, 3.0], [3.0, 7.0]]);
        let times = profile.latest().expect("all steps");
        assert_eq!((times.milliseconds.as_slice(), times.total), (&[3.0, 4.0][..], 7.0));
    }

    #[test]
    fn an_update_that_was_measured_in_part_is_not_told() {
        let mut profile = Profile::default();
        // Measuring began, or ended, or the batch was dropped in the middle.
        profile.note(&slice(1, 3..5), &[[0.0, 1.0], [1.0, 2.0]]);
        profile.note(&slice(2, 1..3), &[[0.0, 1.0], [1.0, 2.0]]);
        profile.note(&slice(3, 1..5), &[[0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]);
        let times = profile.latest().expect("the third");
        assert_eq!((times.total, times.frames), (4.0, 1));
    }
}
