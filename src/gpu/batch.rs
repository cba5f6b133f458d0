//! Picks the pictures of a batch and binds them.

use bevy::platform::collections::HashSet;
use bevy::prelude::*;
use bevy::render::render_resource::{TextureDimension, TextureSampleType, TextureView, TextureViewId};
use bevy::render::renderer::RenderQueue;
use bevy::render::texture::GpuImage;

use super::counters::CartoonCounters;
use super::exchange::Request;
use super::picture::{Ends, PICTURE_STRIDE, PictureUniform};
use super::pipelines::{Pipeline, Pipelines};
use super::prepare::PrepareParams;
use super::readback::upload;
use super::smoothing::{Histories, SmoothingPipelines, Upcoming};
use super::state::{Batch, BatchItem, ChainState, EndBindGroups};
use crate::ecs::{CartoonError, RequestSource};

/// Pipelines of the passes at both ends of a chain.
pub(super) struct EndPipelines {
    encode: Pipeline,
    /// Without and with a picture below.
    composite: [Pipeline; 2],
    /// There if some picture is smoothed.
    smoothing: Option<SmoothingPipelines>,
}

/// The pipelines at both ends, once these and all others of the chain have compiled.
///
/// # Errors
/// The first one that does not compile on this device.
pub(super) fn ready_pipelines(
    state: &ChainState,
    smooths: bool,
    params: &PrepareParams,
    pipelines: &mut Pipelines,
) -> Result<Option<EndPipelines>, CartoonError> {
    let (queue, input) = (params.queue(), state.chain.plan.input().layout.arrangement);
    let plan = &state.chain.plan;
    let Some(picture) = plan.picture.map(|tensor| plan.tensors[tensor].layout.arrangement) else { return Ok(None) };
    let ends = EndPipelines {
        encode: pipelines.encode(input, &queue),
        composite: [false, true].map(|source| pipelines.composite(picture, source, &queue)),
        smoothing: smooths.then(|| SmoothingPipelines::new(input, pipelines, params)),
    };
    let mut ready = params.ready(ends.encode.id, || "encode".into())?;
    for composite in &ends.composite {
        ready &= params.ready(composite.id, || "composite".into())?;
    }
    if let Some(smoothing) = &ends.smoothing {
        ready &= smoothing.ready(params)?;
    }
    for (kernel, id) in state.chain.plan.kernels.iter().zip(&state.chain.pipelines) {
        ready &= params.ready(*id, || kernel.to_string())?;
    }
    Ok(ready.then_some(ends))
}

/// Whether the images of a request are on the device.
///
/// # Errors
/// If its picture is none that a shader can read.
pub(super) fn has_images(request: &Request, params: &PrepareParams) -> Result<bool, CartoonError> {
    let wanted = &request.wanted;
    let source = match &wanted.source {
        RequestSource::Image(id) => match params.images.get(*id) {
            Some(image) if is_sampled(image) => true,
            Some(image) => return Err(unreadable(*id, image)),
            None => false,
        },
        RequestSource::Tensor(_) => true,
    };
    Ok(source && params.images.get(wanted.output).is_some())
}

/// A batch of requests that have their images: uploads what belongs to them. No more requests than the chain has room
/// for. `None` if there is nothing to draw.
pub(super) fn bind_batch(
    requests: &[&Request],
    state: &mut ChainState,
    pipelines: &EndPipelines,
    histories: &mut Histories,
    params: &PrepareParams,
    counters: &mut CartoonCounters,
) -> Option<Batch> {
    let output = state.chain.plan.picture?;
    let mut items = Vec::with_capacity(requests.len());
    for request in requests {
        let (wanted, item) = (&request.wanted, items.len());
        let Some(target) = params.images.get(wanted.output) else { continue };
        let source = match &wanted.source {
            RequestSource::Image(id) => Some(&params.images.get(*id)?.texture_view),
            RequestSource::Tensor(tensor) => {
                upload(&state.chain, item, tensor, &params.queue);
                None
            }
        };
        let size = target.texture_descriptor.size;
        let size = UVec2::new(size.width, size.height);
        let encode = write_pictures(state, output, size, item, wanted.strength, &params.queue);
        let input = &state.chain.plan.input().layout;
        let smoothed = match (wanted.smoothing, source, &pipelines.smoothing) {
            (Some(settings), Some(view), Some(pipelines)) => {
                let upcoming = Upcoming { request, settings, view, size, input, encode };
                histories.advance(&upcoming, pipelines, params, counters)
            }
            _ => None,
        };
        items.push(BatchItem {
            entity: request.entity,
            revision: request.revision,
            group: wanted.group,
            ends: bind_ends(source, output, pipelines, state, params, counters),
            smoothed,
            composite: pipelines.composite[usize::from(source.is_some())].id,
            target: target.texture_view.clone(),
        });
    }
    let smoothing = pipelines.smoothing.as_ref().map(SmoothingPipelines::ids);
    (!items.is_empty()).then(|| Batch::new(items, pipelines.encode.id, smoothing, counters.begun))
}

/// Forgets the bind groups of pictures that no request has any more.
pub(super) fn retain_ends(state: &mut ChainState, requests: &[&Request], params: &PrepareParams) {
    let known: HashSet<_> = requests.iter().filter_map(|request| source_id(request, params)).collect();
    state.ends.retain(|source, _| known.contains(source));
}

/// What [`ChainState::ends`] knows a request's picture by.
fn source_id(request: &Request, params: &PrepareParams) -> Option<Option<TextureViewId>> {
    match &request.wanted.source {
        RequestSource::Image(id) => Some(Some(params.images.get(*id)?.texture_view.id())),
        RequestSource::Tensor(_) => Some(None),
    }
}

/// The bind groups of a picture's two passes, as they were if it has been drawn before.
fn bind_ends(
    source: Option<&TextureView>,
    output: usize,
    pipelines: &EndPipelines,
    state: &mut ChainState,
    params: &PrepareParams,
    counters: &mut CartoonCounters,
) -> EndBindGroups {
    let ends = Ends { device: &params.device, cache: &params.cache, buffer: &state.pictures };
    let make = || {
        counters.bind_groups += 1 + u64::from(source.is_some());
        EndBindGroups {
            encode: source.map(|view| ends.encode(&pipelines.encode, view)),
            composite: ends.composite(
                &pipelines.composite[usize::from(source.is_some())],
                source,
                &state.chain,
                output,
            ),
        }
    };
    state.ends.entry(source.map(TextureView::id)).or_insert_with(make).clone()
}

/// Uniforms of both ends of a picture. Returns those of the encode pass.
fn write_pictures(
    state: &ChainState,
    output: usize,
    size: UVec2,
    item: usize,
    strength: f32,
    queue: &RenderQueue,
) -> PictureUniform {
    let plan = &state.chain.plan;
    let uniforms =
        [plan.input, output].map(|tensor| PictureUniform::new(&plan.tensors[tensor].layout, size, item, strength));
    for (k, uniform) in uniforms.iter().enumerate() {
        let offset = u64::from(PICTURE_STRIDE) * (2 * item + k) as u64;
        queue.write_buffer(&state.pictures, offset, bytemuck::bytes_of(uniform));
    }
    uniforms[0]
}

/// Whether an image is a plain 2D picture that a shader can read as floats.
fn is_sampled(image: &GpuImage) -> bool {
    let descriptor = &image.texture_descriptor;
    let float = matches!(descriptor.format.sample_type(None, None), Some(TextureSampleType::Float { .. }));
    float
        && descriptor.dimension == TextureDimension::D2
        && descriptor.size.depth_or_array_layers == 1
        && descriptor.sample_count == 1
}

fn unreadable(id: AssetId<Image>, image: &GpuImage) -> CartoonError {
    let descriptor = &image.texture_descriptor;
    let layers = descriptor.size.depth_or_array_layers;
    let format = format!("{:?}, {:?} with {layers} layers", descriptor.format, descriptor.dimension);
    CartoonError::PictureFormat { path: id.to_string(), format }
}
