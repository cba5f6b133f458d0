//! Records this frame's steps. Everything it needs exists.

use bevy::platform::time::Instant;
use bevy::prelude::*;
use bevy::render::render_resource::{
    CommandEncoder, CommandEncoderDescriptor, RenderPassDescriptor, RenderPipeline, TextureView,
};
use bevy::render::renderer::{RenderContext, RenderDevice};
use wgpu::RenderPass;

use super::attachments::{Before, attachments};
use super::chain::{Chain, ChainPass};
use super::counters::CartoonCounters;
use super::in_flight::{Drawn, InFlight, Slice};
use super::picture::PICTURE_STRIDE;
use super::pipelines::CartoonPipelines;
use super::readback::Readback;
use super::smoothing::Smoothed;
use super::state::{Batch, ChainKey, ChainState, Chains};
use super::timer::{Stopwatch, Timer};

/// Draws the cartoons: once a frame, before the cameras, so that whatever they show is of this frame.
pub(super) fn toonface(
    mut context: RenderContext,
    mut chains: ResMut<Chains>,
    pipelines: Res<CartoonPipelines>,
    device: Res<RenderDevice>,
    timer: Res<Timer>,
) {
    let Chains { chains, in_flight, counters, .. } = &mut *chains;
    let mut work = Vec::new();
    for (key, state) in chains.iter_mut() {
        // A pipeline may have gone away (its shader was replaced): the batch goes on when it is back.
        let resolved = state.batch.as_ref().filter(|b| b.slice > 0).and_then(|b| Resolved::new(&pipelines, state, b));
        work.extend(resolved.map(|resolved| (key, state, resolved)));
    }
    let batches = || work.iter().filter_map(|(_, state, _)| state.batch.as_ref());
    let (steps, passes) = batches().fold((0, 0), |(steps, passes), b| (steps + b.slice, passes + b.passes()));
    if steps == 0 {
        return;
    }
    let stopwatch = timer.start(passes);
    let encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("bevy_toonface") });
    let mut frame = InFlight::new(Instant::now(), stopwatch);
    let mut recorder = Recorder { encoder, timer: &timer, stopwatch, pass: 0, passes, counters };
    for (key, state, pipelines) in &mut work {
        record_slice(&mut recorder, &mut frame, key, state, pipelines, &device);
    }
    let mut encoder = recorder.encoder;
    stopwatch.into_iter().for_each(|watch| timer.stop(watch, &mut encoder));
    let recorded = Instant::now();
    context.add_command_buffer(encoder.finish());
    let encode_ms = recorded.elapsed().as_secs_f32() * 1e3 / steps as f32;
    for (_, state, _) in work {
        counters.finished += u64::from(state.finish_slice(encode_ms));
    }
    counters.frames += 1;
    in_flight.push(frame);
}

/// The pipelines of a batch, looked up.
struct Resolved<'a> {
    encode: &'a RenderPipeline,
    smoothing: Option<Smoothing<'a>>,
    kernels: Vec<&'a RenderPipeline>,
    composite: Vec<&'a RenderPipeline>,
}

/// The pipelines of smoothed pictures.
struct Smoothing<'a> {
    fresh: &'a RenderPipeline,
    settle: &'a RenderPipeline,
    feed: &'a RenderPipeline,
}

impl<'a> Resolved<'a> {
    /// `None` if one of them is not there.
    fn new(pipelines: &'a CartoonPipelines, state: &ChainState, batch: &Batch) -> Option<Self> {
        let kernels = state.chain.pipelines.iter().map(|id| pipelines.get(*id));
        let composite = batch.items.iter().map(|item| pipelines.get(item.composite));
        let smoothing = match batch.smoothing {
            Some(ids) => Some(Smoothing {
                fresh: pipelines.get(ids.fresh)?,
                settle: pipelines.get(ids.settle)?,
                feed: pipelines.get(ids.feed)?,
            }),
            None => None,
        };
        Some(Self {
            encode: pipelines.get(batch.encode)?,
            smoothing,
            kernels: kernels.collect::<Option<_>>()?,
            composite: composite.collect::<Option<_>>()?,
        })
    }
}

/// A frame's commands, and how far they have come.
struct Recorder<'a> {
    encoder: CommandEncoder,
    timer: &'a Timer,
    stopwatch: Option<Stopwatch>,
    pass: usize,
    passes: usize,
    counters: &'a mut CartoonCounters,
}

impl Recorder<'_> {
    /// Begins the next pass.
    fn begin<'v>(
        &mut self,
        label: &str,
        targets: impl ExactSizeIterator<Item = &'v TextureView>,
        before: Before,
    ) -> RenderPass<'_> {
        let pass = self.pass;
        self.pass += 1;
        self.counters.passes += 1;
        let count = targets.len();
        self.encoder.begin_render_pass(&RenderPassDescriptor {
            label: Some(label),
            color_attachments: attachments(targets, before).get(..count).unwrap_or_default(),
            timestamp_writes: self.timer.writes(self.stopwatch, pass, self.passes),
            ..default()
        })
    }
}

/// Records the steps of this frame. After the last, the pictures are on their way to their images.
fn record_slice(
    recorder: &mut Recorder,
    frame: &mut InFlight,
    key: &ChainKey,
    state: &mut ChainState,
    pipelines: &Resolved,
    device: &RenderDevice,
) {
    let Some(batch) = &mut state.batch else { return };
    let recorded = Instant::now();
    let started = *batch.started.get_or_insert(recorded);
    let steps = batch.next..batch.next + batch.slice;
    for step in steps.clone() {
        record_step(recorder, step, &state.chain, batch, pipelines);
    }
    batch.record_ms += recorded.elapsed().as_secs_f32() * 1e3;
    let (of, passes) = (batch.all_steps(state.chain.passes.len()), batch.passes());
    let is_last = steps.end == of.end;
    frame.slices.push(Slice { chain: state.number, batch: batch.number, steps, of, passes });
    if !is_last {
        return;
    }
    for (i, item) in batch.items.iter().enumerate() {
        frame.drawn.push(Drawn { entity: item.entity, revision: item.revision, started });
        if !key.1.is_empty() {
            let encoder = &mut recorder.encoder;
            frame.readbacks.push(Readback::record(&state.chain, item.entity, i, &key.1, device, encoder));
        }
    }
}

/// One step: encode, a pass of the plan, or the composite of a picture.
fn record_step(recorder: &mut Recorder, step: usize, chain: &Chain, batch: &Batch, pipelines: &Resolved) {
    let Some(step) = step.checked_sub(1) else { return record_encode(recorder, chain, batch, pipelines) };
    match chain.passes.get(step) {
        Some(pass) => record_pass(recorder, pass, chain, batch, pipelines),
        None => record_composite(recorder, step - chain.passes.len(), batch, pipelines),
    }
}

/// A pass of the plan. Whatever is set already is not set again.
fn record_pass(recorder: &mut Recorder, planned: &ChainPass, chain: &Chain, batch: &Batch, pipelines: &Resolved) {
    let before = match planned.full_at <= batch.items.len() {
        _ if planned.preserve => Before::Load,
        true => Before::DontCare,
        false => Before::Clear,
    };
    let mut draws = 0;
    let mut pass = recorder.begin(&planned.label, planned.targets.iter(), before);
    let (mut kernel, mut rect) = (None, None);
    for draw in &planned.draws {
        let group = match draw.item {
            // The batch may have fewer pictures than the plan has room for.
            Some(item) => match batch.items.get(item) {
                Some(item) => item.group as u32,
                None => continue,
            },
            None => 0,
        };
        if kernel.replace(draw.kernel) != Some(draw.kernel) {
            pass.set_pipeline(pipelines.kernels[draw.kernel]);
        }
        pass.set_bind_group(0, &**chain.bind_group(draw), &[draw.offset + group * draw.group_stride]);
        if rect.replace(draw.rect) != Some(draw.rect) {
            pass.set_scissor_rect(draw.rect.x, draw.rect.y, draw.rect.width, draw.rect.height);
        }
        pass.draw(0..3, 0..1);
        draws += 1;
    }
    drop(pass);
    recorder.counters.draws += draws;
}

/// Pictures into the input tensor. Those that were uploaded as tensors have no bind group.
fn record_encode(recorder: &mut Recorder, chain: &Chain, batch: &Batch, pipelines: &Resolved) {
    if let Some(pipelines) = &pipelines.smoothing {
        batch
            .items
            .iter()
            .filter_map(|item| item.smoothed.as_ref())
            .for_each(|s| record_smoothing(recorder, s, pipelines));
    }
    let layout = &chain.plan.input().layout;
    let planes: Vec<&TextureView> = chain.planes(chain.plan.input).collect();
    let mut draws = 0;
    // Uploaded tensors must survive.
    let mut pass = recorder.begin("bevy_toonface/encode", planes.into_iter(), Before::Load);
    for (i, item) in batch.items.iter().enumerate() {
        let Some(from_picture) = &item.ends.encode else { continue };
        let (pipeline, bind_group, offset) = match (&item.smoothed, &pipelines.smoothing) {
            (Some(smoothed), Some(pipelines)) => (pipelines.feed, &smoothed.feed, Smoothed::FEED),
            _ => (pipelines.encode, from_picture, PICTURE_STRIDE * 2 * i as u32),
        };
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &**bind_group, &[offset]);
        for rect in layout.rects(i, 0..layout.tiles) {
            pass.set_scissor_rect(rect.x, rect.y, rect.width, rect.height);
            pass.draw(0..3, 0..1);
            draws += 1;
        }
    }
    drop(pass);
    recorder.counters.draws += draws;
}

/// A picture at the network's size, and then its history.
fn record_smoothing(recorder: &mut Recorder, smoothed: &Smoothed, pipelines: &Smoothing) {
    let Smoothed { fresh, fresh_target, settle, settle_target, .. } = smoothed;
    for (label, pipeline, bind_group, offset, target) in [
        ("bevy_toonface/fresh", pipelines.fresh, fresh, Smoothed::FRESH, fresh_target),
        ("bevy_toonface/settle", pipelines.settle, settle, Smoothed::SETTLE, settle_target),
    ] {
        let mut pass = recorder.begin(label, std::iter::once(target), Before::DontCare);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &**bind_group, &[offset]);
        pass.draw(0..3, 0..1);
        drop(pass);
        recorder.counters.draws += 1;
    }
}

/// The cartoon over its picture, into the output image.
fn record_composite(recorder: &mut Recorder, item: usize, batch: &Batch, pipelines: &Resolved) {
    let (Some(picture), Some(pipeline)) = (batch.items.get(item), pipelines.composite.get(item)) else { return };
    let target = std::iter::once(&picture.target);
    let mut pass = recorder.begin("bevy_toonface/composite", target, Before::DontCare);
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, &*picture.ends.composite, &[PICTURE_STRIDE * (2 * item as u32 + 1)]);
    pass.draw(0..3, 0..1);
    drop(pass);
    recorder.counters.draws += 1;
}
