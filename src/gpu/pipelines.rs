//! One pipeline a program, shared by all models. Bevy's pipeline cache is not used: composing shaders took a fifth of the
//! time that the first cartoon takes in a browser (benches/NOTES.md, step 18).

use std::future::Future;
use std::pin::Pin;

use bevy::platform::cell::SyncCell;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::render::render_resource::{BindGroupLayout, BindGroupLayoutEntry, ColorTargetState, RenderPipeline};
use bevy::render::renderer::RenderDevice;
use bevy::tasks::{block_on, poll_once};
use wgpu::ShaderModule;

use super::compile::{CompileError, Parts, compile, module};
use super::exchange::Exchange;
use super::program::Program;
use crate::plan::{Subject, Templates};

/// A pipeline, or where it will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PipelineId(usize);

/// A pipeline that was asked for and the layout of its only bind group.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub id: PipelineId,
    pub layout: BindGroupLayout,
}

type Compilation = Pin<Box<dyn Future<Output = Result<RenderPipeline, CompileError>> + Send>>;

/// How far a pipeline is.
enum State {
    Compiling(SyncCell<Compilation>),
    Ready(RenderPipeline),
    Failed(CompileError),
}

struct Slot {
    program: Program,
    layout: BindGroupLayout,
    state: State,
}

/// The plugin's pipelines. A resource of the render world, for loading screens and tools.
#[derive(Resource, Default)]
pub struct CartoonPipelines {
    slots: Vec<Slot>,
    known: HashMap<Program, PipelineId>,
    shop: Shop,
    /// Grows whenever other shaders are taken into use.
    revision: u64,
}

/// Where pipelines are begun.
#[derive(Clone, Default)]
struct Shop {
    /// What shaders are written from.
    templates: Templates,
    /// The vertex stage of all.
    vertex: Option<ShaderModule>,
}

/// Changed shaders, and what is drawn with them compiled anew, beside what is in use.
pub(super) struct Draft {
    shop: Shop,
    /// By index.
    states: Vec<(usize, State)>,
    /// Pipelines that there were.
    slots: usize,
}

/// What is known of a pipeline.
#[derive(Debug, Clone)]
pub struct PipelineInfo {
    /// What it draws, as error messages and graphics debuggers call it: `bevy_toonface/conv3 ...`.
    pub label: String,
    /// Entries of its only bind group.
    pub bindings: Vec<BindGroupLayoutEntry>,
    /// Its colour attachments.
    pub targets: Vec<Option<ColorTargetState>>,
    /// `Some(true)` if it can be drawn with, `None` while it compiles, `Some(false)` if it does not compile.
    pub ready: Option<bool>,
}

/// Starts over on a new device.
pub(super) fn init_pipelines(mut pipelines: ResMut<CartoonPipelines>) {
    let templates = std::mem::take(&mut pipelines.shop.templates);
    let revision = pipelines.revision;
    *pipelines = CartoonPipelines { shop: Shop { templates, vertex: None }, revision, ..CartoonPipelines::default() };
}

/// Takes over what has compiled since the last frame.
pub(super) fn poll_pipelines(mut pipelines: ResMut<CartoonPipelines>, mut exchange: ResMut<Exchange>) {
    exchange.shaders.revision = pipelines.revision;
    if pipelines.is_compiling() {
        pipelines.slots.iter_mut().for_each(|slot| slot.state.poll());
    }
}

impl CartoonPipelines {
    /// All pipelines that were asked for.
    pub fn iter(&self) -> impl Iterator<Item = PipelineInfo> {
        self.slots.iter().map(|slot| PipelineInfo {
            label: format!("bevy_toonface/{}", slot.program),
            bindings: slot.program.bindings(),
            targets: slot.program.targets(),
            ready: match slot.state {
                State::Compiling(_) => None,
                State::Ready(_) => Some(true),
                State::Failed(_) => Some(false),
            },
        })
    }

    /// Whether some pipeline compiles.
    pub fn is_compiling(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot.state, State::Compiling(_)))
    }

    /// Waits until nothing compiles any more; for tools, and for games that end.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn finish(&mut self) {
        for slot in &mut self.slots {
            if let State::Compiling(compilation) = &mut slot.state {
                slot.state = block_on(compilation.get()).map_or_else(State::Failed, State::Ready);
            }
        }
    }

    /// Puts WGSL in the place of the crate's own: `path` is that of a file below `shaders/`. What is drawn with it is
    /// compiled anew at once; cartoons wait for that, and fail if it does not compile. With the feature `hot_reload`, files
    /// that are edited take effect by themselves, and only if they compile. Returns whether there is such a file.
    pub fn replace_shader(&mut self, path: &str, text: String, device: &RenderDevice) -> bool {
        let mut templates = self.shop.templates.clone();
        let is_known = templates.replace(path, text);
        let draft = self.draft(templates, device);
        self.adopt(draft, device);
        is_known
    }

    /// What shaders are written from.
    #[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
    pub(super) fn templates(&self) -> &Templates {
        &self.shop.templates
    }

    /// Begins to compile whatever is drawn otherwise with these templates.
    pub(super) fn draft(&self, templates: Templates, device: &RenderDevice) -> Draft {
        let mut shop = self.shop.with(templates);
        let stale = (0..self.slots.len()).filter(|index| shop.writes_anew(self.slots[*index].program, &self.shop));
        let stale: Vec<usize> = stale.collect();
        let states = stale
            .into_iter()
            .map(|index| (index, shop.begin(self.slots[index].program, &self.slots[index].layout, device)))
            .collect();
        Draft { shop, states, slots: self.slots.len() }
    }

    /// Takes a draft into use.
    pub(super) fn adopt(&mut self, draft: Draft, device: &RenderDevice) {
        let before = std::mem::replace(&mut self.shop, draft.shop);
        self.revision += 1;
        draft.states.into_iter().for_each(|(index, state)| self.slots[index].state = state);
        // What was asked for meanwhile is as the draft has not seen it.
        for slot in self.slots.iter_mut().skip(draft.slots) {
            if self.shop.writes_anew(slot.program, &before) {
                slot.state = self.shop.begin(slot.program, &slot.layout, device);
            }
        }
    }

    /// Number of distinct kernel pipelines.
    pub(super) fn kernel_count(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot.program, Program::Kernel(_))).count()
    }

    /// Whether a pipeline was asked for.
    pub(super) fn contains(&self, program: Program) -> bool {
        self.known.contains_key(&program)
    }

    /// The pipeline of a program, which begins to compile if it is new.
    pub(super) fn get_or_compile(&mut self, program: Program, device: &RenderDevice) -> Pipeline {
        if let Some(id) = self.known.get(&program) {
            return Pipeline { id: *id, layout: self.slots[id.0].layout.clone() };
        }
        let label = format!("bevy_toonface/{program}");
        let layout = device.create_bind_group_layout(label.as_str(), &program.bindings());
        let state = self.shop.begin(program, &layout, device);
        let id = PipelineId(self.slots.len());
        self.slots.push(Slot { program, layout: layout.clone(), state });
        self.known.insert(program, id);
        Pipeline { id, layout }
    }

    /// A pipeline, if it has compiled.
    pub(super) fn get(&self, id: PipelineId) -> Option<&RenderPipeline> {
        match &self.slots.get(id.0)?.state {
            State::Ready(pipeline) => Some(pipeline),
            State::Compiling(_) | State::Failed(_) => None,
        }
    }

    /// Whether a pipeline can be used: `Ok(false)` while it compiles.
    ///
    /// # Errors
    /// Its name and the compiler's message, if it does not compile on this device.
    pub(super) fn readiness(&self, id: PipelineId) -> Result<bool, (String, String)> {
        let Some(slot) = self.slots.get(id.0) else { return Ok(false) };
        match &slot.state {
            State::Ready(_) => Ok(true),
            State::Compiling(_) => Ok(false),
            State::Failed(error) => Err((slot.program.to_string(), error.to_string())),
        }
    }
}

impl Shop {
    /// The same with other templates.
    fn with(&self, templates: Templates) -> Self {
        let vertex = |templates: &Templates| templates.write(&Subject::Triangle);
        let is_same = vertex(&templates) == vertex(&self.templates);
        Self { templates, vertex: self.vertex.clone().filter(|_| is_same) }
    }

    /// Whether the shaders of a program are others than those of `before`.
    fn writes_anew(&self, program: Program, before: &Self) -> bool {
        let differs = |subject| self.templates.write(&subject) != before.templates.write(&subject);
        differs(program.subject()) || differs(Subject::Triangle)
    }

    fn begin(&mut self, program: Program, layout: &BindGroupLayout, device: &RenderDevice) -> State {
        let parts = self.vertex(device).and_then(|vertex| {
            let written = self.templates.write(&program.subject())?;
            Ok(Parts { program, written, vertex, layout: layout.clone(), is_edited: self.templates.are_edited() })
        });
        match parts {
            Ok(parts) => State::of(parts, device),
            Err(error) => State::Failed(error),
        }
    }

    fn vertex(&mut self, device: &RenderDevice) -> Result<ShaderModule, CompileError> {
        if let Some(vertex) = &self.vertex {
            return Ok(vertex.clone());
        }
        let written = self.templates.write(&Subject::Triangle)?;
        Ok(self.vertex.insert(module(device, Subject::Triangle.file(), &written)?).clone())
    }
}

#[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
impl Draft {
    /// `None` while something compiles.
    ///
    /// # Errors
    /// The first of what does not compile.
    pub fn poll(&mut self) -> Option<Result<(), CompileError>> {
        self.states.iter_mut().for_each(|(_, state)| state.poll());
        let is_open = self.states.iter().any(|(_, state)| matches!(state, State::Compiling(_)));
        let fault = self.states.iter().find_map(|(_, state)| match state {
            State::Failed(error) => Some(error.clone()),
            State::Ready(_) | State::Compiling(_) => None,
        });
        (!is_open).then_some(fault.map_or(Ok(()), Err))
    }
}

impl State {
    /// Begins to compile, on a thread of Bevy's if there are any. As with Bevy's own pipelines, there is none for it in
    /// browsers and on macOS.
    fn of(parts: Parts, device: &RenderDevice) -> Self {
        #[cfg(not(any(target_arch = "wasm32", target_os = "macos")))]
        let compilation: Compilation = {
            let device = device.clone();
            let work = async move { compile(&parts, &device).await };
            Box::pin(bevy::tasks::AsyncComputeTaskPool::get().spawn(work))
        };
        #[cfg(any(target_arch = "wasm32", target_os = "macos"))]
        let compilation: Compilation = Box::pin(compile(&parts, device));
        let mut state = Self::Compiling(SyncCell::new(compilation));
        state.poll();
        state
    }

    fn poll(&mut self) {
        let Self::Compiling(compilation) = self else { return };
        match block_on(poll_once(compilation.get())) {
            None => {}
            Some(Ok(pipeline)) => *self = Self::Ready(pipeline),
            Some(Err(error)) => *self = Self::Failed(error),
        }
    }
}
