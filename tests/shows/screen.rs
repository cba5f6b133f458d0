//! What is on screen: at strength 0 a cartoon is its picture, so a tag must change nothing that is seen, in no frame.

use bevy::camera::RenderTarget;
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::gpu_readback::{Readback, ReadbackComplete};
use bevy::render::render_resource::{CachedPipelineState, PipelineCache, TextureFormat};
use bevy::sprite::{Anchor, BorderRect, SliceScaleMode, SpriteAlphaMode, SpriteMesh, SpriteScalingMode, TextureSlicer};
use bevy_toonface::gpu::CartoonPipelines;
use bevy_toonface::prelude::*;

use crate::gpu::OPEN_NATIVE;
use crate::stage::Stage;
use crate::{Cast, untag};

/// Sides of the screen in pixels: rows of it need no padding.
const SCREEN: u32 = 512;

/// Pictures of the screen.
#[derive(Resource, Default)]
struct Film(Vec<Vec<u8>>);

/// A camera's screen, filmed.
struct Screen {
    target: RenderTarget,
    extras: Vec<Entity>,
}

impl Screen {
    fn new(stage: &mut Stage) -> Self {
        let plain = Image::default().texture_descriptor.usage;
        let mut image = Image::new_target_texture(SCREEN, SCREEN, TextureFormat::Rgba8UnormSrgb, None);
        image.texture_descriptor.usage |= plain;
        let image = stage.app.world_mut().resource_mut::<Assets<Image>>().add(image);
        stage.app.insert_resource(Film::default());
        let camera = stage.app.world_mut().spawn(Readback::texture(image.clone())).id();
        stage.app.world_mut().entity_mut(camera).observe(|read: On<ReadbackComplete>, mut film: ResMut<Film>| {
            film.0.push(read.data.clone());
        });
        Self { target: RenderTarget::Image(image.into()), extras: vec![camera] }
    }

    fn add(&mut self, stage: &mut Stage, bundle: impl Bundle) -> Entity {
        let entity = stage.app.world_mut().spawn(bundle).id();
        self.extras.push(entity);
        entity
    }

    /// The screen, once nothing compiles any more and the last frame has come back.
    fn still(&self, stage: &mut Stage) -> Vec<u8> {
        (0..5).for_each(|_| stage.frame());
        stage.frames_until(|stage| {
            let world = stage.app.sub_app(RenderApp).world();
            let compiles = |state: &_| matches!(state, CachedPipelineState::Queued | CachedPipelineState::Creating(_));
            let others = world.resource::<PipelineCache>().pipelines();
            !world.resource::<CartoonPipelines>().is_compiling()
                && !others.into_iter().any(|pipeline| compiles(&pipeline.state))
        });
        (0..8).for_each(|_| stage.frame());
        self.film(stage).pop().expect("a frame")
    }

    /// What has been seen since the last call.
    fn film(&self, stage: &mut Stage) -> Vec<Vec<u8>> {
        std::mem::take(&mut stage.app.world_mut().resource_mut::<Film>().0)
    }

    fn leave(self, stage: &mut Stage) {
        self.extras.into_iter().for_each(|entity| {
            stage.app.world_mut().despawn(entity);
        });
        stage.frame();
    }
}

/// Largest difference of two pictures.
fn difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

/// Pixels that differ visibly.
fn changed(a: &[u8], b: &[u8]) -> usize {
    a.chunks(4).zip(b.chunks(4)).filter(|(a, b)| difference(a, b) > 4).count()
}

/// Tags all of `people` at strength 0, films, lets them be cartoons, and takes the tags off again.
fn check(stage: &mut Stage, screen: &Screen, cast: &Cast, people: &[Entity]) {
    let before = screen.still(stage);
    assert!(changed(&before, &vec![before[0]; before.len()]) > 2000, "nothing on screen");
    for entity in people {
        let (cartoon, group) = cast.tag("g1");
        stage.app.world_mut().entity_mut(*entity).insert((Cartoon { strength: 0.0, ..cartoon }, group));
    }
    stage.frames_until(|stage| people.iter().all(|e| stage.updates(*e) > 0));
    let after = screen.still(stage);
    let film = screen.film(stage);
    for (number, frame) in film.iter().chain([&after]).enumerate() {
        let worst = difference(frame, &before);
        assert!(worst <= 2, "frame {number} of {}: {worst} off, {} pixels", film.len(), changed(frame, &before));
    }
    for entity in people {
        stage.settings(*entity).strength = 1.0;
    }
    stage.frames_until(|stage| people.iter().all(|e| stage.updates(*e) > 1));
    let cartoons = screen.still(stage);
    assert!(changed(&cartoons, &before) > 1000, "no cartoon on screen");
    people.iter().for_each(|entity| untag(stage, *entity));
    assert!(screen.still(stage) == before, "something stays behind");
}

fn at(x: f32, y: f32) -> Transform {
    Transform::from_xyz(x, y, 0.0)
}

fn slicer() -> TextureSlicer {
    let (center_scale_mode, sides_scale_mode) = (SliceScaleMode::Stretch, SliceScaleMode::Tile { stretch_value: 1.0 });
    TextureSlicer { border: BorderRect::all(8.0), center_scale_mode, sides_scale_mode, max_corner_scale: 1.0 }
}

/// Every way in which a sprite may be shown. Pixels of the screen are in the middle of pixels of the pictures.
fn sprites(cast: &Cast) -> Vec<(Sprite, Anchor)> {
    let whole = Sprite::from_image(cast.sheet.clone());
    let part = Rect::new(4.0, 2.0, 28.0, 22.0);
    let tiled = SpriteImageMode::Tiled { tile_x: true, tile_y: true, stretch_value: 1.0 };
    let fit = SpriteImageMode::Scale(SpriteScalingMode::FitCenter);
    let size = |x, y| Some(Vec2::new(x, y));
    vec![
        (Sprite { flip_x: true, ..whole.clone() }, Anchor::CENTER),
        (Sprite { flip_y: true, color: Color::srgba(0.9, 0.4, 0.6, 0.8), ..cast.sprite(4) }, Anchor::CENTER),
        (Sprite { rect: Some(part), ..whole.clone() }, Anchor::BOTTOM_LEFT),
        (Sprite { rect: Some(Rect::new(3.25, 2.5, 28.75, 30.25)), ..whole.clone() }, Anchor::CENTER),
        (Sprite { rect: Some(part), custom_size: size(48.0, 60.0), ..cast.sprite(3) }, Anchor::TOP_RIGHT),
        (Sprite { image_mode: fit, custom_size: size(64.0, 96.0), ..cast.sprite(5) }, Anchor::CENTER),
        (
            Sprite { image_mode: SpriteImageMode::Sliced(slicer()), custom_size: size(160.0, 96.0), ..whole.clone() },
            Anchor::CENTER,
        ),
        (Sprite { image_mode: tiled.clone(), custom_size: size(80.0, 60.0), ..cast.sprite(2) }, Anchor::CENTER),
        (Sprite { image_mode: tiled, custom_size: size(150.0, 60.0), ..whole }, Anchor::CENTER),
    ]
}

#[test]
fn a_tag_does_not_move_or_tint_a_sprite() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let mut screen = Screen::new(&mut stage);
        let target = screen.target.clone();
        screen.add(&mut stage, (Camera2d, Msaa::Off, target));
        let mut people = Vec::new();
        for (i, (sprite, anchor)) in sprites(&cast).into_iter().enumerate() {
            let (column, row) = ((i % 3) as f32, (i / 3) as f32);
            let place = at(170.0 * (column - 1.0), 150.0 * (row - 1.0));
            people.push(screen.add(&mut stage, (sprite, anchor, place)));
        }
        let Sprite { image, texture_atlas, .. } = cast.sprite(1);
        let mesh = SpriteMesh { image, texture_atlas, flip_x: true, alpha_mode: SpriteAlphaMode::Blend, ..default() };
        people.push(screen.add(&mut stage, (mesh, at(0.0, 230.0))));
        check(&mut stage, &screen, &cast, &people);
        screen.leave(&mut stage);
    });
}

#[test]
fn a_tag_does_not_move_or_tint_a_node() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let mut screen = Screen::new(&mut stage);
        let target = screen.target.clone();
        let camera = screen.add(&mut stage, (Camera2d, Msaa::Off, target));
        let whole = ImageNode::new(cast.sheet.clone());
        let section = |index| ImageNode::from_atlas_image(cast.sheet.clone(), cast.atlas(index));
        let part = Some(Rect::new(4.0, 2.0, 28.0, 22.0));
        let tiled = NodeImageMode::Tiled { tile_x: true, tile_y: true, stretch_value: 1.0 };
        // With the sizes of their nodes; without one, the node has that of the picture.
        let nodes = [
            (ImageNode { flip_x: true, ..whole.clone() }, None),
            (ImageNode { flip_y: true, color: Color::srgba(0.9, 0.4, 0.6, 0.8), ..section(4) }, None),
            (ImageNode { rect: part, ..whole.clone() }, None),
            (ImageNode { rect: part, image_mode: NodeImageMode::Stretch, ..section(3) }, Some((72.0, 60.0))),
            (ImageNode { image_mode: NodeImageMode::Sliced(slicer()), ..whole.clone() }, Some((160.0, 96.0))),
            (ImageNode { image_mode: tiled, ..whole }, Some((150.0, 60.0))),
            (section(5), Some((64.0, 48.0))),
        ];
        let mut people = Vec::new();
        for (i, (image, size)) in nodes.into_iter().enumerate() {
            let (left, top) = (px(10 + 170 * (i as i32 % 3)), px(10 + 150 * (i as i32 / 3)));
            let (width, height) = size.map_or((auto(), auto()), |(w, h): (f32, f32)| (px(w), px(h)));
            let node = Node { position_type: PositionType::Absolute, left, top, width, height, ..default() };
            people.push(screen.add(&mut stage, (image, node, UiTargetCamera(camera))));
        }
        check(&mut stage, &screen, &cast, &people);
        screen.leave(&mut stage);
    });
}

#[test]
fn a_tag_does_not_move_or_tint_what_has_a_material() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let mut screen = Screen::new(&mut stage);
        let world = stage.app.world_mut();
        let texture = world.resource_mut::<Assets<Image>>().add({
            let mut image = crate::tile(0);
            image.sampler = bevy::image::ImageSampler::Descriptor(bevy::image::ImageSamplerDescriptor {
                address_mode_u: bevy::image::ImageAddressMode::Repeat,
                address_mode_v: bevy::image::ImageAddressMode::MirrorRepeat,
                ..bevy::image::ImageSamplerDescriptor::nearest()
            });
            image
        });
        // The picture twice in each direction: its sampler counts.
        let uv_transform = bevy::math::Affine2::from_scale(Vec2::splat(2.0));
        let color = world.resource_mut::<Assets<ColorMaterial>>().add(ColorMaterial {
            texture: Some(texture.clone()),
            color: Color::srgb(0.7, 0.9, 0.5),
            uv_transform,
            ..default()
        });
        let standard = world.resource_mut::<Assets<StandardMaterial>>().add(StandardMaterial {
            base_color_texture: Some(texture),
            base_color: Color::srgb(0.9, 0.6, 0.8),
            unlit: true,
            alpha_mode: AlphaMode::Opaque,
            uv_transform,
            ..default()
        });
        let quad = world.resource_mut::<Assets<Mesh>>().add(Rectangle::new(128.0, 96.0));
        let target = screen.target.clone();
        let lens = Projection::Orthographic(OrthographicProjection::default_3d());
        let lens = (lens, Tonemapping::None, Msaa::Off, Transform::from_xyz(0.0, 0.0, 5.0));
        screen.add(&mut stage, (Camera3d::default(), lens, target.clone()));
        let over = Camera { order: 1, clear_color: ClearColorConfig::None, ..default() };
        screen.add(&mut stage, (Camera2d, over, Msaa::Off, target));
        let mut people = Vec::new();
        for (x, tagged) in [(-100.0, true), (100.0, false)] {
            let flat = (Mesh2d(quad.clone()), MeshMaterial2d(color.clone()), at(x, 100.0));
            let solid = (Mesh3d(quad.clone()), MeshMaterial3d(standard.clone()), at(x, -100.0));
            let pair = [screen.add(&mut stage, flat), screen.add(&mut stage, solid)];
            people.extend(pair.into_iter().filter(|_| tagged));
        }
        check(&mut stage, &screen, &cast, &people);
        screen.leave(&mut stage);
    });
}
