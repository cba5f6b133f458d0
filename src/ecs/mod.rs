//! What a game touches: components, the asset loader, the states a cartoon goes through. Nothing in here draws.

mod asset;
mod budget;
mod components;
mod error;
mod pacer;
mod picture;
mod plugin;
mod redraw;
mod request;
#[cfg(feature = "sprite")]
mod sprite;
mod status;

pub use asset::{CartoonLoadError, CartoonModel, CartoonModelLoader};
pub use budget::CartoonBudget;
pub use components::{Cartoon, CartoonGroup, CartoonOutput, CartoonSource, CartoonTaps, CartoonTensors, UpdateRate};
pub use error::CartoonError;
pub use pacer::Pacer;
pub use picture::{MIN_PICTURE_SIDE, PictureLimits};
pub use plugin::{CartoonPlugin, CartoonSettings, CartoonSystems, DefaultCartoonModel};
pub use redraw::RedrawCartoon;
pub use request::{CartoonRequest, Progress, RequestSource, Wanted};
pub use status::CartoonStatus;
