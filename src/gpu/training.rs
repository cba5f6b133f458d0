//! Runs trainings with what cartoons leave of the frame: a step is a chain of passes like any other.

use std::sync::Arc;

use bevy::ecs::world::EntityWorldMut;
use bevy::platform::collections::HashMap;
use bevy::platform::time::Instant;
use bevy::prelude::*;
use bevy::render::render_resource::{CommandEncoder, CommandEncoderDescriptor, RenderPassDescriptor, RenderPipeline};
use bevy::render::renderer::{RenderContext, RenderDevice, RenderGraph};
use bevy::render::{ExtractSchedule, MainWorld, Render, RenderStartup, RenderSystems};

use super::attachments::{Before, attachments};
use super::batch::are_ready;
use super::chain::{Chain, ChainContext, ChainPass};
use super::exchange::{Exchange, Report};
use super::in_flight::{InFlight, Slice};
use super::pipelines::CartoonPipelines;
use super::prepare::{PrepareParams, prepare_cartoons};
use super::readback::{Readback, upload_to};
use super::record::toonface;
use super::schedule::{Allowance, Costs};
use super::state::Chains;
use super::timer::{Stopwatch, Timer};
use crate::ecs::{CartoonError, Picker, TrainingProgress, TrainingRequest, TrainingRun};
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
    /// The batch of examples that are held out whose loss comes before the next step.
    check: Option<usize>,
    /// Passes of this run that are recorded, and how many of them are to be recorded this frame.
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
        Report::Trained { run, mut tensors } => {
            tensors.retain(|(name, _)| name != "input");
            let loss = tensors.iter().position(|(name, _)| name == "loss");
            let loss = loss.map(|at| tensors.swap_remove(at).1.data.iter().sum());
            match run {
                TrainingRun::Step(step) => {
                    progress.losses.extend(loss.map(|loss| (step, loss)));
                    progress.step = progress.step.max(step);
                    if !tensors.is_empty() {
                        progress.taps = Some((step, tensors));
                    }
                }
                TrainingRun::HeldOut { step, of, .. } => {
                    let (batches, sum) = progress.batches;
                    progress.batches = (batches + 1, sum + loss.unwrap_or(f32::NAN));
                    if progress.batches.0 == of {
                        let (_, sum) = std::mem::take(&mut progress.batches);
                        progress.held_out.push((step, sum / of as f32));
                    }
                }
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
    mut pipelines: ResMut<CartoonPipelines>,
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
        match job.is_ready(&pipelines) {
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
        pipelines: &mut CartoonPipelines,
    ) -> (Self, Option<CartoonError>) {
        let count = request.examples.len().saturating_sub(request.held_out);
        let picker = Picker { count, batch: request.batch.clamp(1, count.max(1)) };
        let check = (request.held_out > 0).then_some(0);
        let costs = params.costs(0);
        let empty = Self { request, picker, number, costs, chains: None, step: 0, check, next: 0, slice: 0 };
        match empty.chains(params, pipelines) {
            Ok(chains) => {
                let costs = params.costs(chains[0].passes.len());
                (Self { costs, chains: Some(chains), ..empty }, None)
            }
            Err(error) => (empty, Some(error)),
        }
    }

    /// Plans the step, and uploads examples and states.
    fn chains(&self, params: &PrepareParams, pipelines: &mut CartoonPipelines) -> Result<[Chain; 2], CartoonError> {
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
        let examples = request.examples.len();
        let plan = TrainingPlan::new(&request.training, options, examples).map_err(|e| failed(e.to_string()))?;
        let mut context = ChainContext { device: &params.device, queue: &params.queue, pipelines };
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

    fn is_ready(&self, pipelines: &CartoonPipelines) -> Result<bool, CartoonError> {
        let Some([chain, _]) = &self.chains else { return Ok(false) };
        are_ready(pipelines, chain.pipelines.iter().copied())
    }

    /// As many passes as fit, to the end of the run at most; one at least, unless there is a pause: a training must
    /// come to its end beside cartoons that would take everything.
    fn take_slice(&mut self, allowance: &mut Allowance) {
        let is_through = self.check.is_none() && self.step >= self.request.steps;
        if self.request.paused || is_through || allowance.is_lagging() || allowance.is_paused() {
            return;
        }
        let open = self.costs.of(self.next..self.passes());
        self.slice = allowance.take(open).max(1).min(open.len());
    }

    fn passes(&self) -> usize {
        self.chains.as_ref().map_or(0, |chains| chains[0].passes.len())
    }

    fn has_pipelines(&self, all: &CartoonPipelines) -> bool {
        let there = |chain: &Chain| chain.pipelines.iter().all(|id| all.get(*id).is_some());
        self.chains.as_ref().is_some_and(|[chain, _]| there(chain))
    }

    /// The chain of the run that is under way. What a run of held-out examples makes of the states, the next step
    /// draws over.
    fn chain(&self) -> Option<&Chain> {
        self.chains.as_ref().map(|chains| &chains[self.step % 2])
    }

    /// What its passes are drawn for.
    fn run(&self) -> TrainingRun {
        let of = self.picker.batches_of(self.request.held_out);
        self.check.map_or(TrainingRun::Step(self.step + 1), |batch| TrainingRun::HeldOut { step: self.step, batch, of })
    }

    /// The examples of a run.
    fn picks(&self, run: TrainingRun) -> Vec<usize> {
        match run {
            TrainingRun::Step(step) => self.picker.pick(step - 1),
            TrainingRun::HeldOut { batch, .. } => self.picker.pick_other(batch, self.request.held_out),
        }
    }

    /// Whether more than the loss is wanted of a step.
    fn is_tapped(&self, step: usize) -> bool {
        let TrainingRequest { tap_every, steps, .. } = self.request;
        step == 1 || step.is_multiple_of(tap_every.max(1)) || step >= steps
    }

    /// Goes on to the next run.
    fn finish(&mut self, run: TrainingRun) {
        self.next = 0;
        match run {
            TrainingRun::Step(step) => {
                self.step = step;
                self.check = (self.request.held_out > 0 && self.is_tapped(step)).then_some(0);
            }
            TrainingRun::HeldOut { batch, of, .. } => self.check = Some(batch + 1).filter(|next| *next < of),
        }
    }
}

/// Records this frame's passes of all trainings.
fn train(
    mut context: RenderContext,
    mut trainings: ResMut<Trainings>,
    mut chains: ResMut<Chains>,
    pipelines: Res<CartoonPipelines>,
    device: Res<RenderDevice>,
    timer: Res<Timer>,
) {
    // A pipeline may have gone away (its shader was replaced): the step goes on when it is back.
    trainings.jobs.values_mut().filter(|job| !job.has_pipelines(&pipelines)).for_each(|job| job.slice = 0);
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
        let draws = record(job, *entity, &mut encoder, &mut frame, &mut marks, &pipelines, &device);
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

/// Records a job's passes; after the last one of a run, what is read back. Returns the number of draws.
fn record(
    job: &mut Job,
    entity: Entity,
    encoder: &mut CommandEncoder,
    frame: &mut InFlight,
    marks: &mut Marks,
    all: &CartoonPipelines,
    device: &RenderDevice,
) -> u64 {
    let steps = job.next..job.next + job.slice;
    let Some(chain) = job.chain() else { return 0 };
    let pipelines: Option<Vec<&RenderPipeline>> = chain.pipelines.iter().map(|id| all.get(*id)).collect();
    let Some(pipelines) = pipelines else { return 0 };
    let run = job.run();
    let picks = job.picks(run);
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
    let mut names = vec!["loss".to_owned()];
    if matches!(run, TrainingRun::Step(step) if job.is_tapped(step)) {
        names.extend(job.request.taps.iter().filter(|name| *name != "loss").cloned());
    }
    let mut readback = Readback::record(chain, entity, 0, &names, device, encoder);
    readback.run = Some(run);
    frame.readbacks.push(readback);
    job.finish(run);
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
