//! Picture to tensor and back, on the device: the colours, the white matte, the fit into the square, the strength.

mod common;
#[path = "common/gpu.rs"]
mod gpu;

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy_toonface::ecs::CartoonTaps;
use bevy_toonface::model::{Model, Tensor};
use bevy_toonface::prelude::*;
use common::{Random, fixture_path, max_abs_error};
use gpu::headless::read_image;
use gpu::{EIGHT_PLANES, HALF, Lab, RGBA, WEBGL2, WEBGL2_RGBA, add_model, gradient, read_tensors, wait_until_running};
use image::RgbaImage;

/// Side of the network's square.
const SIDE: usize = 64;
/// One step of an 8-bit channel.
const STEP: f32 = 1.0 / 255.0;

/// Random pixels, some of them half or wholly transparent.
fn pixels(width: u32, height: u32) -> RgbaImage {
    let mut random = Random::new(u64::from(width * height));
    RgbaImage::from_fn(width, height, |_, _| {
        let mut byte = || random.below(256) as u8;
        let [r, g, b, a] = [byte(), byte(), byte(), byte()];
        image::Rgba([r, g, b, if a < 100 { 255 } else { a.saturating_sub(120) }])
    })
}

fn image_of(pixels: &RgbaImage) -> Image {
    let size = Extent3d { width: pixels.width(), height: pixels.height(), depth_or_array_layers: 1 };
    let data = pixels.as_raw().clone();
    Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::default())
}

/// An entity with a picture of the tiny model's first group.
fn spawn(app: &mut App, picture: Image, strength: f32) -> Entity {
    let model = add_model(app, Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package"));
    let image = app.world_mut().resource_mut::<Assets<Image>>().add(picture);
    let cartoon = Cartoon { model: Some(model), strength, ..default() };
    app.world_mut().spawn((CartoonSource::Image(image), cartoon, CartoonGroup::new("first"))).id()
}

/// Draws a picture and reads the cartoon back.
fn draw(app: &mut App, picture: Image, strength: f32) -> RgbaImage {
    let entity = spawn(app, picture, strength);
    wait_until_running(app, entity);
    let output = app.world().get::<CartoonOutput>(entity).expect("an output").image.clone();
    read_image(app, &output).expect("pixels")
}

/// The network's input and output for a picture.
fn tensors(app: &mut App, picture: Image) -> [Tensor; 2] {
    let entity = spawn(app, picture, 1.0);
    app.world_mut().entity_mut(entity).insert(CartoonTaps { names: vec!["output".into()] });
    let mut tensors = read_tensors(app, &[entity]).remove(0);
    ["input", "output"].map(|name| tensors.remove(name).expect(name))
}

/// The rule of encoding, plainly: the picture centred in a white square, resized with a triangle filter.
fn encoded(pixels: &RgbaImage) -> Vec<f32> {
    let (width, height) = (pixels.width() as i64, pixels.height() as i64);
    let side = width.max(height) as f64;
    let scale = side / SIDE as f64;
    let support = scale.max(1.0);
    let taps = |size: i64, at: usize| -> Vec<(i64, f64)> {
        let center = (size as f64 - side) / 2.0 + (at as f64 + 0.5) * scale;
        let range = (center - support).floor() as i64..(center + support).ceil() as i64;
        range.map(|i| (i, (1.0 - (i as f64 + 0.5 - center).abs() / support).max(0.0))).collect()
    };
    let value = |x: i64, y: i64, channel: usize| -> f64 {
        if x < 0 || y < 0 || x >= width || y >= height {
            return 1.0;
        }
        let [color, alpha] = [channel, 3].map(|c| f64::from(pixels.get_pixel(x as u32, y as u32)[c]) / 255.0);
        1.0 - alpha + alpha * color
    };
    let mut out = Vec::with_capacity(3 * SIDE * SIDE);
    for channel in 0..3 {
        for y in 0..SIDE {
            for x in 0..SIDE {
                let (mut sum, mut total) = (0.0, 0.0);
                for (j, down) in taps(height, y) {
                    for (i, across) in taps(width, x) {
                        sum += across * down * value(i, j, channel);
                        total += across * down;
                    }
                }
                out.push((2.0 * sum / total - 1.0) as f32);
            }
        }
    }
    out
}

/// The input is twice as wide as a colour: -1..1.
fn check_encode(lab: &Lab) {
    for (width, height) in [(64, 64), (20, 16), (200, 130), (33, 97), (641, 64)] {
        let picture = pixels(width, height);
        let image = image_of(&picture);
        let Some([input, _]) = lab.run(move |app| tensors(app, image)) else { return };
        assert_eq!(input.dims, [1, 3, SIDE, SIDE]);
        let error = max_abs_error(&input.data, &encoded(&picture));
        println!("{width} x {height}: {:.3} steps", error / (2.0 * STEP));
        assert!(error <= 2.0 * (2.0 * STEP), "{width} x {height}: {error}");
    }
}

#[test]
fn a_picture_is_encoded_over_white_into_the_square() {
    check_encode(&EIGHT_PLANES);
}

#[test]
fn a_picture_is_encoded_over_white_into_the_square_under_webgl2_limits() {
    check_encode(&WEBGL2);
}

#[test]
fn a_picture_is_encoded_over_white_into_the_square_in_the_other_formats() {
    [&RGBA, &WEBGL2_RGBA, &HALF].into_iter().for_each(check_encode);
}

/// Largest difference of two pictures of the same size, in steps.
fn difference(a: &RgbaImage, b: &RgbaImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn strength_0_gives_the_picture_back() {
    for (width, height) in [(64, 64), (100, 37)] {
        let picture = pixels(width, height);
        let image = image_of(&picture);
        let Some(drawn) = EIGHT_PLANES.run(move |app| draw(app, image, 0.0)) else { return };
        assert!(difference(&drawn, &picture) <= 1, "{width} x {height}: {}", difference(&drawn, &picture));
    }
}

#[test]
fn strength_1_gives_the_cartoon_with_the_alpha_of_the_picture() {
    [&EIGHT_PLANES, &WEBGL2, &RGBA, &WEBGL2_RGBA, &HALF].into_iter().for_each(check_cartoon);
}

/// The cartoon on screen is the network's output, channel by channel and pixel by pixel.
fn check_cartoon(lab: &Lab) {
    let picture = pixels(SIDE as u32, SIDE as u32);
    let image = image_of(&picture);
    let run = move |app: &mut App| (draw(app, image.clone(), 1.0), tensors(app, image));
    let Some((drawn, [_, output])) = lab.run(run) else { return };
    let pixel = |x: u32, y: u32| {
        let at = (y * SIDE as u32 + x) as usize;
        let byte = |c: usize| (255.0 * (output.data[c * SIDE * SIDE + at] / 2.0 + 0.5)).round() as u8;
        image::Rgba([byte(0), byte(1), byte(2), picture.get_pixel(x, y)[3]])
    };
    let expected = RgbaImage::from_fn(SIDE as u32, SIDE as u32, pixel);
    assert!(difference(&drawn, &expected) <= 1, "{}", difference(&drawn, &expected));
}

#[test]
fn strength_one_half_lies_between() {
    let run = |app: &mut App| [0.0, 0.5, 1.0].map(|strength| draw(app, gradient(48, 64), strength));
    let Some([picture, half, cartoon]) = EIGHT_PLANES.run(run) else { return };
    let mean = |a: &u8, b: &u8| ((u16::from(*a) + u16::from(*b)) / 2) as u8;
    let data = picture.as_raw().iter().zip(cartoon.as_raw()).map(|(a, b)| mean(a, b)).collect();
    let expected = RgbaImage::from_raw(48, 64, data).expect("as many pixels");
    assert!(difference(&half, &expected) <= 2, "{}", difference(&half, &expected));
}

#[test]
fn strengths_out_of_range_are_clamped() {
    let run = |app: &mut App| [-3.0, 0.0, 1.0, 7.0].map(|strength| draw(app, gradient(32, 32), strength));
    let Some([below, zero, one, above]) = EIGHT_PLANES.run(run) else { return };
    assert!(below == zero && one == above && zero != one);
}
