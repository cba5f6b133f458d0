//! The demo page's half that runs in Bevy: pictures come in from the page, cartoons are drawn to its canvas.
//!
//! ```text
//! page (HTML, JS) --bridge--> commands --people--> entities with a CartoonGroup --stage--> the canvas
//!        ^------------------- report: status, device, figures, as JSON
//! ```
//!
//! [`people`] is what a game would write; the rest is talk between the page and the app.

mod bridge;
mod engine;
mod options;
mod people;
mod report;
mod stage;

use bevy::prelude::*;
use bevy::render::error_handler::{RenderErrorHandler, RenderErrorPolicy};
use bevy::render::settings::{WgpuLimits, WgpuSettings, WgpuSettingsPriority};
use bevy::window::WindowResolution;
use wasm_bindgen::prelude::*;

use options::Options;

/// Starts the app on the page's canvas and returns; the browser calls it from then on.
///
/// # Errors
/// A message, if the options are no [`Options`] in JSON.
#[wasm_bindgen]
pub fn start(options: &str) -> Result<(), JsError> {
    let options: Options = serde_json::from_str(options)?;
    App::new()
        .insert_resource(ClearColor(options.background()))
        .insert_resource(options.budget())
        .insert_resource(RenderErrorHandler(|error, _, _| {
            report::fail(format!("the graphics device failed: {}", error.description));
            RenderErrorPolicy::StopRendering
        }))
        .add_plugins((engine::Engine { window: window(&options), device: device(&options) }, options.plugin()))
        .add_plugins((people::plugin, stage::plugin, report::plugin))
        .run();
    Ok(())
}

fn window(options: &Options) -> Window {
    Window {
        canvas: Some(options.canvas.clone()),
        fit_canvas_to_parent: true,
        // The page scrolls and its keys work, also over the canvas.
        prevent_default_event_handling: false,
        resolution: WindowResolution::default(),
        ..default()
    }
}

/// No more than every WebGL2 device has, unless the page asks for all there is: what runs here runs everywhere.
fn device(options: &Options) -> WgpuSettings {
    if options.all_limits {
        return WgpuSettings::default();
    }
    WgpuSettings {
        priority: WgpuSettingsPriority::WebGL2,
        limits: WgpuLimits {
            // WebGPU's rule of 32 bytes is none of WebGL2's: its four attachments may all be RGBA32F.
            max_color_attachment_bytes_per_sample: 4 * 16,
            ..WgpuLimits::downlevel_webgl2_defaults()
        },
        ..default()
    }
}
