//! A folder of pictures as a video.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use bevy::asset::RenderAssetUsages;
use bevy::image::{CompressedImageFormats, ImageSampler, ImageType};
use bevy::prelude::*;

use super::clock::Clock;
use super::{Frame, FrameSource, Reading, VideoError};

/// Endings of files that are pictures.
const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The pictures of a folder (`*.png`, `*.jpg`, `*.jpeg`, in the order of their names), so many a second, again and again.
/// They may differ in size.
///
/// They are read and decoded one by one, in the thread of the video, by Bevy's loader: the game needs Bevy's features `png`
/// and `jpeg` for what it plays. Paths are the file system's, not those of assets.
#[derive(Debug, Clone)]
pub struct ImageSequence {
    files: Vec<PathBuf>,
    clock: Clock,
    next: usize,
    /// Whether it starts over at the end.
    looping: bool,
}

impl ImageSequence {
    /// The pictures of a folder, `fps` (above 0, at most 1000) of them a second.
    ///
    /// # Errors
    /// If the folder cannot be read or has no pictures, or at a rate that cannot be kept.
    pub fn open(folder: impl AsRef<Path>, fps: f32) -> Result<Self, VideoError> {
        let folder = folder.as_ref();
        let unreadable = |e: std::io::Error| VideoError::File { path: folder.to_owned(), reason: e.to_string() };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if extension(&path).is_some_and(|e| EXTENSIONS.contains(&e.as_str())) {
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(VideoError::NoPictures { folder: folder.to_owned(), extensions: EXTENSIONS.join(", ") });
        }
        files.sort();
        Self::of(files, fps)
    }

    /// These pictures in this order.
    ///
    /// # Errors
    /// At a rate that cannot be kept.
    pub fn of(files: Vec<PathBuf>, fps: f32) -> Result<Self, VideoError> {
        Ok(Self { files, clock: Clock::new(fps)?, next: 0, looping: true })
    }

    /// The same, a single time instead of again and again.
    pub fn once(self) -> Self {
        Self { looping: false, ..self }
    }
}

impl FrameSource for ImageSequence {
    fn read(&mut self, frame: &mut Frame) -> Result<Reading, VideoError> {
        if self.next == self.files.len() && self.looping {
            self.next = 0;
        }
        let Some(file) = self.files.get(self.next) else { return Ok(Reading::End) };
        if !self.clock.is_due() {
            return Ok(Reading::Nothing);
        }
        *frame = decode(file)?;
        self.next += 1;
        Ok(Reading::Frame)
    }
}

fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_lowercase)
}

fn decode(path: &Path) -> Result<Frame, VideoError> {
    let bad = |reason: String| VideoError::File { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|e| bad(e.to_string()))?;
    let ending = extension(path).unwrap_or_default();
    let (plain, usage) = (CompressedImageFormats::NONE, RenderAssetUsages::MAIN_WORLD);
    let kind = ImageType::Extension(&ending);
    let image = Image::from_buffer(&bytes, kind, plain, true, ImageSampler::Default, usage);
    let image = image.map_err(|e| bad(e.to_string()))?;
    let (size, format) = (image.size(), image.texture_descriptor.format);
    // Grey pictures come with one channel.
    let srgb = Image::default().texture_descriptor.format;
    let image = if format == srgb { Some(image) } else { image.convert(srgb) };
    let pixels = image.and_then(|image| image.data);
    pixels
        .map(|pixels| Frame::new(size, pixels))
        .ok_or_else(|| bad(format!("pixels of {format:?}; save it with 8 bits a channel")))
}
