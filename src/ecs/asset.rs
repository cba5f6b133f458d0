//! The model as an asset. Graph, weights and plan are checked when it loads, so every mistake surfaces there.

use std::path::Path;
use std::sync::Arc;

use bevy::asset::io::Reader;
use bevy::asset::{AssetLoader, AssetPath, LoadContext};
use bevy::prelude::*;
use thiserror::Error;

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

/// Loads [`CartoonModel`]s from `*.cartoon.ron` manifests and the weight files beside them.
#[derive(TypePath, Debug, Clone, Default)]
pub struct CartoonModelLoader {
    /// The device that models have to fit.
    pub limits: PlanLimits,
    /// Texture format of activations.
    pub format: TensorFormat,
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
        let trunk = read_tensors(load_context, &path, &manifest.trunk).await?;
        let mut branches = Vec::new();
        for group in &manifest.groups {
            branches.push(read_tensors(load_context, &path, &group.weights).await?);
        }
        let model = Model::new(manifest, trunk, branches)?;
        Plan::new(&model, PlanOptions { limits: self.limits, format: self.format, ..PlanOptions::default() })?;
        Ok(CartoonModel { model: Arc::new(model) })
    }

    fn extensions(&self) -> &[&str] {
        &["cartoon.ron"]
    }
}

/// Reads a weight file that lies beside the manifest, from the manifest's own asset source.
async fn read_tensors(
    load_context: &mut LoadContext<'_>,
    manifest: &AssetPath<'static>,
    file: &str,
) -> Result<TensorFile, ModelError> {
    let folder = manifest.path().parent().unwrap_or(Path::new(""));
    let path = AssetPath::from(folder.join(file)).with_source(manifest.source().clone_owned());
    let name = path.to_string();
    let bytes = load_context.read_asset_bytes(path).await.map_err(|e| ModelError::file(name.clone(), e))?;
    TensorFile::parse(&name, &bytes)
}
