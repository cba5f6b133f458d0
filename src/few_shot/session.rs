//! A session from its start to its end.

use std::sync::Arc;

use bevy::asset::{LoadState, RenderAssetUsages};
use bevy::ecs::query::QueryData;
use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use super::features::{self, Features};
use super::keeper::Keeper;
use super::{
    FewShotControl, FewShotError, FewShotEvent, FewShotProgress, FewShotResult, FewShotSession, FewShotStatus,
};
use crate::ecs::{
    CartoonModel, CartoonStatus, CartoonTensors, DefaultCartoonModel, Picker, TrainingProgress, TrainingRequest,
};
use crate::model::autodiff::Training;
use crate::model::{Model, Tensor};

/// Steps from one look at weights and preview to the next.
const TAP_EVERY: usize = 25;
/// A weight beyond is no weight of a network that works.
const LARGEST_WEIGHT: f32 = 1e4;
/// Steps that may be recorded before a change of their number arrives.
const STEPS_AHEAD: usize = 8;

/// A model that is there.
type Loaded = (Handle<CartoonModel>, Arc<Model>);

/// What a session is working on.
#[derive(Component, Debug, Clone)]
pub(super) struct Work {
    training: Arc<Training>,
    model: Handle<CartoonModel>,
    /// How many there were to learn from when it began, and how many were held out.
    pairs: usize,
    held_out: usize,
    keeper: Keeper,
}

#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct SessionQuery {
    entity: Entity,
    session: &'static FewShotSession,
    status: &'static mut FewShotStatus,
    progress: &'static mut FewShotProgress,
    work: Option<&'static mut Work>,
    features: Option<&'static Features>,
    request: Option<&'static mut TrainingRequest>,
    trained: Option<&'static TrainingProgress>,
}

/// The assets of all sessions, and where their news go.
#[derive(SystemParam)]
pub(super) struct Desk<'w, 's> {
    commands: Commands<'w, 's>,
    assets: Res<'w, AssetServer>,
    models: ResMut<'w, Assets<CartoonModel>>,
    images: ResMut<'w, Assets<Image>>,
    default_model: Option<Res<'w, DefaultCartoonModel>>,
    helpers: Query<'w, 's, (&'static CartoonStatus, Option<&'static CartoonTensors>)>,
    events: MessageWriter<'w, FewShotEvent>,
}

/// A session that is taken away leaves nothing behind.
pub(super) fn stop(removed: On<Remove, FewShotSession>, mut commands: Commands) {
    commands.entity(removed.entity).try_remove::<(Work, Features, TrainingRequest, TrainingProgress)>();
}

pub(super) fn run_sessions(mut sessions: Query<SessionQuery>, mut desk: Desk) {
    for mut session in &mut sessions {
        if session.status.is_over() {
            continue;
        }
        if session.session.control == FewShotControl::Cancel {
            desk.end(&mut session, FewShotStatus::Cancelled);
        } else if let Err(error) = desk.go_on(&mut session) {
            error!("few-shot session {}: {error}", session.entity);
            desk.events.write(FewShotEvent::Failed { session: session.entity, error: error.clone() });
            desk.end(&mut session, FewShotStatus::Failed(error));
        }
    }
}

impl Desk<'_, '_> {
    fn end(&mut self, session: &mut SessionQueryItem, status: FewShotStatus) {
        *session.status = status;
        let mut entity = self.commands.entity(session.entity);
        entity.try_remove::<(Work, Features, TrainingRequest, TrainingProgress)>();
    }

    fn go_on(&mut self, session: &mut SessionQueryItem) -> Result<(), FewShotError> {
        match (&session.work, session.features, &session.trained) {
            (None, ..) => self.begin(session),
            (Some(_), Some(features), _) => {
                let Some(examples) = features.collect(&self.helpers)? else { return Ok(()) };
                let learned = session.work.as_ref().map_or(0, |work| work.pairs);
                if session.session.mirror && features.are_plain() {
                    let mirrored = features.mirrored(examples, learned, &mut self.commands);
                    self.commands.entity(session.entity).try_insert(mirrored);
                } else {
                    self.train(session, examples);
                }
                Ok(())
            }
            (Some(_), None, Some(_)) => self.watch(session),
            (Some(_), None, None) => Ok(()),
        }
    }

    /// Checks what was asked for, and has the examples prepared as soon as everything is loaded.
    fn begin(&mut self, session: &mut SessionQueryItem) -> Result<(), FewShotError> {
        let wanted = session.session;
        let pairs = wanted.pairs.len().saturating_sub(wanted.holdout);
        if pairs < 2 {
            return Err(FewShotError::TooFewPairs { found: pairs });
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if wanted.name.is_empty() || !wanted.name.chars().all(allowed) {
            return Err(FewShotError::Name { name: wanted.name.clone() });
        }
        let Some((handle, model)) = self.model(wanted)? else { return Ok(()) };
        check_name(&model, &wanted.name)?;
        let group = model.group_index(&wanted.base)?;
        if !features::are_loaded(&wanted.pairs, &self.images, &self.assets)? {
            return Ok(());
        }
        let training = Training::new(&model, group, &wanted.options)?;
        let features =
            features::spawn(&training, &model, &wanted.base, &wanted.pairs, &mut self.models, &mut self.commands)?;
        let (held_out, keeper) = (wanted.holdout, Keeper::default());
        let work = Work { training: Arc::new(training), model: handle, pairs, held_out, keeper };
        self.commands.entity(session.entity).try_insert((work, features));
        session.progress.steps = wanted.options.steps.max(1);
        *session.status = FewShotStatus::Preparing;
        Ok(())
    }

    /// The model of a session, once it is loaded.
    fn model(&self, session: &FewShotSession) -> Result<Option<Loaded>, FewShotError> {
        let default_model = self.default_model.as_ref().map(|model| &model.0);
        let Some(handle) = session.model.as_ref().or(default_model) else { return Ok(None) };
        if let Some(model) = self.models.get(handle) {
            return Ok(Some((handle.clone(), model.model.clone())));
        }
        match self.assets.get_load_state(handle) {
            Some(LoadState::Failed(error)) => Err(FewShotError::ModelFailed {
                path: handle.path().map_or_else(|| "(no path)".to_owned(), ToString::to_string),
                reason: error.to_string(),
            }),
            _ => Ok(None),
        }
    }

    /// All examples are there: off it goes.
    fn train(&mut self, session: &mut SessionQueryItem, mut examples: features::Examples) {
        let Some(work) = &session.work else { return };
        examples.iter_mut().for_each(|example| work.training.complete(example));
        // Mirrored ones come before those that are held out.
        examples[work.pairs..].rotate_left(work.held_out);
        let request = TrainingRequest {
            training: work.training.clone(),
            batch: session.session.batch.clamp(1, examples.len() - work.held_out),
            held_out: work.held_out,
            examples: Arc::new(examples),
            steps: session.progress.steps,
            taps: ["next.weights", "cartoon"].map(String::from).to_vec(),
            tap_every: TAP_EVERY,
            paused: session.session.control == FewShotControl::Pause,
        };
        let mut entity = self.commands.entity(session.entity);
        entity.try_remove::<Features>().try_insert((request, TrainingProgress::default()));
        *session.status = FewShotStatus::Training;
    }

    /// Follows the training to its end.
    fn watch(&mut self, session: &mut SessionQueryItem) -> Result<(), FewShotError> {
        let (Some(trained), Some(work), Some(request)) = (session.trained, &mut session.work, &mut session.request)
        else {
            return Ok(());
        };
        if let Some(error) = &trained.error {
            return Err(FewShotError::Device(error.clone()));
        }
        let control = match (session.session.control, session.session.patience) {
            (FewShotControl::Run, Some(patience)) if work.keeper.is_past(patience) => FewShotControl::Finish,
            (control, _) => control,
        };
        steer(control, request, trained.step);
        let status = if request.paused { FewShotStatus::Paused } else { FewShotStatus::Training };
        session.status.set_if_neq(status);

        let known = session.progress.losses.len();
        let mut spoiled = None;
        for (step, loss) in trained.losses.iter().skip(known) {
            session.progress.losses.push(*loss);
            session.progress.step = *step;
            if !loss.is_finite() {
                spoiled = Some(*step);
                break;
            }
        }
        // Weights of a step before a loss that is no number may arrive together with it.
        let taps = trained.taps.as_ref().filter(|(step, _)| spoiled.is_none_or(|spoiled| *step < spoiled));
        let news = taps.filter(|(step, _)| work.keeper.latest_step() < *step);
        if let Some((step, taps)) = news
            && !look(work, &mut session.progress, request, &mut self.images, (*step, taps))
        {
            return Err(self.diverged(session.entity, session.session, work, *step));
        }
        if let Some(step) = spoiled {
            return Err(self.diverged(session.entity, session.session, work, step));
        }
        for (step, loss) in trained.held_out.iter().skip(session.progress.held_out.len()) {
            work.keeper.judge(*step, *loss);
            session.progress.held_out.push((*step, *loss));
        }
        if let (Some(loss), true) = (session.progress.losses.last(), session.progress.losses.len() > known) {
            let step = session.progress.step;
            self.events.write(FewShotEvent::Step { session: session.entity, step, loss: *loss });
        }
        if session.progress.steps != request.steps {
            session.progress.steps = request.steps;
        }
        let is_judged = work.held_out == 0 || work.keeper.judged_step() >= request.steps;
        if work.keeper.latest_step() < request.steps || !is_judged {
            return Ok(());
        }
        let result = self.install(session)?;
        let group = result.name.clone();
        self.commands.entity(session.entity).try_insert(result);
        self.events.write(FewShotEvent::Finished { session: session.entity, group });
        self.end(session, FewShotStatus::Finished);
        Ok(())
    }

    /// The error of numbers that are none, with the last branch that was one kept.
    fn diverged(&mut self, entity: Entity, session: &FewShotSession, work: &Work, step: usize) -> FewShotError {
        let (kept, _) = work.keeper.kept();
        let model = self.models.get(&work.model).map(|model| model.model.clone());
        if let Some(Ok(result)) = model.map(|model| make(&model, session, work)) {
            self.commands.entity(entity).try_insert(result);
        }
        FewShotError::Diverged { step, kept }
    }

    /// Puts the group in the model as it is by now: other sessions may have added theirs.
    fn install(&mut self, session: &SessionQueryItem) -> Result<FewShotResult, FewShotError> {
        let gone = || FewShotError::ModelFailed { path: "(gone)".into(), reason: "it was unloaded".into() };
        let work = session.work.as_ref().ok_or_else(gone)?;
        let model = self.models.get(&work.model).ok_or_else(gone)?.model.clone();
        check_name(&model, &session.session.name)?;
        let result = make(&model, session.session, work)?;
        let extended = model.with_group(result.entry(), result.branch.clone())?;
        if let Some(mut asset) = self.models.get_mut(&work.model) {
            asset.model = Arc::new(extended);
        }
        Ok(result)
    }
}

fn check_name(model: &Model, name: &str) -> Result<(), FewShotError> {
    let taken = model.manifest.groups.iter().any(|group| group.name == name);
    let error = || FewShotError::NameTaken { name: name.to_owned(), model: model.manifest.name.clone() };
    if taken { Err(error()) } else { Ok(()) }
}

/// The branch with the weights to keep.
fn make(model: &Model, session: &FewShotSession, work: &Work) -> Result<FewShotResult, FewShotError> {
    let base = &model.weights.branches[model.group_index(&session.base)?];
    let (step, weights) = work.keeper.kept();
    let mut branch = work.training.branch(base, weights);
    branch.file = format!("{}.safetensors", session.name);
    Ok(FewShotResult { name: session.name.clone(), step, branch })
}

/// Takes weights over, and shows the cartoon that comes with them, the right way round; `false` if they are none of a
/// network that works.
fn look(
    work: &mut Work,
    progress: &mut FewShotProgress,
    request: &TrainingRequest,
    images: &mut Assets<Image>,
    (step, taps): (usize, &[(String, Tensor)]),
) -> bool {
    let tap = |name: &str| taps.iter().find(|(n, _)| n == name).map(|(_, tensor)| tensor);
    let Some(weights) = tap("next.weights") else { return true };
    if !weights.data.iter().all(|w| w.abs() <= LARGEST_WEIGHT) {
        return false;
    }
    work.keeper.see(step, weights.data.clone(), work.held_out > 0);
    if let Some(cartoon) = tap("cartoon") {
        let picker = Picker { count: request.examples.len() - work.held_out, batch: request.batch };
        let example = picker.pick(step.saturating_sub(1)).first().copied().unwrap_or(0);
        // Mirrored ones come after those they are mirrored from.
        progress.preview_pair = example % work.pairs;
        let mirrored = (example >= work.pairs).then(|| features::mirror(cartoon));
        show(&mut progress.preview, mirrored.as_ref().unwrap_or(cartoon), images);
    }
    true
}

/// What the game wants changed while it runs. To finish early is to have fewer steps: the next that can still be told.
fn steer(control: FewShotControl, request: &mut Mut<TrainingRequest>, step: usize) {
    let paused = control == FewShotControl::Pause;
    if request.paused != paused {
        request.paused = paused;
    }
    if control == FewShotControl::Finish && request.steps > step + STEPS_AHEAD && request.tap_every == TAP_EVERY {
        request.steps = step + STEPS_AHEAD;
        // Not to be moved on again.
        request.tap_every = TAP_EVERY + 1;
    }
}

/// A cartoon as an image.
fn show(preview: &mut Handle<Image>, cartoon: &Tensor, images: &mut Assets<Image>) {
    let [.., height, width] = cartoon.dims[..] else { return };
    let pixels = height * width;
    let level = |c: usize, i: usize| {
        let value = cartoon.data.get(c * pixels + i).copied().unwrap_or(0.0);
        (127.5 * (value + 1.0)).round().clamp(0.0, 255.0) as u8
    };
    let data = (0..pixels).flat_map(|i| [level(0, i), level(1, i), level(2, i), 255]).collect();
    let plain = Image::default();
    let mut image = Image::new_target_texture(width as u32, height as u32, plain.texture_descriptor.format, None);
    image.texture_descriptor.usage |= plain.texture_descriptor.usage;
    image.asset_usage = RenderAssetUsages::default();
    image.data = Some(data);
    if let Some(mut shown) = images.get_mut(&*preview).filter(|_| *preview != Handle::default()) {
        *shown = image;
    } else {
        *preview = images.add(image);
    }
}
