//! Texture formats on the command line.

use bevy_toonface::prelude::TensorFormat;
use clap::ValueEnum;

/// [`TensorFormat`] as an argument.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub enum Format {
    /// One f32 channel a texel.
    R32float,
    /// Four f32 channels a texel.
    Rgba32float,
    /// Four f16 channels a texel.
    Rgba16float,
}

impl From<Format> for TensorFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::R32float => Self::R32Float,
            Format::Rgba32float => Self::Rgba32Float,
            Format::Rgba16float => Self::Rgba16Float,
        }
    }
}
