//! Pictures that change at run time, and the formats that they come in.

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{
    Extent3d, TextureDimension, TextureFormat, TextureUsages, TextureViewDescriptor, TextureViewDimension, WgpuFeatures,
};
use bevy::render::renderer::RenderDevice;
use bevy_toonface::prelude::*;
use half::f16;

use crate::gpu::{Lab, OPEN_NATIVE, OPEN_WEBGL2, wait_for_error};
use crate::stage::Stage;
use crate::{Cast, TILE, get, image_of, output, tile, tile_pixels, until_updates};

/// What has been made on the device.
fn made(stage: &Stage) -> [u64; 3] {
    let counters = stage.counters();
    [counters.textures, counters.buffers, counters.bind_groups]
}

/// Puts the pixels of a section into an image, as a video does.
type Play = fn(&mut Assets<Image>, &Handle<Image>, u32);

/// Every frame in place; and by images whose pixels go to the device and are not kept.
const PLAYERS: [Play; 3] = [
    |images, video, index| {
        images.get_mut(video).expect("the video").data = Some(tile_pixels(index).concat());
    },
    |images, video, index| {
        let frame = Image { asset_usage: RenderAssetUsages::RENDER_WORLD, ..tile(index) };
        images.insert(video, frame).expect("a live handle");
    },
    |images, video, index| {
        let mut frame = images.get_mut(video).expect("the video");
        frame.asset_usage = RenderAssetUsages::RENDER_WORLD;
        frame.data = Some(tile_pixels(index).concat());
    },
];

fn check_video(lab: &Lab, play: Play) {
    lab.run(move |app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let video = stage.app.world_mut().resource_mut::<Assets<Image>>().add(tile(0));
        let entity = stage.app.world_mut().spawn((Sprite::from_image(video.clone()), cast.tag("g0"))).id();
        stage.wait(entity);
        let (before, image, images) =
            (made(&stage), output(&stage, entity), stage.app.world().resource::<Assets<Image>>().len());
        for frame in 1..60_u32 {
            play(&mut stage.app.world_mut().resource_mut(), &video, frame % 7);
            stage.frame();
            assert_eq!(get::<Sprite>(&stage, entity).image, image, "the picture flashes up");
        }
        let updates = stage.updates(entity);
        assert!(updates >= 50, "{updates} updates of 60 frames");
        stage.frames_until(|stage| !stage.is_busy());
        (0..3).for_each(|_| stage.frame());
        assert_eq!(made(&stage), before, "a frame of a video makes something");
        assert_eq!(stage.app.world().resource::<Assets<Image>>().len(), images);
        let drawn = stage.pixels(entity);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(59 % 7), "g0"), "the last frame is not the last cartoon");
    });
}

#[test]
fn a_video_is_drawn_frame_by_frame_and_makes_nothing_new() {
    PLAYERS.into_iter().for_each(|play| check_video(&OPEN_NATIVE, play));
}

#[test]
fn a_video_is_drawn_frame_by_frame_under_webgl2_limits() {
    check_video(&OPEN_WEBGL2, PLAYERS[0]);
}

#[test]
fn a_video_of_another_size_gets_another_output() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let video = stage.app.world_mut().resource_mut::<Assets<Image>>().add(tile(0));
        let entity = stage.app.world_mut().spawn((Sprite::from_image(video.clone()), cast.tag("g0"))).id();
        stage.wait(entity);
        for (turn, (width, height)) in [(40, 20), (16, 70), (32, 24)].into_iter().enumerate() {
            let before = output(&stage, entity).id();
            let mut images = stage.app.world_mut().resource_mut::<Assets<Image>>();
            images.insert(&video, crate::gpu::gradient(width, height)).expect("a live handle");
            until_updates(&mut stage, entity, turn as u64 + 2);
            let after = output(&stage, entity);
            assert_ne!(before, after.id());
            let images = stage.app.world().resource::<Assets<Image>>();
            assert_eq!(images.get(&after).expect("an image").size(), UVec2::new(width, height));
            assert!(images.get(before).is_none(), "the output of the size before is kept");
            assert_eq!(get::<Sprite>(&stage, entity).image, after);
        }
    });
}

#[test]
fn a_part_that_an_image_no_longer_has_is_an_error_and_nothing_worse() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = stage.app.world_mut().spawn((cast.sprite(5), cast.tag("g0"))).id();
        stage.wait(entity);
        let mut images = stage.app.world_mut().resource_mut::<Assets<Image>>();
        images.insert(&cast.sheet, tile(0)).expect("a live handle");
        let error = wait_for_error(stage.app, entity);
        assert!(matches!(error, CartoonError::PictureRect { width: 32, height: 24, .. }), "{error}");
        assert_eq!(get::<Sprite>(&stage, entity).image, cast.sheet, "the picture stays as it is");
    });
}

fn decoded(byte: u8) -> f32 {
    let c = f32::from(byte) / 255.0;
    if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

fn encoded(linear: f32) -> f32 {
    let c = linear.clamp(0.0, 1.0);
    255.0 * if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 }
}

/// Pixels of a format, and what is seen of them: encoded colour and alpha, 0 to 255.
type Sample = (TextureFormat, Vec<u8>, Vec<[f32; 4]>);

fn sample(format: TextureFormat, pixel: impl Fn([u8; 4]) -> (Vec<u8>, [f32; 4])) -> Sample {
    let (bytes, seen): (Vec<_>, Vec<_>) = tile_pixels(0).into_iter().map(pixel).unzip();
    (format, bytes.concat(), seen)
}

fn samples() -> Vec<Sample> {
    let plain = |p: [u8; 4]| p.map(f32::from);
    let linear = |[r, g, b, a]: [u8; 4]| [r, g, b].map(|c| encoded(f32::from(c) / 255.0)).map(|c| (c, a));
    let linear = move |p: [u8; 4]| {
        let [(r, a), (g, _), (b, _)] = linear(p);
        [r, g, b, f32::from(a)]
    };
    let floats = |[r, g, b, a]: [u8; 4]| [decoded(r), decoded(g), decoded(b), f32::from(a) / 255.0];
    vec![
        sample(TextureFormat::Rgba8UnormSrgb, |p| (p.to_vec(), plain(p))),
        sample(TextureFormat::Bgra8UnormSrgb, |[r, g, b, a]| (vec![b, g, r, a], plain([r, g, b, a]))),
        sample(TextureFormat::Rgba8Unorm, |p| (p.to_vec(), linear(p))),
        // As Bevy's sprites show them: in red, and in red and green.
        sample(TextureFormat::R8Unorm, |[r, ..]| (vec![r], linear([r, 0, 0, 255]))),
        sample(TextureFormat::Rg8Unorm, |[r, g, ..]| (vec![r, g], linear([r, g, 0, 255]))),
        sample(TextureFormat::Rgba16Float, |p| {
            (floats(p).iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(), plain(p))
        }),
        sample(TextureFormat::Rgba32Float, |p| (floats(p).iter().flat_map(|v| v.to_le_bytes()).collect(), plain(p))),
    ]
}

/// One colour in blocks of 4 x 4: both ends of the ramp are the same, every index is 0.
fn compressed(features: WgpuFeatures) -> Vec<Sample> {
    let mut samples = Vec::new();
    let blocks = (TILE.x / 4 * TILE.y / 4) as usize;
    let seen = vec![[255.0, 130.0, 0.0, 255.0]; (TILE.x * TILE.y) as usize];
    if features.contains(WgpuFeatures::TEXTURE_COMPRESSION_BC) {
        // RGB 5:6:5 of (31, 32, 0).
        let color = (31_u16 << 11 | 32 << 5).to_le_bytes();
        let block = [color[0], color[1], color[0], color[1], 0, 0, 0, 0];
        samples.push((TextureFormat::Bc1RgbaUnormSrgb, block.repeat(blocks), seen.clone()));
        let block = [[0xff, 0xff, 0, 0, 0, 0, 0, 0], block].concat();
        samples.push((TextureFormat::Bc3RgbaUnormSrgb, block.repeat(blocks), seen));
    }
    println!("compressed formats on this device: {}", samples.len());
    samples
}

fn check_formats(lab: &Lab) {
    lab.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let features = stage.app.world().resource::<RenderDevice>().features();
        for (format, data, expected) in samples().into_iter().chain(compressed(features)) {
            let size = Extent3d { width: TILE.x, height: TILE.y, depth_or_array_layers: 1 };
            let image = Image::new(size, TextureDimension::D2, data, format, RenderAssetUsages::RENDER_WORLD);
            let image = stage.app.world_mut().resource_mut::<Assets<Image>>().add(image);
            let (cartoon, group) = cast.tag("g0");
            let cartoon = Cartoon { strength: 0.0, ..cartoon };
            // As a whole, and a part of it.
            for part in [URect::new(0, 0, 32, 24), URect::new(9, 3, 31, 22)] {
                let source = match part.min == UVec2::ZERO {
                    true => CartoonSource::Image(image.clone()),
                    false => CartoonSource::Part(image.clone(), part),
                };
                let entity = stage.app.world_mut().spawn((source, cartoon.clone(), group.clone())).id();
                stage.wait(entity);
                let drawn = stage.pixels(entity);
                let at = (part.min.y..part.max.y)
                    .flat_map(|y| (part.min.x..part.max.x).map(move |x| (y * TILE.x + x) as usize));
                for (pixel, at) in drawn.chunks(4).zip(at) {
                    let off =
                        pixel.iter().zip(expected[at]).map(|(a, b)| (f32::from(*a) - b).abs()).fold(0.0, f32::max);
                    assert!(off <= 1.5, "{format:?} {part:?}: {pixel:?} instead of {:?}", expected[at]);
                }
                stage.app.world_mut().despawn(entity);
            }
        }
    });
}

#[test]
fn every_format_with_floats_is_seen_as_it_is() {
    check_formats(&OPEN_NATIVE);
}

#[test]
fn every_format_with_floats_is_seen_as_it_is_under_webgl2_limits() {
    check_formats(&OPEN_WEBGL2);
}

/// An image that is no plain picture of floats.
fn odd(layers: u32, dimension: TextureDimension, format: TextureFormat, bytes: u32) -> Image {
    let size = Extent3d { width: 32, height: 32, depth_or_array_layers: layers };
    let data = vec![0; (32 * 32 * layers * bytes) as usize];
    Image::new(size, dimension, data, format, RenderAssetUsages::default())
}

#[test]
fn what_is_no_plain_picture_is_an_error_that_names_the_format() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let plain = || odd(1, TextureDimension::D2, TextureFormat::Rgba8UnormSrgb, 4);
        let view = |image: Image, dimension| {
            let texture_view_descriptor = Some(TextureViewDescriptor { dimension: Some(dimension), ..default() });
            Image { texture_view_descriptor, ..image }
        };
        let layers = |n| odd(n, TextureDimension::D2, TextureFormat::Rgba8UnormSrgb, 4);
        let mut target = plain();
        (target.data, target.texture_descriptor.usage) = (None, TextureUsages::RENDER_ATTACHMENT);
        let cases = [
            (odd(1, TextureDimension::D2, TextureFormat::R8Uint, 1), "R8Uint"),
            (odd(1, TextureDimension::D2, TextureFormat::Rgba32Sint, 16), "Rgba32Sint"),
            (odd(4, TextureDimension::D3, TextureFormat::Rgba8UnormSrgb, 4), "D3"),
            (view(layers(6), TextureViewDimension::Cube), "6 layers"),
            (layers(2), "2 layers"),
            (view(plain(), TextureViewDimension::D2Array), "D2"),
            (target, "RENDER_ATTACHMENT"),
        ];
        for (image, word) in cases {
            let image = stage.app.world_mut().resource_mut::<Assets<Image>>().add(image);
            let entity = stage.app.world_mut().spawn((CartoonSource::Image(image), cast.tag("g0"))).id();
            let error = wait_for_error(stage.app, entity);
            assert!(matches!(&error, CartoonError::PictureFormat { format, .. } if format.contains(word)), "{error}");
            stage.app.world_mut().despawn(entity);
        }
        // The app runs on.
        let entity = stage.app.world_mut().spawn((cast.sprite(0), cast.tag("g0"))).id();
        stage.wait(entity);
    });
}

#[test]
fn a_picture_that_shrinks_while_its_cartoon_is_drawn_is_drawn_anew() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let size = UVec2::splat(64);
        let white = vec![[255; 4]; 64 * 64];
        let video = stage.app.world_mut().resource_mut::<Assets<Image>>().add(image_of(size, &white));
        let entity = stage.app.world_mut().spawn((Sprite::from_image(video.clone()), cast.tag("g0"))).id();
        stage.wait(entity);
        stage.passes_a_frame(2);
        let mut shown = 0;
        for frame in 0..40_u32 {
            let image = if frame % 2 == 0 { tile(frame % 5) } else { image_of(size, &white) };
            stage.app.world_mut().resource_mut::<Assets<Image>>().insert(&video, image).expect("a live handle");
            (0..=frame % 9).for_each(|_| stage.frame());
            shown += usize::from(get::<CartoonStatus>(&stage, entity).is_running());
        }
        assert!(shown > 0, "no cartoon is ever finished");
        stage.app.world_mut().resource_mut::<Assets<Image>>().insert(&video, tile(3)).expect("a live handle");
        stage.budget(CartoonBudget::UNLIMITED);
        stage.frame();
        stage.frames_until(|stage| !stage.is_busy() && get::<CartoonStatus>(stage, entity).is_running());
        let drawn = stage.pixels(entity);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(3), "g0"));
    });
}
