//! GPU time of a frame's passes, where the device has timestamps. Nothing waits for it and nothing is made per frame.
//!
//! Two timestamps a frame are always taken; two a pass only while somebody asks ([`CartoonProfiling`]).
//!
//! [`CartoonProfiling`]: super::CartoonProfiling

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bevy::prelude::*;
use bevy::render::render_resource::{Buffer, BufferDescriptor, BufferUsages, CommandEncoder, MapMode, WgpuFeatures};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use wgpu::{QUERY_SET_MAX_QUERIES, QuerySet, QuerySetDescriptor, QueryType, RenderPassTimestampWrites};

use super::exchange::Exchange;
use super::readback::mapped_bytes;
use super::schedule::MAX_FRAMES_IN_FLIGHT;

/// Bytes between the results of two frames: `wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT`.
const STRIDE: u64 = wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT;
/// Bytes of a timestamp.
const BYTES: u64 = 8;
/// Most passes of a frame that are timed one by one; frames with more are timed as a whole.
const MAX_LAPS: usize = QUERY_SET_MAX_QUERIES as usize / 2;

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const ARRIVED: u8 = 2;

/// Timestamps for as many frames as can be in flight, or `None` on a device without.
#[derive(Resource, Debug, Default)]
pub(super) struct Timer(Option<Stamps>);

#[derive(Debug)]
struct Stamps {
    /// Beginning and end of all frames.
    whole: Sheets,
    /// Beginning and end of every pass of a frame, a sheet a frame; empty unless somebody asks for them.
    laps: Vec<Sheets>,
    states: Vec<Arc<AtomicU8>>,
    /// Nanoseconds a tick.
    period: f32,
}

/// Timestamps and the way to where they can be read, for some frames.
#[derive(Debug)]
struct Sheets {
    queries: QuerySet,
    resolved: Buffer,
    read: Vec<Buffer>,
}

/// The place of a frame's timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopwatch {
    frame: usize,
    /// Passes that are timed one by one; 0 if the frame is timed as a whole.
    laps: usize,
}

/// What a frame took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    /// From the beginning of the first pass to the end of the last.
    pub milliseconds: f32,
    /// Beginning and end of each pass in milliseconds since the first began; empty if the frame is timed as a whole.
    pub laps: Vec<[f32; 2]>,
}

/// Starts over on a new device.
pub(super) fn init_timer(mut timer: ResMut<Timer>, device: Res<RenderDevice>, queue: Res<RenderQueue>) {
    timer.0 = device.features().contains(WgpuFeatures::TIMESTAMP_QUERY).then(|| Stamps {
        whole: Sheets::new(&device, MAX_FRAMES_IN_FLIGHT, 1),
        laps: Vec::new(),
        states: (0..MAX_FRAMES_IN_FLIGHT).map(|_| Arc::new(AtomicU8::new(FREE))).collect(),
        period: queue.get_timestamp_period(),
    });
}

/// Whether times of single passes have to be made room for, or thrown away.
pub(super) fn laps_are_due(timer: Res<Timer>, exchange: Res<Exchange>) -> bool {
    timer.0.as_ref().is_some_and(|stamps| stamps.laps.is_empty() == exchange.profiling)
}

/// Makes room for the times of single passes, or throws it away when no frame needs it any more.
pub(super) fn make_laps(mut timer: ResMut<Timer>, exchange: Res<Exchange>, device: Res<RenderDevice>) {
    let Some(stamps) = &mut timer.0 else { return };
    if exchange.profiling {
        stamps.laps = (0..MAX_FRAMES_IN_FLIGHT).map(|_| Sheets::new(&device, 1, MAX_LAPS)).collect();
    } else if stamps.states.iter().all(|state| state.load(Ordering::Acquire) == FREE) {
        stamps.laps.clear();
    }
}

impl Sheets {
    /// Room for `frames` frames with `laps` times each.
    fn new(device: &RenderDevice, frames: usize, laps: usize) -> Self {
        let label = Some("bevy_toonface/times");
        let buffer =
            |size, usage| device.create_buffer(&BufferDescriptor { label, size, usage, mapped_at_creation: false });
        let bytes = 2 * BYTES * laps as u64;
        Self {
            queries: device.wgpu_device().create_query_set(&QuerySetDescriptor {
                label,
                ty: QueryType::Timestamp,
                count: (2 * laps * frames) as u32,
            }),
            resolved: buffer(
                bytes.next_multiple_of(STRIDE) * frames as u64,
                BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
            ),
            read: (0..frames).map(|_| buffer(bytes, BufferUsages::COPY_DST | BufferUsages::MAP_READ)).collect(),
        }
    }
}

impl Stamps {
    /// The sheets of a frame, and its place in them.
    fn sheets(&self, watch: Stopwatch) -> Option<(&Sheets, usize)> {
        if watch.laps == 0 { Some((&self.whole, watch.frame)) } else { Some((self.laps.get(watch.frame)?, 0)) }
    }

    /// The buffer that a frame's times are read from, and how many bytes of it count.
    fn read(&self, watch: Stopwatch) -> Option<(&Buffer, u64)> {
        let (sheets, place) = self.sheets(watch)?;
        Some((sheets.read.get(place)?, 2 * BYTES * watch.laps.max(1) as u64))
    }
}

impl Timer {
    /// Whether the device has timestamps.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// A place for the times of a frame, if there is one. `passes` of it are timed one by one if somebody asks for that;
    /// 0: never.
    pub fn start(&self, passes: usize) -> Option<Stopwatch> {
        let Stamps { states, laps, .. } = self.0.as_ref()?;
        let laps = if laps.is_empty() || passes > MAX_LAPS { 0 } else { passes };
        let free =
            |state: &Arc<AtomicU8>| state.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok();
        Some(Stopwatch { frame: states.iter().position(free)?, laps })
    }

    /// What pass number `pass` of `passes` has to write: its own beginning and end; or, if the frame is timed as a whole,
    /// the first its beginning and the last its end.
    pub fn writes(
        &self,
        watch: Option<Stopwatch>,
        pass: usize,
        passes: usize,
    ) -> Option<RenderPassTimestampWrites<'_>> {
        let watch = watch?;
        let (sheets, place) = self.0.as_ref()?.sheets(watch)?;
        let single = watch.laps > 0;
        let query = 2 * if single { pass } else { place } as u32;
        let (begins, ends) = (single || pass == 0, single || pass + 1 == passes);
        (begins || ends).then(|| RenderPassTimestampWrites {
            query_set: &sheets.queries,
            beginning_of_pass_write_index: begins.then_some(query),
            end_of_pass_write_index: ends.then_some(query + 1),
        })
    }

    /// Records the way of the times to where they can be read.
    pub fn stop(&self, watch: Stopwatch, encoder: &mut CommandEncoder) {
        let Some(stamps) = &self.0 else { return };
        let (Some((sheets, place)), Some((read, bytes))) = (stamps.sheets(watch), stamps.read(watch)) else { return };
        let (query, at) = (2 * place as u32, STRIDE * place as u64);
        encoder.resolve_query_set(&sheets.queries, query..query + (bytes / BYTES) as u32, &sheets.resolved, at);
        encoder.copy_buffer_to_buffer(&sheets.resolved, at, read, 0, bytes);
    }

    /// Asks for the times; to be called once the frame is submitted.
    pub fn request(&self, watch: Stopwatch) {
        let Some(stamps) = &self.0 else { return };
        let (Some((read, _)), Some(state)) = (stamps.read(watch), stamps.states.get(watch.frame)) else { return };
        let state = state.clone();
        read.slice(..).map_async(MapMode::Read, move |result| {
            state.store(if result.is_ok() { ARRIVED } else { FREE }, Ordering::Release);
        });
    }

    /// Whether the times of a frame are still on their way.
    pub fn is_waiting(&self, watch: Stopwatch) -> bool {
        let state = self.0.as_ref().and_then(|stamps| stamps.states.get(watch.frame));
        state.is_some_and(|state| state.load(Ordering::Acquire) == TAKEN)
    }

    /// What a frame took whose times have arrived; their place is free again. `None` if the device told nothing.
    pub fn read(&self, watch: Stopwatch) -> Option<Reading> {
        let stamps = self.0.as_ref()?;
        let state = stamps.states.get(watch.frame)?;
        let (read, bytes) = stamps.read(watch)?;
        if state.load(Ordering::Acquire) != ARRIVED {
            return None;
        }
        let read_bytes = mapped_bytes(read)?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(read_bytes.get(..bytes as usize)?);
        read.unmap();
        state.store(FREE, Ordering::Release);
        reading(&ticks, stamps.period, watch.laps > 0)
    }
}

/// Timestamps in pairs as milliseconds. `None` for nonsense: some drivers tell nothing, and clocks may be reset.
fn reading(ticks: &[u64], period: f32, single: bool) -> Option<Reading> {
    let (first, last) = (*ticks.first()?, *ticks.last()?);
    let since_first = |tick: u64| tick.saturating_sub(first) as f32 * period / 1e6;
    let elapsed = last.checked_sub(first).filter(|ticks| *ticks > 0)?;
    let pairs = if single { ticks } else { &[] };
    Some(Reading {
        milliseconds: elapsed as f32 * period / 1e6,
        laps: pairs.chunks_exact(2).map(|pair| [since_first(pair[0]), since_first(pair[1])]).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Reading, reading};

    #[test]
    fn ticks_become_milliseconds_since_the_first_pass() {
        let ticks = [1_000_000, 3_000_000, 3_000_000, 4_000_000];
        let laps = vec![[0.0, 4.0], [4.0, 6.0]];
        assert_eq!(reading(&ticks, 2.0, true), Some(Reading { milliseconds: 6.0, laps }));
        assert_eq!(reading(&ticks[..2], 2.0, false), Some(Reading { milliseconds: 4.0, laps: Vec::new() }));
    }

    #[test]
    fn nonsense_is_no_reading() {
        for ticks in [&[][..], &[5], &[0, 0], &[7, 3], &[9, 10, 10, 9]] {
            assert_eq!(reading(ticks, 1.0, true), None, "{ticks:?}");
        }
        // A clock that jumps back in between gives a pass no negative time.
        let laps = reading(&[10_000_000, 2_000_000, 3_000_000, 12_000_000], 1.0, true).expect("a reading").laps;
        assert_eq!(laps, [[0.0, 0.0], [0.0, 2.0]]);
    }
}
