//! Picks the pictures of the next batch and binds them.

use bevy::platform::collections::HashSet;
use bevy::prelude::*;
use bevy::render::render_resource::{TextureDimension, TextureSampleType, TextureView, TextureViewId};
use bevy::render::renderer::RenderQueue;
use bevy::render::texture::GpuImage;

use super::exchange::Request;
use super::picture::{Ends, PICTURE_STRIDE, PictureUniform};
use super::pipelines::{Pipeline, Pipelines};
use super::prepare::PrepareParams;
use super::readback::upload;
use super::state::{Batch, BatchItem, ChainState, EndBindGroups};
use crate::ecs::{CartoonError, RequestSource};

/// A batch, the requests in it, and those that can never be in one.
#[derive(Default)]
pub(super) struct Next<'r> {
    pub batch: Option<Batch>,
    pub taken: Vec<&'r Request>,
    pub failed: Vec<(&'r Request, CartoonError)>,
}

/// The next batch of the waiting requests whose images exist, once all pipelines have compiled.
pub(super) fn next_batch<'r>(
    waiting: &[&'r Request],
    state: &mut ChainState,
    params: &PrepareParams,
    pipelines: &mut Pipelines,
) -> Result<Next<'r>, CartoonError> {
    let queue = params.queue();
    let plan = &state.chain.plan;
    let ends = EndPipelines {
        encode: pipelines.encode(plan.input().layout.arrangement, &queue),
        composite: [false, true].map(|source| pipelines.composite(source, &queue)),
    };
    let (Some(output), true) = (plan.picture, all_ready(&ends, state, params)?) else { return Ok(Next::default()) };
    let batch = plan.options.batch;
    let mut next = Next::default();
    let mut items = Vec::new();
    for request in waiting.iter().copied() {
        let item = items.len();
        if item == batch {
            break;
        }
        let wanted = &request.wanted;
        let Some(target) = params.images.get(wanted.output) else { continue };
        let source = match &wanted.source {
            RequestSource::Image(id) => match params.images.get(*id) {
                Some(image) if is_sampled(image) => Some(&image.texture_view),
                Some(image) => {
                    next.failed.push((request, unreadable(*id, image)));
                    continue;
                }
                // Not uploaded yet.
                None => continue,
            },
            RequestSource::Tensor(tensor) => {
                upload(&state.chain, item, tensor, &params.queue);
                None
            }
        };
        let size = target.texture_descriptor.size;
        write_pictures(state, output, UVec2::new(size.width, size.height), item, wanted.strength, &params.queue);
        items.push(BatchItem {
            entity: request.entity,
            revision: request.revision,
            group: wanted.group,
            ends: bind_ends(source, output, &ends, state, params),
            composite: ends.composite[usize::from(source.is_some())].id,
            target: target.texture_view.clone(),
        });
        next.taken.push(request);
    }
    if !items.is_empty() {
        // Pictures that are drawn again and again keep their bind groups; those of others would only pile up.
        let waiting: HashSet<_> = waiting.iter().filter_map(|request| source_id(request, params)).collect();
        state.ends.retain(|source, _| waiting.contains(source));
        next.batch = Some(Batch { items, encode: ends.encode.id });
    }
    Ok(next)
}

/// Pipelines of the passes at both ends of a chain.
struct EndPipelines {
    encode: Pipeline,
    /// Without and with a picture below.
    composite: [Pipeline; 2],
}

/// What [`ChainState::ends`] knows a request's picture by.
fn source_id(request: &Request, params: &PrepareParams) -> Option<Option<TextureViewId>> {
    match &request.wanted.source {
        RequestSource::Image(id) => Some(Some(params.images.get(*id)?.texture_view.id())),
        RequestSource::Tensor(_) => Some(None),
    }
}

/// Whether every pipeline of a batch has compiled.
fn all_ready(ends: &EndPipelines, state: &ChainState, params: &PrepareParams) -> Result<bool, CartoonError> {
    let mut ready = params.ready(ends.encode.id, || "encode".into())?;
    for composite in &ends.composite {
        ready &= params.ready(composite.id, || "composite".into())?;
    }
    for (kernel, id) in state.chain.plan.kernels.iter().zip(&state.chain.pipelines) {
        ready &= params.ready(*id, || kernel.to_string())?;
    }
    Ok(ready)
}

/// The bind groups of a picture's two passes, as they were if the last batch had them.
fn bind_ends(
    source: Option<&TextureView>,
    output: usize,
    pipelines: &EndPipelines,
    state: &mut ChainState,
    params: &PrepareParams,
) -> EndBindGroups {
    let ends = Ends { device: &params.device, cache: &params.cache, buffer: &state.pictures };
    let make = || EndBindGroups {
        encode: source.map(|view| ends.encode(&pipelines.encode, view)),
        composite: ends.composite(&pipelines.composite[usize::from(source.is_some())], source, &state.chain, output),
    };
    state.ends.entry(source.map(TextureView::id)).or_insert_with(make).clone()
}

/// Uniforms of both ends of a picture.
fn write_pictures(state: &ChainState, output: usize, size: UVec2, item: usize, strength: f32, queue: &RenderQueue) {
    let plan = &state.chain.plan;
    for (k, tensor) in [plan.input, output].into_iter().enumerate() {
        let uniform = PictureUniform::new(&plan.tensors[tensor].layout, size, item, strength);
        let offset = u64::from(PICTURE_STRIDE) * (2 * item + k) as u64;
        queue.write_buffer(&state.pictures, offset, bytemuck::bytes_of(&uniform));
    }
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
