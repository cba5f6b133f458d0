//! What becomes of files that change while the app runs. A change that cannot be used leaves the version before it in
//! place: the cartoon goes on, and [`CartoonWarning`] says what is wrong with the new one.

use bevy::asset::{AssetLoadFailedEvent, LoadState};
use bevy::prelude::*;
use thiserror::Error;

use super::asset::reason;
use super::{Cartoon, CartoonGroup, CartoonModel, DefaultCartoonModel};

/// Why a changed file is not in use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// A file of a model package was changed, and the package is no longer whole.
    #[error("the model `{path}` was changed and cannot be used, the version before it goes on: {reason}")]
    Model {
        /// The manifest's asset path.
        path: String,
        /// The loader's reason, which names file and tensor.
        reason: String,
    },
    /// A shader was changed and does not compile.
    #[error("the shader `{file}` was changed and cannot be used, the version before it goes on: line {line}: {reason}")]
    Shader {
        /// Path below `shaders/`.
        file: String,
        /// Line in that file.
        line: usize,
        /// The compiler's reason.
        reason: String,
    },
}

/// The cartoon is drawn, but not by the newest files: they cannot be used. Stands beside
/// [`CartoonStatus`](super::CartoonStatus), which goes on telling of the cartoon, until the files are mended.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct CartoonWarning(pub ReloadError);

/// What the GPU layer tells of shaders that change while the app runs (feature `hot_reload`).
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct ShaderReloads {
    /// Grows whenever changed shaders are taken into use; all cartoons are then drawn anew.
    pub revision: u64,
    /// Why the latest change is not in use, if it is not.
    pub fault: Option<ReloadError>,
}

/// Puts warnings on entities and takes them away.
pub(super) fn update_warnings(
    cartoons: Query<(Entity, &Cartoon, Option<&CartoonWarning>), With<CartoonGroup>>,
    default_model: Option<Res<DefaultCartoonModel>>,
    models: Res<Assets<CartoonModel>>,
    assets: Res<AssetServer>,
    shaders: Res<ShaderReloads>,
    mut commands: Commands,
) {
    for (entity, cartoon, warning) in &cartoons {
        let known = warning.map(|warning| &warning.0);
        let handle = cartoon.model.as_ref().or(default_model.as_ref().map(|model| &model.0));
        let fault =
            handle.filter(|handle| models.contains(*handle)).and_then(|handle| model_fault(handle, &assets, known));
        let fault = fault.or_else(|| shaders.fault.clone());
        match fault {
            Some(fault) if known != Some(&fault) => {
                commands.entity(entity).try_insert(CartoonWarning(fault));
            }
            None if known.is_some() => {
                commands.entity(entity).try_remove::<CartoonWarning>();
            }
            _ => {}
        }
    }
}

/// Why a model that is there is not the one on disk. While it loads again, that is not known, and what was `known` stays.
fn model_fault(
    handle: &Handle<CartoonModel>,
    assets: &AssetServer,
    known: Option<&ReloadError>,
) -> Option<ReloadError> {
    match assets.get_load_state(handle)? {
        LoadState::Failed(error) => {
            let path = handle.path().map_or_else(|| "(no path)".to_owned(), ToString::to_string);
            Some(ReloadError::Model { path, reason: reason(&error) })
        }
        LoadState::Loading => known.filter(|fault| matches!(fault, ReloadError::Model { .. })).cloned(),
        _ => None,
    }
}

/// Tells of changed models that cannot be used, however many entities have them.
pub(super) fn log_failed_reloads(
    mut failures: MessageReader<AssetLoadFailedEvent<CartoonModel>>,
    models: Res<Assets<CartoonModel>>,
) {
    let mut told: Option<ReloadError> = None;
    for failure in failures.read().filter(|failure| models.contains(failure.id)) {
        let error = ReloadError::Model { path: failure.path.to_string(), reason: reason(&failure.error) };
        // A file that is written in several goes is loaded several times.
        if told.as_ref() != Some(&error) {
            warn!("bevy_toonface: {error}");
            told = Some(error);
        }
    }
}
