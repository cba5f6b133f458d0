//! One pipeline a kernel, shared by all models, compiled in the background by Bevy's cache.

use bevy::core_pipeline::FullscreenShader;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::render::render_resource::{
    BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBindingType, CachedPipelineState,
    CachedRenderPipelineId, ColorTargetState, ColorWrites, FragmentState, PipelineCache, RenderPipelineDescriptor,
    ShaderStages, TextureFormat, TextureSampleType, TextureViewDimension,
};
use bevy::shader::{ShaderCacheError, ShaderDefVal};

use super::shaders::Shaders;
use crate::plan::Kernel;
use crate::plan::kernel::{BIND_A, BIND_PARAMS, Def};

/// Format of the output image.
const OUTPUT_FORMAT: TextureFormat = TextureFormat::Rgba8UnormSrgb;
/// Binding of the picture.
pub(super) const BIND_SOURCE: u32 = 1;

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
    encode: Option<Pipeline>,
    /// Tensor to picture, with and without a picture below.
    composite: [Option<Pipeline>; 2],
}

/// Starts over on a new device.
pub(super) fn init_pipelines(mut pipelines: ResMut<Pipelines>) {
    *pipelines = Pipelines::default();
}

/// Where pipelines are queued.
pub(super) struct PipelineQueue<'a> {
    pub cache: &'a PipelineCache,
    pub shaders: &'a Shaders,
    pub fullscreen: &'a FullscreenShader,
}

impl Pipelines {
    /// Number of distinct kernel pipelines.
    pub fn kernel_count(&self) -> usize {
        self.kernels.len()
    }

    pub fn kernel(&mut self, kernel: Kernel, queue: &PipelineQueue) -> Pipeline {
        let make = || {
            let mut entries = vec![uniform(BIND_PARAMS)];
            entries.extend(kernel.textures().into_iter().map(texture));
            let targets = vec![TextureFormat::R32Float; kernel.targets()];
            let defs = kernel.defs().into_iter().map(shader_def).collect();
            queue.queue(&kernel.to_string(), kernel.shader(), defs, &entries, &targets)
        };
        self.kernels.entry(kernel).or_insert_with(make).clone()
    }

    pub fn encode(&mut self, queue: &PipelineQueue) -> Pipeline {
        let make = || {
            let entries = [uniform(BIND_PARAMS), texture(BIND_SOURCE)];
            queue.queue("encode", "io/encode.wgsl", Vec::new(), &entries, &[TextureFormat::R32Float; 3])
        };
        self.encode.get_or_insert_with(make).clone()
    }

    /// `source`: whether there is a picture to blend over.
    pub fn composite(&mut self, source: bool, queue: &PipelineQueue) -> Pipeline {
        let make = || {
            let mut entries = vec![uniform(BIND_PARAMS)];
            entries.extend(source.then(|| texture(BIND_SOURCE)));
            entries.extend((BIND_A..BIND_A + 3).map(texture));
            let defs = if source { Vec::new() } else { vec![ShaderDefVal::from("NO_SOURCE")] };
            queue.queue("composite", "io/composite.wgsl", defs, &entries, &[OUTPUT_FORMAT])
        };
        self.composite[usize::from(source)].get_or_insert_with(make).clone()
    }
}

impl PipelineQueue<'_> {
    fn queue(
        &self,
        name: &str,
        file: &str,
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
                shader: self.shaders.get(file),
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

fn shader_def(def: Def) -> ShaderDefVal {
    match def {
        Def::Int(name, value) => ShaderDefVal::Int(name.into(), value),
        Def::Flag(name) => name.into(),
    }
}

fn uniform(binding: u32) -> BindGroupLayoutEntry {
    let ty = BindingType::Buffer { ty: BufferBindingType::Uniform, has_dynamic_offset: true, min_binding_size: None };
    BindGroupLayoutEntry { binding, visibility: ShaderStages::FRAGMENT, ty, count: None }
}

fn texture(binding: u32) -> BindGroupLayoutEntry {
    let ty = BindingType::Texture {
        sample_type: TextureSampleType::Float { filterable: false },
        view_dimension: TextureViewDimension::D2,
        multisampled: false,
    };
    BindGroupLayoutEntry { binding, visibility: ShaderStages::FRAGMENT, ty, count: None }
}
