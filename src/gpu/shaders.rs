//! The WGSL files that are used as they are, embedded from one table under clean paths. Kernels are written for each plan
//! (`plan::Kernel::source`) and import these.

use std::path::{Path, PathBuf};

use bevy::asset::io::embedded::EmbeddedAssetRegistry;
use bevy::prelude::*;
use bevy::shader::Shader;

macro_rules! shader_table {
    ($($path:literal),* $(,)?) => {
        /// Path below `shaders/` and text of every such file.
        const SHADERS: &[(&str, &[u8])] =
            &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)))),*];
    };
}

shader_table![
    "lib/affine.wgsl",
    "lib/color.wgsl",
    "lib/gradient.wgsl",
    "lib/layout.wgsl",
    "lib/moments.wgsl",
    "lib/nearest.wgsl",
    "lib/picture.wgsl",
    "lib/weights.wgsl",
];

/// Handles of all shader files: they stay loaded, so that imports are found.
#[derive(Resource, Debug, Clone)]
#[expect(dead_code, reason = "it only keeps the handles")]
pub(super) struct Shaders(Vec<Handle<Shader>>);

/// Puts the files where the asset server finds them: `embedded://bevy_toonface/shaders/...`.
pub(super) fn embed(app: &mut App) {
    let Some(registry) = app.world().get_resource::<EmbeddedAssetRegistry>() else { return };
    for (path, text) in SHADERS {
        let asset = Path::new("bevy_toonface/shaders").join(path);
        registry.insert_asset(PathBuf::from("shaders").join(path), &asset, *text);
    }
}

pub(super) fn load(app: &App) -> Shaders {
    let Some(assets) = app.world().get_resource::<AssetServer>() else { return Shaders(Vec::new()) };
    let load = |path: &str| assets.load(format!("embedded://bevy_toonface/shaders/{path}"));
    Shaders(SHADERS.iter().map(|(path, _)| load(path)).collect())
}
