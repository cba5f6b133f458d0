//! A plan on the device: textures, weights, parameters and bind groups, made once.

use std::ops::Range;

use bevy::platform::collections::HashMap;
use bevy::prelude::default;
use bevy::render::render_resource::{
    BindGroup, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferInitDescriptor, BufferSize, BufferUsages,
    Extent3d, Origin3d, Sampler, SamplerDescriptor, TexelCopyBufferLayout, TexelCopyTextureInfo, Texture,
    TextureDescriptor, TextureDimension, TextureUsages, TextureView, TextureViewDescriptor,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};

use super::pipelines::{CartoonPipelines, PipelineId};
use super::program::{Program, texture_format};
use super::readback::texel_bytes;
#[cfg(feature = "few_shot")]
use crate::plan::TrainingPlan;
use crate::plan::kernel::{BIND_PARAMS, BIND_SAMPLER};
use crate::plan::{Kernel, Plan, Rect, TensorFormat, TextureRef, WEIGHT_TEXTURE_WIDTH};

/// Size of the window of the parameter buffer that a draw sees: no block is longer.
const PARAMS_WINDOW: u64 = 512;

/// A plan's resources on the device.
#[derive(Debug)]
pub(super) struct Chain {
    pub plan: Plan,
    pub passes: Vec<ChainPass>,
    /// Pipelines by kernel index of the plan.
    pub pipelines: Vec<PipelineId>,
    pub slots: Vec<(Texture, TextureView)>,
    bind_groups: Vec<BindGroup>,
    shared: Shared,
}

/// What all draws of a plan are bound to.
#[derive(Debug, Clone)]
struct Shared {
    weights: Texture,
    /// Of the weights.
    view: TextureView,
    /// See [`TextureRef::Indices`].
    #[cfg(feature = "few_shot")]
    indices: Option<TextureView>,
    params: Buffer,
    nearest: Sampler,
}

/// Draws with the same kernel and textures share a bind group.
type BindGroupKey<'a> = (usize, &'a [(u32, TextureRef)]);

/// A pass with its attachments looked up.
#[derive(Debug)]
pub(super) struct ChainPass {
    pub label: String,
    pub targets: Vec<TextureView>,
    pub draws: Vec<ChainDraw>,
    /// Whether the targets hold other tensors that are still to be read.
    pub preserve: bool,
    /// Pictures that there have to be in a batch for the draws to cover all that is ever read of the targets.
    pub full_at: usize,
}

/// A draw with its bind group looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChainDraw {
    pub kernel: usize,
    pub bind_group: usize,
    pub rect: Rect,
    pub offset: u32,
    pub group_stride: u32,
    pub item: Option<usize>,
}

/// What making a chain needs of the render world.
pub(super) struct ChainContext<'a> {
    pub device: &'a RenderDevice,
    pub queue: &'a RenderQueue,
    pub pipelines: &'a mut CartoonPipelines,
}

impl Chain {
    /// Allocates everything that the plan names.
    pub fn new(plan: Plan, context: &mut ChainContext) -> Self {
        let device = context.device;
        let label = |what: &str| format!("bevy_toonface/{}/{what}", plan.model);
        let slots: Vec<(Texture, TextureView)> = plan
            .slots
            .iter()
            .enumerate()
            .map(|(i, slot)| {
                let texture = device.create_texture(&TextureDescriptor {
                    label: Some(&label(&format!("slot{i}"))),
                    size: Extent3d { width: slot.width as u32, height: slot.height as u32, depth_or_array_layers: 1 },
                    mip_level_count: 1,
                    sample_count: 1,
                    dimension: TextureDimension::D2,
                    format: texture_format(slot.format),
                    usage: TextureUsages::RENDER_ATTACHMENT
                        | TextureUsages::TEXTURE_BINDING
                        | TextureUsages::COPY_SRC
                        | TextureUsages::COPY_DST,
                    view_formats: &[],
                });
                let view = texture.create_view(&TextureViewDescriptor::default());
                (texture, view)
            })
            .collect();
        let weights = weight_texture(&plan, device, &label("weights"));
        upload_rows(&weights, &plan, 0..plan.weights.height(), context.queue);
        let shared = Shared {
            view: weights.create_view(&TextureViewDescriptor::default()),
            weights,
            #[cfg(feature = "few_shot")]
            indices: None,
            params: upload_params(&plan, device, &label("params")),
            // Defaults: nearest, clamped to the edge.
            nearest: device.create_sampler(&SamplerDescriptor { label: Some("bevy_toonface/nearest"), ..default() }),
        };
        Self::bind(plan, slots, shared, context)
    }

    /// Makes bind groups of resources that exist.
    fn bind(plan: Plan, slots: Vec<(Texture, TextureView)>, shared: Shared, context: &mut ChainContext) -> Self {
        let device = context.device;
        let label = |what: &str| format!("bevy_toonface/{}/{what}", plan.model);

        let mut pipeline = |kernel: &Kernel| context.pipelines.get_or_compile(Program::Kernel(*kernel), device);
        let kernels: Vec<_> = plan.kernels.iter().map(&mut pipeline).collect();
        let mut bind_groups = Vec::new();
        let mut known: HashMap<BindGroupKey<'_>, usize> = HashMap::default();
        let mut passes = Vec::with_capacity(plan.passes.len());
        for pass in &plan.passes {
            let mut draws = Vec::with_capacity(pass.draws.len());
            for draw in &pass.draws {
                let bind_group = *known.entry((draw.kernel, draw.textures.as_slice())).or_insert_with(|| {
                    let layout = &kernels[draw.kernel].layout;
                    let mut entries = vec![params_entry(&shared.params), nearest_entry(&shared.nearest)];
                    entries.extend(draw.textures.iter().map(|(binding, texture)| BindGroupEntry {
                        binding: *binding,
                        resource: BindingResource::TextureView(match texture {
                            TextureRef::Weights => &shared.view,
                            #[cfg(feature = "few_shot")]
                            TextureRef::Indices => shared.indices.as_ref().unwrap_or(&shared.view),
                            TextureRef::Slot(slot) => &slots[*slot].1,
                        }),
                    }));
                    bind_groups.push(device.create_bind_group(label(&pass.label()).as_str(), layout, &entries));
                    bind_groups.len() - 1
                });
                draws.push(ChainDraw {
                    kernel: draw.kernel,
                    bind_group,
                    rect: draw.rect,
                    offset: draw.params.offset,
                    group_stride: draw.params.group_stride,
                    item: draw.item,
                });
            }
            // All targets lie in the same slots.
            let planes = pass.targets.first().map_or(&[][..], |target| &plan.tensors[*target].slots);
            let targets = planes.iter().map(|slot| slots[*slot].1.clone()).collect();
            let full_at = pass.draws.iter().filter_map(|draw| draw.item).max().map_or(0, |item| item + 1);
            passes.push(ChainPass { label: label(&pass.label()), targets, draws, preserve: pass.preserve, full_at });
        }
        drop(known);
        let pipelines = kernels.iter().map(|k| k.id).collect();
        Self { plan, passes, pipelines, slots, bind_groups, shared }
    }

    /// The chain of a step of training, and the same with the textures of states and their next values swapped.
    #[cfg(feature = "few_shot")]
    pub fn pair(training: &TrainingPlan, context: &mut ChainContext) -> [Self; 2] {
        let Self { plan, slots, shared, .. } = Self::new(training.plan.clone(), context);
        let label = format!("bevy_toonface/{}/indices", plan.model);
        let texels = &training.indices;
        let indices =
            texel_texture(texels.len() / WEIGHT_TEXTURE_WIDTH, TensorFormat::Rgba32Float, context.device, &label);
        upload(&indices, 0, texels, TensorFormat::Rgba32Float, context.queue);
        let indices = indices.create_view(&TextureViewDescriptor::default());
        let shared = Shared { indices: Some(indices), ..shared };
        let mut swapped = slots.clone();
        training.swaps().into_iter().for_each(|(a, b)| swapped.swap(a, b));
        [slots, swapped].map(|slots| Self::bind(plan.clone(), slots, shared.clone(), context))
    }

    /// Takes over a plan that differs from this one's in nothing but weights, and uploads the rows that changed. Returns
    /// how many bytes that were, or the plan, if it needs a chain of its own.
    pub fn update_weights(&mut self, plan: Plan, queue: &RenderQueue) -> Result<usize, Box<Plan>> {
        if !plan.differs_only_in_weights(&self.plan) {
            return Err(Box::new(plan));
        }
        let changed = plan.weights.changed_rows(&self.plan.weights);
        self.plan = plan;
        Ok(changed.into_iter().map(|rows| upload_rows(&self.shared.weights, &self.plan, rows, queue)).sum())
    }

    /// The bind group of a draw.
    pub fn bind_group(&self, draw: &ChainDraw) -> &BindGroup {
        &self.bind_groups[draw.bind_group]
    }

    /// Number of bind groups.
    pub fn bind_group_count(&self) -> usize {
        self.bind_groups.len()
    }

    /// Views of a tensor's planes.
    pub fn planes(&self, tensor: usize) -> impl Iterator<Item = &TextureView> {
        self.plan.tensors[tensor].slots.iter().map(|slot| &self.slots[*slot].1)
    }
}

fn nearest_entry(nearest: &Sampler) -> BindGroupEntry<'_> {
    BindGroupEntry { binding: BIND_SAMPLER, resource: BindingResource::Sampler(nearest) }
}

fn params_entry(params: &Buffer) -> BindGroupEntry<'_> {
    BindGroupEntry {
        binding: BIND_PARAMS,
        resource: BindingResource::Buffer(BufferBinding {
            buffer: params,
            offset: 0,
            size: BufferSize::new(PARAMS_WINDOW),
        }),
    }
}

/// Format of the weights on the device.
fn weight_format(plan: &Plan) -> TensorFormat {
    if plan.options.half_weights { TensorFormat::Rgba16Float } else { TensorFormat::Rgba32Float }
}

fn weight_texture(plan: &Plan, device: &RenderDevice, label: &str) -> Texture {
    texel_texture(plan.weights.height(), weight_format(plan), device, label)
}

/// A texture of the weights' width.
fn texel_texture(rows: usize, format: TensorFormat, device: &RenderDevice, label: &str) -> Texture {
    let (width, height) = (WEIGHT_TEXTURE_WIDTH as u32, rows as u32);
    device.create_texture(&TextureDescriptor {
        label: Some(label),
        size: Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: texture_format(format),
        usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

/// Uploads some rows of weights; returns how many bytes that are.
fn upload_rows(texture: &Texture, plan: &Plan, rows: Range<usize>, queue: &RenderQueue) -> usize {
    upload(texture, rows.start, plan.weights.rows(rows), weight_format(plan), queue)
}

/// Uploads whole rows of texels from `row` on; returns how many bytes that are.
fn upload(texture: &Texture, row: usize, texels: &[[f32; 4]], format: TensorFormat, queue: &RenderQueue) -> usize {
    let (width, height) = (WEIGHT_TEXTURE_WIDTH as u32, (texels.len() / WEIGHT_TEXTURE_WIDTH) as u32);
    let size = Extent3d { width, height, depth_or_array_layers: 1 };
    let origin = Origin3d { x: 0, y: row as u32, z: 0 };
    let layout =
        TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(format.bytes() as u32 * width), rows_per_image: None };
    let bytes = texel_bytes(format, texels.as_flattened());
    queue.write_texture(TexelCopyTextureInfo { origin, ..texture.as_image_copy() }, &bytes, layout, size);
    bytes.len()
}

fn upload_params(plan: &Plan, device: &RenderDevice, label: &str) -> Buffer {
    // The last block's window must lie inside the buffer, too.
    let mut contents = plan.params.clone();
    contents.resize(contents.len() + PARAMS_WINDOW as usize, 0);
    device.create_buffer_with_data(&BufferInitDescriptor {
        label: Some(label),
        contents: &contents,
        usage: BufferUsages::UNIFORM,
    })
}
