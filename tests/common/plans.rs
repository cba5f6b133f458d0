//! The models and options that plans and shaders are tested with.

use bevy_toonface::model::{Generator, Model};
use bevy_toonface::plan::{PlanLimits, PlanOptions, TensorFormat};

/// Devices: WebGL2, and eight attachments of any format with just enough sampled textures.
pub const DEVICES: [PlanLimits; 2] = [
    PlanLimits::WEBGL2,
    PlanLimits { max_attachments: 8, max_attachment_bytes: 128, max_texture_size: 8192, max_sampled_textures: 27 },
];

/// Texture formats of activations.
pub const FORMATS: [TensorFormat; 3] = [TensorFormat::R32Float, TensorFormat::Rgba32Float, TensorFormat::Rgba16Float];

/// Sides of the picture.
pub const SIZES: [usize; 2] = [64, 128];

/// Pictures in a batch. How a batch is laid out does not depend on the format, so the formats share the numbers out.
const fn batches(format: TensorFormat) -> &'static [usize] {
    match format {
        TensorFormat::R32Float => &[1, 2, 3],
        TensorFormat::Rgba32Float => &[1, 3],
        TensorFormat::Rgba16Float => &[1, 2],
    }
}

/// Both generators in all tested widths.
pub fn generators(image_size: usize) -> Vec<Generator> {
    let branch: Vec<String> = ["stem", "style", "up2", "merge", "head"].map(String::from).to_vec();
    let paper = |base_channels| Generator::Paper { base_channels, image_size };
    let lite = |base_channels| Generator::Lite { base_channels, image_size, branch: branch.clone() };
    [4, 8, 12, 16, 32].map(paper).into_iter().chain([4, 16, 20, 32].map(lite)).collect()
}

/// What to plan of a model: the cartoon alone, or every output.
pub fn output_choices(model: &Model) -> [Vec<String>; 2] {
    let all = model.graph.outputs().iter().map(|(name, _)| name.clone()).collect();
    [PlanOptions::default().outputs, all]
}

/// Every device and format.
pub fn targets() -> impl Iterator<Item = (PlanLimits, TensorFormat)> {
    DEVICES.into_iter().flat_map(|limits| FORMATS.map(|format| (limits, format)))
}

/// Every device, format, batch and choice of outputs for a model.
pub fn options(model: &Model) -> Vec<PlanOptions> {
    let mut list = Vec::new();
    for (limits, format) in targets() {
        for batch in batches(format).iter().copied() {
            list.extend(output_choices(model).map(|outputs| PlanOptions { limits, format, batch, outputs }));
        }
    }
    list
}
