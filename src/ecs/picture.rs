//! Which pictures are taken, and the image that a cartoon is drawn to.

use bevy::asset::{LoadState, RenderAssetUsages};
use bevy::image::ImageSampler;
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

/// The path of an asset, for messages.
pub(super) fn path_of<A: Asset>(handle: &Handle<A>) -> String {
    handle.path().map_or_else(|| "(no path)".to_owned(), ToString::to_string)
}

/// The size of a picture, or of a part of it; `None` while it loads.
pub(super) fn picture_size(
    handle: &Handle<Image>,
    part: Option<URect>,
    images: &Assets<Image>,
    assets: &AssetServer,
    limits: PictureLimits,
) -> Result<Option<UVec2>, CartoonError> {
    let path = || path_of(handle);
    let Some(image) = images.get(handle) else {
        return match assets.get_load_state(handle) {
            Some(LoadState::Failed(error)) => Err(CartoonError::PictureFailed { path: path(), reason: reason(&error) }),
            _ => Ok(None),
        };
    };
    if let Some(part) = part
        && (part.is_empty() || part.max.cmpgt(image.size()).any())
    {
        return Err(outside(handle, part.as_rect(), image.size()));
    }
    let size = part.map_or(image.size(), |part| part.size());
    let (width, height) = (size.x, size.y);
    if size.min_element() < MIN_PICTURE_SIDE {
        return Err(CartoonError::PictureTooSmall { path: path(), width, height, min: MIN_PICTURE_SIDE });
    }
    if image.size().max_element() > limits.max_side {
        let (width, height) = (image.width(), image.height());
        return Err(CartoonError::PictureTooLarge { path: path(), width, height, max: limits.max_side });
    }
    Ok(Some(size))
}

/// A rectangle that is not within a picture of this size.
pub(super) fn outside(handle: &Handle<Image>, Rect { min, max }: Rect, size: UVec2) -> CartoonError {
    CartoonError::PictureRect { path: path_of(handle), min, max, width: size.x, height: size.y }
}

/// An image that the GPU draws a cartoon of this size to: 8-bit sRGB, also readable for screenshots and tools.
pub(super) fn output_image(size: UVec2, sampler: ImageSampler) -> Image {
    let plain = Image::default();
    let mut image = Image::new_target_texture(size.x, size.y, plain.texture_descriptor.format, None);
    image.texture_descriptor.usage |= plain.texture_descriptor.usage;
    image.sampler = sampler;
    image.asset_usage = RenderAssetUsages::RENDER_WORLD;
    image
}
