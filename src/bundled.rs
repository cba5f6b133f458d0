//! The model that comes with the crate, in the program itself: a game needs no file of ours.

use std::path::{Path, PathBuf};

use bevy::asset::io::embedded::EmbeddedAssetRegistry;
use bevy::prelude::*;

macro_rules! model_table {
    ($($file:literal),* $(,)?) => {
        /// Name and bytes of every file of the package.
        const FILES: &[(&str, &[u8])] =
            &[$(($file, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/toon/", $file)))),*];
    };
}

model_table![
    "toon.cartoon.ron",
    "trunk.safetensors",
    "woman.safetensors",
    "man.safetensors",
    "kid.safetensors",
    "elderly.safetensors",
];

/// Puts the package where [`ToonfacePlugin::BUNDLED_MODEL`](crate::ToonfacePlugin::BUNDLED_MODEL) says.
pub(super) fn embed(app: &mut App) {
    let Some(registry) = app.world().get_resource::<EmbeddedAssetRegistry>() else { return };
    for (file, bytes) in FILES {
        let asset = Path::new("bevy_toonface/models/toon").join(file);
        registry.insert_asset(PathBuf::from("assets/models/toon").join(file), &asset, *bytes);
    }
}
