//! Settings, the session that they start, and the portraits that its group draws.

use std::path::Path;

use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonModel, DefaultCartoonModel};
use bevy_toonface::few_shot::{FewShotProgress, Scope, TrainingOptions};
use bevy_toonface::model::Model;
use bevy_toonface::prelude::*;

use crate::args::Args;
use crate::inbox::Inbox;

/// Portraits to try the new group on.
pub const PORTRAITS: [&str; 4] =
    ["portraits/woman_2.jpg", "portraits/man_1.jpg", "portraits/kid_1.jpg", "portraits/elderly_1.jpg"];

/// Training may take this of a frame at first: nobody plays beside it.
const MILLISECONDS: f32 = 25.0;

/// What can be touched at any time; a session takes it as it is when it begins.
#[derive(Debug, Clone)]
pub struct Settings {
    pub base: String,
    pub name: String,
    pub scope: Scope,
    pub steps: usize,
    pub learning_rate: f32,
    pub batch: usize,
    pub mirror: bool,
    /// Pairs that are not trained on; two at least are.
    pub holdout: usize,
    pub patience: Option<usize>,
    /// GPU time that training may take of a frame; `None` leaves the budget alone.
    pub milliseconds: Option<f32>,
    /// Folder of the package that the group is saved in.
    pub folder: String,
}

impl Settings {
    pub fn new(args: &Args) -> Self {
        Self {
            base: args.from.clone().unwrap_or_default(),
            name: args.name.clone().unwrap_or_else(|| "robot".into()),
            scope: args.scope.into(),
            steps: args.steps,
            learning_rate: args.learning_rate,
            batch: args.batch,
            mirror: !args.no_mirror,
            holdout: args.holdout,
            patience: args.patience,
            milliseconds: args.shot.is_none().then_some(MILLISECONDS),
            folder: "my_cartoons".into(),
        }
    }

    /// How many of so many pairs are held out.
    pub fn holdout_of(&self, pairs: usize) -> usize {
        self.holdout.min(pairs.saturating_sub(2))
    }
}

/// What a button does.
#[derive(Message, Debug, Clone, PartialEq)]
pub enum Action {
    Train,
    Control(FewShotControl),
    /// Takes a pair out.
    Remove(usize),
    Clear,
    Portrait(usize),
    Save,
}

/// All that the panel shows and changes.
#[derive(Resource)]
pub struct Studio {
    pub settings: Settings,
    pub session: Option<Entity>,
    /// The group that has been learned, and the one that it began as.
    pub learned: Option<[String; 2]>,
    /// How long the session has trained.
    pub seconds: f32,
    pub portraits: Vec<Handle<Image>>,
    /// Index of the one that is drawn.
    pub portrait: usize,
    /// Where the group was saved, or why it was not.
    pub saved: Option<Result<String, String>>,
}

impl Studio {
    pub fn new(settings: Settings, portraits: Vec<Handle<Image>>) -> Self {
        Self { settings, session: None, learned: None, seconds: 0.0, portraits, portrait: 0, saved: None }
    }
}

/// A portrait that is drawn by the group to start from, or by the new one.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Easel {
    Before,
    After,
}

pub fn plugin(app: &mut App) {
    app.add_message::<Action>().add_systems(Update, (choose_base, act, follow, dress, pace).chain());
}

/// The model's first group is as good as any.
fn choose_base(
    mut studio: ResMut<Studio>,
    models: Res<Assets<CartoonModel>>,
    default_model: Option<Res<DefaultCartoonModel>>,
) {
    let model = default_model.and_then(|handle| models.get(&handle.0).map(|model| model.model.clone()));
    let first = model.and_then(|model| model.manifest.groups.first().map(|group| group.name.clone()));
    if let (true, Some(first)) = (studio.settings.base.is_empty(), first) {
        studio.settings.base = first;
    }
}

#[expect(clippy::too_many_arguments, reason = "all that buttons touch")]
fn act(
    mut actions: MessageReader<Action>,
    mut studio: ResMut<Studio>,
    mut inbox: ResMut<Inbox>,
    mut sessions: Query<&mut FewShotSession>,
    results: Query<&FewShotResult>,
    models: Res<Assets<CartoonModel>>,
    default_model: Option<Res<DefaultCartoonModel>>,
    mut commands: Commands,
) {
    for action in actions.read() {
        match action {
            Action::Train => {
                if let Some(old) = studio.session.take() {
                    commands.entity(old).try_despawn();
                }
                let session = session(&studio.settings, &inbox);
                studio.session = Some(commands.spawn(session).id());
                (studio.seconds, studio.saved) = (0.0, None);
            }
            Action::Control(control) => {
                if let Some(mut session) = studio.session.and_then(|session| sessions.get_mut(session).ok()) {
                    session.control = *control;
                }
            }
            Action::Remove(slot) if *slot < inbox.slots.len() => {
                inbox.slots.remove(*slot);
            }
            Action::Remove(_) => {}
            Action::Clear => *inbox = Inbox::default(),
            Action::Portrait(portrait) => studio.portrait = *portrait,
            Action::Save => {
                let result = studio.session.and_then(|session| results.get(session).ok());
                let model = default_model.as_ref().and_then(|handle| models.get(&handle.0));
                if let (Some(result), Some(model)) = (result, model) {
                    studio.saved = Some(save(&studio.settings.folder, &model.model, result));
                }
            }
        }
    }
}

fn session(settings: &Settings, inbox: &Inbox) -> FewShotSession {
    let Settings { scope, steps, learning_rate, batch, mirror, patience, .. } = *settings;
    let pairs = inbox.pairs();
    FewShotSession {
        options: TrainingOptions { scope, steps, learning_rate, ..default() },
        batch,
        mirror,
        holdout: settings.holdout_of(pairs.len()),
        patience,
        ..FewShotSession::new(&settings.base, &settings.name, pairs)
    }
}

/// One file and one line more in the package of a folder; all of the model where there is none yet.
fn save(folder: &str, model: &Model, result: &FewShotResult) -> Result<String, String> {
    let manifest = Path::new(folder).join(format!("{}.cartoon.ron", model.manifest.name));
    if manifest.exists() {
        result.save(&manifest).map_err(|e| e.to_string())?;
    } else {
        std::fs::create_dir_all(folder).map_err(|e| format!("cannot make the folder `{folder}`: {e}"))?;
        model.save(Path::new(folder)).map_err(|e| e.to_string())?;
    }
    Ok(manifest.display().to_string())
}

/// Counts the time, and takes note of the new group.
fn follow(
    mut studio: ResMut<Studio>,
    sessions: Query<(&FewShotSession, &FewShotStatus, &FewShotProgress)>,
    time: Res<Time<Real>>,
) {
    let Some((session, status, progress)) = studio.session.and_then(|session| sessions.get(session).ok()) else {
        return;
    };
    match status {
        FewShotStatus::Training if progress.step < progress.steps => studio.seconds += time.delta_secs(),
        FewShotStatus::Finished => {
            let learned = [session.name.clone(), session.base.clone()];
            if studio.learned.as_ref() != Some(&learned) {
                if studio.settings.name == session.name {
                    studio.settings.name = next_name(&session.name);
                }
                studio.learned = Some(learned);
            }
        }
        _ => {}
    }
}

/// `robot` is taken: `robot2` may not be.
fn next_name(name: &str) -> String {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[stem.len()..].parse().unwrap_or(1u32);
    format!("{stem}{}", number.saturating_add(1))
}

/// The portrait by both groups, as soon as there are any.
fn dress(
    studio: Res<Studio>,
    mut easels: Query<(&Easel, &mut CartoonGroup, &mut CartoonSource)>,
    mut commands: Commands,
) {
    let Studio { settings, learned, portraits, portrait, .. } = &*studio;
    let base = learned.as_ref().map_or(&settings.base, |[_, base]| base);
    let groups = [
        (Easel::Before, Some(base).filter(|base| !base.is_empty())),
        (Easel::After, learned.as_ref().map(|[name, _]| name)),
    ];
    let Some(picture) = portraits.get(*portrait) else { return };
    let source = CartoonSource::Image(picture.clone());
    for (easel, group) in groups {
        let Some(group) = group.map(CartoonGroup::new) else { continue };
        match easels.iter_mut().find(|(other, ..)| **other == easel) {
            Some((_, mut shown, mut picture)) => {
                shown.set_if_neq(group);
                picture.set_if_neq(source.clone());
            }
            None => {
                commands.spawn((easel, group, source.clone()));
            }
        }
    }
}

/// The budget is what the slider says.
fn pace(studio: Res<Studio>, mut budget: ResMut<CartoonBudget>) {
    if studio.settings.milliseconds.is_some() && budget.milliseconds != studio.settings.milliseconds {
        budget.milliseconds = studio.settings.milliseconds;
    }
}
