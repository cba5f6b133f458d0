//! Runs trainings with what cartoons leave of the frame: a step is a chain of passes like any other.

use std::sync::Arc;

use bevy::ecs::world::EntityWorldMut;
use bevy::platform::collections::HashMap;
use bevy::platform::time::Instant;
use bevy::prelude::*;
use bevy::render::render_resource::{
    CommandEncoder, CommandEncoderDescriptor, PipelineCache, RenderPassDescriptor, RenderPipeline,
};
use bevy::render::renderer::{RenderContext, RenderDevice, RenderGraph};
use bevy::render::{ExtractSchedule, MainWorld, Render, RenderStartup, RenderSystems};

use super::attachments::{Before, attachments};
use super::chain::{Chain, ChainContext, ChainPass};
use super::exchange::{Exchange, Report};
use super::in_flight::{InFlight, Slice};
use super::pipelines::Pipelines;
use super::prepare::{PrepareParams, prepare_cartoons};
use super::readback::{Readback, upload_to};
use super::record::toonface;
use super::schedule::{Allowance, Costs};
use super::state::Chains;
use super::timer::{Stopwatch, Timer};
use crate::ecs::{CartoonError, Picker, TrainingProgress, TrainingRequest};
use crate::plan::{PlanOptions, TrainingPlan};

/// Trainings under way, by entity.
#[derive(Resource, Debug, Default)]
pub(super) struct Trainings {
    requests: Vec<(Entity, TrainingRequest)>,
    jobs: HashMap<Entity, Job>,
}

/// A training on the device.
#[derive(Debug)]
struct Job {
    request: TrainingRequest,
    picker: Picker,
    number: u64,
    costs: Costs,
    /// The chain with states in their own textures, and in those of their next values. `None` if it has failed.
    chains: Option<[Chain; 2]>,
    /// Steps that are through.
    step: usize,
    /// Passes of this one that are recorded, and how many of them are to be recorded this frame.
    next: usize,
    slice: usize,
}

/// Adds the systems to the render app.
pub(super) fn plugin(render_app: &mut SubApp) {
    render_app
        .init_resource::<Trainings>()
        .add_systems(RenderStartup, init_trainings)
        .add_systems(ExtractSchedule, extract_trainings)
        .add_systems(Render, prepare_trainings.in_set(RenderSystems::PrepareBindGroups).after(prepare_cartoons))
        .add_systems(RenderGraph, train.after(toonface).before(bevy::core_pipeline::schedule::camera_driver));
}

/// A training does not survive its device.
fn init_trainings(mut trainings: ResMut<Trainings>, mut exchange: ResMut<Exchange>) {
    for (entity, _) in std::mem::take(&mut trainings.jobs) {
        let error = CartoonError::Device { reason: "it was lost in the middle of a training".into() };
        exchange.reports.push((entity, Report::TrainingFailed(error)));
    }
}

fn extract_trainings(mut main: ResMut<MainWorld>, mut trainings: ResMut<Trainings>) {
    let mut query = main.query::<(Entity, &TrainingRequest)>();
    trainings.requests = query.iter(&main).map(|(entity, request)| (entity, request.clone())).collect();
}

/// Takes what belongs to a training; gives other reports back.
pub(super) fn deliver(entity: &mut EntityWorldMut, report: Report) -> Option<Report> {
    let Some(mut progress) = entity.get_mut::<TrainingProgress>() else { return Some(report) };
    match report {
        Report::Trained { step, mut tensors } => {
            tensors.retain(|(name, _)| name != "input");
            if let Some(loss) = tensors.iter().position(|(name, _)| name == "loss") {
                let (_, loss) = tensors.swap_remove(loss);
                progress.losses.push((step, loss.data.iter().sum()));
            }
            progress.step = progress.step.max(step);
            if !tensors.is_empty() {
                progress.taps = Some((step, tensors));
            }
            None
        }
        Report::TrainingFailed(error) => {
            progress.error = Some(error);
            None
        }
        other => Some(other),
    }
}

impl Trainings {
    /// What the passes of each training are thought to take.
    pub fn costs(&mut self) -> impl Iterator<Item = (u64, &mut Costs)> {
        self.jobs.values_mut().map(|job| (job.number, &mut job.costs))
    }
}

/// Makes chains for new trainings, and shares out what is left of the frame.
fn prepare_trainings(
    params: PrepareParams,
    mut trainings: ResMut<Trainings>,
    mut chains: ResMut<Chains>,
    mut pipelines: ResMut<Pipelines>,
    mut exchange: ResMut<Exchange>,
) {
    let Trainings { requests, jobs } = &mut *trainings;
    jobs.retain(|entity, job| {
        let same = |r: &(Entity, TrainingRequest)| r.0 == *entity && Arc::ptr_eq(&r.1.training, &job.request.training);
        requests.iter().any(same)
    });
    let in_flight = chains.in_flight.len();
    let mut allowance = chains.left.take().unwrap_or_else(|| Allowance::new(&exchange.budget, in_flight));
    for (entity, request) in requests.drain(..) {
        let job = jobs.entry(entity).or_insert_with(|| {
            chains.made += 1;
            let (job, error) = Job::new(request.clone(), chains.made, &params, &mut pipelines);
            exchange.reports.extend(error.map(|error| (entity, Report::TrainingFailed(error))));
            job
        });
        job.request = request;
        job.slice = 0;
        match job.is_ready(&params) {
            Ok(true) => job.take_slice(&mut allowance),
            Ok(false) => {}
            Err(error) => {
                job.chains = None;
                exchange.reports.push((entity, Report::TrainingFailed(error)));
            }
        }
    }
}

impl Job {
    fn new(
        request: TrainingRequest,
        number: u64,
        params: &PrepareParams,
        pipelines: &mut Pipelines,
    ) -> (Self, Option<CartoonError>) {
        let count = request.examples.len();
        let picker = Picker { count, batch: request.batch.clamp(1, count.max(1)) };
        let empty = Self { request, picker, number, costs: params.costs(0), chains: None, step: 0, next: 0, slice: 0 };
        match empty.chains(params, pipelines) {
            Ok(chains) => {
                let costs = params.costs(chains[0].passes.len());
                (Self { costs, chains: Some(chains), ..empty }, None)
            }
            Err(error) => (empty, Some(error)),
        }
    }

    /// Plans the step, and uploads examples and states.
    fn chains(&self, params: &PrepareParams, pipelines: &mut Pipelines) -> Result<[Chain; 2], CartoonError> {
        let Self { request, picker, .. } = self;
        let settings = &params.settings;
        let options = PlanOptions {
            limits: settings.limits,
            format: settings.format,
            batch: picker.batch,
            ..PlanOptions::default()
        };
        let model = request.training.model.manifest.name.clone();
        let failed = |reason: String| CartoonError::Plan { model: format!("training of {model}"), reason };
        let plan = TrainingPlan::new(&request.training, options, picker.count).map_err(|e| failed(e.to_string()))?;
        let mut context =
            ChainContext { device: &params.device, queue: &params.queue, pipelines, pipeline_queue: params.queue() };
        let chains = Chain::pair(&plan, &mut context);
        let chain = &chains[0];
        for (name, tensor) in &plan.examples {
            let planned = &chain.plan.tensors[*tensor];
            for (item, example) in request.examples.iter().enumerate() {
                let values = example.get(name).filter(|values| values.data.len() == planned.shape.elements());
                let values = values.ok_or_else(|| {
                    failed(format!("example {item} has no tensor `{name}` of shape {}", planned.shape))
                })?;
                upload_to(chain, planned, item, values, &params.queue);
            }
        }
        for state in &plan.states {
            let planned = &chain.plan.tensors[state.tensor];
            let start = crate::model::Tensor { dims: vec![state.start.len()], data: state.start.clone() };
            upload_to(chain, planned, 0, &start, &params.queue);
        }
        Ok(chains)
    }

    fn is_ready(&self, params: &PrepareParams) -> Result<bool, CartoonError> {
        let Some([chain, _]) = &self.chains else { return Ok(false) };
        let mut ready = true;
        for (kernel, id) in chain.plan.kernels.iter().zip(&chain.pipelines) {
            ready &= params.ready(*id, || kernel.to_string())?;
        }
        Ok(ready)
    }

    /// As many passes as fit, to the end of the step at most; one at least, unless there is a pause: a training must
    /// come to its end beside cartoons that would take everything.
    fn take_slice(&mut self, allowance: &mut Allowance) {
        if self.request.paused || self.step >= self.request.steps || allowance.is_lagging() || allowance.is_paused() {
            return;
        }
        let open = self.costs.of(self.next..self.passes());
        self.slice = allowance.take(open).max(1).min(open.len());
    }

    fn passes(&self) -> usize {
        self.chains.as_ref().map_or(0, |chains| chains[0].passes.len())
    }

    fn has_pipelines(&self, cache: &PipelineCache) -> bool {
        let there = |chain: &Chain| chain.pipelines.iter().all(|id| cache.get_render_pipeline(*id).is_some());
        self.chains.as_ref().is_some_and(|[chain, _]| there(chain))
    }

    /// The chain of the step that is under way.
    fn chain(&self) -> Option<&Chain> {
        self.chains.as_ref().map(|chains| &chains[self.step % 2])
    }
}

/// Records this frame's passes of all trainings.
fn train(
    mut context: RenderContext,
    mut trainings: ResMut<Trainings>,
    mut chains: ResMut<Chains>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
    timer: Res<Timer>,
) {
    // A pipeline may have gone away (a shader was reloaded): the step goes on when it is back.
    trainings.jobs.values_mut().filter(|job| !job.has_pipelines(&cache)).for_each(|job| job.slice = 0);
    let total: usize = trainings.jobs.values().map(|job| job.slice).sum();
    if total == 0 {
        return;
    }
    let stopwatch = timer.start(0);
    let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("bevy_toonface/train") });
    let mut frame = InFlight::new(Instant::now(), stopwatch);
    let mut marks = Marks { timer: &timer, stopwatch, at: 0, total };
    let mut recorded = 0;
    for (entity, job) in trainings.jobs.iter_mut().filter(|(_, job)| job.slice > 0) {
        let draws = record(job, *entity, &mut encoder, &mut frame, &mut marks, &cache, &device);
        recorded += draws;
    }
    stopwatch.into_iter().for_each(|watch| timer.stop(watch, &mut encoder));
    context.add_command_buffer(encoder.finish());
    chains.counters.passes += marks.at as u64;
    chains.counters.draws += recorded;
    chains.counters.frames += 1;
    chains.in_flight.push(frame);
}

/// Where in the frame's passes the time is taken.
struct Marks<'a> {
    timer: &'a Timer,
    stopwatch: Option<Stopwatch>,
    at: usize,
    total: usize,
}

/// Records a job's passes; after the last one of a step, what is read back. Returns the number of draws.
fn record(
    job: &mut Job,
    entity: Entity,
    encoder: &mut CommandEncoder,
    frame: &mut InFlight,
    marks: &mut Marks,
    cache: &PipelineCache,
    device: &RenderDevice,
) -> u64 {
    let steps = job.next..job.next + job.slice;
    let Some(chain) = job.chain() else { return 0 };
    let pipelines: Option<Vec<&RenderPipeline>> =
        chain.pipelines.iter().map(|id| cache.get_render_pipeline(*id)).collect();
    let Some(pipelines) = pipelines else { return 0 };
    let picks = job.picker.pick(job.step);
    let mut draws = 0;
    for pass in chain.passes.get(steps.clone()).unwrap_or_default() {
        record_pass(encoder, pass, chain, &pipelines, &picks, marks);
        draws += pass.draws.len() as u64;
    }
    let (steps_of_job, passes) = (0..job.passes(), steps.len());
    frame.slices.push(Slice { chain: job.number, batch: 0, steps: steps.clone(), of: steps_of_job, passes });
    if steps.end < job.passes() {
        job.next = steps.end;
        return draws;
    }
    let step = job.step + 1;
    let TrainingRequest { taps, tap_every, steps, .. } = &job.request;
    let mut names = vec!["loss".to_owned()];
    if step == 1 || step.is_multiple_of((*tap_every).max(1)) || step >= *steps {
        names.extend(taps.iter().filter(|name| *name != "loss").cloned());
    }
    let mut readback = Readback::record(chain, entity, 0, &names, device, encoder);
    readback.step = Some(step);
    frame.readbacks.push(readback);
    (job.step, job.next) = (step, 0);
    draws
}

fn record_pass(
    encoder: &mut CommandEncoder,
    planned: &ChainPass,
    chain: &Chain,
    pipelines: &[&RenderPipeline],
    picks: &[usize],
    marks: &mut Marks,
) {
    let before = if planned.preserve { Before::Load } else { Before::DontCare };
    let at = marks.at;
    marks.at += 1;
    let count = planned.targets.len();
    let mut pass = encoder.begin_render_pass(&RenderPassDescriptor {
        label: Some(&planned.label),
        color_attachments: attachments(planned.targets.iter(), before).get(..count).unwrap_or_default(),
        timestamp_writes: marks.timer.writes(marks.stopwatch, at, marks.total),
        ..default()
    });
    let (mut kernel, mut rect) = (None, None);
    for draw in &planned.draws {
        let example = draw.item.and_then(|item| picks.get(item)).copied().unwrap_or(0) as u32;
        if kernel.replace(draw.kernel) != Some(draw.kernel) {
            pass.set_pipeline(pipelines[draw.kernel]);
        }
        pass.set_bind_group(0, &**chain.bind_group(draw), &[draw.offset + example * draw.group_stride]);
        if rect.replace(draw.rect) != Some(draw.rect) {
            pass.set_scissor_rect(draw.rect.x, draw.rect.y, draw.rect.width, draw.rect.height);
        }
        pass.draw(0..3, 0..1);
    }
}
