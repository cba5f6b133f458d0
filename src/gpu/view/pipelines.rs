//! The two pipelines of a view: from its texture to the picture, and from the cartoon back.

use bevy::camera::CompositingSpace;
use bevy::render::render_resource::{TextureFormat, TextureFormatFeatureFlags};
use bevy::render::renderer::{RenderAdapter, RenderDevice};

use super::super::pipelines::{CartoonPipelines, Pipeline};
use super::super::program::Program;
use crate::ecs::CartoonError;
use crate::plan::ViewSpace;

/// The pipelines of a view, whose bind groups are alike.
pub(super) struct ViewPipelines {
    pub capture: Pipeline,
    pub overlay: Pipeline,
}

impl ViewPipelines {
    /// Those for a view's texture of some format, whose colours are what `space` says.
    ///
    /// # Errors
    /// If nothing can be blended over textures of that format.
    pub fn new(
        format: TextureFormat,
        space: Option<CompositingSpace>,
        pipelines: &mut CartoonPipelines,
        (device, adapter): (&RenderDevice, &RenderAdapter),
    ) -> Result<Self, CartoonError> {
        let space = match space {
            Some(CompositingSpace::Srgb) => ViewSpace::Srgb,
            Some(CompositingSpace::Oklab) => ViewSpace::Oklab,
            Some(CompositingSpace::Linear) | None => ViewSpace::Linear,
        };
        let overlay = Program::Overlay(space, format);
        if !pipelines.contains(overlay) {
            let features = adapter.get_texture_format_features(format);
            if !features.flags.contains(TextureFormatFeatureFlags::BLENDABLE) {
                return Err(CartoonError::CameraFormat { format: format!("{format:?}") });
            }
        }
        Ok(Self {
            capture: pipelines.get_or_compile(Program::Capture(space), device),
            overlay: pipelines.get_or_compile(overlay, device),
        })
    }
}
