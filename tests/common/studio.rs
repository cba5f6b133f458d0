//! A studio for cameras: a pattern before a camera that draws to an image, and models whose cartoons are known.
#![allow(dead_code, reason = "every test binary for cameras compiles this module and uses its own part of it")]

use bevy::camera::visibility::RenderLayers;
use bevy::camera::{CompositingSpace, Hdr, ImageRenderTarget, RenderTarget, Viewport};
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy_toonface::ecs::{CartoonView, ViewPlace, ViewRegion};
use bevy_toonface::model::{GraphBuilder, Model, Op, Owner, Tensor, TensorFile, Weights};
use bevy_toonface::prelude::*;
use image::RgbaImage;

use crate::common::model_of;
use crate::gpu::headless::read_image;
use crate::gpu::{add_model, gradient};
use crate::stage::Stage;

/// Pixels a side of the known models' input.
pub const SIDE: usize = 32;
/// Gains of the known cartoon's channels; the last turns light to dark.
pub const GAINS: [f32; 3] = [1.2, 0.7, -0.9];
/// Offsets of the known cartoon's channels, by group.
pub const OFFSETS: [[f32; 3]; 2] = [[0.0, 0.0, 0.0], [0.6, -0.8, 0.3]];

/// A model with a known cartoon: `tanh(gain * value + offset)` of every value in -1..1.
pub fn known_model(gains: [f32; 3], offsets: [[f32; 3]; 2]) -> Model {
    let mut graph = GraphBuilder::new(2);
    let input = graph.input(3, SIDE, SIDE).expect("an input");
    let weight = graph.param("conv.weight", &[3, 3, 3, 3], Owner::Trunk);
    let bias = Some(graph.param("conv.bias", &[3], Owner::Branch));
    let conv = graph.add("conv", Op::Conv2d { kernel: 3, stride: 1, weight, bias }, &[input]).expect("a node");
    let output = graph.add("tanh", Op::Tanh, &[conv]).expect("a node");
    graph.output("output", output);
    let graph = graph.finish();
    let mut kernel = vec![0.0; 81];
    (0..3).for_each(|c| kernel[c * 27 + c * 9 + 4] = gains[c]);
    let file = |name: &str, path: &str, tensor| TensorFile {
        file: name.into(),
        tensors: [(path.to_owned(), tensor)].into_iter().collect(),
    };
    let trunk = file("trunk", "conv.weight", Tensor { dims: vec![3, 3, 3, 3], data: kernel });
    let branch = |data: [f32; 3]| file("branch", "conv.bias", Tensor { dims: vec![3], data: data.to_vec() });
    model_of(graph, Weights { trunk, branches: offsets.map(branch).to_vec() })
}

/// The known cartoon of an encoded colour, 0 to 255.
pub fn known_cartoon(rgb: [f32; 3], group: usize) -> [f32; 3] {
    std::array::from_fn(|c| {
        let value = GAINS[c] * (2.0 * rgb[c] / 255.0 - 1.0) + OFFSETS[group][c];
        255.0 * (0.5 * value.tanh() + 0.5)
    })
}

/// How a camera draws.
#[derive(Debug, Clone)]
pub struct Shot {
    pub target: UVec2,
    pub viewport: Option<URect>,
    pub format: TextureFormat,
    pub hdr: bool,
    pub msaa: Msaa,
    pub space: Option<CompositingSpace>,
    pub clear: Color,
}

impl Default for Shot {
    fn default() -> Self {
        Self {
            target: UVec2::new(96, 64),
            viewport: None,
            format: TextureFormat::Rgba8UnormSrgb,
            hdr: false,
            msaa: Msaa::Off,
            space: None,
            clear: Color::BLACK,
        }
    }
}

/// A pattern, a target and cameras. Everything but the app goes with [`Studio::close`].
pub struct Studio<'a> {
    pub stage: Stage<'a>,
    pub model: Handle<CartoonModel>,
    pub target: Handle<Image>,
    pub pattern: Entity,
    props: Vec<Entity>,
}

impl<'a> Studio<'a> {
    /// A target of a size and format, and the known model.
    pub fn new(app: &'a mut App, shot: &Shot) -> Self {
        let mut stage = Stage::new(app);
        let model = add_model(stage.app, known_model(GAINS, OFFSETS));
        let target = new_target(&mut stage, shot.target, shot.format);
        let mut studio = Self { stage, model, target, pattern: Entity::PLACEHOLDER, props: Vec::new() };
        let size = shot.viewport.map_or(shot.target, |view| view.size());
        studio.pattern = studio.hang(size);
        studio
    }

    /// A picture that fills a view of this size exactly, pixel by pixel.
    pub fn hang(&mut self, size: UVec2) -> Entity {
        let image = self.stage.app.world_mut().resource_mut::<Assets<Image>>().add(gradient(size.x, size.y));
        self.prop((Sprite::from_image(image), RenderLayers::layer(0)))
    }

    /// Something that goes when the studio closes.
    pub fn prop(&mut self, bundle: impl Bundle) -> Entity {
        let entity = self.stage.app.world_mut().spawn(bundle).id();
        self.props.push(entity);
        entity
    }

    /// A camera before the pattern, without a group.
    pub fn camera(&mut self, shot: &Shot) -> Entity {
        let viewport =
            shot.viewport.map(|view| Viewport { physical_position: view.min, physical_size: view.size(), ..default() });
        let target = RenderTarget::Image(ImageRenderTarget::from(self.target.clone()));
        let camera = Camera { viewport, clear_color: ClearColorConfig::Custom(shot.clear), ..default() };
        let entity = self.prop((Camera2d, camera, target, shot.msaa));
        let mut entity_mut = self.stage.app.world_mut().entity_mut(entity);
        if shot.hdr {
            entity_mut.insert(Hdr);
        }
        if let Some(space) = shot.space {
            entity_mut.insert(space);
        }
        entity
    }

    /// Tags a camera with a group, and perhaps a region.
    pub fn tag(&mut self, camera: Entity, group: &str, region: Option<CartoonRegion>) {
        let cartoon = Cartoon { model: Some(self.model.clone()), ..default() };
        let mut entity = self.stage.app.world_mut().entity_mut(camera);
        entity.insert((cartoon, CartoonGroup::new(group)));
        region.into_iter().for_each(|region| {
            entity.insert(region);
        });
    }

    pub fn untag(&mut self, camera: Entity) {
        self.stage.app.world_mut().entity_mut(camera).remove::<CartoonGroup>();
    }

    /// Runs frames until a camera shows its cartoon.
    pub fn wait(&mut self, camera: Entity) {
        crate::gpu::wait_until_running(self.stage.app, camera);
        (0..4).for_each(|_| self.stage.frame());
    }

    pub fn status(&self, camera: Entity) -> CartoonStatus {
        self.stage.app.world().get::<CartoonStatus>(camera).expect("a status").clone()
    }

    /// Where a camera's region is.
    pub fn place(&self, camera: Entity) -> ViewRegion {
        match &self.stage.app.world().get::<CartoonView>(camera).expect("a view").place {
            ViewPlace::At(region) => *region,
            other => panic!("{other:?}"),
        }
    }

    /// What is on the target.
    pub fn photo(&mut self) -> RgbaImage {
        (0..3).for_each(|_| self.stage.frame());
        let target = self.target.clone();
        read_image(self.stage.app, &target).expect("pixels")
    }

    /// What is on the target as soon as the pattern is: pipelines compile in the background.
    pub fn first_photo(&mut self) -> RgbaImage {
        for _ in 0..1000 {
            let photo = self.photo();
            let colours: std::collections::HashSet<_> = photo.pixels().map(|p| p.0).collect();
            if colours.len() > 500 || photo.dimensions() == (1, 1) {
                return photo;
            }
        }
        panic!("the pattern does not come up");
    }

    /// What the network was last given of a camera's view.
    pub fn capture(&mut self, camera: Entity) -> RgbaImage {
        let picture = self.stage.app.world().get::<CartoonView>(camera).expect("a view").picture.clone();
        read_image(self.stage.app, &picture).expect("pixels")
    }

    /// Clears everything away.
    pub fn close(mut self) {
        for entity in std::mem::take(&mut self.props) {
            self.stage.app.world_mut().try_despawn(entity).ok();
        }
        (0..3).for_each(|_| self.stage.frame());
    }
}

/// An image that cameras draw to and that can be read back.
pub fn new_target(stage: &mut Stage, size: UVec2, format: TextureFormat) -> Handle<Image> {
    let mut image = Image::new_target_texture(size.x, size.y, format, None);
    image.texture_descriptor.usage |= Image::default().texture_descriptor.usage;
    stage.app.world_mut().resource_mut::<Assets<Image>>().add(image)
}

/// The colour of a pixel.
pub fn rgb(image: &RgbaImage, x: u32, y: u32) -> [f32; 3] {
    let [r, g, b, _] = image.get_pixel(x, y).0;
    [r, g, b].map(f32::from)
}

/// Largest difference of two colours.
pub fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|c| (a[c] - b[c]).abs()).fold(0.0, f32::max)
}

/// A picture as a region's filter sees it: the twin of `shaders/io/capture.wgsl`, in f32, for an opaque view.
pub fn filtered(view: &RgbaImage, region: &ViewRegion, x: f32, y: f32) -> Option<[f32; 3]> {
    let size = 2.0 * region.half_size.max_element() / SIDE as f32;
    let place = (Vec2::new(x, y) - SIDE as f32 / 2.0) * size;
    if place.abs().cmpgt(region.half_size).any() {
        return None;
    }
    let down = region.axis.perp();
    let center = region.center + place.x * region.axis + place.y * down;
    let support = size.max(1.0);
    let (mut sum, mut total) = ([0.0; 3], 0.0);
    for py in region.view.min.y..region.view.max.y {
        for px in region.view.min.x..region.view.max.x {
            let away = Vec2::new(px as f32 + 0.5, py as f32 + 0.5) - center;
            let along = Vec2::new(away.dot(region.axis), away.dot(down)).abs() / support;
            let weight = (1.0 - along.x).max(0.0) * (1.0 - along.y).max(0.0);
            let pixel = rgb(view, px, py);
            (0..3).for_each(|c| sum[c] += weight * pixel[c]);
            total += weight;
        }
    }
    (total > 0.0).then(|| sum.map(|v| v / total))
}

/// How much a pixel belongs to a region: the twin of `coverage` in `shaders/lib/region.wgsl`.
pub fn coverage(region: &ViewRegion, x: u32, y: u32) -> f32 {
    let away = Vec2::new(x as f32 + 0.5, y as f32 + 0.5) - region.center;
    let place = Vec2::new(away.dot(region.axis), away.dot(region.axis.perp()));
    let beyond = place.abs() - region.half_size + region.radius;
    let outside = beyond.max(Vec2::ZERO).length() + beyond.max_element().min(0.0) - region.radius;
    let t = ((0.5 - outside) / region.feather.max(1.0)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// sRGB's curve, 0 to 255, to linear light.
pub fn linear(encoded: f32) -> f32 {
    let c = encoded / 255.0;
    if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

/// And back.
pub fn encoded(linear: f32) -> f32 {
    let c = linear.clamp(0.0, 1.0);
    255.0 * if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 }
}

/// A region of the network's size, pixel for pixel, in parts of a view.
pub fn aligned(view: UVec2, x: u32, y: u32) -> CartoonRegion {
    let size = view.as_vec2();
    let (low, high) = (Vec2::new(x as f32, y as f32), Vec2::splat(SIDE as f32));
    CartoonRegion::rect(low.x / size.x, low.y / size.y, (low.x + high.x) / size.x, (low.y + high.y) / size.y)
}
