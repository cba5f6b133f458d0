//! Draws people as cartoons, live, in a Bevy game.
//!
//! A multi-branch GAN (N. Zhuang, C. Yang, "Few-shot Knowledge Transfer for Fine-grained Cartoon Face Generation",
//! arXiv 2007.13332) runs as **fragment-shader** passes over float render targets (R32F, unless another [`TensorFormat`]
//! is asked for) inside Bevy's render graph. No compute shader is involved, so it works wherever Bevy draws, WebGL2
//! included. Tensors are textures: a fragment computes a block of neighbouring pixels and writes each to a colour
//! attachment of its own ([`plan::Arrangement`]).
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_toonface::prelude::*;
//!
//! App::new()
//!     .add_plugins((DefaultPlugins, ToonfacePlugin::default()))
//!     .add_systems(Startup, |mut commands: Commands, assets: Res<AssetServer>| {
//!         commands.spawn((CartoonSource::Image(assets.load("ada.png")), CartoonGroup::new("woman")));
//!     })
//!     .run();
//! ```
//!
//! | layer | what lives there |
//! |---|---|
//! | [`model`] | graph of ops, the generators, packages of weights; no Bevy |
//! | [`plan`] | graph to passes, texture slots, packed weights; no GPU |
//! | [`ecs`] | components, asset loader, status |
//! | [`gpu`] | pipelines, recording, readback |
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `bundled_model` | yes | the model `toon` (woman, man, kid, elderly) inside the program, 2.2 MiB |
//! | `sprite` | yes | a `CartoonGroup` on a `Sprite` entity turns its picture into the cartoon |
//! | `debug_ui` | no | a panel for developers: [`debug_ui::CartoonPanelPlugin`] |
//! | `video` | no | moving pictures from files or sources of your own as pictures of entities |
//! | `webcam` | no | the same from a camera; building it needs libclang on Linux |

#[cfg(feature = "debug_ui")]
pub mod debug_ui;
pub mod ecs;
pub mod gpu;
pub mod model;
pub mod plan;
pub mod prelude;
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
pub mod video;
#[cfg(all(feature = "webcam", not(target_arch = "wasm32")))]
pub mod webcam;

#[cfg(feature = "bundled_model")]
mod bundled;

use bevy::prelude::*;

use ecs::{CartoonModelLoader, CartoonPlugin, CartoonSettings};
use gpu::CartoonRenderPlugin;
use plan::TensorFormat;

/// Draws the pictures of entities with a [`CartoonGroup`](ecs::CartoonGroup) as cartoons. Add it after Bevy's
/// `DefaultPlugins`.
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
    /// [`CartoonError::OutOfMemory`](ecs::CartoonError::OutOfMemory).
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
        bundled::embed(app);
        let Self { max_planes, format, half_weights, max_batch, max_memory, .. } = *self;
        let settings = CartoonSettings { model: self.model.clone(), device_fault: None };
        app.add_plugins((
            CartoonPlugin { settings },
            CartoonRenderPlugin { max_planes, format, half_weights, max_batch, max_memory },
        ));
        #[cfg(all(feature = "video", not(target_arch = "wasm32")))]
        app.add_plugins(video::plugin);
        // Models that start loading now wait for the loader, which has to know the device.
        app.preregister_asset_loader::<CartoonModelLoader>(&["cartoon.ron"]);
    }

    fn finish(&self, app: &mut App) {
        let gpu::DeviceSupport { limits, fault } = gpu::device_support(app, self.max_planes);
        ecs::adopt_device(app, limits, fault, self.format, self.max_memory);
    }
}

/// Compiles the README's code.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
