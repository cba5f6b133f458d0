//! The networks that are measured. Weights are random but always the same, except those of the bundled model.

use bevy_toonface::model::{Generator, Model};

use crate::common::random_model;

/// A network and how to come by it.
pub struct Net {
    /// `n` is the width, `s` the side of the picture.
    pub name: &'static str,
    pub model: fn() -> Model,
}

/// All of them, the quickest first.
pub fn nets() -> [Net; 3] {
    [
        Net { name: "paper n8s64", model: || paper(8, 64) },
        Net { name: "lite (bundled)", model: bundled },
        Net { name: "paper n16s128", model: || paper(16, 128) },
    ]
}

fn paper(base_channels: usize, image_size: usize) -> Model {
    random_model(Generator::Paper { base_channels, image_size }, 4, 1)
}

fn bundled() -> Model {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/toon/toon.cartoon.ron");
    Model::load(manifest.as_ref()).expect("the bundled model")
}
