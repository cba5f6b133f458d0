//! What the device can do, as the planner needs it.

use bevy::prelude::*;
use bevy::render::render_resource::{TextureFormat, TextureUsages};
use bevy::render::renderer::{RenderAdapter, RenderDevice};

use crate::plan::PlanLimits;

/// Fewest colour attachments that plans are made for; every WebGL2 device has them.
const MIN_ATTACHMENTS: u32 = 4;

/// Limits of the device, and why it cannot draw cartoons, if it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceSupport {
    /// Limits for the planner.
    pub limits: PlanLimits,
    /// What is missing, in words.
    pub fault: Option<String>,
}

/// Asks the app's device. Call it once the renderer exists, in `Plugin::finish` or later.
pub fn device_support(app: &App, max_planes: usize) -> DeviceSupport {
    let world = app.world();
    let (Some(device), Some(adapter)) = (world.get_resource::<RenderDevice>(), world.get_resource::<RenderAdapter>())
    else {
        let fault = Some("there is no GPU renderer in this app".to_owned());
        return DeviceSupport { fault, ..DeviceSupport::default() };
    };
    support(device, adapter, max_planes)
}

/// What a device can do.
pub(super) fn support(device: &RenderDevice, adapter: &RenderAdapter, max_planes: usize) -> DeviceSupport {
    let limits = device.limits();
    let renderable = adapter
        .get_texture_format_features(TextureFormat::R32Float)
        .allowed_usages
        .contains(TextureUsages::RENDER_ATTACHMENT | TextureUsages::TEXTURE_BINDING);
    let attachments = limits.max_color_attachments.min(limits.max_color_attachment_bytes_per_sample / 4);
    let fault = if !renderable {
        Some("R32F textures cannot be rendered to (WebGL2 needs the extension EXT_color_buffer_float)".to_owned())
    } else if attachments < MIN_ATTACHMENTS {
        Some(format!("a pass may have {attachments} R32F attachments; {MIN_ATTACHMENTS} are needed"))
    } else {
        None
    };
    DeviceSupport {
        limits: PlanLimits {
            max_attachments: (limits.max_color_attachments as usize).min(max_planes.max(MIN_ATTACHMENTS as usize)),
            max_attachment_bytes: limits.max_color_attachment_bytes_per_sample as usize,
            max_texture_size: limits.max_texture_dimension_2d as usize,
            max_sampled_textures: limits.max_sampled_textures_per_shader_stage as usize,
        },
        fault,
    }
}
