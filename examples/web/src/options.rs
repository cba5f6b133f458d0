//! What the page says when it starts the app.

use bevy::prelude::*;
use bevy_toonface::ecs::CartoonBudget;
use bevy_toonface::prelude::{TensorFormat, ToonfacePlugin};
use serde::Deserialize;

/// The plugin's formats, by the names that the page uses.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[expect(clippy::enum_variant_names, reason = "these are the plugin's names")]
enum Format {
    #[default]
    R32Float,
    Rgba32Float,
    Rgba16Float,
}

/// Options of [`start`](crate::start), as JSON. Fields that are left out have the default; unknown ones are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// CSS selector of the canvas.
    pub canvas: String,
    /// Background of the canvas, as `#rrggbb`. Default: white.
    #[serde(default)]
    background: Option<String>,
    /// Asset path of a model's manifest, below `assets/` beside the page.
    model: String,
    /// Texture format of activations: `R32Float` (the default), `Rgba32Float` or `Rgba16Float`.
    #[serde(default)]
    format: Format,
    /// Draw every cartoon in one frame, however long that takes: for measurements. Default: false, the plugin's budget.
    #[serde(default)]
    unlimited: bool,
    /// Take all that the device offers instead of WebGL2's limits. Default: false.
    #[serde(default)]
    pub all_limits: bool,
}

impl Options {
    /// The canvas's background.
    pub fn background(&self) -> Color {
        self.background.as_ref().and_then(|hex| Srgba::hex(hex).ok()).map_or(Color::WHITE, Color::from)
    }

    /// How much of a frame cartoons may take.
    pub fn budget(&self) -> CartoonBudget {
        if self.unlimited { CartoonBudget::UNLIMITED } else { CartoonBudget::default() }
    }

    /// The plugin, as the page wants it. One picture at a time: the first one is on screen soonest, and the textures
    /// stay small.
    pub fn plugin(&self) -> ToonfacePlugin {
        let format = match self.format {
            Format::R32Float => TensorFormat::R32Float,
            Format::Rgba32Float => TensorFormat::Rgba32Float,
            Format::Rgba16Float => TensorFormat::Rgba16Float,
        };
        ToonfacePlugin { model: self.model.clone(), max_batch: 1, format, ..default() }
    }
}
