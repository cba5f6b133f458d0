//! What a game needs.

pub use crate::ToonfacePlugin;
pub use crate::ecs::{
    Cartoon, CartoonBudget, CartoonError, CartoonGroup, CartoonModel, CartoonOutput, CartoonSmoothing, CartoonSource,
    CartoonStatus, CartoonWarning, UpdateRate,
};
pub use crate::plan::TensorFormat;
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
pub use crate::video::{Video, VideoError, VideoImage, VideoStatus};
#[cfg(all(feature = "webcam", not(target_arch = "wasm32")))]
pub use crate::webcam::{Webcam, WebcamDevice, list_webcams};
