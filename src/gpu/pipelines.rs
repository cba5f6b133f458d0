//! One pipeline a kernel, shared by all models, compiled in the background by Bevy's cache.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy::asset::uuid::Uuid;
use bevy::core_pipeline::FullscreenShader;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::render::render_resource::{
    BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBindingType, CachedPipelineState,
    CachedRenderPipelineId, ColorTargetState, ColorWrites, FragmentState, PipelineCache, RenderPipelineDescriptor,
    SamplerBindingType, ShaderStages, TextureFormat, TextureSampleType, TextureViewDimension,
};
use bevy::shader::{Shader, ShaderCacheError, ShaderDefVal};

use super::shaders::{Shaders, shader};
use crate::plan::kernel::{BIND_A, BIND_PARAMS, BIND_SAMPLER};
use crate::plan::{Arrangement, Kernel, Subject, Templates, TensorFormat};

/// Format of the output image.
pub(super) const OUTPUT_FORMAT: TextureFormat = TextureFormat::Rgba8UnormSrgb;
/// First half of the ids of written shaders.
const SHADER_NAMESPACE: u64 = 0x746f_6f6e_6661_6365;
/// Binding of the picture.
pub(super) const BIND_SOURCE: u32 = 1;
/// Binding of what a picture was before.
pub(super) const BIND_HISTORY: u32 = 2;

/// A queued pipeline and the layout of its only bind group.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub id: CachedRenderPipelineId,
    pub layout: BindGroupLayoutDescriptor,
}

/// All pipelines that were asked for.
#[derive(Resource, Default, Debug)]
pub(super) struct Pipelines {
    kernels: HashMap<Kernel, Pipeline>,
    /// Picture to tensor.
    encode: HashMap<Arrangement, Pipeline>,
    /// Tensor to picture, with and without a picture below.
    composite: HashMap<(Arrangement, bool), Pipeline>,
    /// Picture and its past to its history.
    settle: Option<Pipeline>,
    /// History to tensor.
    feed: HashMap<Arrangement, Pipeline>,
    /// Shaders that the cache has not got yet.
    pub(super) written: Vec<(AssetId<Shader>, Shader)>,
    /// What the shaders were written for.
    pub(super) subjects: Vec<(Handle<Shader>, Subject)>,
    /// What they are written from.
    pub(super) templates: Templates,
    /// Files that are used as they are and that are not those of this build: path and text.
    pub(super) files: BTreeMap<String, String>,
}

/// Starts over on a new device.
pub(super) fn init_pipelines(mut pipelines: ResMut<Pipelines>, shaders: Res<Shaders>) {
    let Pipelines { templates, files, .. } = std::mem::take(&mut *pipelines);
    let written = files.iter().filter_map(|(path, text)| Some((shaders.id(path)?, shader(path, text.clone()))));
    *pipelines = Pipelines { written: written.collect(), templates, files, ..Pipelines::default() };
}

/// Whether there are shaders to hand over.
pub(super) fn has_written_shaders(pipelines: Res<Pipelines>) -> bool {
    !pipelines.written.is_empty()
}

/// Hands written shaders to the cache, which then compiles the pipelines that wait for them.
pub(super) fn add_written_shaders(mut pipelines: ResMut<Pipelines>, mut cache: ResMut<PipelineCache>) {
    for (id, shader) in pipelines.written.drain(..) {
        cache.set_shader(id, shader);
    }
}

/// A handle for a shader that no asset server knows.
fn new_shader_handle() -> Handle<Shader> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Handle::Uuid(Uuid::from_u64_pair(SHADER_NAMESPACE, NEXT.fetch_add(1, Ordering::Relaxed)), PhantomData)
}

/// Where pipelines are queued.
pub(super) struct PipelineQueue<'a> {
    pub cache: &'a PipelineCache,
    pub fullscreen: &'a FullscreenShader,
}

impl Pipelines {
    /// Number of distinct kernel pipelines.
    pub fn kernel_count(&self) -> usize {
        self.kernels.len()
    }

    pub fn kernel(&mut self, kernel: Kernel, queue: &PipelineQueue) -> Pipeline {
        let Self { kernels, written, subjects, templates, .. } = self;
        let writer = Writer { written, subjects, templates };
        let make = || {
            let mut entries = vec![uniform(BIND_PARAMS), sampler(BIND_SAMPLER)];
            entries.extend(kernel.textures().into_iter().map(texture));
            let targets: Vec<TextureFormat> = kernel.targets().into_iter().map(texture_format).collect();
            let defs = kernel.defs().into_iter().map(ShaderDefVal::from).collect();
            let shader = writer.write(Subject::Kernel(kernel));
            queue.queue(&kernel.to_string(), shader, defs, &entries, &targets)
        };
        kernels.entry(kernel).or_insert_with(make).clone()
    }

    /// `tensor`: how the network's input is arranged.
    pub fn encode(&mut self, tensor: Arrangement, queue: &PipelineQueue) -> Pipeline {
        let Self { encode, written, subjects, templates, .. } = self;
        let writer = Writer { written, subjects, templates };
        let make = || {
            let entries = [uniform(BIND_PARAMS), texture(BIND_SOURCE)];
            let shader = writer.write(Subject::Encode(tensor));
            queue.queue("encode", shader, Vec::new(), &entries, &vec![texture_format(tensor.format); tensor.planes()])
        };
        encode.entry(tensor).or_insert_with(make).clone()
    }

    /// Keeps a history of pictures.
    pub fn settle(&mut self, queue: &PipelineQueue) -> Pipeline {
        let Self { settle, written, subjects, templates, .. } = self;
        let writer = Writer { written, subjects, templates };
        let make = || {
            let entries = [uniform(BIND_PARAMS), texture(BIND_SOURCE), texture(BIND_HISTORY)];
            let shader = writer.write(Subject::Settle);
            queue.queue("settle", shader, Vec::new(), &entries, &[texture_format(Arrangement::QUADS.format)])
        };
        settle.get_or_insert_with(make).clone()
    }

    /// `tensor`: how the network's input is arranged.
    pub fn feed(&mut self, tensor: Arrangement, queue: &PipelineQueue) -> Pipeline {
        let Self { feed, written, subjects, templates, .. } = self;
        let writer = Writer { written, subjects, templates };
        let make = || {
            let entries = [uniform(BIND_PARAMS), texture(BIND_SOURCE)];
            let shader = writer.write(Subject::Feed(tensor));
            queue.queue("feed", shader, Vec::new(), &entries, &vec![texture_format(tensor.format); tensor.planes()])
        };
        feed.entry(tensor).or_insert_with(make).clone()
    }

    /// `tensor`: how the picture of the output is arranged; `source`: whether there is a picture to blend over.
    pub fn composite(&mut self, tensor: Arrangement, source: bool, queue: &PipelineQueue) -> Pipeline {
        let Self { composite, written, subjects, templates, .. } = self;
        let writer = Writer { written, subjects, templates };
        let make = || {
            let mut entries = vec![uniform(BIND_PARAMS)];
            entries.extend(source.then(|| texture(BIND_SOURCE)));
            entries.extend((BIND_A..).take(tensor.planes()).map(texture));
            let defs = if source { Vec::new() } else { vec![ShaderDefVal::from("NO_SOURCE")] };
            let shader = writer.write(Subject::Composite(tensor));
            queue.queue("composite", shader, defs, &entries, &[OUTPUT_FORMAT])
        };
        composite.entry((tensor, source)).or_insert_with(make).clone()
    }
}

impl PipelineQueue<'_> {
    fn queue(
        &self,
        name: &str,
        shader: Handle<Shader>,
        shader_defs: Vec<ShaderDefVal>,
        entries: &[BindGroupLayoutEntry],
        targets: &[TextureFormat],
    ) -> Pipeline {
        let label = format!("bevy_toonface/{name}");
        let layout = BindGroupLayoutDescriptor::new(label.clone(), entries);
        let target = |format: &TextureFormat| {
            Some(ColorTargetState { format: *format, blend: None, write_mask: ColorWrites::ALL })
        };
        let id = self.cache.queue_render_pipeline(RenderPipelineDescriptor {
            label: Some(label.into()),
            layout: vec![layout.clone()],
            vertex: self.fullscreen.to_vertex_state(),
            fragment: Some(FragmentState {
                shader,
                shader_defs,
                entry_point: Some("fragment".into()),
                targets: targets.iter().map(target).collect(),
            }),
            ..default()
        });
        Pipeline { id, layout }
    }
}

/// Whether a pipeline can be used: `Ok(false)` while it compiles.
///
/// # Errors
/// The compiler's message, if the shader does not compile on this device.
pub(super) fn readiness(cache: &PipelineCache, id: CachedRenderPipelineId) -> Result<bool, String> {
    match cache.get_render_pipeline_state(id) {
        CachedPipelineState::Ok(_) => Ok(true),
        CachedPipelineState::Err(
            ShaderCacheError::ShaderNotLoaded(_) | ShaderCacheError::ShaderImportNotYetAvailable,
        ) => Ok(false),
        CachedPipelineState::Err(error) => Err(error.to_string()),
        CachedPipelineState::Queued | CachedPipelineState::Creating(_) => Ok(false),
    }
}

/// Writes shaders, and keeps them for [`add_written_shaders`].
struct Writer<'a> {
    written: &'a mut Vec<(AssetId<Shader>, Shader)>,
    subjects: &'a mut Vec<(Handle<Shader>, Subject)>,
    templates: &'a Templates,
}

impl Writer<'_> {
    fn write(self, subject: Subject) -> Handle<Shader> {
        let handle = new_shader_handle();
        self.written.push((handle.id(), shader(subject.file(), self.templates.write(&subject).text)));
        self.subjects.push((handle.clone(), subject));
        handle
    }
}

/// The device's name for a tensor's format.
pub(super) fn texture_format(format: TensorFormat) -> TextureFormat {
    match format {
        TensorFormat::R32Float => TextureFormat::R32Float,
        TensorFormat::Rgba32Float => TextureFormat::Rgba32Float,
        TensorFormat::Rgba16Float => TextureFormat::Rgba16Float,
    }
}

pub(super) fn uniform(binding: u32) -> BindGroupLayoutEntry {
    let ty = BindingType::Buffer { ty: BufferBindingType::Uniform, has_dynamic_offset: true, min_binding_size: None };
    BindGroupLayoutEntry { binding, visibility: ShaderStages::FRAGMENT, ty, count: None }
}

fn sampler(binding: u32) -> BindGroupLayoutEntry {
    let ty = BindingType::Sampler(SamplerBindingType::NonFiltering);
    BindGroupLayoutEntry { binding, visibility: ShaderStages::FRAGMENT, ty, count: None }
}

pub(super) fn texture(binding: u32) -> BindGroupLayoutEntry {
    let ty = BindingType::Texture {
        sample_type: TextureSampleType::Float { filterable: false },
        view_dimension: TextureViewDimension::D2,
        multisampled: false,
    };
    BindGroupLayoutEntry { binding, visibility: ShaderStages::FRAGMENT, ty, count: None }
}
