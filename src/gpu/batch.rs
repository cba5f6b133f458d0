//! Picks the pictures of the next batch and binds them.

use bevy::prelude::*;
use bevy::render::render_resource::{TextureDimension, TextureSampleType};
use bevy::render::renderer::RenderQueue;
use bevy::render::texture::GpuImage;

use super::exchange::Request;
use super::picture::{Ends, PICTURE_STRIDE, PictureUniform};
use super::pipelines::Pipelines;
use super::prepare::PrepareParams;
use super::readback::upload;
use super::state::{Batch, BatchItem, ChainState};
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
    state: &ChainState,
    params: &PrepareParams,
    pipelines: &mut Pipelines,
) -> Result<Next<'r>, CartoonError> {
    let queue = params.queue();
    let encode = pipelines.encode(&queue);
    let composites = [false, true].map(|source| pipelines.composite(source, &queue));
    let mut ready = params.ready(encode.id, || "encode".into())?;
    for composite in &composites {
        ready &= params.ready(composite.id, || "composite".into())?;
    }
    for (kernel, id) in state.chain.plan.kernels.iter().zip(&state.chain.pipelines) {
        ready &= params.ready(*id, || kernel.to_string())?;
    }
    if !ready {
        return Ok(Next::default());
    }
    let plan = &state.chain.plan;
    let Some(output) = plan.outputs.iter().find(|(name, _)| name == "output").map(|(_, tensor)| *tensor) else {
        return Ok(Next::default());
    };
    let ends = Ends { device: &params.device, cache: &params.cache, buffer: &state.pictures };
    let mut next = Next::default();
    let mut items = Vec::new();
    for request in waiting {
        let item = items.len();
        if item == plan.options.batch {
            break;
        }
        let wanted = &request.wanted;
        let Some(target) = params.images.get(wanted.output) else { continue };
        let source = match &wanted.source {
            RequestSource::Image(id) => match params.images.get(*id) {
                Some(image) if is_sampled(image) => Some(image),
                Some(image) => {
                    next.failed.push((*request, unreadable(*id, image)));
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
        let view = source.map(|image| &image.texture_view);
        let composite = &composites[usize::from(source.is_some())];
        let size = target.texture_descriptor.size;
        write_pictures(state, output, UVec2::new(size.width, size.height), item, wanted.strength, &params.queue);
        items.push(BatchItem {
            entity: request.entity,
            revision: request.revision,
            group: wanted.group,
            encode: view.map(|view| ends.encode(&encode, view)),
            composite: ends.composite(composite, view, &state.chain, output),
            composite_pipeline: composite.id,
            target: target.texture_view.clone(),
        });
        next.taken.push(*request);
    }
    next.batch = (!items.is_empty()).then_some(Batch { items, encode: encode.id });
    Ok(next)
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
