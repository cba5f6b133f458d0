//! What a game needs.

pub use crate::ToonfacePlugin;
pub use crate::ecs::{
    Cartoon, CartoonBudget, CartoonError, CartoonGroup, CartoonModel, CartoonOutput, CartoonReady, CartoonRegion,
    CartoonSmoothing, CartoonSource, CartoonStatus, CartoonWarning, IdleReason, RegionArea, UpdateRate,
};
#[cfg(feature = "few_shot")]
pub use crate::few_shot::{FewShotControl, FewShotError, FewShotPair, FewShotResult, FewShotSession, FewShotStatus};
pub use crate::plan::TensorFormat;
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
pub use crate::video::{Video, VideoError, VideoImage, VideoStatus};
#[cfg(all(feature = "webcam", not(target_arch = "wasm32")))]
pub use crate::webcam::{Webcam, WebcamDevice, list_webcams};
