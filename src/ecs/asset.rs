//! The model as an asset. Graph, weights and plan are checked when it loads, so every mistake surfaces there.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bevy::asset::io::Reader;
use bevy::asset::{AssetLoadError, AssetLoader, AssetPath, LoadContext};
use bevy::prelude::*;
use thiserror::Error;

use super::ModelFiles;
use crate::model::{Manifest, Model, ModelError, TensorFile};
use crate::plan::{Plan, PlanError, PlanOptions};

/// A model package. Load it from its manifest, `*.cartoon.ron`, or make one of a [`Model`] that is there.
#[derive(Asset, TypePath, Debug, Clone)]
pub struct CartoonModel {
    /// Graph and weights.
    pub model: Arc<Model>,
    first_plan: Arc<Mutex<Option<Planned>>>,
}

/// A plan of one model, and no other that takes its place.
#[derive(Debug)]
struct Planned {
    model: Arc<Model>,
    plan: Plan,
}

impl CartoonModel {
    /// A model that is there.
    pub fn new(model: impl Into<Arc<Model>>) -> Self {
        Self { model: model.into(), first_plan: Arc::default() }
    }

    /// The plan that the loader has made to see whether the model fits, if it is one for these options. There is none from
    /// then on: most models are planned once.
    pub(crate) fn take_plan(&self, options: &PlanOptions) -> Option<Plan> {
        let planned = self.first_plan.lock().unwrap_or_else(PoisonError::into_inner).take();
        planned.filter(|planned| Arc::ptr_eq(&planned.model, &self.model))?.plan.with_options(options)
    }
}

/// Why a model package did not load.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CartoonLoadError {
    /// A file is missing or wrong.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model does not fit this device.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// A load error in the loader's own words. Bevy's text has the loader's name in front and a backtrace behind.
pub(super) fn reason(error: &AssetLoadError) -> String {
    if let AssetLoadError::AssetLoaderError(error) = error
        && let Some(own) = error.error().downcast_ref::<CartoonLoadError>()
    {
        return own.to_string();
    }
    let text = error.to_string();
    text.split("\n ").next().unwrap_or(&text).trim_end().to_owned()
}

/// Loads [`CartoonModel`]s from `*.cartoon.ron` manifests and the weight files beside them.
#[derive(TypePath, Debug, Clone, Default)]
pub struct CartoonModelLoader {
    /// The device that models have to fit, formats, and memory, for one picture.
    pub options: PlanOptions,
    /// Where the files of packages are noted.
    pub files: ModelFiles,
}

impl AssetLoader for CartoonModelLoader {
    type Asset = CartoonModel;
    type Settings = ();
    type Error = CartoonLoadError;

    async fn load(
        &self,
        reader: &mut dyn Reader,
        _settings: &(),
        load_context: &mut LoadContext<'_>,
    ) -> Result<CartoonModel, CartoonLoadError> {
        let path = load_context.path().clone();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await.map_err(|e| ModelError::file(path.to_string(), e))?;
        let manifest = Manifest::parse(&path.to_string(), &bytes)?;
        let trunk = beside(&path, &manifest.trunk);
        let groups: Vec<_> = manifest.groups.iter().map(|group| beside(&path, &group.weights)).collect();
        // What is missing or broken may be mended later.
        self.files.set(&path, groups.iter().chain([&trunk]).cloned().collect());
        let trunk = read_tensors(load_context, trunk).await?;
        let mut branches = Vec::with_capacity(groups.len());
        for group in groups {
            branches.push(read_tensors(load_context, group).await?);
        }
        let model = Arc::new(Model::new(manifest, trunk, branches)?);
        let plan = Plan::new(&model, self.options.clone())?;
        let planned = Planned { model: model.clone(), plan };
        Ok(CartoonModel { model, first_plan: Arc::new(Mutex::new(Some(planned))) })
    }

    fn extensions(&self) -> &[&str] {
        &["cartoon.ron"]
    }
}

/// The path of a file that lies beside the manifest, in the manifest's own asset source.
fn beside(manifest: &AssetPath<'static>, file: &str) -> AssetPath<'static> {
    let folder = manifest.path().parent().unwrap_or(Path::new(""));
    AssetPath::from(folder.join(file)).with_source(manifest.source().clone_owned())
}

async fn read_tensors(load_context: &mut LoadContext<'_>, path: AssetPath<'static>) -> Result<TensorFile, ModelError> {
    let name = path.to_string();
    let bytes = load_context.read_asset_bytes(path).await.map_err(|e| ModelError::file(name.clone(), e))?;
    TensorFile::parse(&name, &bytes)
}

#[cfg(test)]
mod tests {
    use super::{Arc, CartoonModel, Model, Mutex, Plan, PlanOptions, Planned};

    fn loaded(options: &PlanOptions) -> CartoonModel {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/toon/toon.cartoon.ron");
        let model = Arc::new(Model::load(path.as_ref()).expect("the bundled model"));
        let plan = Plan::new(&model, options.clone()).expect("a plan");
        let first_plan = Arc::new(Mutex::new(Some(Planned { model: model.clone(), plan })));
        CartoonModel { model, first_plan }
    }

    #[test]
    fn the_loaders_plan_is_taken_once() {
        let asked = PlanOptions::default();
        let model = loaded(&asked);
        let plan = model.clone().take_plan(&asked).expect("the loader's");
        assert_eq!(plan, Plan::new(&model.model, asked.clone()).expect("a plan"));
        assert_eq!(model.take_plan(&asked), None);
    }

    #[test]
    fn the_loaders_plan_is_for_its_model_and_its_options() {
        let asked = PlanOptions::default();
        let mut changed = loaded(&asked);
        changed.model = Arc::new(Model::clone(&changed.model));
        assert_eq!(changed.take_plan(&asked), None);
        let bytes = Plan::new(&changed.model, asked.clone()).expect("a plan").bytes();
        for (options, serves) in [
            (PlanOptions { batch: 2, ..asked.clone() }, false),
            (PlanOptions { half_weights: true, ..asked.clone() }, false),
            (PlanOptions { max_bytes: bytes - 1, ..asked.clone() }, false),
            (PlanOptions { max_bytes: bytes, ..asked.clone() }, true),
        ] {
            let plan = loaded(&asked).take_plan(&options);
            assert_eq!(plan.map(|plan| plan.options), serves.then_some(options));
        }
    }
}
