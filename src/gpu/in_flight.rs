//! What the GPU has been given in a frame, and the news of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bevy::platform::time::Instant;
use bevy::prelude::*;
use bevy::render::renderer::RenderQueue;

use super::exchange::Report;
use super::news::News;
use super::readback::Readback;
use super::timer::Stopwatch;

/// A frame's passes on the GPU.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Cartoons that are on their output images once it is done, until the queue is asked to tell of them.
    pub drawn: Vec<Drawn>,
    /// How many these are.
    pub cartoons: u64,
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
        Self { drawn, cartoons: 0, readbacks, slices, stopwatch, recorded, submitted: false, micros: Arc::default() }
    }

    /// Once the frame is submitted: asks the queue to tell when it is done. Returns whether this was the first call.
    pub fn submit(&mut self, queue: &RenderQueue, news: &News) -> bool {
        if self.submitted {
            return false;
        }
        self.submitted = true;
        self.cartoons = self.drawn.len() as u64;
        // A cartoon whose tensors are read back is told of with these.
        let drawn = if self.readbacks.is_empty() { std::mem::take(&mut self.drawn) } else { Vec::new() };
        let (micros, recorded, news) = (self.micros.clone(), self.recorded, news.clone());
        queue.on_submitted_work_done(move || {
            let elapsed = recorded.elapsed();
            news.add(drawn.into_iter().map(|drawn| drawn.report(recorded, elapsed)));
            micros.store((elapsed.as_micros() as u64).max(1), Ordering::Release);
        });
        self.readbacks.iter().for_each(Readback::map);
        true
    }

    /// Those that the queue does not tell of.
    pub fn take_reports(&mut self) -> impl Iterator<Item = (Entity, Report)> + use<> {
        let (recorded, elapsed) = (self.recorded, Duration::from_micros(self.micros.load(Ordering::Acquire)));
        std::mem::take(&mut self.drawn).into_iter().map(move |drawn| drawn.report(recorded, elapsed))
    }

    /// Whether the GPU is done.
    pub fn is_done(&self) -> bool {
        self.micros.load(Ordering::Acquire) > 0
    }
}

impl Drawn {
    /// The news of it, when the frame that was `recorded` is done after `elapsed`.
    fn report(self, recorded: Instant, elapsed: Duration) -> (Entity, Report) {
        let before = recorded.saturating_duration_since(self.started);
        let milliseconds = (before + elapsed).as_secs_f32() * 1e3;
        (self.entity, Report::Drawn { revision: self.revision, milliseconds })
    }
}
