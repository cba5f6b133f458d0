//! Reads pictures and tensors, with an error that names the file.

use std::path::Path;
use std::sync::Arc;

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonError, MIN_PICTURE_SIDE, PictureLimits};
use bevy_toonface::model::{Tensor, TensorFile};
use bevy_toonface::prelude::*;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbaImage};

/// One input, with the name its results get.
#[derive(Debug, Clone)]
pub struct Input {
    /// The file's name without its extension.
    pub name: String,
    /// What is in it.
    pub content: Content,
}

/// What an input file holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// A picture.
    Picture(RgbaImage),
    /// The network's input itself.
    Tensor(Arc<Tensor>),
}

/// Reads a file.
pub fn load(path: &Path, limits: PictureLimits) -> Result<Input, String> {
    let file = path.display().to_string();
    let name = path.file_stem().map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned());
    let content = if path.extension().is_some_and(|e| e == "safetensors") {
        Content::Tensor(Arc::new(tensor(&file)?))
    } else {
        Content::Picture(picture(path, limits)?)
    };
    Ok(Input { name, content })
}

impl Input {
    /// The component for an entity.
    pub fn source(&self, images: &mut Assets<Image>) -> CartoonSource {
        match &self.content {
            Content::Tensor(tensor) => CartoonSource::Tensor(tensor.clone()),
            Content::Picture(pixels) => {
                let picture = DynamicImage::ImageRgba8(pixels.clone());
                let image = Image::from_dynamic(picture, true, RenderAssetUsages::default());
                CartoonSource::Image(images.add(image))
            }
        }
    }
}

/// Decodes a picture, turned upright. The size is checked before anything is decoded.
fn picture(path: &Path, limits: PictureLimits) -> Result<RgbaImage, String> {
    let file = path.display().to_string();
    let failed = |reason: String| CartoonError::PictureFailed { path: file.clone(), reason }.to_string();
    let reader = ImageReader::open(path).and_then(|r| r.with_guessed_format()).map_err(|e| failed(e.to_string()))?;
    let mut decoder = reader.into_decoder().map_err(|e| failed(e.to_string()))?;
    let (width, height) = decoder.dimensions();
    if width.min(height) < MIN_PICTURE_SIDE {
        return Err(CartoonError::PictureTooSmall { path: file, width, height, min: MIN_PICTURE_SIDE }.to_string());
    }
    if width.max(height) > limits.max_side {
        return Err(CartoonError::PictureTooLarge { path: file, width, height, max: limits.max_side }.to_string());
    }
    let orientation = decoder.orientation().map_err(|e| failed(e.to_string()))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| failed(e.to_string()))?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgba8())
}

fn tensor(file: &str) -> Result<Tensor, String> {
    let bytes = std::fs::read(file).map_err(|e| format!("cannot read `{file}`: {e}"))?;
    let mut parsed = TensorFile::parse(file, &bytes).map_err(|e| e.to_string())?;
    parsed.tensors.remove("input").ok_or_else(|| format!("`{file}` has no tensor `input`"))
}
