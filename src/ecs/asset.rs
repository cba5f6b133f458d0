//! The model as an asset. Graph, weights and plan are checked when it loads, so every mistake surfaces there.

use std::path::Path;
use std::sync::Arc;

use bevy::asset::io::Reader;
use bevy::asset::{AssetLoadError, AssetLoader, AssetPath, LoadContext};
use bevy::prelude::*;
use thiserror::Error;

use super::ModelFiles;
use crate::model::{Manifest, Model, ModelError, TensorFile};
use crate::plan::{Plan, PlanError, PlanLimits, PlanOptions, TensorFormat};

/// A loaded model package. Load it from its manifest, `*.cartoon.ron`.
#[derive(Asset, TypePath, Debug, Clone)]
pub struct CartoonModel {
    /// Graph and weights.
    pub model: Arc<Model>,
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
    /// The device that models have to fit.
    pub limits: PlanLimits,
    /// Texture format of activations.
    pub format: TensorFormat,
    /// Most bytes of textures that a model may take for one picture. `None`: no limit.
    pub max_memory: Option<usize>,
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
        let model = Model::new(manifest, trunk, branches)?;
        let max_bytes = self.max_memory.unwrap_or(usize::MAX);
        Plan::new(
            &model,
            PlanOptions { limits: self.limits, format: self.format, max_bytes, ..PlanOptions::default() },
        )?;
        Ok(CartoonModel { model: Arc::new(model) })
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
