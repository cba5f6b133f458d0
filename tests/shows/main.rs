//! Components that show pictures, and show their cartoons instead: sprites, UI nodes, materials.
#![cfg(all(feature = "sprite", feature = "ui", feature = "mesh2d", feature = "pbr"))]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/gpu.rs"]
mod gpu;
#[path = "../common/stage.rs"]
mod stage;

mod atlas;
mod material;
mod moving;
mod owner;
mod screen;

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy_toonface::prelude::*;
use common::Random;
use stage::Stage;

/// Columns and rows of the test atlas, and the sides of a section in pixels.
const GRID: UVec2 = UVec2::new(3, 2);
const TILE: UVec2 = UVec2::new(32, 24);

/// Pixels of a section: patches of random colours, some of them half transparent.
fn tile_pixels(index: u32) -> Vec<[u8; 4]> {
    let mut random = Random::new(u64::from(index) + 5);
    let patches: Vec<[u8; 4]> = (0..12)
        .map(|i| {
            let mut byte = || random.below(256) as u8;
            [byte(), byte(), byte(), if i % 3 == 0 { 128 } else { 255 }]
        })
        .collect();
    (0..TILE.x * TILE.y).map(|i| patches[(i % TILE.x / 8 + 4 * (i / TILE.x / 8)) as usize]).collect()
}

/// An image of these pixels, looked at without a filter.
fn image_of(size: UVec2, pixels: &[[u8; 4]]) -> Image {
    let size = Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 };
    let format = TextureFormat::Rgba8UnormSrgb;
    let mut image = Image::new(size, TextureDimension::D2, pixels.concat(), format, RenderAssetUsages::default());
    image.sampler = bevy::image::ImageSampler::nearest();
    image
}

/// A section by itself.
fn tile(index: u32) -> Image {
    image_of(TILE, &tile_pixels(index))
}

/// All sections side by side.
fn sheet() -> Image {
    let tiles: Vec<_> = (0..GRID.x * GRID.y).map(tile_pixels).collect();
    let size = GRID * TILE;
    let pixel = |i: u32| {
        let (x, y) = (i % size.x, i / size.x);
        tiles[(y / TILE.y * GRID.x + x / TILE.x) as usize][(y % TILE.y * TILE.x + x % TILE.x) as usize]
    };
    image_of(size, &(0..size.x * size.y).map(pixel).collect::<Vec<_>>())
}

/// A sheet, its layout, and a small model.
struct Cast {
    sheet: Handle<Image>,
    layout: Handle<TextureAtlasLayout>,
    model: Handle<CartoonModel>,
}

impl Cast {
    fn new(stage: &mut Stage) -> Self {
        let layout = TextureAtlasLayout::from_grid(TILE, GRID.x, GRID.y, None, None);
        let world = stage.app.world_mut();
        let sheet = world.resource_mut::<Assets<Image>>().add(sheet());
        let layout = world.resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
        Self { sheet, layout, model: stage.model(1, 1) }
    }

    fn atlas(&self, index: usize) -> TextureAtlas {
        TextureAtlas { layout: self.layout.clone(), index }
    }

    fn sprite(&self, index: usize) -> Sprite {
        Sprite::from_atlas_image(self.sheet.clone(), self.atlas(index))
    }

    /// Tag and settings.
    fn tag(&self, group: &str) -> (Cartoon, CartoonGroup) {
        (Cartoon { model: Some(self.model.clone()), ..default() }, CartoonGroup::new(group))
    }

    /// The cartoon of a picture that stands by itself.
    fn cartoon_of(&self, stage: &mut Stage, picture: Image, group: &str) -> Vec<u8> {
        stage.picture = stage.app.world_mut().resource_mut::<Assets<Image>>().add(picture);
        stage.cartoon(&self.model, group)
    }
}

/// A copy of a component.
fn get<C: Component + Clone>(stage: &Stage, entity: Entity) -> C {
    stage.app.world().get::<C>(entity).expect("the component").clone()
}

fn output(stage: &Stage, entity: Entity) -> Handle<Image> {
    get::<CartoonOutput>(stage, entity).image
}

fn edit<C: Component<Mutability = bevy::ecs::component::Mutable>>(
    stage: &mut Stage,
    entity: Entity,
    change: impl FnOnce(&mut C),
) {
    change(&mut stage.app.world_mut().get_mut::<C>(entity).expect("the component"));
}

fn untag(stage: &mut Stage, entity: Entity) {
    stage.app.world_mut().entity_mut(entity).remove::<CartoonGroup>();
}

/// Frames until an entity has had so many cartoons.
fn until_updates(stage: &mut Stage, entity: Entity, updates: u64) {
    stage.frames_until(|stage| stage.updates(entity) >= updates);
    (0..2).for_each(|_| stage.frame());
}
