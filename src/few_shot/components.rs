//! What a game touches.

use std::fmt;

use bevy::prelude::*;

use super::{FewShotError, TrainingOptions};
use crate::ecs::CartoonModel;

/// Trains a new group. Despawn the entity, or remove this component, to give up.
#[derive(Component, Debug, Clone)]
#[require(FewShotStatus, FewShotProgress)]
pub struct FewShotSession {
    /// The model that gets the group. Default: `None`, the plugin's model.
    pub model: Option<Handle<CartoonModel>>,
    /// The group whose branch is copied: the one that looks most like the new one.
    pub base: String,
    /// Name of the new group: letters, digits, `-` and `_`, since its file is named after it.
    pub name: String,
    /// At least two beside those that are held out; ten to fifteen are a good number. The two pictures of a pair show the
    /// same face at the same place and have the same size.
    pub pairs: Vec<FewShotPair>,
    /// Scope, steps, step size and loss.
    pub options: TrainingOptions,
    /// Whether each pair is learned from as it is and as in a mirror: twice the examples, for a second look at the
    /// pictures before it starts and twice the memory that they take. Default `true`; not for drawings with letters or a
    /// beauty spot.
    pub mirror: bool,
    /// Pairs, the last ones, that are not learned from. Their loss is measured before the first step, after it, after every
    /// 25th and after the last one; the group becomes what had the least. Default 0: the group becomes what the last
    /// step makes of it.
    pub holdout: usize,
    /// Stops early, when the loss of the pairs that are held out has not been lower for so many steps. Default `None`:
    /// never.
    pub patience: Option<usize>,
    /// Examples in a step. Default 4; more than there are count as all.
    pub batch: usize,
    /// Run (the default), stand still, stop early, or give up. Change it whenever you like.
    pub control: FewShotControl,
}

impl FewShotSession {
    /// A session with default options.
    pub fn new(base: impl Into<String>, name: impl Into<String>, pairs: impl IntoIterator<Item = FewShotPair>) -> Self {
        Self {
            model: None,
            base: base.into(),
            name: name.into(),
            pairs: pairs.into_iter().collect(),
            options: TrainingOptions::default(),
            mirror: true,
            holdout: 0,
            patience: None,
            batch: 4,
            control: FewShotControl::Run,
        }
    }
}

/// An example: a photograph, and the cartoon that it should become.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FewShotPair {
    /// The photograph. Transparent parts count as white; what is not square is padded.
    pub photo: Handle<Image>,
    /// The cartoon.
    pub cartoon: Handle<Image>,
}

/// What a session is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FewShotControl {
    /// Go on.
    #[default]
    Run,
    /// Stand still, until it is told to run.
    Pause,
    /// Stop here, and make the group of what has been learned.
    Finish,
    /// Give up. Everything is as it was.
    Cancel,
}

/// What a session is doing.
#[derive(Component, Debug, Clone, Default, PartialEq)]
pub enum FewShotStatus {
    /// The model or pictures are loading.
    #[default]
    Loading,
    /// What the frozen part of the network makes of the examples is being computed.
    Preparing,
    /// Steps are being trained.
    Training,
    /// It stands still.
    Paused,
    /// The group is in the model, and in [`FewShotResult`](super::FewShotResult).
    Finished,
    /// It was given up.
    Cancelled,
    /// No group, and why. The model is as it was.
    Failed(FewShotError),
}

impl FewShotStatus {
    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Finished | Self::Cancelled | Self::Failed(_))
    }

    /// The error, if there is one.
    pub fn error(&self) -> Option<&FewShotError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for FewShotStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loading => write!(f, "loading"),
            Self::Preparing => write!(f, "preparing the examples"),
            Self::Training => write!(f, "training"),
            Self::Paused => write!(f, "paused"),
            Self::Finished => write!(f, "finished"),
            Self::Cancelled => write!(f, "cancelled"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

/// How far a session has come.
#[derive(Component, Debug, Clone, Default, PartialEq)]
pub struct FewShotProgress {
    /// Steps that are through.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// The loss of each step's pairs: L1 of the values in -1..1, where lines count more, plus that of the edges.
    pub losses: Vec<f32>,
    /// The loss of the pairs that are held out, on average, by the weights after a step; before the first one it is that of
    /// the group it began with. Empty, if none are.
    pub held_out: Vec<(usize, f32)>,
    /// The cartoon of one of the pairs as it was a few steps ago, `S` x `S` pixels; brought up to date every 25 steps.
    /// The default handle until there is one.
    pub preview: Handle<Image>,
    /// Which pair that is.
    pub preview_pair: usize,
}

/// News of a session.
#[derive(Message, Debug, Clone, PartialEq)]
pub enum FewShotEvent {
    /// Steps are through.
    Step {
        /// The session.
        session: Entity,
        /// How many so far.
        step: usize,
        /// The loss of the latest one.
        loss: f32,
    },
    /// The group is there.
    Finished {
        /// The session.
        session: Entity,
        /// The group's name.
        group: String,
    },
    /// There will be no group.
    Failed {
        /// The session.
        session: Entity,
        /// Why.
        error: FewShotError,
    },
}
