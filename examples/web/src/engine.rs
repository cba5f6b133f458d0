//! The parts of Bevy that the page needs. A game adds `DefaultPlugins`; here every byte is downloaded.

use bevy::a11y::AccessibilityPlugin;
use bevy::app::{PanicHandlerPlugin, PluginGroupBuilder, TaskPoolPlugin};
use bevy::asset::AssetMetaCheck;
use bevy::camera::CameraPlugin;
use bevy::core_pipeline::CorePipelinePlugin;
use bevy::diagnostic::FrameCountPlugin;
use bevy::image::ImagePlugin;
use bevy::input::InputPlugin;
use bevy::mesh::MeshPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::settings::{RenderCreation, WgpuSettings};
use bevy::sprite::SpritePlugin;
use bevy::sprite_render::SpriteRenderPlugin;
use bevy::time::TimePlugin;
use bevy::transform::TransformPlugin;
use bevy::winit::WinitPlugin;
use tracing_wasm::WASMLayerConfigBuilder;

/// `DefaultPlugins` without what nobody here uses, in the same order.
pub struct Engine {
    /// The canvas.
    pub window: Window,
    /// What is asked of the device.
    pub device: WgpuSettings,
}

impl PluginGroup for Engine {
    fn build(self) -> PluginGroupBuilder {
        PluginGroupBuilder::start::<Self>()
            .add(PanicHandlerPlugin)
            .add(log)
            .add(TaskPoolPlugin::default())
            .add(FrameCountPlugin)
            .add(TimePlugin)
            .add(TransformPlugin)
            .add(InputPlugin)
            .add(WindowPlugin { primary_window: Some(self.window), ..default() })
            .add(AccessibilityPlugin)
            // A static server answers for missing `.meta` files with an error in the browser's console.
            .add(AssetPlugin { meta_check: AssetMetaCheck::Never, ..default() })
            .add(WinitPlugin::default())
            .add(RenderPlugin { render_creation: RenderCreation::Automatic(Box::new(self.device)), ..default() })
            .add(ImagePlugin::default())
            .add(MeshPlugin)
            .add(CameraPlugin)
            .add(CorePipelinePlugin)
            .add(SpritePlugin)
            .add(SpriteRenderPlugin)
    }
}

/// Errors go to the browser's console. Bevy's own `LogPlugin` brings a filter language along.
fn log(_: &mut App) {
    let mut config = WASMLayerConfigBuilder::new();
    config.set_report_logs_in_timings(false).set_max_level(tracing::Level::ERROR);
    tracing_wasm::set_as_global_default_with_config(config.build());
}
