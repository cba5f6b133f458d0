//! What goes wrong at run time ends in `CartoonStatus::Failed` with names in it; the app runs on.

mod common;
#[path = "common/gpu.rs"]
mod gpu;

use std::path::{Path, PathBuf};

use bevy::asset::RenderAssetUsages;
use bevy::asset::io::embedded::EmbeddedAssetRegistry;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::render::renderer::RenderDevice;
use bevy::render::settings::{RenderCreation, WgpuSettings};
use bevy::winit::WinitPlugin;
use bevy_toonface::ecs::{CartoonSettings, CartoonTaps, PictureLimits};
use bevy_toonface::model::{Generator, Model, Tensor, TensorFile};
use bevy_toonface::prelude::*;
use common::{fixture_path, random_model};
use gpu::{EIGHT_PLANES, WEBGL2, add_model, gradient, spawn_picture, wait_for_error, wait_until_running};

fn lite(app: &mut App) -> Handle<CartoonModel> {
    add_model(app, Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package"))
}

fn add_image(app: &mut App, image: Image) -> Handle<Image> {
    app.world_mut().resource_mut::<Assets<Image>>().add(image)
}

/// The error that a picture leads to.
fn picture_error(app: &mut App, image: Handle<Image>) -> CartoonError {
    let model = lite(app);
    let entity = spawn_picture(app, &model, "first", &image);
    wait_for_error(app, entity)
}

/// Puts a file where the asset server finds it: `embedded://<path>`.
fn embed(app: &mut App, path: &str, bytes: Vec<u8>) {
    app.world().resource::<EmbeddedAssetRegistry>().insert_asset(PathBuf::from(path), Path::new(path), bytes);
}

/// The error that the tiny package leads to when its files are changed on the way; the app has to run on.
fn package_error(folder: &'static str, change: fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> Option<CartoonError> {
    EIGHT_PLANES.run(move |app| {
        for file in ["tiny.cartoon.ron", "trunk.safetensors", "first.safetensors", "second.safetensors"] {
            let bytes = std::fs::read(fixture_path(&format!("lite/{file}"))).expect("a fixture");
            if let Some(bytes) = change(file, bytes) {
                embed(app, &format!("{folder}/{file}"), bytes);
            }
        }
        let image = add_image(app, gradient(32, 32));
        let model = app.world().resource::<AssetServer>().load(format!("embedded://{folder}/tiny.cartoon.ron"));
        let entity = spawn_picture(app, &model, "first", &image);
        let error = wait_for_error(app, entity);
        let good = lite(app);
        let entity = spawn_picture(app, &good, "second", &image);
        wait_until_running(app, entity);
        error
    })
}

/// The model could not be loaded, for a reason that holds all `words`.
fn assert_model_failed(error: Option<CartoonError>, words: &[&str]) {
    let Some(error) = error else { return };
    assert!(matches!(error, CartoonError::ModelFailed { .. }), "{error:?}");
    let message = error.to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "`{word}` in: {message}"));
}

#[test]
fn a_package_from_the_asset_server_works() {
    EIGHT_PLANES.run(|app| {
        for file in ["tiny.cartoon.ron", "trunk.safetensors", "first.safetensors", "second.safetensors"] {
            let bytes = std::fs::read(fixture_path(&format!("lite/{file}"))).expect("a fixture");
            embed(app, &format!("good/{file}"), bytes);
        }
        let model = app.world().resource::<AssetServer>().load("embedded://good/tiny.cartoon.ron");
        let image = add_image(app, gradient(32, 32));
        let entity = spawn_picture(app, &model, "second", &image);
        wait_until_running(app, entity);
    });
}

#[test]
fn a_missing_manifest_is_named() {
    let error = package_error("no_manifest", |file, bytes| (!file.ends_with(".ron")).then_some(bytes));
    assert_model_failed(error, &["no_manifest/tiny.cartoon.ron"]);
}

#[test]
fn a_missing_weight_file_is_named() {
    let error = package_error("no_branch", |file, bytes| (file != "second.safetensors").then_some(bytes));
    assert_model_failed(error, &["no_branch/tiny.cartoon.ron", "no_branch/second.safetensors"]);
}

#[test]
fn a_truncated_weight_file_is_named() {
    let error = package_error("truncated", |file, bytes| {
        Some(if file == "trunk.safetensors" { bytes[..bytes.len() - 100].to_vec() } else { bytes })
    });
    assert_model_failed(error, &["truncated/trunk.safetensors", "safetensors"]);
}

#[test]
fn a_weight_that_is_nan_is_named_with_its_file() {
    let error = package_error("nan", |file, bytes| {
        if file != "first.safetensors" {
            return Some(bytes);
        }
        let mut weights = TensorFile::parse(file, &bytes).expect("weights");
        weights.tensors.get_mut("stem.weight").expect("a tensor").data[5] = f32::NAN;
        Some(weights.to_bytes().expect("bytes"))
    });
    assert_model_failed(error, &["nan/first.safetensors", "stem.weight", "NaN", "element 5"]);
}

#[test]
fn an_unknown_field_of_the_manifest_is_named() {
    let error = package_error("field", |file, bytes| {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").replacen("(", "(colour: 3, ", 1);
        Some(if file.ends_with(".ron") { text(bytes).into_bytes() } else { bytes })
    });
    assert_model_failed(error, &["field/tiny.cartoon.ron", "colour"]);
}

#[test]
fn a_model_that_does_not_fit_the_device_is_an_error_that_names_the_node() {
    let run = |app: &mut App| {
        let lite = |base_channels, image_size| Generator::Lite { base_channels, image_size, branch: vec![] };
        let graph = lite(256, 512).build(1).expect("a graph");
        let model = add_model(app, Model { graph, ..random_model(lite(4, 64), 1, 1) });
        let image = add_image(app, gradient(32, 32));
        let entity = spawn_picture(app, &model, "g0", &image);
        wait_for_error(app, entity)
    };
    let Some(error) = WEBGL2.run(run) else { return };
    assert!(matches!(error, CartoonError::Plan { .. }), "{error}");
    assert!(error.to_string().contains("`stem") && error.to_string().contains("does not fit"), "{error}");
}

#[test]
fn an_unknown_tap_is_an_error_with_the_known_ones() {
    let run = |app: &mut App| {
        let model = lite(app);
        let image = add_image(app, gradient(32, 32));
        let entity = spawn_picture(app, &model, "first", &image);
        app.world_mut().entity_mut(entity).insert(CartoonTaps { names: vec!["encode9".into()] });
        let error = wait_for_error(app, entity);
        app.world_mut().entity_mut(entity).remove::<CartoonTaps>();
        wait_until_running(app, entity);
        error
    };
    let Some(error) = EIGHT_PLANES.run(run) else { return };
    let message = error.to_string();
    assert!(message.contains("encode9") && message.contains("encode4"), "{message}");
}

#[test]
fn a_tensor_of_another_shape_is_an_error_with_both_shapes() {
    let run = |app: &mut App| {
        let model = lite(app);
        let tensor = |dims: &[usize], n: usize| Tensor { dims: dims.to_vec(), data: vec![0.0; n] };
        let tensors = [tensor(&[3, 32, 32], 3072), tensor(&[1, 64, 64], 4096), tensor(&[3, 64, 64], 5), tensor(&[], 1)];
        tensors.map(|tensor| {
            let cartoon = Cartoon { model: Some(model.clone()), ..default() };
            let source = CartoonSource::Tensor(std::sync::Arc::new(tensor));
            let entity = app.world_mut().spawn((source, cartoon, CartoonGroup::new("first"))).id();
            wait_for_error(app, entity)
        })
    };
    for error in EIGHT_PLANES.run(run).into_iter().flatten() {
        assert!(matches!(&error, CartoonError::TensorShape { expected, .. } if *expected == [3, 64, 64]), "{error}");
    }
}

#[test]
fn a_picture_that_is_missing_is_named() {
    let run = |app: &mut App| {
        let image = app.world().resource::<AssetServer>().load("embedded://nowhere/ada.png");
        picture_error(app, image)
    };
    let Some(error) = EIGHT_PLANES.run(run) else { return };
    assert!(matches!(&error, CartoonError::PictureFailed { path, .. } if path.ends_with("nowhere/ada.png")), "{error}");
}

#[test]
fn a_picture_that_is_none_is_named() {
    let run = |app: &mut App| {
        embed(app, "garbage/ada.png", b"not a picture".to_vec());
        let image = app.world().resource::<AssetServer>().load("embedded://garbage/ada.png");
        picture_error(app, image)
    };
    let Some(error) = EIGHT_PLANES.run(run) else { return };
    assert!(matches!(&error, CartoonError::PictureFailed { path, .. } if path.ends_with("garbage/ada.png")), "{error}");
}

#[test]
fn a_picture_of_one_pixel_is_too_small() {
    let run = |app: &mut App| {
        let image = add_image(app, gradient(1, 1));
        picture_error(app, image)
    };
    let Some(error) = EIGHT_PLANES.run(run) else { return };
    assert!(matches!(error, CartoonError::PictureTooSmall { width: 1, height: 1, .. }), "{error}");
}

/// Its pixels stay in the main world, where nobody needs them.
#[test]
fn a_picture_of_8000_pixels_is_too_large_for_webgl2() {
    let run = |app: &mut App| {
        let size = Extent3d { width: 8000, height: 8000, depth_or_array_layers: 1 };
        let format = TextureFormat::Rgba8UnormSrgb;
        let image = Image::new_uninit(size, TextureDimension::D2, format, RenderAssetUsages::MAIN_WORLD);
        let image = add_image(app, image);
        picture_error(app, image)
    };
    let Some(error) = WEBGL2.run(run) else { return };
    assert!(matches!(error, CartoonError::PictureTooLarge { width: 8000, height: 8000, max: 2048, .. }), "{error}");
}

#[test]
fn the_largest_picture_is_the_largest_texture_of_the_device() {
    for lab in [&EIGHT_PLANES, &WEBGL2] {
        let run = |app: &mut App| {
            let device = app.world().resource::<RenderDevice>().limits().max_texture_dimension_2d;
            (app.world().resource::<PictureLimits>().max_side, device)
        };
        let Some((most, device)) = lab.run(run) else { return };
        assert_eq!(most, device);
        assert!(lab.native() || device == 2048, "WebGL2: {device}");
    }
}

/// An entity with everything but a device.
fn device_error(app: &mut App) -> CartoonError {
    let image = add_image(app, gradient(32, 32));
    let entity = app.world_mut().spawn((CartoonSource::Image(image), CartoonGroup::new("woman"))).id();
    (0..5).for_each(|_| app.update());
    app.world().get::<CartoonStatus>(entity).and_then(CartoonStatus::error).cloned().expect("an error")
}

#[test]
fn a_device_that_lacks_something_is_an_error_that_says_what() {
    let run = |app: &mut App| {
        let fault = Some("no R32F targets".to_owned());
        app.world_mut().resource_mut::<CartoonSettings>().device_fault = fault;
        let error = device_error(app);
        app.world_mut().resource_mut::<CartoonSettings>().device_fault = None;
        error
    };
    let Some(error) = EIGHT_PLANES.run(run) else { return };
    assert_eq!(error, CartoonError::Device { reason: "no R32F targets".into() });
}

#[test]
fn an_app_without_a_renderer_runs_on_with_a_device_error() {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, AssetPlugin::default(), ImagePlugin::default(), ToonfacePlugin::default()));
    app.finish();
    app.cleanup();
    let error = device_error(&mut app);
    assert!(matches!(error, CartoonError::Device { .. }), "{error}");
}

#[test]
fn a_server_without_a_graphics_backend_runs_on_with_a_device_error() {
    let settings = WgpuSettings { backends: None, ..default() };
    let mut app = App::new();
    app.add_plugins((
        DefaultPlugins
            .build()
            .disable::<WinitPlugin>()
            .set(WindowPlugin { primary_window: None, ..default() })
            .set(RenderPlugin { render_creation: RenderCreation::Automatic(Box::new(settings)), ..default() }),
        ToonfacePlugin::default(),
    ));
    app.finish();
    app.cleanup();
    let error = device_error(&mut app);
    assert!(matches!(error, CartoonError::Device { .. }), "{error}");
}
