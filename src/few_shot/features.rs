//! What the frozen part of the network makes of the examples, read back once: cartoons that nobody looks at, with taps.

use std::collections::BTreeMap;
use std::sync::Arc;

use bevy::asset::LoadState;
use bevy::prelude::*;

use super::{FewShotError, FewShotPair};
use crate::ecs::{
    Cartoon, CartoonError, CartoonGroup, CartoonModel, CartoonSource, CartoonStatus, CartoonTaps, CartoonTensors,
    UpdateRate,
};
use crate::model::autodiff::{TARGET, Training};
use crate::model::{Model, ModelError, Tensor};

/// The name of the picture among the tensors that are read back.
const INPUT: &str = "input";

/// The entities whose cartoons are tapped, in the order of the pairs: photographs, then cartoons.
#[derive(Component, Debug, Clone)]
pub(super) struct Features {
    photos: Vec<Entity>,
    cartoons: Vec<Entity>,
}

/// Whoever had features has no need of the helpers any more.
pub(super) fn clean_up(removed: On<Remove, Features>, features: Query<&Features>, mut commands: Commands) {
    let Ok(features) = features.get(removed.entity) else { return };
    for helper in features.photos.iter().chain(&features.cartoons) {
        commands.entity(*helper).try_despawn();
    }
}

/// Whether all pictures are there.
///
/// # Errors
/// For a picture that cannot be loaded, or two of a pair that differ in size.
pub(super) fn are_loaded(
    pairs: &[FewShotPair],
    images: &Assets<Image>,
    assets: &AssetServer,
) -> Result<bool, FewShotError> {
    let mut all = true;
    for (pair, FewShotPair { photo, cartoon }) in pairs.iter().enumerate() {
        let mut sizes = Vec::new();
        for handle in [photo, cartoon] {
            if let Some(image) = images.get(handle) {
                sizes.push([image.width(), image.height()]);
            } else if let Some(LoadState::Failed(error)) = assets.get_load_state(handle) {
                let path = handle.path().map_or_else(|| "(no path)".to_owned(), ToString::to_string);
                let error = CartoonError::PictureFailed { path, reason: error.to_string() };
                return Err(FewShotError::Picture { pair, error });
            }
        }
        match sizes[..] {
            [photo, cartoon] if photo != cartoon => return Err(FewShotError::Sizes { pair, photo, cartoon }),
            [_, _] => {}
            _ => all = false,
        }
    }
    Ok(all)
}

/// Spawns the helpers.
///
/// # Errors
/// [`ModelError`] if the model lacks a node that has to be tapped.
pub(super) fn spawn(
    training: &Training,
    model: &Model,
    group: &str,
    pairs: &[FewShotPair],
    models: &mut Assets<CartoonModel>,
    commands: &mut Commands,
) -> Result<Features, ModelError> {
    let taps: Vec<String> = training.examples.iter().filter(|name| *name != TARGET).cloned().collect();
    let graph = model.graph.with_outputs(taps.iter().filter(|name| *name != INPUT).map(String::as_str))?;
    let tapped = Model { graph, ..model.clone() };
    let handle = models.add(CartoonModel { model: Arc::new(tapped) });
    let mut helper = |picture: &Handle<Image>, names: Vec<String>| {
        let cartoon = Cartoon { model: Some(handle.clone()), update: UpdateRate::Once, ..default() };
        let source = CartoonSource::Image(picture.clone());
        commands.spawn((source, cartoon, CartoonTaps { names }, CartoonGroup::new(group))).id()
    };
    let photos = pairs.iter().map(|pair| helper(&pair.photo, taps.clone())).collect();
    let cartoons = pairs.iter().map(|pair| helper(&pair.cartoon, vec![INPUT.to_owned()])).collect();
    Ok(Features { photos, cartoons })
}

/// Tensors by name, for each example.
pub(super) type Examples = Vec<BTreeMap<String, Tensor>>;

/// The tensors of all examples, once they have been read back.
///
/// # Errors
/// The error of the first helper that has one, or of the first with a tensor that is not finite.
pub(super) fn collect(
    features: &Features,
    helpers: &Query<(&CartoonStatus, Option<&CartoonTensors>)>,
) -> Result<Option<Examples>, FewShotError> {
    let mut examples = Vec::new();
    for (pair, (photo, cartoon)) in features.photos.iter().zip(&features.cartoons).enumerate() {
        let mut example = BTreeMap::new();
        for (entity, is_target) in [(photo, false), (cartoon, true)] {
            let Ok((status, tensors)) = helpers.get(*entity) else { return Ok(None) };
            if let Some(error) = status.error() {
                return Err(FewShotError::Picture { pair, error: error.clone() });
            }
            let Some(CartoonTensors(tensors)) = tensors else { return Ok(None) };
            let spoiled = |(_, tensor): &&(String, Tensor)| !tensor.data.iter().all(|value| value.is_finite());
            if let Some((name, _)) = tensors.iter().find(spoiled) {
                return Err(FewShotError::NotFinite { pair, layer: name.clone() });
            }
            if is_target {
                let input = tensors.iter().find(|(name, _)| name == INPUT);
                example.extend(input.map(|(_, tensor)| (TARGET.to_owned(), tensor.clone())));
            } else {
                example.extend(tensors.iter().cloned());
            }
        }
        examples.push(example);
    }
    Ok(Some(examples))
}
