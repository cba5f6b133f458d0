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
    "io/capture.wgsl",
    "io/overlay.wgsl",
    "lib/affine.wgsl",
    "lib/color.wgsl",
    "lib/gradient.wgsl",
    "lib/layout.wgsl",
    "lib/moments.wgsl",
    "lib/nearest.wgsl",
    "lib/picture.wgsl",
    "lib/region.wgsl",
    "lib/space.wgsl",
    "lib/weights.wgsl",
];

/// Path and handle of all shader files: they stay loaded, so that imports are found.
#[derive(Resource, Debug, Clone)]
pub(super) struct Shaders(Vec<(&'static str, Handle<Shader>)>);

impl Shaders {
    /// The id of a file, by its path below `shaders/`.
    pub fn id(&self, path: &str) -> Option<AssetId<Shader>> {
        self.0.iter().find(|(known, _)| *known == path).map(|(_, handle)| handle.id())
    }

    /// Files that are drawn with: all but the libraries, which are imported.
    #[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
    pub fn drawn(&self) -> impl Iterator<Item = (&'static str, AssetId<Shader>)> {
        self.0.iter().filter(|(path, _)| !is_library(path)).map(|(path, handle)| (*path, handle.id()))
    }
}

/// Puts the files where the asset server finds them: `embedded://bevy_toonface/shaders/...`.
pub(super) fn embed(app: &mut App) {
    let Some(registry) = app.world().get_resource::<EmbeddedAssetRegistry>() else { return };
    for (path, text) in SHADERS {
        let asset = Path::new("bevy_toonface/shaders").join(path);
        // No path of a file: Bevy would put a changed file into use whether or not it compiles (see `hot_reload`).
        registry.insert_asset(PathBuf::from("bevy_toonface shaders").join(path), &asset, *text);
    }
}

pub(super) fn load(app: &App) -> Shaders {
    let Some(assets) = app.world().get_resource::<AssetServer>() else { return Shaders(Vec::new()) };
    let load = |path: &str| assets.load(format!("embedded://bevy_toonface/shaders/{path}"));
    Shaders(SHADERS.iter().map(|(path, _)| (*path, load(path))).collect())
}

/// Whether a file is imported by others.
#[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
pub(super) fn is_library(path: &str) -> bool {
    path.starts_with("lib/")
}

/// Path and text of every file, as this build has them.
#[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
pub(super) fn built_in() -> std::collections::BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    SHADERS.iter().map(|(path, bytes)| ((*path).to_owned(), text(bytes))).collect()
}

/// A text as a shader of this crate; `path` is that below `shaders/`.
pub(super) fn shader(path: &str, text: String) -> Shader {
    Shader::from_wgsl(text, format!("bevy_toonface/shaders/{path}"))
}
