//! Shaders that change on disk. A changed file is read, everything that is drawn with it is compiled on the side, and only
//! what compiles takes the place of what was there. A broken file changes nothing; it is told with its line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bevy::asset::AssetId;
use bevy::prelude::*;
use bevy::render::render_resource::{PipelineCache, PipelineDescriptor};
use bevy::render::renderer::RenderDevice;
use bevy::shader::Shader;
use bevy::tasks::{AsyncComputeTaskPool, Task, block_on, poll_once};

use super::exchange::Exchange;
use super::pipelines::Pipelines;
use super::shaders::{self, Shaders};
use super::trial::{Trial, check};
use crate::ecs::ReloadError;
use crate::ecs::folder_watch::FolderWatch;
use crate::plan::Written;

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
    trial: Option<Task<(Texts, Result<(), ReloadError>)>>,
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
    mut pipelines: ResMut<Pipelines>,
    mut exchange: ResMut<Exchange>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
    known: Res<Shaders>,
) {
    let state = &mut *state;
    state.read_changed();
    if let Some((tried, result)) = state.trial.as_mut().and_then(|task| block_on(poll_once(task))) {
        state.trial = None;
        exchange.shaders.fault = result.as_ref().err().cloned();
        match result {
            Ok(()) => {
                let files: Vec<&str> = tried.keys().map(String::as_str).collect();
                info!("bevy_toonface: changed shaders are in use: {}", files.join(", "));
                exchange.shaders.revision += 1;
                // What was changed again meanwhile stays to be tried.
                state.changed.retain(|path, text| tried.get(path) != Some(text));
                pipelines.replace(tried, &known);
            }
            Err(error) => warn!("bevy_toonface: {error}"),
        }
    }
    if state.untried && state.trial.is_none() {
        state.untried = false;
        let changed = state.changed.clone();
        let (libs, trials) = pipelines.try_out(&changed, &known, &cache);
        let device = device.clone();
        let task = async move {
            let result = check(&libs, trials, &device);
            (changed, result)
        };
        state.trial = Some(AsyncComputeTaskPool::get().spawn(task));
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

impl Pipelines {
    /// All libraries as they would be, and what is drawn with the changed files.
    fn try_out(&self, changed: &Texts, known: &Shaders, cache: &PipelineCache) -> (Texts, Vec<Trial>) {
        let mut templates = self.templates.clone();
        let mut files = shaders::built_in();
        files.extend(self.files.clone());
        for (path, text) in changed {
            if !templates.replace(path, text.clone())
                && let Some(file) = files.get_mut(path)
            {
                file.clone_from(text);
            }
        }
        let (libs, whole): (Texts, Texts) = files.into_iter().partition(|(path, _)| shaders::is_library(path));
        let all = changed.keys().any(|path| libs.contains_key(path));
        let is_tried = |file: &str| all || changed.contains_key(file);
        let written = self.subjects.iter().filter(|(_, subject)| is_tried(subject.file()));
        let mut trials: Vec<Trial> = written
            .flat_map(|(shader, subject)| trials(shader.id(), subject.file(), templates.write(subject), cache))
            .collect();
        for (file, shader) in known.drawn().filter(|(file, _)| is_tried(file)) {
            let text = whole.get(file).map_or("", String::as_str);
            trials.extend(self::trials(shader, file, Written::whole(text), cache));
        }
        (libs, trials)
    }

    /// Takes changed files into use: whatever is drawn with them is compiled anew.
    fn replace(&mut self, changed: Texts, known: &Shaders) {
        let mut shaders: Vec<(AssetId<Shader>, Shader)> = Vec::new();
        for (path, text) in &changed {
            if let Some(id) = known.id(path) {
                shaders.push((id, shaders::shader(path, text.clone())));
                self.files.insert(path.clone(), text.clone());
            } else {
                self.templates.replace(path, text.clone());
            }
        }
        for (handle, subject) in self.subjects.iter().filter(|(_, subject)| changed.contains_key(subject.file())) {
            shaders.push((handle.id(), shaders::shader(subject.file(), self.templates.write(subject).text)));
        }
        self.written.extend(shaders);
    }
}

/// The pipelines that are drawn with a shader, each with the text that is to take its place.
fn trials(shader: AssetId<Shader>, file: &'static str, written: Written, cache: &PipelineCache) -> Vec<Trial> {
    let trial = |descriptor: &PipelineDescriptor| {
        let PipelineDescriptor::RenderPipelineDescriptor(descriptor) = descriptor else { return None };
        let fragment = descriptor.fragment.as_ref().filter(|fragment| fragment.shader.id() == shader)?;
        Some(Trial {
            file,
            written: written.clone(),
            defs: fragment.shader_defs.clone(),
            layouts: descriptor.layout.iter().map(|layout| cache.get_bind_group_layout(layout)).collect(),
            targets: fragment.targets.clone(),
        })
    };
    cache.pipelines().filter_map(|pipeline| trial(&pipeline.descriptor)).collect()
}
