//! The two pipelines of a view: from its texture to the picture, and from the cartoon back.

use bevy::asset::AssetServer;
use bevy::camera::CompositingSpace;
use bevy::core_pipeline::FullscreenShader;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::render::render_resource::{
    BindGroupLayoutDescriptor, BlendComponent, BlendFactor, BlendOperation, BlendState, CachedRenderPipelineId,
    ColorTargetState, ColorWrites, FragmentState, PipelineCache, RenderPipelineDescriptor, TextureFormat,
    TextureFormatFeatureFlags,
};
use bevy::render::renderer::RenderAdapter;
use bevy::shader::{Shader, ShaderDefVal};

use super::super::pipelines::{BIND_SOURCE, OUTPUT_FORMAT, texture, uniform};
use crate::ecs::CartoonError;
use crate::plan::kernel::BIND_PARAMS;

/// `view = source * the view's alpha + view * (1 - weight)`; the view's alpha stays.
const OVER_THE_VIEW: BlendState = BlendState {
    color: BlendComponent {
        src_factor: BlendFactor::DstAlpha,
        dst_factor: BlendFactor::OneMinusSrcAlpha,
        operation: BlendOperation::Add,
    },
    alpha: BlendComponent {
        src_factor: BlendFactor::Zero,
        dst_factor: BlendFactor::One,
        operation: BlendOperation::Add,
    },
};

/// What distinguishes one view's pipelines from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ViewKey {
    /// Format of the view's texture.
    pub format: TextureFormat,
    /// What its colours are.
    pub space: Option<CompositingSpace>,
}

/// The pipelines of a view.
#[derive(Debug, Clone, Copy)]
pub(super) struct ViewPipelinePair {
    pub capture: CachedRenderPipelineId,
    pub overlay: CachedRenderPipelineId,
}

/// All pipelines that were asked for.
#[derive(Resource, Debug, Default)]
pub(super) struct ViewPipelines {
    known: HashMap<ViewKey, ViewPipelinePair>,
    shaders: [Handle<Shader>; 2],
}

/// Starts over on a new device.
pub(super) fn init_view_pipelines(mut pipelines: ResMut<ViewPipelines>, assets: Res<AssetServer>) {
    let load = |name: &str| assets.load(format!("embedded://bevy_toonface/shaders/io/{name}.wgsl"));
    *pipelines = ViewPipelines { known: HashMap::default(), shaders: ["capture", "overlay"].map(load) };
}

/// The layout of the only bind group of both: uniforms, and a texture that is read.
pub(super) fn layout() -> BindGroupLayoutDescriptor {
    BindGroupLayoutDescriptor::new("bevy_toonface/view", &[uniform(BIND_PARAMS), texture(BIND_SOURCE)])
}

impl ViewPipelines {
    /// The pipelines of a view.
    ///
    /// # Errors
    /// If nothing can be blended over textures of the view's format.
    pub fn of(
        &mut self,
        key: ViewKey,
        cache: &PipelineCache,
        fullscreen: &FullscreenShader,
        adapter: &RenderAdapter,
    ) -> Result<ViewPipelinePair, CartoonError> {
        if let Some(pair) = self.known.get(&key) {
            return Ok(*pair);
        }
        let features = adapter.get_texture_format_features(key.format);
        if !features.flags.contains(TextureFormatFeatureFlags::BLENDABLE) {
            return Err(CartoonError::CameraFormat { format: format!("{:?}", key.format) });
        }
        let defs: Vec<ShaderDefVal> = match key.space {
            Some(CompositingSpace::Srgb) => vec!["SRGB_VIEW".into()],
            Some(CompositingSpace::Oklab) => vec!["OKLAB_VIEW".into()],
            Some(CompositingSpace::Linear) | None => Vec::new(),
        };
        let queue = |label: &'static str, shader: &Handle<Shader>, format, blend| {
            cache.queue_render_pipeline(RenderPipelineDescriptor {
                label: Some(label.into()),
                layout: vec![layout()],
                vertex: fullscreen.to_vertex_state(),
                fragment: Some(FragmentState {
                    shader: shader.clone(),
                    shader_defs: defs.clone(),
                    entry_point: Some("fragment".into()),
                    targets: vec![Some(ColorTargetState { format, blend, write_mask: ColorWrites::ALL })],
                }),
                ..default()
            })
        };
        let [capture, overlay] = &self.shaders;
        let pair = ViewPipelinePair {
            capture: queue("bevy_toonface/capture", capture, OUTPUT_FORMAT, None),
            overlay: queue("bevy_toonface/overlay", overlay, key.format, Some(OVER_THE_VIEW)),
        };
        self.known.insert(key, pair);
        Ok(pair)
    }
}
