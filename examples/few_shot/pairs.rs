//! Reads pairs of pictures from a folder, with errors that name the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use image::{DynamicImage, RgbaImage};

/// A photograph and its cartoon.
pub struct Pair {
    pub photo: RgbaImage,
    pub cartoon: RgbaImage,
}

impl Pair {
    pub fn photo(&self) -> Image {
        asset(&self.photo)
    }

    pub fn cartoon(&self) -> Image {
        asset(&self.cartoon)
    }
}

/// A picture as an asset.
pub fn asset(picture: &RgbaImage) -> Image {
    Image::from_dynamic(DynamicImage::ImageRgba8(picture.clone()), true, RenderAssetUsages::default())
}

/// All pairs of a folder, by name.
pub fn read(folder: &Path) -> Result<Vec<Pair>, String> {
    let (photos, cartoons) = (list(&folder.join("photo"))?, list(&folder.join("cartoon"))?);
    if let Some(name) = photos.keys().find(|name| !cartoons.contains_key(*name)) {
        return Err(format!("`{}` has no cartoon of that name beside it", photos[name].display()));
    }
    photos.iter().map(|(name, photo)| Ok(Pair { photo: open(photo)?, cartoon: open(&cartoons[name])? })).collect()
}

/// Pictures of a folder by their names without extension.
pub fn list(folder: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let failed = |e: std::io::Error| format!("cannot read the folder `{}`: {e}", folder.display());
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_picture(&path) {
            files.insert(name(&path), path);
        }
    }
    Ok(files)
}

/// Whether a file's name says that it is a picture.
pub fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|e| ["png", "jpg", "jpeg"].iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// A file's name without extension.
pub fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The pixels of a file.
pub fn open(path: &Path) -> Result<RgbaImage, String> {
    image::open(path).map(DynamicImage::into_rgba8).map_err(|e| format!("cannot read `{}`: {e}", path.display()))
}
