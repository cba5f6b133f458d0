//! Pictures that are dropped onto the window become pairs.
//!
//! What lies in a folder `photo` is a photograph, what lies in `cartoon` is a cartoon, and the two of one name are a
//! pair. Pictures from elsewhere are taken in turn, in the order of their names: photograph, its cartoon, and so on.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{AsyncComputeTaskPool, Task};
use bevy::window::FileDragAndDrop;
use bevy_toonface::few_shot::FewShotPair;
use image::RgbaImage;

use crate::pairs;

/// What a dropped file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Photo,
    Cartoon,
    /// The next that is missing.
    Next,
}

/// A picture of a pair.
#[derive(Debug, Clone)]
pub struct Picture {
    pub image: Handle<Image>,
    pub size: UVec2,
}

/// A pair, perhaps half of one yet.
#[derive(Debug, Clone, Default)]
pub struct Slot {
    pub name: String,
    pub photo: Option<Picture>,
    pub cartoon: Option<Picture>,
}

impl Slot {
    /// The pair, if it is whole.
    pub fn pair(&self) -> Option<FewShotPair> {
        let [photo, cartoon] = [&self.photo, &self.cartoon].map(|half| half.as_ref().map(|half| half.image.clone()));
        Some(FewShotPair { photo: photo?, cartoon: cartoon? })
    }

    /// What keeps it from being learned from.
    pub fn fault(&self) -> Option<String> {
        match (&self.photo, &self.cartoon) {
            (Some(photo), Some(cartoon)) if photo.size != cartoon.size => {
                let [a, b] = [photo.size, cartoon.size].map(|size| format!("{} x {}", size.x, size.y));
                Some(format!("{}: {a} and {b} pixels; crop both to the same size", self.name))
            }
            (Some(_), Some(_)) => None,
            (_, None) => Some(format!("{}: its cartoon is missing", self.name)),
            (None, _) => Some(format!("{}: its photograph is missing", self.name)),
        }
    }
}

/// A file on its way.
struct Reading {
    kind: Kind,
    name: String,
    task: Task<Result<RgbaImage, String>>,
}

/// The pairs.
#[derive(Resource, Default)]
pub struct Inbox {
    pub slots: Vec<Slot>,
    /// What is wrong with what was dropped last.
    pub errors: Vec<String>,
    /// Something is held over the window.
    pub hovered: bool,
    /// In the order in which they take their places.
    reading: VecDeque<Reading>,
}

impl Inbox {
    /// Reads files and folders, without keeping the window waiting.
    pub fn drop(&mut self, paths: &[PathBuf]) {
        self.errors.clear();
        let mut files = Vec::new();
        for path in paths {
            match sort(path) {
                Ok(more) => files.extend(more),
                Err(error) => self.errors.push(error),
            }
        }
        let pool = AsyncComputeTaskPool::get();
        self.reading.extend(files.into_iter().map(|(kind, path)| {
            let name = pairs::name(&path);
            Reading { kind, name, task: pool.spawn(async move { pairs::open(&path) }) }
        }));
    }

    /// Whether files are being read.
    pub fn is_busy(&self) -> bool {
        !self.reading.is_empty()
    }

    /// Pairs that are whole.
    pub fn pairs(&self) -> Vec<FewShotPair> {
        self.slots.iter().filter_map(Slot::pair).collect()
    }

    /// Why training cannot begin with them.
    pub fn fault(&self) -> Option<String> {
        self.slots.iter().find_map(Slot::fault)
    }

    /// Puts a picture where it belongs.
    pub fn put(&mut self, kind: Kind, name: String, picture: Picture) {
        let (cartoon, at) = match kind {
            Kind::Photo => (false, self.slots.iter().position(|slot| slot.name == name && slot.photo.is_none())),
            Kind::Cartoon => (true, self.slots.iter().position(|slot| slot.name == name && slot.cartoon.is_none())),
            Kind::Next => {
                let waiting = self.slots.iter().position(|slot| slot.photo.is_some() && slot.cartoon.is_none());
                (waiting.is_some(), waiting)
            }
        };
        let at = at.unwrap_or_else(|| {
            self.slots.push(Slot { name, ..Slot::default() });
            self.slots.len() - 1
        });
        let half = if cartoon { &mut self.slots[at].cartoon } else { &mut self.slots[at].photo };
        *half = Some(picture);
    }
}

/// The pictures of a file or folder, and what they are.
pub fn sort(path: &Path) -> Result<Vec<(Kind, PathBuf)>, String> {
    if !path.is_dir() {
        let kind = path.parent().map_or(Kind::Next, kind_of);
        let is_picture = pairs::is_picture(path);
        let reason = || format!("`{}` is no picture: drop .png or .jpg files, or a folder of them", path.display());
        return if is_picture { Ok(vec![(kind, path.to_owned())]) } else { Err(reason()) };
    }
    let halves = ["photo", "cartoon"].map(|half| path.join(half)).into_iter().filter(|half| half.is_dir());
    let mut folders: Vec<PathBuf> = halves.collect();
    if folders.is_empty() {
        folders.push(path.to_owned());
    }
    let mut files = Vec::new();
    for folder in folders {
        files.extend(pairs::list(&folder)?.into_values().map(|file| (kind_of(&folder), file)));
    }
    if files.is_empty() { Err(format!("`{}` has no pictures (.png, .jpg)", path.display())) } else { Ok(files) }
}

/// What a folder's name says of its files.
fn kind_of(folder: &Path) -> Kind {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    match name.as_str() {
        "photo" | "photos" => Kind::Photo,
        "cartoon" | "cartoons" => Kind::Cartoon,
        _ => Kind::Next,
    }
}

/// Takes what the window is given.
pub fn receive(mut inbox: ResMut<Inbox>, mut messages: MessageReader<FileDragAndDrop>) {
    let mut paths = Vec::new();
    for message in messages.read() {
        inbox.hovered = matches!(message, FileDragAndDrop::HoveredFile { .. });
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = message {
            paths.push(path_buf.clone());
        }
    }
    if !paths.is_empty() {
        paths.sort();
        inbox.drop(&paths);
    }
}

/// Files that have been read take their places, in order.
pub fn unpack(mut inbox: ResMut<Inbox>, mut images: ResMut<Assets<Image>>) {
    while let Some(result) = inbox.reading.front_mut().and_then(|reading| check_ready(&mut reading.task)) {
        let Some(Reading { kind, name, .. }) = inbox.reading.pop_front() else { return };
        match result {
            Ok(pixels) => {
                let size = UVec2::new(pixels.width(), pixels.height());
                inbox.put(kind, name, Picture { image: images.add(pairs::asset(&pixels)), size });
            }
            Err(error) => inbox.errors.push(error),
        }
    }
}
