//! Records the batches of this frame. Everything it needs exists; it allocates nothing of its own.

use bevy::platform::time::Instant;
use bevy::prelude::*;
use bevy::render::render_resource::{
    LoadOp, Operations, PipelineCache, RenderPassColorAttachment, RenderPassDescriptor, RenderPipeline, StoreOp,
    TextureView,
};
use bevy::render::renderer::{RenderContext, RenderDevice};

use super::chain::Chain;
use super::picture::PICTURE_STRIDE;
use super::readback::Readback;
use super::state::{Batch, ChainState, Chains, InFlight};

/// Attachments of a pass at most, for arrays on the stack.
const MAX_TARGETS: usize = 8;

/// Draws the cartoons: once a frame, before the cameras, so that whatever they show is of this frame.
pub(super) fn toonface(
    mut context: RenderContext,
    mut chains: ResMut<Chains>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
) {
    for (key, state) in &mut chains.chains {
        let Some(batch) = state.batch.take() else { continue };
        let started = Instant::now();
        if record_batch(&mut context, &cache, &state.chain, &batch).is_none() {
            // A pipeline went away (a shader was reloaded): try again when it is back.
            state.batch = Some(batch);
            continue;
        }
        record_readbacks(&mut context, state, &batch, &key.1, &device);
        state.record_ms = started.elapsed().as_secs_f32() * 1e3;
        let drawn = batch.items.iter().map(|item| (item.entity, item.revision)).collect();
        state.in_flight = Some(InFlight::new(drawn, started));
    }
}

/// Encode, the plan's passes, composite. `None` if a pipeline is not there.
fn record_batch(context: &mut RenderContext, cache: &PipelineCache, chain: &Chain, batch: &Batch) -> Option<()> {
    let pipelines = chain.pipelines.iter().map(|id| cache.get_render_pipeline(*id)).collect::<Option<Vec<_>>>()?;
    let encode = cache.get_render_pipeline(batch.encode)?;
    let composites: Vec<_> =
        batch.items.iter().map(|i| cache.get_render_pipeline(i.composite)).collect::<Option<_>>()?;

    record_encode(context, encode, chain, batch);
    let only = std::env::var("TF_ONLY").ok();
    for planned in &chain.passes {
        if let Some(only) = &only {
            if !planned.draws.iter().any(|d| chain.plan.kernels[d.kernel].to_string().contains(only.as_str())) {
                continue;
            }
        }
        let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
            label: Some(&planned.label),
            color_attachments: &attachments(planned.targets.iter(), true)[..planned.targets.len()],
            ..default()
        });
        for draw in &planned.draws {
            let group = match draw.item {
                // The batch may have fewer pictures than the plan has room for.
                Some(item) => match batch.items.get(item) {
                    Some(item) => item.group as u32,
                    None => continue,
                },
                None => 0,
            };
            pass.set_render_pipeline(pipelines[draw.kernel]);
            pass.set_bind_group(0, chain.bind_group(draw), &[draw.offset + group * draw.group_stride]);
            pass.set_scissor_rect(draw.rect.x, draw.rect.y, draw.rect.width, draw.rect.height);
            pass.draw(0..3, 0..1);
        }
    }

    for (i, (item, composite)) in batch.items.iter().zip(composites).enumerate() {
        let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
            label: Some("bevy_toonface/composite"),
            color_attachments: &attachments(std::iter::once(&item.target), true)[..1],
            ..default()
        });
        pass.set_render_pipeline(composite);
        pass.set_bind_group(0, &item.ends.composite, &[PICTURE_STRIDE * (2 * i as u32 + 1)]);
        pass.draw(0..3, 0..1);
    }
    Some(())
}

/// Pictures into the input tensor. Those that were uploaded as tensors have no bind group.
fn record_encode(context: &mut RenderContext, pipeline: &RenderPipeline, chain: &Chain, batch: &Batch) {
    if batch.items.iter().all(|item| item.ends.encode.is_none()) {
        return;
    }
    let layout = &chain.plan.input().layout;
    let planes: Vec<&TextureView> = chain.planes(chain.plan.input).collect();
    // Uploaded tensors must survive: load, don't clear.
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("bevy_toonface/encode"),
        color_attachments: &attachments(planes.iter().copied(), false)[..planes.len()],
        ..default()
    });
    pass.set_render_pipeline(pipeline);
    for (i, item) in batch.items.iter().enumerate() {
        let Some(bind_group) = &item.ends.encode else { continue };
        pass.set_bind_group(0, bind_group, &[PICTURE_STRIDE * 2 * i as u32]);
        for rect in layout.rects(i, 0..layout.tiles) {
            pass.set_scissor_rect(rect.x, rect.y, rect.width, rect.height);
            pass.draw(0..3, 0..1);
        }
    }
}

fn attachments<'a>(
    views: impl Iterator<Item = &'a TextureView>,
    clear: bool,
) -> [Option<RenderPassColorAttachment<'a>>; MAX_TARGETS] {
    let mut list = [const { None }; MAX_TARGETS];
    for (slot, view) in list.iter_mut().zip(views) {
        let load = if clear { LoadOp::Clear(default()) } else { LoadOp::Load };
        let ops = Operations { load, store: StoreOp::Store };
        *slot = Some(RenderPassColorAttachment { view, depth_slice: None, resolve_target: None, ops });
    }
    list
}

fn record_readbacks(
    context: &mut RenderContext,
    state: &mut ChainState,
    batch: &Batch,
    names: &[String],
    device: &RenderDevice,
) {
    if names.is_empty() {
        return;
    }
    let encoder = context.command_encoder();
    for (i, item) in batch.items.iter().enumerate() {
        state.readbacks.push(Readback::record(&state.chain, item.entity, i, names, device, encoder));
    }
}
