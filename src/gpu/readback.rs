//! Tensors from the GPU to the CPU, for tools and tests. Never in the way of a frame.

use std::sync::{Arc, Mutex};

use bevy::prelude::*;
use bevy::render::render_resource::{
    Buffer, BufferDescriptor, BufferUsages, CommandEncoder, Extent3d, MapMode, Origin3d, TexelCopyBufferInfo,
    TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};

use super::chain::Chain;
use crate::model::Tensor;
use crate::plan::PlannedTensor;

/// Rows in a buffer that textures are copied to start at multiples of this (wgpu's COPY_BYTES_PER_ROW_ALIGNMENT).
const ROW_ALIGN: usize = 256;

/// A copy of some tensors of one picture that is on its way.
#[derive(Debug)]
pub(super) struct Readback {
    pub entity: Entity,
    item: usize,
    tensors: Vec<(String, PlannedTensor)>,
    /// One buffer a plane, tensor after tensor.
    buffers: Vec<Buffer>,
    mapped: Arc<Mutex<usize>>,
}

impl Readback {
    /// Records the copies of `names` (and the input) for picture `item`.
    pub fn record(
        chain: &Chain,
        entity: Entity,
        item: usize,
        names: &[String],
        device: &RenderDevice,
        encoder: &mut CommandEncoder,
    ) -> Self {
        let names = names.iter().filter(|name| *name != "input");
        let mut tensors = vec![("input".to_owned(), chain.plan.input().clone())];
        tensors.extend(names.filter_map(|n| Some((n.clone(), chain.plan.output(n)?.clone()))));
        let planes = tensors.iter().flat_map(|(_, tensor)| tensor.slots.iter().map(move |slot| (tensor, *slot)));
        let buffers = planes
            .map(|(tensor, slot)| {
                let (width, height) = tensor.layout.size();
                let row = (4 * width).next_multiple_of(ROW_ALIGN);
                let buffer = device.create_buffer(&BufferDescriptor {
                    label: Some("bevy_toonface/readback"),
                    size: (row * height) as u64,
                    usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
                    mapped_at_creation: false,
                });
                let texture = &chain.slots[slot].0;
                let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row as u32), rows_per_image: None };
                encoder.copy_texture_to_buffer(
                    texture.as_image_copy(),
                    TexelCopyBufferInfo { buffer: &buffer, layout },
                    Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
                );
                buffer
            })
            .collect();
        Self { entity, item, tensors, buffers, mapped: Arc::default() }
    }

    /// Asks for the buffers; to be called once the copies are submitted.
    pub fn map(&self) {
        for buffer in &self.buffers {
            let mapped = self.mapped.clone();
            buffer.slice(..).map_async(MapMode::Read, move |result| {
                if result.is_ok()
                    && let Ok(mut count) = mapped.lock()
                {
                    *count += 1;
                }
            });
        }
    }

    /// The tensors, once all buffers have arrived.
    pub fn take(&self) -> Option<Vec<(String, Tensor)>> {
        if self.mapped.lock().map_or(0, |count| *count) < self.buffers.len() {
            return None;
        }
        let mut buffers = self.buffers.iter();
        let tensors = self.tensors.iter().map(|(name, tensor)| {
            let planes: Vec<Vec<f32>> = buffers.by_ref().take(tensor.slots.len()).map(|b| rows(b, tensor)).collect();
            (name.clone(), gather(tensor, self.item, &planes))
        });
        Some(tensors.collect())
    }
}

/// A plane's texels without the padding of the rows.
fn rows(buffer: &Buffer, tensor: &PlannedTensor) -> Vec<f32> {
    let width = tensor.layout.size().0;
    let bytes = buffer.slice(..).get_mapped_range();
    let row = (4 * width).next_multiple_of(ROW_ALIGN);
    let texel = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    bytes.chunks_exact(row).flat_map(|r| r[..4 * width].chunks_exact(4).map(texel)).collect()
}

/// Planes and tiles to `[1, C, H, W]`.
fn gather(tensor: &PlannedTensor, item: usize, planes: &[Vec<f32>]) -> Tensor {
    let layout = &tensor.layout;
    let width = layout.size().0;
    let mut data = Vec::with_capacity(tensor.shape.elements());
    for channel in 0..tensor.shape.channels {
        let (x0, y0) = layout.origin(item, channel / layout.planes);
        let plane = &planes[channel % layout.planes];
        for y in y0..y0 + layout.tile_height {
            data.extend_from_slice(&plane[y * width + x0..y * width + x0 + layout.tile_width]);
        }
    }
    let shape = tensor.shape;
    Tensor { dims: vec![1, shape.channels, shape.height, shape.width], data }
}

/// The way back: writes a tensor into the input of picture `item`.
pub(super) fn upload(chain: &Chain, item: usize, tensor: &Tensor, queue: &RenderQueue) {
    let input = chain.plan.input();
    let layout = &input.layout;
    let (width, height) = (layout.tile_width, layout.tile_height);
    for (channel, values) in tensor.data.chunks_exact(width * height).enumerate() {
        let (x, y) = layout.origin(item, channel / layout.planes);
        let target = TexelCopyTextureInfo {
            texture: &chain.slots[input.slots[channel % layout.planes]].0,
            mip_level: 0,
            origin: Origin3d { x: x as u32, y: y as u32, z: 0 },
            aspect: TextureAspect::All,
        };
        let rows = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * width as u32), rows_per_image: None };
        let size = Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 };
        queue.write_texture(target, bytemuck::cast_slice(values), rows, size);
    }
}
