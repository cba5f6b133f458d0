//! The past of pictures that are smoothed, and the two passes that keep it: the picture at the network's size, then its
//! history, from which the network's input is taken instead of from the picture itself.

use bevy::math::UVec2;
use bevy::platform::collections::{HashMap, HashSet};
use bevy::prelude::Entity;
use bevy::render::render_resource::{
    BindGroup, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferDescriptor, BufferSize, BufferUsages,
    Extent3d, Texture, TextureDescriptor, TextureDimension, TextureUsages, TextureView, TextureViewDescriptor,
    TextureViewId,
};
use bevy::render::renderer::RenderDevice;
use bytemuck::{Pod, Zeroable};

use super::counters::CartoonCounters;
use super::exchange::Request;
use super::picture::{PICTURE_STRIDE, PictureUniform};
use super::pipelines::{CartoonPipelines, Pipeline, PipelineId};
use super::prepare::PrepareParams;
use super::program::{BIND_HISTORY, BIND_SOURCE, Program, texture_format};
use crate::ecs::{CartoonSmoothing, RequestSource};
use crate::plan::kernel::BIND_PARAMS;
use crate::plan::{Arrangement, Layout};

/// Differences in steps of the noise, on average over 3 x 3 pixels and of a pixel alone, that begin to count as a change
/// and that count wholly. [`CartoonSmoothing`] tells of them.
const AREA: [f32; 2] = [1.0, 3.0];
const ALONE: [f32; 2] = [2.5, 6.0];
/// A step of 1 / 255 in the network's -1..1.
const STEP: f32 = 2.0 / 255.0;
/// Most views of a picture whose bind groups are kept: render targets take turns with two.
const MOST_VIEWS: usize = 4;
/// Blocks of a history's uniforms: of the picture, of the history, of the network's input.
const BLOCKS: u64 = 3;

/// `struct Settle` of `shaders/io/settle.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
struct SettleUniform {
    pub area: [f32; 2],
    pub alone: [f32; 2],
    pub frames: f32,
    pub restart: i32,
    pub size: [i32; 2],
}

/// Pipelines of the two passes, and of the encode pass that reads a history.
pub(super) struct SmoothingPipelines {
    fresh: Pipeline,
    settle: Pipeline,
    feed: Pipeline,
}

/// The same by their ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct SmoothingIds {
    pub fresh: PipelineId,
    pub settle: PipelineId,
    pub feed: PipelineId,
}

/// What the passes of one update are bound to.
#[derive(Debug, Clone)]
pub(super) struct Smoothed {
    pub fresh: BindGroup,
    pub fresh_target: TextureView,
    pub settle: BindGroup,
    pub settle_target: TextureView,
    pub feed: BindGroup,
}

impl Smoothed {
    /// Offsets of the blocks that the passes read.
    pub const FRESH: u32 = 0;
    pub const SETTLE: u32 = PICTURE_STRIDE;
    pub const FEED: u32 = 2 * PICTURE_STRIDE;
    /// Passes of an update, beside those that every picture has.
    pub const PASSES: usize = 2;
}

impl SmoothingPipelines {
    /// Queues them for an input that is arranged like this.
    pub fn new(input: Arrangement, pipelines: &mut CartoonPipelines, device: &RenderDevice) -> Self {
        let mut get = |program| pipelines.get_or_compile(program, device);
        let fresh = get(Program::Encode(Arrangement::QUADS));
        Self { fresh, settle: get(Program::Settle), feed: get(Program::Feed(input)) }
    }

    pub fn all(&self) -> [&Pipeline; 3] {
        [&self.fresh, &self.settle, &self.feed]
    }

    pub fn ids(&self) -> SmoothingIds {
        SmoothingIds { fresh: self.fresh.id, settle: self.settle.id, feed: self.feed.id }
    }
}

/// The histories of all smoothed entities.
#[derive(Debug, Default)]
pub(super) struct Histories(HashMap<Entity, History>);

/// A picture's past.
#[derive(Debug)]
struct History {
    /// What it is a history of: another picture or another size starts afresh.
    source: RequestSource,
    size: UVec2,
    /// At the network's size.
    layout: Layout,
    fresh: TextureView,
    past: [TextureView; 2],
    /// Which of `past` is the latest.
    latest: usize,
    uniforms: Buffer,
    /// By view of the picture.
    fresh_groups: HashMap<TextureViewId, BindGroup>,
    /// By which of `past` they read.
    settle_groups: [BindGroup; 2],
    feed_groups: [BindGroup; 2],
}

/// A picture that is about to be drawn.
pub(super) struct Upcoming<'a> {
    pub request: &'a Request,
    pub settings: CartoonSmoothing,
    pub view: &'a TextureView,
    /// Size of the picture.
    pub size: UVec2,
    /// Layout of the network's input.
    pub input: &'a Layout,
    /// Uniforms of its encode pass.
    pub encode: PictureUniform,
}

impl Histories {
    /// Forgets entities that are not smoothed any more.
    pub fn retain(&mut self, requests: &[Request]) {
        if !self.0.is_empty() {
            let smoothed = requests.iter().filter(|r| r.wanted.smoothing.is_some()).map(|r| r.entity);
            let smoothed: HashSet<Entity> = smoothed.collect();
            self.0.retain(|entity, _| smoothed.contains(entity));
        }
    }

    /// Takes a history one update further. `None` if textures of the network's size cannot be.
    pub fn advance(
        &mut self,
        picture: &Upcoming,
        pipelines: &SmoothingPipelines,
        params: &PrepareParams,
        counters: &mut CartoonCounters,
    ) -> Option<Smoothed> {
        let Layout { tile_width, tile_height, arrangement, .. } = *picture.input;
        let side = (tile_width * arrangement.phases[0], tile_height * arrangement.phases[1]);
        let layout = Layout::grid(Arrangement::QUADS, side, 1, 1, usize::MAX)?;
        let source = &picture.request.wanted.source;
        let known = self.0.get(&picture.request.entity).filter(|history| history.layout == layout);
        let restart = known.is_none_or(|history| history.source != *source || history.size != picture.size);
        if known.is_none() {
            let history = History::new(source.clone(), layout, pipelines, params, counters);
            self.0.insert(picture.request.entity, history);
        }
        let history = self.0.get_mut(&picture.request.entity)?;
        if restart {
            (history.source, history.size) = (source.clone(), picture.size);
        }
        history.write(picture, restart, params);
        Some(history.step(picture.view, pipelines, params, counters))
    }
}

impl History {
    fn new(
        source: RequestSource,
        layout: Layout,
        pipelines: &SmoothingPipelines,
        params: &PrepareParams,
        counters: &mut CartoonCounters,
    ) -> Self {
        let device: &RenderDevice = &params.device;
        let [fresh, first, second] = [(); 3].map(|()| make_texture(device, &layout));
        let past = [first, second].map(|texture| texture.create_view(&TextureViewDescriptor::default()));
        let fresh = fresh.create_view(&TextureViewDescriptor::default());
        let uniforms = device.create_buffer(&BufferDescriptor {
            label: Some("bevy_toonface/smoothing"),
            size: BLOCKS * u64::from(PICTURE_STRIDE),
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let group = |name: &str, pipeline: &Pipeline, entries: &[BindGroupEntry]| {
            device.create_bind_group(name, &pipeline.layout, entries)
        };
        let settle_groups = [0, 1].map(|k| {
            let block = block::<SettleUniform>(&uniforms);
            let entries = [block, view(BIND_SOURCE, &fresh), view(BIND_HISTORY, &past[k])];
            group("bevy_toonface/settle", &pipelines.settle, &entries)
        });
        let feed_groups = [0, 1].map(|k| {
            let entries = [block::<PictureUniform>(&uniforms), view(BIND_SOURCE, &past[k])];
            group("bevy_toonface/feed", &pipelines.feed, &entries)
        });
        counters.textures += 3;
        counters.buffers += 1;
        counters.bind_groups += 4;
        let (size, latest, fresh_groups) = (UVec2::ZERO, 0, HashMap::default());
        Self { source, size, layout, fresh, past, latest, uniforms, fresh_groups, settle_groups, feed_groups }
    }

    /// Uniforms of the next update.
    fn write(&self, picture: &Upcoming, restart: bool, params: &PrepareParams) {
        let fresh = PictureUniform { tensor: self.layout.uniform(), item: 0, block: [1; 2], ..picture.encode };
        let CartoonSmoothing { noise, frames } = picture.settings;
        // A pixel of the network that is the mean of many has less noise.
        let noise = noise / picture.encode.scale.max(1.0);
        let settle = SettleUniform {
            area: AREA.map(|times| times * noise * STEP),
            alone: ALONE.map(|times| times * noise * STEP),
            frames: frames as f32,
            restart: i32::from(restart),
            size: [self.layout.tile_width as i32, self.layout.tile_height as i32],
        };
        let blocks = [
            (Smoothed::FRESH, bytemuck::bytes_of(&fresh)),
            (Smoothed::SETTLE, bytemuck::bytes_of(&settle)),
            (Smoothed::FEED, bytemuck::bytes_of(&picture.encode)),
        ];
        for (offset, bytes) in blocks {
            params.queue.write_buffer(&self.uniforms, u64::from(offset), bytes);
        }
    }

    /// Turns to the other half of the past.
    fn step(
        &mut self,
        picture: &TextureView,
        pipelines: &SmoothingPipelines,
        params: &PrepareParams,
        counters: &mut CartoonCounters,
    ) -> Smoothed {
        if self.fresh_groups.len() >= MOST_VIEWS && !self.fresh_groups.contains_key(&picture.id()) {
            self.fresh_groups.clear();
        }
        let uniforms = &self.uniforms;
        let make = || {
            counters.bind_groups += 1;
            let entries = [block::<PictureUniform>(uniforms), view(BIND_SOURCE, picture)];
            params.device.create_bind_group("bevy_toonface/encode", &pipelines.fresh.layout, &entries)
        };
        let fresh = self.fresh_groups.entry(picture.id()).or_insert_with(make).clone();
        let (before, after) = (self.latest, 1 - self.latest);
        self.latest = after;
        Smoothed {
            fresh,
            fresh_target: self.fresh.clone(),
            settle: self.settle_groups[before].clone(),
            settle_target: self.past[after].clone(),
            feed: self.feed_groups[after].clone(),
        }
    }
}

fn make_texture(device: &RenderDevice, layout: &Layout) -> Texture {
    let (width, height) = layout.texture;
    device.create_texture(&TextureDescriptor {
        label: Some("bevy_toonface/smoothing"),
        size: Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: texture_format(layout.arrangement.format),
        usage: TextureUsages::RENDER_ATTACHMENT | TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    })
}

/// A window of the uniforms that a draw's offset moves.
fn block<T>(buffer: &Buffer) -> BindGroupEntry<'_> {
    let size = BufferSize::new(size_of::<T>() as u64);
    let resource = BindingResource::Buffer(BufferBinding { buffer, offset: 0, size });
    BindGroupEntry { binding: BIND_PARAMS, resource }
}

fn view(binding: u32, texture: &TextureView) -> BindGroupEntry<'_> {
    BindGroupEntry { binding, resource: BindingResource::TextureView(texture) }
}
