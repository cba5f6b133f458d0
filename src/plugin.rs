//! The plugin: both halves, and what the features add.

use bevy::prelude::*;

use crate::ecs::{self, CartoonModelLoader, CartoonPlugin, CartoonSettings};
use crate::gpu::{self, CartoonRenderPlugin};
use crate::plan::{PlanOptions, TensorFormat};

/// Draws entities with a [`CartoonGroup`](crate::ecs::CartoonGroup) as cartoons. Add it after Bevy's `DefaultPlugins`.
#[derive(Debug, Clone)]
pub struct ToonfacePlugin {
    /// Asset path of the model for cartoons that name none. Default: [`ToonfacePlugin::BUNDLED_MODEL`].
    pub model: String,
    /// Most pictures in one chain of passes. Range: 1 to 64, default 8. More of them: more memory, fewer passes.
    pub max_batch: usize,
    /// Planes a tensor is spread over at most: 4 or 8. Default 8; devices with fewer colour attachments get 4.
    pub max_planes: usize,
    /// Texture format of activations. Default [`TensorFormat::R32Float`]; the README says which is best where.
    pub format: TensorFormat,
    /// Whether weights are stored in halves on the device: half the memory, 11 significant bits. Default false.
    pub half_weights: bool,
    /// Most bytes of textures that all models together may take on the device. Default: 1 GiB; `None`: no limit. Where it
    /// is short, batches get smaller; a model that does not fit with one picture ends in
    /// [`CartoonError::OutOfMemory`](crate::ecs::CartoonError::OutOfMemory).
    pub max_memory: Option<usize>,
}

impl ToonfacePlugin {
    /// Asset path of the model that comes with the crate (feature `bundled_model`).
    pub const BUNDLED_MODEL: &'static str = "embedded://bevy_toonface/models/toon/toon.cartoon.ron";
}

impl Default for ToonfacePlugin {
    fn default() -> Self {
        Self {
            model: Self::BUNDLED_MODEL.into(),
            max_batch: 8,
            max_planes: 8,
            format: TensorFormat::default(),
            half_weights: false,
            max_memory: Some(1 << 30),
        }
    }
}

impl Plugin for ToonfacePlugin {
    fn build(&self, app: &mut App) {
        #[cfg(feature = "bundled_model")]
        crate::bundled::embed(app);
        let Self { max_planes, format, half_weights, max_batch, max_memory, .. } = *self;
        let settings = CartoonSettings { model: self.model.clone(), device_fault: None };
        app.add_plugins((
            CartoonPlugin { settings },
            CartoonRenderPlugin { max_planes, format, half_weights, max_batch, max_memory },
        ));
        #[cfg(feature = "few_shot")]
        app.add_plugins(crate::few_shot::plugin);
        #[cfg(all(feature = "video", not(target_arch = "wasm32")))]
        app.add_plugins(crate::video::plugin);
        // Models that start loading now wait for the loader, which has to know the device.
        app.preregister_asset_loader::<CartoonModelLoader>(&["cartoon.ron"]);
    }

    fn finish(&self, app: &mut App) {
        let gpu::DeviceSupport { limits, fault } = gpu::device_support(app, self.max_planes);
        let Self { format, half_weights, max_memory, .. } = *self;
        let max_bytes = max_memory.unwrap_or(usize::MAX);
        ecs::adopt_device(app, PlanOptions { limits, format, half_weights, max_bytes, ..default() }, fault);
    }
}
