//! Decides what is drawn this frame: makes chains for the models in use and picks the pictures of the next batch.

use std::sync::Arc;

use bevy::core_pipeline::FullscreenShader;
use bevy::ecs::system::SystemParam;
use bevy::platform::collections::{HashMap, HashSet};
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    BindGroup, Buffer, CachedRenderPipelineId, PipelineCache, TextureDimension, TextureSampleType, TextureView,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::render::texture::GpuImage;

use super::chain::{Chain, ChainContext};
use super::exchange::{ChainInfo, Exchange, Report, Request};
use super::model::RenderCartoonModel;
use super::picture::{Ends, PICTURE_STRIDE, PictureUniform, picture_buffer};
use super::pipelines::{PipelineQueue, Pipelines, readiness};
use super::readback::{Readback, upload};
use super::shaders::Shaders;
use super::watch::InFlight;
use crate::ecs::{CartoonError, CartoonModel, RequestSource};
use crate::plan::{Plan, PlanLimits, PlanOptions};

/// What plans are made for.
#[derive(Resource, Debug, Clone, Copy)]
pub(super) struct ChainSettings {
    pub limits: PlanLimits,
    pub max_batch: usize,
}

/// A model and the tensors that are read back; entities with the same key share a chain.
type ChainKey = (AssetId<CartoonModel>, Vec<String>);

/// All chains, and what each entity has been given.
#[derive(Resource, Debug, Default)]
pub(super) struct Chains {
    pub chains: HashMap<ChainKey, ChainState>,
    served: HashMap<Entity, Served>,
    /// Counts batches, so that those who waited longest come first.
    clock: u64,
}

/// What an entity has been given.
#[derive(Debug, Clone, Copy, Default)]
struct Served {
    revision: u64,
    clock: u64,
}

/// A chain and the work in it.
#[derive(Debug)]
pub(super) struct ChainState {
    pub chain: Chain,
    version: u64,
    pictures: Buffer,
    /// The batch that is to be recorded this frame.
    pub batch: Option<Batch>,
    /// The batch that the GPU works on.
    pub in_flight: Option<InFlight>,
    pub readbacks: Vec<Readback>,
    pub record_ms: f32,
    table: Arc<str>,
}

/// One batch: pictures, and the pipelines of both ends.
#[derive(Debug)]
pub(super) struct Batch {
    pub items: Vec<BatchItem>,
    pub encode: CachedRenderPipelineId,
}

/// One picture of a batch.
#[derive(Debug)]
pub(super) struct BatchItem {
    pub entity: Entity,
    pub revision: u64,
    pub group: usize,
    /// Bind group of the encode pass; `None` if the tensor was uploaded.
    pub encode: Option<BindGroup>,
    pub composite: BindGroup,
    pub composite_pipeline: CachedRenderPipelineId,
    pub target: TextureView,
}

/// Starts over on a new device.
pub(super) fn init_chains(mut chains: ResMut<Chains>) {
    *chains = Chains::default();
}

/// The render world's resources that preparing needs.
#[derive(SystemParam)]
pub(super) struct PrepareParams<'w> {
    device: Res<'w, RenderDevice>,
    queue: Res<'w, RenderQueue>,
    cache: Res<'w, PipelineCache>,
    shaders: Res<'w, Shaders>,
    fullscreen: Res<'w, FullscreenShader>,
    models: Res<'w, RenderAssets<RenderCartoonModel>>,
    images: Res<'w, RenderAssets<GpuImage>>,
    settings: Res<'w, ChainSettings>,
}

pub(super) fn prepare_cartoons(
    params: PrepareParams,
    mut chains: ResMut<Chains>,
    mut pipelines: ResMut<Pipelines>,
    mut exchange: ResMut<Exchange>,
) {
    let Exchange { requests, reports, chains: infos } = &mut *exchange;
    let mut by_key: HashMap<ChainKey, Vec<&Request>> = HashMap::default();
    for request in requests.iter() {
        by_key.entry((request.wanted.model, request.wanted.taps.clone())).or_default().push(request);
    }
    let Chains { chains, served, clock } = &mut *chains;
    // Work that is under way is finished even if nobody waits for it any more.
    chains.retain(|key, state| by_key.contains_key(key) || state.in_flight.is_some());
    let alive: HashSet<Entity> = requests.iter().map(|r| r.entity).collect();
    served.retain(|entity, _| alive.contains(entity));

    for (key, requests) in by_key {
        let Some(model) = params.models.get(key.0) else { continue };
        if let Err(error) = ensure_chain(&key, model, requests.len(), &params, chains, &mut pipelines) {
            let fail = |r: &&Request| (r.entity, Report::Failed(error.clone()));
            reports.extend(requests.iter().filter(|r| served_revision(served, r) < r.revision).map(fail));
            requests.iter().for_each(|r| serve(served, r, *clock));
            continue;
        }
        let Some(state) = chains.get_mut(&key) else { continue };
        infos.push(info(state, &pipelines));
        if state.in_flight.is_some() || !state.readbacks.is_empty() || state.batch.is_some() {
            continue;
        }
        *clock += 1;
        let mut waiting: Vec<&Request> =
            requests.into_iter().filter(|r| r.wanted.always || served_revision(served, r) < r.revision).collect();
        waiting.sort_by_key(|r| (served.get(&r.entity).map_or(0, |s| s.clock), r.entity));
        match next_batch(&waiting, state, &params, &mut pipelines) {
            Ok(next) => {
                next.taken.iter().for_each(|r| serve(served, r, *clock));
                next.failed.iter().for_each(|(r, _)| serve(served, r, *clock));
                reports.extend(next.failed.into_iter().map(|(r, error)| (r.entity, Report::Failed(error))));
                state.batch = next.batch;
            }
            Err(error) => {
                reports.extend(waiting.iter().map(|r| (r.entity, Report::Failed(error.clone()))));
                waiting.iter().for_each(|r| serve(served, r, *clock));
            }
        }
    }
}

fn served_revision(served: &HashMap<Entity, Served>, request: &Request) -> u64 {
    served.get(&request.entity).map_or(0, |s| s.revision)
}

fn serve(served: &mut HashMap<Entity, Served>, request: &Request, clock: u64) {
    served.insert(request.entity, Served { revision: request.revision, clock });
}

/// Makes or remakes the chain of a key: for a new model, a changed one, or when more entities share it.
fn ensure_chain(
    key: &ChainKey,
    model: &RenderCartoonModel,
    entities: usize,
    params: &PrepareParams,
    chains: &mut HashMap<ChainKey, ChainState>,
    pipelines: &mut Pipelines,
) -> Result<(), CartoonError> {
    let batch = entities.next_power_of_two().min(params.settings.max_batch);
    if let Some(state) = chains.get(key) {
        let fits = state.version == model.version && state.chain.plan.options.batch >= batch;
        // A batch under way keeps its textures until it is done.
        if fits || state.in_flight.is_some() || !state.readbacks.is_empty() {
            return Ok(());
        }
    }
    let outputs = chain_outputs(&key.1);
    let name = &model.model.manifest.name;
    let plan = Plan::new(&model.model, PlanOptions { limits: params.settings.limits, batch, outputs })
        .map_err(|e| CartoonError::Plan { model: name.clone(), reason: e.to_string() })?;
    let pictures = picture_buffer(&params.device, plan.options.batch, &format!("bevy_toonface/{name}/pictures"));
    let mut context =
        ChainContext { device: &params.device, queue: &params.queue, pipelines, pipeline_queue: params.queue() };
    let table = plan.to_string().into();
    let chain = Chain::new(plan, &mut context);
    let state = ChainState {
        chain,
        version: model.version,
        pictures,
        batch: None,
        in_flight: None,
        readbacks: Vec::new(),
        record_ms: 0.0,
        table,
    };
    chains.insert(key.clone(), state);
    Ok(())
}

/// The cartoon; and for those who read tensors back, the input and the taps.
fn chain_outputs(taps: &[String]) -> Vec<String> {
    let mut outputs = vec!["output".to_owned()];
    if !taps.is_empty() {
        outputs.push("input".into());
        outputs.extend(taps.iter().filter(|name| *name != "output" && *name != "input").cloned());
    }
    outputs
}

impl PrepareParams<'_> {
    fn queue(&self) -> PipelineQueue<'_> {
        PipelineQueue { cache: &self.cache, shaders: &self.shaders, fullscreen: &self.fullscreen }
    }

    fn ready(&self, id: CachedRenderPipelineId, name: impl FnOnce() -> String) -> Result<bool, CartoonError> {
        readiness(&self.cache, id).map_err(|reason| CartoonError::Pipeline { kernel: name(), reason })
    }
}

/// A batch, the requests in it, and those that can never be in one.
#[derive(Default)]
struct Next<'r> {
    batch: Option<Batch>,
    taken: Vec<&'r Request>,
    failed: Vec<(&'r Request, CartoonError)>,
}

/// The next batch of the waiting requests whose images exist, once all pipelines have compiled.
fn next_batch<'r>(
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

fn info(state: &ChainState, pipelines: &Pipelines) -> ChainInfo {
    let plan = &state.chain.plan;
    ChainInfo {
        model: plan.model.clone(),
        batch: plan.options.batch,
        passes: plan.passes.len(),
        draws: plan.passes.iter().map(|p| p.draws.len()).sum(),
        pipelines: plan.kernels.len(),
        all_pipelines: pipelines.kernel_count(),
        bind_groups: state.chain.bind_group_count(),
        slot_bytes: plan.slot_bytes(),
        live_bytes: plan.live_bytes,
        weight_bytes: plan.weights.bytes(),
        record_ms: state.record_ms,
        table: state.table.clone(),
    }
}
