//! GPU time of a frame's passes, where the device has timestamps. Nothing waits for it and nothing is made per frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bevy::prelude::*;
use bevy::render::render_resource::{Buffer, BufferDescriptor, BufferUsages, CommandEncoder, MapMode, WgpuFeatures};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use wgpu::{QuerySet, QuerySetDescriptor, QueryType, RenderPassTimestampWrites};

use super::readback::mapped_bytes;
use super::schedule::MAX_FRAMES_IN_FLIGHT;

/// Bytes between the results of two frames: `wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT`.
const STRIDE: u64 = wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
/// Bytes of the two timestamps of a frame.
const BYTES: u64 = 16;

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const ARRIVED: u8 = 2;

/// Timestamps for as many frames as can be in flight, or `None` on a device without.
#[derive(Resource, Debug, Default)]
pub(super) struct Timer(Option<Stamps>);

#[derive(Debug)]
struct Stamps {
    queries: QuerySet,
    resolved: Buffer,
    frames: Vec<(Buffer, Arc<AtomicU8>)>,
    /// Nanoseconds a tick.
    period: f32,
}

/// The place of a frame's timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopwatch(usize);

/// Starts over on a new device.
pub(super) fn init_timer(mut timer: ResMut<Timer>, device: Res<RenderDevice>, queue: Res<RenderQueue>) {
    timer.0 = device.features().contains(WgpuFeatures::TIMESTAMP_QUERY).then(|| Stamps::new(&device, &queue));
}

impl Stamps {
    fn new(device: &RenderDevice, queue: &RenderQueue) -> Self {
        let buffer = |label, size, usage| {
            device.create_buffer(&BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let read = || buffer("bevy_toonface/time", BYTES, BufferUsages::COPY_DST | BufferUsages::MAP_READ);
        let frames = MAX_FRAMES_IN_FLIGHT;
        Self {
            queries: device.wgpu_device().create_query_set(&QuerySetDescriptor {
                label: Some("bevy_toonface/times"),
                ty: QueryType::Timestamp,
                count: 2 * frames as u32,
            }),
            resolved: buffer(
                "bevy_toonface/times",
                STRIDE * frames as u64,
                BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
            ),
            frames: (0..frames).map(|_| (read(), Arc::new(AtomicU8::new(FREE)))).collect(),
            period: queue.get_timestamp_period(),
        }
    }
}

impl Timer {
    /// Whether the device has timestamps.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// A place for the times of a frame, if there is one.
    pub fn start(&self) -> Option<Stopwatch> {
        let frames = &self.0.as_ref()?.frames;
        let free = |state: &AtomicU8| state.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok();
        frames.iter().position(|(_, state)| free(state)).map(Stopwatch)
    }

    /// What a pass has to write: the first pass of a frame its beginning, the last its end.
    pub fn writes(&self, watch: Option<Stopwatch>, first: bool, last: bool) -> Option<RenderPassTimestampWrites<'_>> {
        let (stamps, Stopwatch(frame)) = (self.0.as_ref()?, watch?);
        let query = 2 * frame as u32;
        (first || last).then(|| RenderPassTimestampWrites {
            query_set: &stamps.queries,
            beginning_of_pass_write_index: first.then_some(query),
            end_of_pass_write_index: last.then_some(query + 1),
        })
    }

    /// Records the way of the times to where they can be read.
    pub fn stop(&self, Stopwatch(frame): Stopwatch, encoder: &mut CommandEncoder) {
        let Some(stamps) = &self.0 else { return };
        let Some((read, _)) = stamps.frames.get(frame) else { return };
        let (query, at) = (2 * frame as u32, STRIDE * frame as u64);
        encoder.resolve_query_set(&stamps.queries, query..query + 2, &stamps.resolved, at);
        encoder.copy_buffer_to_buffer(&stamps.resolved, at, read, 0, BYTES);
    }

    /// Asks for the times; to be called once the frame is submitted.
    pub fn request(&self, Stopwatch(frame): Stopwatch) {
        let Some((read, state)) = self.0.as_ref().and_then(|stamps| stamps.frames.get(frame)) else { return };
        let state = state.clone();
        read.slice(..).map_async(MapMode::Read, move |result| {
            state.store(if result.is_ok() { ARRIVED } else { FREE }, Ordering::Release);
        });
    }

    /// Whether the times of a frame are still on their way.
    pub fn is_waiting(&self, Stopwatch(frame): Stopwatch) -> bool {
        let state = self.0.as_ref().and_then(|stamps| stamps.frames.get(frame));
        state.is_some_and(|(_, state)| state.load(Ordering::Acquire) == TAKEN)
    }

    /// The milliseconds of a frame whose times have arrived; their place is free again. `None` if the device told none.
    pub fn read(&self, Stopwatch(frame): Stopwatch) -> Option<f32> {
        let stamps = self.0.as_ref()?;
        let (read, state) = stamps.frames.get(frame)?;
        if state.load(Ordering::Acquire) != ARRIVED {
            return None;
        }
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&mapped_bytes(read)?);
        read.unmap();
        state.store(FREE, Ordering::Release);
        let [begin, end] = ticks.try_into().ok()?;
        // Some drivers tell nothing, and clocks may be reset.
        let elapsed = u64::checked_sub(end, begin).filter(|ticks| *ticks > 0)?;
        Some(elapsed as f32 * stamps.period / 1e6)
    }
}
