//! Decides what is drawn this frame: makes chains for the models in use, and shares the frame's budget out among them.

use bevy::ecs::system::SystemParam;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::renderer::{RenderAdapter, RenderDevice, RenderQueue};
use bevy::render::texture::GpuImage;

use super::batch::{EndPipelines, bind_batch, has_images, ready_pipelines, retain_ends};
use super::chain::{Chain, ChainContext};
use super::counters::CartoonCounters;
use super::device::support;
use super::exchange::{Exchange, Report, Request};
use super::model::RenderCartoonModel;
use super::picture::picture_buffer;
use super::pipelines::CartoonPipelines;
use super::profile::{Profile, steps};
use super::schedule::{Allowance, Costs};
use super::state::{ChainKey, ChainState, Chains, Refusal};
use super::timer::Timer;
use super::view::Views;
use crate::ecs::{CartoonBudget, CartoonError};
use crate::plan::{Plan, PlanError, PlanLimits, PlanOptions, TensorFormat};

/// What plans are made for.
#[derive(Resource, Debug, Clone, Copy)]
pub(super) struct ChainSettings {
    pub limits: PlanLimits,
    pub format: TensorFormat,
    pub half_weights: bool,
    pub max_batch: usize,
    /// Bytes of textures that all chains together may take.
    pub max_memory: usize,
    /// As the plugin has it; the device may have fewer.
    pub max_planes: usize,
}

/// Starts over on a new device.
pub(super) fn init_settings(
    mut settings: ResMut<ChainSettings>,
    mut exchange: ResMut<Exchange>,
    device: Res<RenderDevice>,
    adapter: Res<RenderAdapter>,
) {
    let support = support(&device, &adapter, settings.max_planes);
    settings.limits = support.limits;
    exchange.device_fault = support.fault;
}

/// The render world's resources that preparing needs.
#[derive(SystemParam)]
pub(super) struct PrepareParams<'w> {
    pub device: Res<'w, RenderDevice>,
    pub queue: Res<'w, RenderQueue>,
    models: Res<'w, RenderAssets<RenderCartoonModel>>,
    pub images: Res<'w, RenderAssets<GpuImage>>,
    pub settings: Res<'w, ChainSettings>,
    timer: Res<'w, Timer>,
}

/// A chain that could draw a batch, and who waits for it.
struct Queue<'r> {
    key: ChainKey,
    waiting: Vec<&'r Request>,
    ends: EndPipelines,
}

pub(super) fn prepare_cartoons(
    params: PrepareParams,
    mut chains: ResMut<Chains>,
    mut pipelines: ResMut<CartoonPipelines>,
    mut exchange: ResMut<Exchange>,
    mut views: ResMut<Views>,
) {
    views.begin_frame();
    let Exchange { requests, reports, chains: infos, budget, .. } = &mut *exchange;
    if budget.milliseconds.is_some() && !params.timer.is_there() {
        let ms = CartoonBudget::UNTIMED_PASS_MS;
        info_once!("bevy_toonface: this device has no timestamps; in `CartoonBudget`, a pass counts as {ms} ms");
    }
    let mut wanted: HashMap<ChainKey, Vec<&Request>> = HashMap::default();
    for request in requests.iter() {
        wanted.entry((request.wanted.model, request.wanted.taps.clone())).or_default().push(request);
    }
    let chains = &mut *chains;
    chains.retain(&wanted, requests);

    let mut queues = Vec::new();
    for (key, requests) in wanted {
        queues.extend(queue_up(key, &requests, &params, chains, &mut pipelines, reports, &mut views));
    }
    infos.extend(chains.chains.values().map(|state| state.info(pipelines.kernel_count(), params.timer.is_there())));
    chains.counters.pipelines = pipelines.kernel_count();

    let mut allowance = Allowance::new(budget, chains.in_flight.len());
    let under_way = chains.chains.values().any(|state| state.batch.is_some());
    if allowance.is_lagging() && (under_way || !queues.is_empty()) {
        chains.counters.held_back += 1;
    }
    go_on(chains, &mut allowance);
    begin(chains, queues, &mut allowance, &params, &mut views);
    #[cfg(feature = "few_shot")]
    {
        chains.left = Some(allowance);
    }
}

/// Makes sure of a chain, and finds out who waits for it and can be served.
fn queue_up<'r>(
    key: ChainKey,
    requests: &[&'r Request],
    params: &PrepareParams,
    chains: &mut Chains,
    pipelines: &mut CartoonPipelines,
    reports: &mut Vec<(Entity, Report)>,
    views: &mut Views,
) -> Option<Queue<'r>> {
    let model = params.models.get(key.0)?;
    let made = ensure_chain(&key, model, requests.len(), params, chains, pipelines);
    let Chains { chains, ledger, .. } = chains;
    let mut waiting = requests.to_vec();
    waiting.retain(|r| ledger.ask(r.entity, r.revision, r.wanted.always));
    let mut refuse = |request: &Request, error: CartoonError| {
        // Memory may become free while nothing about the request changes.
        if !matches!(error, CartoonError::OutOfMemory { .. }) {
            ledger.refuse(request.entity, request.revision);
        }
        reports.push((request.entity, Report::Failed { revision: request.revision, error }));
    };
    let ends = made.and_then(|()| match chains.get_mut(&key) {
        Some(state) if !waiting.is_empty() => {
            retain_ends(state, requests, params);
            ready_pipelines(state, &waiting, params, pipelines)
        }
        _ => Ok(None),
    });
    let ends = match ends {
        Ok(ends) => ends?,
        Err(error) => {
            waiting.into_iter().for_each(|request| refuse(request, error.clone()));
            return None;
        }
    };
    waiting.retain(|request| match has_images(request, params) {
        Ok(there) => there && views.ask(request),
        Err(error) => {
            refuse(request, error);
            false
        }
    });
    (!waiting.is_empty()).then_some(Queue { key, waiting, ends })
}

/// Batches under way come first, in the order in which they were begun.
fn go_on(chains: &mut Chains, allowance: &mut Allowance) {
    let mut under_way: Vec<&mut ChainState> = chains.chains.values_mut().filter(|s| s.batch.is_some()).collect();
    under_way.sort_by_key(|state| state.batch.as_ref().map(|batch| batch.number));
    under_way.into_iter().for_each(|state| state.take_slice(allowance));
}

/// Begins batches with what is left of the frame. The chain that has waited longest comes first; a chain begins one
/// batch a frame at most, since the uniforms of a batch are written before the frame's passes run.
fn begin(
    chains: &mut Chains,
    mut queues: Vec<Queue>,
    allowance: &mut Allowance,
    params: &PrepareParams,
    views: &mut Views,
) {
    let Chains { chains, ledger, histories, counters, .. } = chains;
    for queue in &mut queues {
        queue.waiting.sort_by_key(|request| (ledger.turn(request.entity), request.entity));
    }
    let first = |queue: &Queue| queue.waiting.first().map(|request| (ledger.turn(request.entity), request.entity));
    queues.sort_by_key(first);
    let Some((lowest, _)) = queues.first().and_then(first) else { return };
    for Queue { key, mut waiting, ends } in queues {
        let Some(state) = chains.get_mut(&key).filter(|state| state.batch.is_none()) else { continue };
        if allowance.is_spent() {
            break;
        }
        waiting.retain(|request| ledger.may_serve(request.entity, lowest));
        waiting.truncate(state.chain.plan.options.batch);
        let Some(batch) = bind_batch(&waiting, state, &ends, histories, params, counters) else { continue };
        for request in waiting {
            ledger.serve(request.entity, request.revision);
            views.take(request);
        }
        counters.begun += 1;
        state.batch = Some(batch);
        state.take_slice(allowance);
    }
}

/// Makes or remakes the chain of a key: for a new model, a changed one, or when more entities share it.
fn ensure_chain(
    key: &ChainKey,
    model: &RenderCartoonModel,
    entities: usize,
    params: &PrepareParams,
    chains: &mut Chains,
    pipelines: &mut CartoonPipelines,
) -> Result<(), CartoonError> {
    let asked = entities.next_power_of_two().min(params.settings.max_batch);
    if let Some(state) = chains.chains.get_mut(key) {
        // A batch under way is finished with what it began with.
        if state.batch.is_some() || state.asked >= asked && update_chain(state, model, params, &mut chains.counters) {
            return Ok(());
        }
    }
    let max_bytes = params.settings.max_memory.saturating_sub(chains.bytes_beside(key));
    let version = model.version;
    let known =
        chains.refused.get(key).filter(|r| r.version == version && r.asked == asked && r.max_bytes >= max_bytes);
    if let Some(refusal) = known {
        return Err(refusal.error.clone());
    }
    let ChainSettings { limits, format, half_weights, .. } = *params.settings;
    let options = PlanOptions { limits, format, half_weights, batch: asked, max_bytes, outputs: chain_outputs(&key.1) };
    match plan_batch(model, options) {
        Ok(plan) => {
            let chain = make_chain(plan, version, asked, params, chains, pipelines);
            chains.refused.remove(key);
            chains.chains.insert(key.clone(), chain);
            Ok(())
        }
        Err(error) => {
            let error = plan_error(&model.model().manifest.name, error);
            chains.refused.insert(key.clone(), Refusal { version, asked, max_bytes, error: error.clone() });
            Err(error)
        }
    }
}

/// Whether a chain serves a model, once the weights that have changed are uploaded.
fn update_chain(
    state: &mut ChainState,
    model: &RenderCartoonModel,
    params: &PrepareParams,
    counters: &mut CartoonCounters,
) -> bool {
    if state.version == model.version {
        return true;
    }
    let Ok(plan) = model.plan(&state.chain.plan.options) else { return false };
    let Ok(bytes) = state.chain.update_weights(plan, &params.queue) else { return false };
    counters.weight_bytes += bytes as u64;
    state.version = model.version;
    true
}

/// A plan for as many pictures as were asked for, or as the memory allows.
fn plan_batch(model: &RenderCartoonModel, mut options: PlanOptions) -> Result<Plan, PlanError> {
    loop {
        match model.plan(&options) {
            Err(PlanError::OutOfMemory { .. }) if options.batch > 1 => options.batch /= 2,
            result => return result,
        }
    }
}

fn plan_error(model: &str, error: PlanError) -> CartoonError {
    let model = model.to_owned();
    match error {
        PlanError::OutOfMemory { slots, weights, limit, .. } => {
            CartoonError::OutOfMemory { model, needed: slots.saturating_add(weights), left: limit }
        }
        error => CartoonError::Plan { model, reason: error.to_string() },
    }
}

/// Allocates a chain.
fn make_chain(
    plan: Plan,
    version: u64,
    asked: usize,
    params: &PrepareParams,
    chains: &mut Chains,
    pipelines: &mut CartoonPipelines,
) -> ChainState {
    let batch = plan.options.batch;
    let pictures = picture_buffer(&params.device, batch, &format!("bevy_toonface/{}/pictures", plan.model));
    let mut context = ChainContext { device: &params.device, queue: &params.queue, pipelines };
    let table = plan.to_string().into();
    let chain = Chain::new(plan, &mut context);
    chains.made += 1;
    // Slots and weights; parameters and pictures.
    chains.counters.textures += chain.slots.len() as u64 + 1;
    chains.counters.buffers += 2;
    chains.counters.bind_groups += chain.bind_group_count() as u64;
    chains.counters.weight_bytes += chain.plan.weight_bytes() as u64;
    ChainState {
        number: chains.made,
        version,
        asked,
        pictures,
        ends: HashMap::default(),
        batch: None,
        // Encode, the plan's passes, composite.
        costs: params.costs(1 + chain.passes.len() + batch),
        record_ms: 0.0,
        encode_ms: 0.0,
        table,
        taps: chain.plan.options.outputs.get(1..).unwrap_or_default().into(),
        steps: steps(&chain.plan).into(),
        profile: Profile::default(),
        chain,
    }
}

/// The cartoon first; and for those who read tensors back, the input and the taps.
fn chain_outputs(taps: &[String]) -> Vec<String> {
    let mut outputs = vec!["output".to_owned()];
    if !taps.is_empty() {
        outputs.push("input".into());
        outputs.extend(taps.iter().filter(|name| *name != "output" && *name != "input").cloned());
    }
    outputs
}

impl PrepareParams<'_> {
    /// What steps are thought to take before they are measured.
    pub fn costs(&self, steps: usize) -> Costs {
        Costs::new(steps, self.timer.is_there())
    }
}
