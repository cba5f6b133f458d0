//! What a game touches: components, the asset loader, the states a cartoon goes through. Nothing in here draws.

mod asset;
mod budget;
mod components;
mod error;
#[cfg(any(feature = "sprite", feature = "ui"))]
mod look;
#[cfg(any(feature = "mesh2d", feature = "pbr"))]
mod material;
mod pacer;
mod picture;
mod plugin;
mod request;
mod shows;
mod smoothing;
mod status;

pub use asset::{CartoonLoadError, CartoonModel, CartoonModelLoader};
pub use budget::CartoonBudget;
pub use components::{Cartoon, CartoonGroup, CartoonOutput, CartoonSource, CartoonTaps, CartoonTensors, UpdateRate};
pub use error::CartoonError;
#[cfg(any(feature = "mesh2d", feature = "pbr"))]
pub use material::{CartoonMaterial, CartoonMaterialPlugin, MaterialSlot};
pub use pacer::Pacer;
pub use picture::{MIN_PICTURE_SIDE, PictureLimits};
pub use plugin::{CartoonPlugin, CartoonSettings, CartoonSystems, DefaultCartoonModel};
pub use request::{CartoonRequest, Progress, RequestSource, Wanted};
pub use smoothing::CartoonSmoothing;
pub use status::{CartoonReady, CartoonStatus};
