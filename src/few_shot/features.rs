//! What the frozen part of the network makes of the examples, read back once: cartoons that nobody looks at, with taps.

use std::collections::BTreeMap;

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

/// The entities whose cartoons are tapped.
#[derive(Component, Debug, Clone)]
pub(super) struct Features {
    /// The model with the nodes that are tapped as outputs.
    model: Handle<CartoonModel>,
    group: String,
    /// Names of the nodes, `input` first.
    taps: Vec<String>,
    photos: Vec<Entity>,
    /// None once the cartoons are known.
    cartoons: Vec<Entity>,
    /// What there is already, when mirrored photographs are tapped.
    known: Examples,
}

/// Whoever had features has no need of the helpers any more.
pub(super) fn clean_up(removed: On<Remove, Features>, features: Query<&Features>, mut commands: Commands) {
    let Ok(features) = features.get(removed.entity) else { return };
    features.despawn(&mut commands);
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
    let taps: Vec<String> = training.features().cloned().collect();
    let graph = model.graph.with_outputs(taps.iter().filter(|name| *name != INPUT).map(String::as_str))?;
    let tapped = Model { graph, ..model.clone() };
    let model = models.add(CartoonModel::new(tapped));
    let (photos, cartoons, known) = <(Vec<_>, Vec<_>, Examples)>::default();
    let mut features = Features { model, group: group.to_owned(), taps, photos, cartoons, known };
    for FewShotPair { photo, cartoon } in pairs {
        let [photo, cartoon] = [photo, cartoon].map(|image| CartoonSource::Image(image.clone()));
        features.photos.push(features.helper(photo, &features.taps, commands));
        features.cartoons.push(features.helper(cartoon, &[INPUT.to_owned()], commands));
    }
    Ok(features)
}

/// Tensors by name, for each example.
pub(super) type Examples = Vec<BTreeMap<String, Tensor>>;

type Helpers<'w, 's> = Query<'w, 's, (&'static CartoonStatus, Option<&'static CartoonTensors>)>;

impl Features {
    fn helper(&self, source: CartoonSource, taps: &[String], commands: &mut Commands) -> Entity {
        let cartoon = Cartoon { model: Some(self.model.clone()), update: UpdateRate::Once, ..default() };
        let taps = CartoonTaps { names: taps.to_vec() };
        commands.spawn((source, cartoon, taps, CartoonGroup::new(&self.group))).id()
    }

    fn despawn(&self, commands: &mut Commands) {
        for helper in self.photos.iter().chain(&self.cartoons) {
            commands.entity(*helper).try_despawn();
        }
    }

    /// Whether mirrored photographs are still to be tapped.
    pub(super) fn are_plain(&self) -> bool {
        self.known.is_empty()
    }

    /// The first `count` examples as in a mirror. What the network makes of mirrored photographs is not the mirror image
    /// of what it makes of them, so it has to be tapped, too.
    pub(super) fn mirrored(&self, known: Examples, count: usize, commands: &mut Commands) -> Self {
        self.despawn(commands);
        let mirrored = Self { photos: Vec::new(), cartoons: Vec::new(), known, ..self.clone() };
        let photos = mirrored.known.iter().take(count).map(|example| {
            let source =
                example.get(INPUT).map_or(CartoonSource::None, |photo| CartoonSource::Tensor(mirror(photo).into()));
            mirrored.helper(source, &mirrored.taps, commands)
        });
        let photos = photos.collect();
        Self { photos, ..mirrored }
    }

    /// The tensors of all examples, once they have been read back: mirrored ones after those they are mirrored from.
    ///
    /// # Errors
    /// The error of the first helper that has one, or of the first with a tensor that is not finite.
    pub(super) fn collect(&self, helpers: &Helpers) -> Result<Option<Examples>, FewShotError> {
        let mut examples = self.known.clone();
        for (pair, photo) in self.photos.iter().enumerate() {
            let Some(tensors) = read(helpers, *photo, pair)? else { return Ok(None) };
            let mut example: BTreeMap<_, _> = tensors.iter().cloned().collect();
            let target = match self.cartoons.get(pair) {
                Some(cartoon) => {
                    let Some(tensors) = read(helpers, *cartoon, pair)? else { return Ok(None) };
                    tensors.iter().find(|(name, _)| name == INPUT).map(|(_, tensor)| tensor.clone())
                }
                None => self.known[pair].get(TARGET).map(mirror),
            };
            example.extend(target.map(|target| (TARGET.to_owned(), target)));
            examples.push(example);
        }
        Ok(Some(examples))
    }
}

/// What a helper has read back.
fn read<'a>(helpers: &'a Helpers, helper: Entity, pair: usize) -> Result<Option<&'a [(String, Tensor)]>, FewShotError> {
    let Ok((status, tensors)) = helpers.get(helper) else { return Ok(None) };
    if let Some(error) = status.error() {
        return Err(FewShotError::Picture { pair, error: error.clone() });
    }
    let Some(CartoonTensors(tensors)) = tensors else { return Ok(None) };
    let spoiled = |(_, tensor): &&(String, Tensor)| !tensor.data.iter().all(|value| value.is_finite());
    match tensors.iter().find(spoiled) {
        Some((name, _)) => Err(FewShotError::NotFinite { pair, layer: name.clone() }),
        None => Ok(Some(tensors)),
    }
}

/// `[.., W]` with left and right swapped.
pub(super) fn mirror(tensor: &Tensor) -> Tensor {
    let mut mirrored = tensor.clone();
    let width = tensor.dims.last().copied().unwrap_or(1).max(1);
    mirrored.data.chunks_exact_mut(width).for_each(<[f32]>::reverse);
    mirrored
}
