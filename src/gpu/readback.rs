//! Tensors from the GPU to the CPU, for tools and tests. Never in the way of a frame.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use bevy::prelude::*;
use bevy::render::render_resource::{
    Buffer, BufferDescriptor, BufferUsages, CommandEncoder, Extent3d, MapMode, Origin3d, TexelCopyBufferInfo,
    TexelCopyBufferLayout, TexelCopyTextureInfo, TextureAspect,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use half::f16;

use super::chain::Chain;
#[cfg(feature = "few_shot")]
use crate::ecs::TrainingRun;
use crate::model::{Shape, Tensor};
use crate::plan::params::NO_FLOOR;
use crate::plan::{Layout, PlannedTensor, TensorFormat};

/// Rows in a buffer that textures are copied to start at multiples of this (wgpu's COPY_BYTES_PER_ROW_ALIGNMENT).
const ROW_ALIGN: usize = 256;

/// A copy of some tensors of one picture that is on its way.
#[derive(Debug)]
pub(super) struct Readback {
    pub entity: Entity,
    /// What of a training it is, and none for a cartoon.
    #[cfg(feature = "few_shot")]
    pub run: Option<TrainingRun>,
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
                let row = (tensor.layout.arrangement.format.bytes() * width).next_multiple_of(ROW_ALIGN);
                let buffer = device.create_buffer(&BufferDescriptor {
                    label: Some("bevy_toonface/readback"),
                    size: (row * height) as u64,
                    usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
                    mapped_at_creation: false,
                });
                let texture = &chain.slots[slot].0;
                let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row as u32), rows_per_image: None };
                let (x, y) = tensor.layout.base;
                let origin = Origin3d { x: x as u32, y: y as u32, z: 0 };
                encoder.copy_texture_to_buffer(
                    TexelCopyTextureInfo { texture, mip_level: 0, origin, aspect: TextureAspect::All },
                    TexelCopyBufferInfo { buffer: &buffer, layout },
                    Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
                );
                buffer
            })
            .collect();
        Self {
            entity,
            #[cfg(feature = "few_shot")]
            run: None,
            item,
            tensors,
            buffers,
            mapped: Arc::default(),
        }
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

    /// The tensors, once all buffers have arrived. Never, if the device is lost.
    pub fn take(&self) -> Option<Vec<(String, Tensor)>> {
        if self.mapped.lock().map_or(0, |count| *count) < self.buffers.len() {
            return None;
        }
        let mut buffers = self.buffers.iter();
        let tensors = self.tensors.iter().map(|(name, tensor)| {
            let buffers = buffers.by_ref().take(tensor.slots.len());
            let planes: Vec<_> = buffers.map(|b| Some(rows(&mapped_bytes(b)?, tensor))).collect::<Option<_>>()?;
            Some((name.clone(), gather(tensor, self.item, &planes)))
        });
        tensors.collect()
    }
}

/// The bytes of a mapped buffer. `None` if its device has just been lost: wgpu knows no way to ask, and panics.
pub(super) fn mapped_bytes(buffer: &Buffer) -> Option<Vec<u8>> {
    let read = || buffer.slice(..).get_mapped_range().to_vec();
    catch_unwind(AssertUnwindSafe(read)).ok()
}

/// A plane's values without the padding of the rows, texel by texel.
fn rows(bytes: &[u8], tensor: &PlannedTensor) -> Vec<f32> {
    let format = tensor.layout.arrangement.format;
    let row_bytes = format.bytes() * tensor.layout.size().0;
    let rows = bytes.chunks_exact(row_bytes.next_multiple_of(ROW_ALIGN)).map(|row| &row[..row_bytes]);
    match format {
        TensorFormat::R32Float | TensorFormat::Rgba32Float => {
            let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            rows.flat_map(|row| row.chunks_exact(4).map(value)).collect()
        }
        TensorFormat::Rgba16Float => {
            let value = |b: &[u8]| f16::from_le_bytes([b[0], b[1]]).to_f32();
            rows.flat_map(|row| row.chunks_exact(2).map(value)).collect()
        }
    }
}

/// Planes and tiles to `[1, C, H, W]`.
fn gather(tensor: &PlannedTensor, item: usize, planes: &[Vec<f32>]) -> Tensor {
    let shape = tensor.shape;
    // What was copied is the tensor alone.
    let places = Places { layout: &tensor.layout.alone(), shape, item };
    let lowest = lowest(tensor.layout.arrangement.format);
    let values = places.each().map(|(plane, index)| planes[plane][index]);
    let values = values.map(|value| if value == lowest { f32::NAN } else { value });
    Tensor { dims: vec![1, shape.channels, shape.height, shape.width], data: values.collect() }
}

/// What a NaN may have become: results end in `max(x, floor)`, and many devices take the floor then. Without a ReLU, the
/// floor is the lowest value that there is ([`NO_FLOOR`]), which stands for nothing else.
fn lowest(format: TensorFormat) -> f32 {
    match format {
        TensorFormat::R32Float | TensorFormat::Rgba32Float => NO_FLOOR,
        TensorFormat::Rgba16Float => f16::MIN.to_f32(),
    }
}

/// Where the values of one picture lie: plane, and index among the plane's values.
struct Places<'a> {
    layout: &'a Layout,
    shape: Shape,
    item: usize,
}

impl Places<'_> {
    /// In the order channel, row, column.
    fn each(&self) -> impl Iterator<Item = (usize, usize)> {
        let Shape { channels, height, width } = self.shape;
        let pixels = move |c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x)));
        (0..channels).flat_map(pixels).map(|(c, y, x)| self.place(c, y, x))
    }

    fn place(&self, channel: usize, y: usize, x: usize) -> (usize, usize) {
        let arrangement = &self.layout.arrangement;
        let (x0, y0) = self.layout.origin(self.item, channel / arrangement.quad);
        let texel = (y0 + y / arrangement.phases[1]) * self.layout.size().0 + x0 + x / arrangement.phases[0];
        let (plane, component) = arrangement.plane(channel, x, y);
        (plane, texel * arrangement.format.lanes() + component)
    }
}

/// The way back: writes a tensor into the input of picture `item`.
pub(super) fn upload(chain: &Chain, item: usize, tensor: &Tensor, queue: &RenderQueue) {
    upload_to(chain, chain.plan.input(), item, tensor, queue);
}

/// Writes picture `item` of any tensor.
pub(super) fn upload_to(chain: &Chain, planned: &PlannedTensor, item: usize, tensor: &Tensor, queue: &RenderQueue) {
    let input = planned;
    // The picture's block alone, as if it were the whole texture.
    let layout = Layout { batch: 1, blocks_x: 1, ..input.layout }.alone();
    let format = layout.arrangement.format;
    let (width, height) = layout.size();
    let mut planes = vec![vec![0.0; width * height * format.lanes()]; layout.planes()];
    let places = Places { layout: &layout, shape: input.shape, item: 0 };
    places.each().zip(&tensor.data).for_each(|((plane, index), value)| planes[plane][index] = *value);
    let (x, y) = input.layout.origin(item, 0);
    for (slot, values) in input.slots.iter().zip(planes) {
        let target = TexelCopyTextureInfo {
            texture: &chain.slots[*slot].0,
            mip_level: 0,
            origin: Origin3d { x: x as u32, y: y as u32, z: 0 },
            aspect: TextureAspect::All,
        };
        let bytes_per_row = Some((format.bytes() * width) as u32);
        let rows = TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None };
        let size = Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 };
        queue.write_texture(target, &texel_bytes(format, &values), rows, size);
    }
}

/// Values as the bytes of texels.
pub(super) fn texel_bytes(format: TensorFormat, values: &[f32]) -> Cow<'_, [u8]> {
    match format {
        TensorFormat::R32Float | TensorFormat::Rgba32Float => Cow::Borrowed(bytemuck::cast_slice(values)),
        TensorFormat::Rgba16Float => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
    }
}
