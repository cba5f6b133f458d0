//! Picture to tensor and back: what the two passes at the ends of a chain are bound to.

use bevy::math::{URect, Vec2};
use bevy::render::render_resource::{
    BindGroup, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferDescriptor, BufferSize, BufferUsages,
    TextureView,
};
use bevy::render::renderer::RenderDevice;
use bytemuck::{Pod, Zeroable};

use super::chain::Chain;
use super::pipelines::Pipeline;
use super::program::BIND_SOURCE;
use crate::plan::kernel::{BIND_A, BIND_PARAMS};
use crate::plan::{Layout, LayoutUniform};

/// Bytes from block to block in the picture buffer.
pub(super) const PICTURE_STRIDE: u32 = 256;

/// `struct Picture` of `shaders/lib/picture.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub(super) struct PictureUniform {
    pub tensor: LayoutUniform,
    pub size: [i32; 2],
    pub corner: [f32; 2],
    pub scale: f32,
    pub strength: f32,
    pub item: i32,
    pub pad: i32,
    pub block: [i32; 2],
    pub first: [i32; 2],
}

impl PictureUniform {
    /// The smallest centred square that holds the whole picture, in the network's tensor. `area`: the picture in its
    /// image.
    pub fn new(tensor: &Layout, area: URect, item: usize, strength: f32) -> Self {
        let size = area.size();
        let side = size.max_element() as f32;
        let corner = (size.as_vec2() - Vec2::splat(side)) / 2.0;
        Self {
            tensor: tensor.uniform(),
            size: size.as_ivec2().to_array(),
            corner: corner.to_array(),
            scale: side / (tensor.tile_width * tensor.arrangement.phases[0]) as f32,
            strength,
            item: item as i32,
            pad: 0,
            block: tensor.arrangement.phases.map(|n| n as i32),
            first: area.min.as_ivec2().to_array(),
        }
    }
}

/// The uniform buffer of both ends: for each picture of the batch an encode block, then a composite block.
pub(super) fn picture_buffer(device: &RenderDevice, batch: usize, label: &str) -> Buffer {
    device.create_buffer(&BufferDescriptor {
        label: Some(label),
        size: u64::from(PICTURE_STRIDE) * 2 * batch as u64,
        usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// What the bind groups of both ends need.
pub(super) struct Ends<'a> {
    pub device: &'a RenderDevice,
    pub buffer: &'a Buffer,
}

impl Ends<'_> {
    pub fn encode(&self, pipeline: &Pipeline, source: &TextureView) -> BindGroup {
        let entries = [self.params(), view(BIND_SOURCE, source)];
        self.device.create_bind_group("bevy_toonface/encode", &pipeline.layout, &entries)
    }

    pub fn composite(
        &self,
        pipeline: &Pipeline,
        source: Option<&TextureView>,
        chain: &Chain,
        tensor: usize,
    ) -> BindGroup {
        let mut entries = vec![self.params()];
        entries.extend(source.map(|source| view(BIND_SOURCE, source)));
        entries.extend(chain.planes(tensor).zip(BIND_A..).map(|(plane, binding)| view(binding, plane)));
        self.device.create_bind_group("bevy_toonface/composite", &pipeline.layout, &entries)
    }

    fn params(&self) -> BindGroupEntry<'_> {
        let size = BufferSize::new(size_of::<PictureUniform>() as u64);
        let resource = BindingResource::Buffer(BufferBinding { buffer: self.buffer, offset: 0, size });
        BindGroupEntry { binding: BIND_PARAMS, resource }
    }
}

fn view(binding: u32, texture: &TextureView) -> BindGroupEntry<'_> {
    BindGroupEntry { binding, resource: BindingResource::TextureView(texture) }
}
