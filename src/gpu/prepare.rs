//! Decides what is drawn this frame: makes chains for the models in use and picks the pictures of the next batch.

use bevy::core_pipeline::FullscreenShader;
use bevy::ecs::system::SystemParam;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{CachedRenderPipelineId, PipelineCache};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::render::texture::GpuImage;

use super::batch::next_batch;
use super::chain::{Chain, ChainContext};
use super::exchange::{Exchange, Report, Request};
use super::model::RenderCartoonModel;
use super::picture::picture_buffer;
use super::pipelines::{PipelineQueue, Pipelines, readiness};
use super::shaders::Shaders;
use super::state::{ChainKey, ChainState, Chains};
use crate::ecs::CartoonError;
use crate::plan::{Plan, PlanLimits, PlanOptions, TensorFormat};

/// What plans are made for.
#[derive(Resource, Debug, Clone, Copy)]
pub(super) struct ChainSettings {
    pub limits: PlanLimits,
    pub format: TensorFormat,
    pub max_batch: usize,
}

/// The render world's resources that preparing needs.
#[derive(SystemParam)]
pub(super) struct PrepareParams<'w> {
    pub device: Res<'w, RenderDevice>,
    pub queue: Res<'w, RenderQueue>,
    pub cache: Res<'w, PipelineCache>,
    shaders: Res<'w, Shaders>,
    fullscreen: Res<'w, FullscreenShader>,
    models: Res<'w, RenderAssets<RenderCartoonModel>>,
    pub images: Res<'w, RenderAssets<GpuImage>>,
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
    let Chains { chains, ledger } = &mut *chains;
    // Work that is under way is finished even if nobody waits for it any more.
    chains.retain(|key, state| by_key.contains_key(key) || state.in_flight.is_some());
    ledger.retain(requests);

    for (key, requests) in by_key {
        let Some(model) = params.models.get(key.0) else { continue };
        let mut fail = |request: &Request, error: CartoonError| {
            reports.push((request.entity, Report::Failed { revision: request.revision, error }));
        };
        if let Err(error) = ensure_chain(&key, model, requests.len(), &params, chains, &mut pipelines) {
            for request in requests.iter().filter(|r| ledger.is_open(r)).collect::<Vec<_>>() {
                fail(request, error.clone());
                ledger.serve(request);
            }
            continue;
        }
        let Some(state) = chains.get_mut(&key) else { continue };
        infos.push(state.info(pipelines.kernel_count()));
        if !state.is_idle() {
            continue;
        }
        ledger.tick();
        let mut waiting: Vec<&Request> =
            requests.into_iter().filter(|r| r.wanted.always || ledger.is_open(r)).collect();
        waiting.sort_by_key(|r| (ledger.last(r), r.entity));
        match next_batch(&waiting, state, &params, &mut pipelines) {
            Ok(next) => {
                next.taken.iter().for_each(|r| ledger.serve(r));
                for (request, error) in next.failed {
                    fail(request, error);
                    ledger.serve(request);
                }
                state.batch = next.batch;
            }
            Err(error) => {
                for request in waiting {
                    fail(request, error.clone());
                    ledger.serve(request);
                }
            }
        }
    }
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
        if fits || !state.is_idle() {
            return Ok(());
        }
    }
    let outputs = chain_outputs(&key.1);
    let name = &model.model.manifest.name;
    let ChainSettings { limits, format, .. } = *params.settings;
    let plan = Plan::new(&model.model, PlanOptions { limits, format, batch, outputs })
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
        ends: HashMap::default(),
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
    pub fn queue(&self) -> PipelineQueue<'_> {
        PipelineQueue { cache: &self.cache, shaders: &self.shaders, fullscreen: &self.fullscreen }
    }

    /// Whether a pipeline has compiled.
    pub fn ready(&self, id: CachedRenderPipelineId, name: impl FnOnce() -> String) -> Result<bool, CartoonError> {
        readiness(&self.cache, id).map_err(|reason| CartoonError::Pipeline { kernel: name(), reason })
    }
}
