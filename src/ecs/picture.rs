//! Which pictures are taken, and the image that a cartoon is drawn to.

use bevy::asset::{LoadState, RenderAssetUsages};
use bevy::prelude::*;

use super::CartoonError;
use super::asset::reason;

/// Smallest side of a picture in pixels; below, there is no face to see.
pub const MIN_PICTURE_SIDE: u32 = 16;

/// Largest side of a picture, as the device has it.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureLimits {
    /// Largest texture side in pixels.
    pub max_side: u32,
}

impl Default for PictureLimits {
    /// What every WebGL2 device takes.
    fn default() -> Self {
        Self { max_side: 2048 }
    }
}

/// The size of a picture, `None` while it loads.
pub(super) fn picture_size(
    handle: &Handle<Image>,
    images: &Assets<Image>,
    assets: &AssetServer,
    limits: PictureLimits,
) -> Result<Option<UVec2>, CartoonError> {
    let path = || handle.path().map_or_else(|| "(no path)".to_owned(), ToString::to_string);
    let Some(image) = images.get(handle) else {
        return match assets.get_load_state(handle) {
            Some(LoadState::Failed(error)) => Err(CartoonError::PictureFailed { path: path(), reason: reason(&error) }),
            _ => Ok(None),
        };
    };
    let size = image.size();
    let (width, height) = (size.x, size.y);
    if size.min_element() < MIN_PICTURE_SIDE {
        return Err(CartoonError::PictureTooSmall { path: path(), width, height, min: MIN_PICTURE_SIDE });
    }
    if size.max_element() > limits.max_side {
        return Err(CartoonError::PictureTooLarge { path: path(), width, height, max: limits.max_side });
    }
    Ok(Some(size))
}

/// An image that the GPU draws a cartoon of this size to: 8-bit sRGB, also readable for screenshots and tools.
pub(super) fn output_image(size: UVec2) -> Image {
    let plain = Image::default();
    let mut image = Image::new_target_texture(size.x, size.y, plain.texture_descriptor.format, None);
    image.texture_descriptor.usage |= plain.texture_descriptor.usage;
    image.asset_usage = RenderAssetUsages::RENDER_WORLD;
    image
}
