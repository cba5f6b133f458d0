//! The models and options that plans and shaders are tested with.

use bevy_toonface::model::{Generator, Model};
use bevy_toonface::plan::{PlanLimits, PlanOptions};

/// Devices: WebGL2, and eight planes with just enough sampled textures.
pub const DEVICES: [PlanLimits; 2] =
    [PlanLimits::WEBGL2, PlanLimits { planes: 8, max_texture_size: 8192, max_sampled_textures: 27 }];

/// Pictures in a batch.
pub const BATCHES: [usize; 3] = [1, 2, 3];

/// Sides of the picture.
pub const SIZES: [usize; 2] = [64, 128];

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

/// Every device, batch and choice of outputs for a model.
pub fn options(model: &Model) -> Vec<PlanOptions> {
    let mut list = Vec::new();
    for limits in DEVICES {
        for batch in BATCHES {
            list.extend(output_choices(model).map(|outputs| PlanOptions { limits, batch, outputs }));
        }
    }
    list
}
