//! Shaders that change on disk. A changed file is read, everything that is drawn with it is compiled on the side, and only
//! if all of it compiles it takes the place of what was there. A broken file changes nothing; it is told with its line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bevy::prelude::*;
use bevy::render::renderer::RenderDevice;

use super::exchange::Exchange;
use super::pipelines::{CartoonPipelines, Draft};
use crate::ecs::ReloadError;
use crate::ecs::folder_watch::FolderWatch;

/// The folder with the crate's shaders, which is watched: `lib`, `ops` and `io` below it. Default: `shaders` in this crate's
/// sources, if they are still where the program was built. A resource of the main world.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct ShaderFolder(pub PathBuf);

impl Default for ShaderFolder {
    fn default() -> Self {
        Self(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders")))
    }
}

/// Path below the folder, and text.
type Texts = BTreeMap<String, String>;

/// Changes on their way into use.
#[derive(Resource, Default)]
pub(super) struct ShaderWatch {
    watch: Option<(ShaderFolder, Option<FolderWatch>)>,
    /// Files that were changed since the last change that was taken into use.
    changed: Texts,
    /// Whether `changed` holds something that has not been tried.
    untried: bool,
    /// What is being tried.
    trial: Option<(Texts, Draft)>,
}

/// Takes the folder over from the main world, and watches it.
pub(super) fn watch_shaders(mut state: ResMut<ShaderWatch>, exchange: Res<Exchange>) {
    let Some(folder) = &exchange.shader_folder else { return };
    if state.watch.as_ref().is_some_and(|(watched, _)| watched == folder) {
        return;
    }
    let watch = folder.0.is_dir().then(|| FolderWatch::new(&folder.0));
    let watch =
        watch.and_then(|watch| watch.map_err(|reason| warn!("bevy_toonface: no shaders are watched: {reason}")).ok());
    state.watch = Some((folder.clone(), watch));
}

/// Reads changed files, tries them, and takes into use what compiles.
pub(super) fn reload_shaders(
    mut state: ResMut<ShaderWatch>,
    mut pipelines: ResMut<CartoonPipelines>,
    mut exchange: ResMut<Exchange>,
    device: Res<RenderDevice>,
) {
    let state = &mut *state;
    state.read_changed();
    let result = state.trial.as_mut().and_then(|(_, draft)| draft.poll());
    if let Some(result) = result
        && let Some((tried, draft)) = state.trial.take()
    {
        let fault = result.err().map(|e| ReloadError::Shader { file: e.file, line: e.line, reason: e.reason });
        exchange.shaders.fault.clone_from(&fault);
        match fault {
            None => {
                let files: Vec<&str> = tried.keys().map(String::as_str).collect();
                info!("bevy_toonface: changed shaders are in use: {}", files.join(", "));
                // What was changed again meanwhile stays to be tried.
                state.changed.retain(|path, text| tried.get(path) != Some(text));
                pipelines.adopt(draft, &device);
            }
            Some(error) => warn!("bevy_toonface: {error}"),
        }
    }
    if state.untried && state.trial.is_none() {
        state.untried = false;
        let mut templates = pipelines.templates().clone();
        state.changed.iter().for_each(|(path, text)| _ = templates.replace(path, text.clone()));
        state.trial = Some((state.changed.clone(), pipelines.draft(templates, &device)));
    }
}

impl ShaderWatch {
    fn read_changed(&mut self) {
        let Some((folder, Some(watch))) = &self.watch else { return };
        for file in watch.written() {
            let path = file.path.to_string_lossy().replace('\\', "/");
            // An unreadable file is being replaced; that it is there again is told, too.
            let Ok(text) = std::fs::read_to_string(folder.0.join(&file.path)) else { continue };
            if path.ends_with(".wgsl") && self.changed.get(&path) != Some(&text) {
                self.changed.insert(path, text);
                self.untried = true;
            }
        }
    }
}
