//! What a game touches: components, the asset loader, the states a cartoon goes through. Nothing in here draws.

mod asset;
mod budget;
mod camera;
mod components;
mod error;
mod files;
#[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
pub(crate) mod folder_watch;
#[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
mod hot_reload;
#[cfg(any(feature = "sprite", feature = "ui"))]
mod look;
#[cfg(any(feature = "mesh2d", feature = "pbr"))]
mod material;
mod pacer;
mod picture;
mod plugin;
mod redraw;
mod region;
mod reload;
mod request;
mod shows;
mod smoothing;
mod status;
#[cfg(feature = "few_shot")]
mod training;

pub use asset::{CartoonLoadError, CartoonModel, CartoonModelLoader};
pub use budget::CartoonBudget;
pub use camera::{CartoonView, ViewPlace};
pub use components::{Cartoon, CartoonGroup, CartoonOutput, CartoonSource, CartoonTaps, CartoonTensors, UpdateRate};
pub use error::CartoonError;
pub use files::ModelFiles;
#[cfg(any(feature = "mesh2d", feature = "pbr"))]
pub use material::{CartoonMaterial, CartoonMaterialPlugin, MaterialSlot};
pub use pacer::Pacer;
pub use picture::{MIN_PICTURE_SIDE, PictureLimits};
pub use plugin::{CartoonPlugin, CartoonSettings, CartoonSystems, DefaultCartoonModel, adopt_device};
pub use redraw::RedrawCartoon;
pub use region::{CartoonRegion, RegionArea, ViewRegion};
pub use reload::{CartoonWarning, ReloadError, ShaderReloads};
pub use request::{CartoonRequest, Progress, RequestSource, Wanted};
pub use smoothing::CartoonSmoothing;
pub use status::{CartoonReady, CartoonStatus, IdleReason};
#[cfg(feature = "few_shot")]
pub(crate) use training::TrainingRun;
#[cfg(feature = "few_shot")]
pub use training::{Picker, TrainingProgress, TrainingRequest};
