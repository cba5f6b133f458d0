//! Picks the pictures of a batch and binds them.

use bevy::platform::collections::HashSet;
use bevy::prelude::*;
use bevy::render::render_resource::{
    TextureDimension, TextureSampleType, TextureUsages, TextureView, TextureViewDimension, TextureViewId,
};
use bevy::render::renderer::RenderQueue;
use bevy::render::texture::GpuImage;

use super::counters::CartoonCounters;
use super::exchange::Request;
use super::picture::{Ends, PICTURE_STRIDE, PictureUniform};
use super::pipelines::{CartoonPipelines, Pipeline, PipelineId};
use super::prepare::PrepareParams;
use super::program::Program;
use super::readback::upload;
use super::smoothing::{Histories, SmoothingPipelines, Upcoming};
use super::state::{Batch, BatchItem, ChainState, EndBindGroups};
use crate::ecs::{CartoonError, RequestSource};

/// Pipelines of the passes at both ends of a chain.
pub(super) struct EndPipelines {
    encode: Pipeline,
    /// Without and with a picture below, as far as somebody waits for it.
    composite: [Option<Pipeline>; 2],
    /// There if some picture is smoothed.
    smoothing: Option<SmoothingPipelines>,
}

/// The pipelines at both ends, once these and all others of the chain have compiled.
///
/// # Errors
/// The first one that does not compile on this device.
pub(super) fn ready_pipelines(
    state: &ChainState,
    waiting: &[&Request],
    params: &PrepareParams,
    pipelines: &mut CartoonPipelines,
) -> Result<Option<EndPipelines>, CartoonError> {
    let input = state.chain.plan.input().layout.arrangement;
    let plan = &state.chain.plan;
    let Some(picture) = plan.picture.map(|tensor| plan.tensors[tensor].layout.arrangement) else { return Ok(None) };
    let smooths = waiting.iter().any(|request| request.wanted.smoothing.is_some());
    let mut composite = |over_source| {
        let is_wanted = waiting.iter().any(|request| request.wanted.source.is_image() == over_source);
        let program = Program::Composite { tensor: picture, over_source };
        is_wanted.then(|| pipelines.get_or_compile(program, &params.device))
    };
    let ends = EndPipelines {
        composite: [false, true].map(&mut composite),
        encode: pipelines.get_or_compile(Program::Encode(input), &params.device),
        smoothing: smooths.then(|| SmoothingPipelines::new(input, pipelines, &params.device)),
    };
    let smoothing = ends.smoothing.iter().flat_map(SmoothingPipelines::all);
    let ends_of = std::iter::once(&ends.encode)
        .chain(ends.composite.iter().flatten())
        .chain(smoothing)
        .map(|pipeline| pipeline.id);
    let ready = are_ready(pipelines, ends_of.chain(state.chain.pipelines.iter().copied()))?;
    Ok(ready.then_some(ends))
}

/// Whether all of some pipelines have compiled.
///
/// # Errors
/// The first one that does not compile on this device.
pub(super) fn are_ready(
    pipelines: &CartoonPipelines,
    ids: impl IntoIterator<Item = PipelineId>,
) -> Result<bool, CartoonError> {
    let mut ready = true;
    for id in ids {
        let failed = |(kernel, reason)| CartoonError::Pipeline { kernel, reason };
        ready &= pipelines.readiness(id).map_err(failed)?;
    }
    Ok(ready)
}

/// Whether the images of a request are on the device, in the sizes that the request was made for: an image that has
/// been replaced may come a frame late, and shaders do not check what they load.
///
/// # Errors
/// If its picture is none that a shader can read.
pub(super) fn has_images(request: &Request, params: &PrepareParams) -> Result<bool, CartoonError> {
    let wanted = &request.wanted;
    let Some(target) = params.images.get(wanted.output) else { return Ok(false) };
    let (id, part) = match &wanted.source {
        RequestSource::Image(id, part) => (*id, *part),
        RequestSource::Tensor(_) => return Ok(true),
    };
    let Some(image) = params.images.get(id) else { return Ok(false) };
    if !is_sampled(image) {
        return Err(unreadable(id, image));
    }
    let whole = URect::from_corners(UVec2::ZERO, image.size_2d());
    let area = part.unwrap_or(whole);
    Ok(area.size() == target.size_2d() && whole.union(area) == whole)
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
        let Some(composite) = &pipelines.composite[usize::from(wanted.source.is_image())] else { continue };
        let source = match &wanted.source {
            RequestSource::Image(id, _) => Some(&params.images.get(*id)?.texture_view),
            RequestSource::Tensor(tensor) => {
                upload(&state.chain, item, tensor, &params.queue);
                None
            }
        };
        let whole = URect::from_corners(UVec2::ZERO, target.size_2d());
        let area = wanted.source.part().unwrap_or(whole);
        let encode = write_pictures(state, output, area, item, wanted.strength, &params.queue);
        let input = &state.chain.plan.input().layout;
        let smoothed = match (wanted.smoothing, source, &pipelines.smoothing) {
            (Some(settings), Some(view), Some(pipelines)) => {
                let upcoming = Upcoming { request, settings, view, size: area.size(), input, encode };
                histories.advance(&upcoming, pipelines, params, counters)
            }
            _ => None,
        };
        items.push(BatchItem {
            entity: request.entity,
            revision: request.revision,
            group: wanted.group,
            ends: bind_ends(source, output, (&pipelines.encode, composite), state, params, counters),
            smoothed,
            composite: composite.id,
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
        RequestSource::Image(id, _) => Some(Some(params.images.get(*id)?.texture_view.id())),
        RequestSource::Tensor(_) => Some(None),
    }
}

/// The bind groups of a picture's two passes, as they were if it has been drawn before.
fn bind_ends(
    source: Option<&TextureView>,
    output: usize,
    (encode, composite): (&Pipeline, &Pipeline),
    state: &mut ChainState,
    params: &PrepareParams,
    counters: &mut CartoonCounters,
) -> EndBindGroups {
    let ends = Ends { device: &params.device, buffer: &state.pictures };
    let make = || {
        counters.bind_groups += 1 + u64::from(source.is_some());
        EndBindGroups {
            encode: source.map(|view| ends.encode(encode, view)),
            composite: ends.composite(composite, source, &state.chain, output),
        }
    };
    state.ends.entry(source.map(TextureView::id)).or_insert_with(make).clone()
}

/// Uniforms of both ends of a picture. Returns those of the encode pass.
fn write_pictures(
    state: &ChainState,
    output: usize,
    area: URect,
    item: usize,
    strength: f32,
    queue: &RenderQueue,
) -> PictureUniform {
    let plan = &state.chain.plan;
    let uniforms =
        [plan.input, output].map(|tensor| PictureUniform::new(&plan.tensors[tensor].layout, area, item, strength));
    for (k, uniform) in uniforms.iter().enumerate() {
        let offset = u64::from(PICTURE_STRIDE) * (2 * item + k) as u64;
        queue.write_buffer(&state.pictures, offset, bytemuck::bytes_of(uniform));
    }
    uniforms[0]
}

/// Whether an image is a plain 2D picture that a shader can read as floats.
fn is_sampled(image: &GpuImage) -> bool {
    let descriptor = &image.texture_descriptor;
    let float = matches!(image.view_format().sample_type(None, None), Some(TextureSampleType::Float { .. }));
    let plain = image
        .texture_view_descriptor
        .as_ref()
        .is_none_or(|view| view.base_mip_level == 0 && view.dimension.is_none_or(|d| d == TextureViewDimension::D2));
    float
        && plain
        && descriptor.usage.contains(TextureUsages::TEXTURE_BINDING)
        && descriptor.dimension == TextureDimension::D2
        && descriptor.size.depth_or_array_layers == 1
        && descriptor.sample_count == 1
}

fn unreadable(id: AssetId<Image>, image: &GpuImage) -> CartoonError {
    let descriptor = &image.texture_descriptor;
    let layers = descriptor.size.depth_or_array_layers;
    let format = format!(
        "{:?}, {:?} with {layers} layers, for {:?}",
        image.view_format(),
        descriptor.dimension,
        descriptor.usage
    );
    CartoonError::PictureFormat { path: id.to_string(), format }
}
