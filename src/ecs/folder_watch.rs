//! A folder on disk, and which of its files were written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_channel::Receiver;
use bevy::asset::io::AssetSourceEvent;
use bevy::asset::io::file::FileWatcher;

/// How long a file has to be left alone before it counts as written.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// Watches a folder and all below it, for as long as it lives.
pub(crate) struct FolderWatch {
    _watcher: FileWatcher,
    events: Receiver<AssetSourceEvent>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WrittenFile {
    /// Path below the folder.
    pub path: PathBuf,
    /// Whether another file was renamed to it: the way in which many editors save, and Bevy passes over.
    pub renamed: bool,
}

impl FolderWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system's words, if it cannot watch this folder.
    pub fn new(folder: &Path) -> Result<Self, String> {
        let (sender, events) = async_channel::unbounded();
        // The watcher's thread panics when nobody can receive any more; it may outlive this by one event.
        std::mem::forget(events.clone());
        let watcher = FileWatcher::new(folder.to_owned(), sender, DEBOUNCE).map_err(|e| e.to_string())?;
        Ok(Self { _watcher: watcher, events })
    }

    /// The files that were written since the last call, each once.
    pub fn written(&self) -> Vec<WrittenFile> {
        let mut files = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            let file = match event {
                AssetSourceEvent::AddedAsset(path) | AssetSourceEvent::ModifiedAsset(path) => {
                    WrittenFile { path, renamed: false }
                }
                AssetSourceEvent::RenamedAsset { new, .. } => WrittenFile { path: new, renamed: true },
                _ => continue,
            };
            if !files.contains(&file) {
                files.push(file);
            }
        }
        files
    }
}
