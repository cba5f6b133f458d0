//! What the GPU has been given in a frame, and the news of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy::platform::time::Instant;
use bevy::prelude::*;
use bevy::render::renderer::RenderQueue;

use super::readback::Readback;
use super::timer::Stopwatch;

/// A frame's passes on the GPU.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Cartoons that are on their output images once it is done.
    pub drawn: Vec<Drawn>,
    pub readbacks: Vec<Readback>,
    /// The steps that were recorded, in their order.
    pub slices: Vec<Slice>,
    pub stopwatch: Option<Stopwatch>,
    recorded: Instant,
    submitted: bool,
    /// Microseconds from recording to completion; 0 until then.
    micros: Arc<AtomicU64>,
}

/// Steps of a batch that were recorded in one frame.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    /// Number of the chain.
    pub chain: u64,
    /// Number of the batch.
    pub batch: u64,
    pub steps: Range<usize>,
    /// All steps of the batch.
    pub of: Range<usize>,
    /// Render passes of `steps`: one each, but for the first of a batch, which may take several.
    pub passes: usize,
}

/// A cartoon that has been recorded to its end.
#[derive(Debug)]
pub(super) struct Drawn {
    pub entity: Entity,
    pub revision: u64,
    /// When the recording of its batch began.
    pub started: Instant,
}

impl InFlight {
    /// A frame whose recording begins at `recorded`.
    pub fn new(recorded: Instant, stopwatch: Option<Stopwatch>) -> Self {
        let (drawn, readbacks, slices) = (Vec::new(), Vec::new(), Vec::new());
        Self { drawn, readbacks, slices, stopwatch, recorded, submitted: false, micros: Arc::default() }
    }

    /// Once the frame is submitted: asks the queue to tell when it is done. Returns whether this was the first call.
    pub fn submit(&mut self, queue: &RenderQueue) -> bool {
        if self.submitted {
            return false;
        }
        self.submitted = true;
        let (micros, recorded) = (self.micros.clone(), self.recorded);
        queue.on_submitted_work_done(move || {
            micros.store((recorded.elapsed().as_micros() as u64).max(1), Ordering::Release);
        });
        self.readbacks.iter().for_each(Readback::map);
        true
    }

    /// Whether the GPU is done.
    pub fn is_done(&self) -> bool {
        self.micros.load(Ordering::Acquire) > 0
    }

    /// Milliseconds from the beginning of a cartoon to the end of this frame.
    pub fn milliseconds(&self, drawn: &Drawn) -> f32 {
        let before = self.recorded.saturating_duration_since(drawn.started).as_secs_f32() * 1e3;
        before + self.micros.load(Ordering::Acquire) as f32 / 1e3
    }
}
