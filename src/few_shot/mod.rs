//! New groups from a dozen examples, trained in the game while it runs (feature `few_shot`).
//!
//! A [`FewShotSession`] starts from a copy of a group's branch and trains it on pairs of photograph and cartoon, with the
//! trunk frozen: gradients, loss and optimiser are fragment passes like those that draw (see
//! [`plan::TrainingPlan`](crate::plan::TrainingPlan)). It takes what cartoons leave of each frame's
//! [`CartoonBudget`](crate::ecs::CartoonBudget). When it is through, the model has one group more.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_toonface::few_shot::{FewShotPair, FewShotSession};
//!
//! fn start(mut commands: Commands, assets: Res<AssetServer>) {
//!     let pair = |name: &str| FewShotPair {
//!         photo: assets.load(format!("robots/photo/{name}.png")),
//!         cartoon: assets.load(format!("robots/cartoon/{name}.png")),
//!     };
//!     commands.spawn(FewShotSession::new("woman", "robot", ["ada", "bob", "cleo"].map(pair)));
//! }
//! ```
//!
//! ```text
//! FewShotSession -> features of the examples, through ordinary cartoons with taps -> TrainingRequest -> steps
//!                -> FewShotResult, and a group in the CartoonModel
//! ```

mod components;
mod error;
mod features;
mod keeper;
mod result;
mod session;

use bevy::prelude::*;

pub use components::{FewShotControl, FewShotEvent, FewShotPair, FewShotProgress, FewShotSession, FewShotStatus};
pub use error::FewShotError;
pub use result::FewShotResult;

pub use crate::model::autodiff::{Scope, TrainingOptions};

/// Runs every [`FewShotSession`]. Part of [`ToonfacePlugin`](crate::ToonfacePlugin).
pub(crate) fn plugin(app: &mut App) {
    app.add_message::<FewShotEvent>()
        .add_systems(Update, session::run_sessions)
        .add_observer(features::clean_up)
        .add_observer(session::stop);
}
