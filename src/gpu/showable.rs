//! Which images other renderers can show.

use bevy::image::Image;
use bevy::render::render_resource::{TextureDimension, TextureSampleType};

/// Whether an image is a plain 2D picture that can be sampled with a filter, as sprites and user interfaces do it.
/// Without the test, the device ends the app.
pub fn is_showable(image: &Image) -> bool {
    let descriptor = &image.texture_descriptor;
    let filterable = Some(TextureSampleType::Float { filterable: true });
    descriptor.format.sample_type(None, None) == filterable
        && descriptor.dimension == TextureDimension::D2
        && descriptor.size.depth_or_array_layers == 1
        && descriptor.sample_count == 1
}
