//! What the device does to a running game: it goes away and comes back, is out of memory, refuses a shader, or loses an
//! image. The game runs on, the status says what is the matter, and cartoons come back when that is mended.

mod common;
#[path = "common/gpu.rs"]
mod gpu;

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::error_handler::{RenderErrorHandler, RenderErrorPolicy};
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::render::renderer::RenderDevice;
use bevy::window::{PrimaryWindow, WindowResolution};
use bevy_toonface::ecs::{CartoonTaps, Progress};
use bevy_toonface::gpu::{CartoonChains, CartoonPipelines};
use bevy_toonface::model::Model;
use bevy_toonface::plan::TensorFormat;
use bevy_toonface::prelude::*;
use common::fixture_path;
use gpu::headless::{read_image, run_until};
use gpu::{EIGHT_PLANES, LIMIT, Lab, add_model, gradient, spawn_picture, wait_for_error, wait_until_running};

/// Apps whose devices and shaders are broken by the tests.
static DOOMED: Lab = Lab::new(TensorFormat::R32Float).open();
static BROKEN: Lab = Lab::new(TensorFormat::R32Float).open();

fn lite(app: &mut App) -> Handle<CartoonModel> {
    add_model(app, Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package"))
}

fn add_image(app: &mut App, image: Image) -> Handle<Image> {
    app.world_mut().resource_mut::<Assets<Image>>().add(image)
}

fn replace(app: &mut App, handle: &Handle<Image>, image: Image) {
    app.world_mut().resource_mut::<Assets<Image>>().insert(handle, image).expect("a living handle");
}

fn pixels(app: &mut App, entity: Entity) -> Vec<u8> {
    let output = app.world().get::<CartoonOutput>(entity).expect("an output").image.clone();
    read_image(app, &output).expect("pixels").into_raw()
}

/// The next cartoon of an entity after something has changed.
fn changed_pixels(app: &mut App, entity: Entity, change: impl FnOnce(&mut App)) -> Vec<u8> {
    let updates = |world: &World| world.get::<Progress>(entity).map_or(0, |progress| progress.updates);
    let before = updates(app.world());
    change(app);
    run_until(app, LIMIT, |world| (updates(world) > before).then_some(())).expect("another cartoon");
    pixels(app, entity)
}

/// Runs frames until an entity's status is as wanted.
fn until(app: &mut App, entity: Entity, what: &str, wanted: impl Fn(&CartoonStatus) -> bool) {
    let done = |world: &mut World| wanted(world.get::<CartoonStatus>(entity)?).then_some(());
    run_until(app, LIMIT, done).unwrap_or_else(|e| panic!("{what}: {e}"));
}

/// The device goes away while a picture is drawn in every frame, with times and tensors on their way.
fn lose_the_device(app: &mut App) {
    let (model, image) = (lite(app), add_image(app, gradient(32, 32)));
    let entity = spawn_picture(app, &model, "first", &image);
    wait_until_running(app, entity);
    let before = pixels(app, entity);
    // Bevy's own readback must be through; it does not survive a lost device.
    (0..20).for_each(|_| app.update());
    let busy = spawn_picture(app, &model, "second", &image);
    app.world_mut().get_mut::<Cartoon>(busy).expect("settings").update = UpdateRate::Always;
    app.world_mut().entity_mut(busy).insert(CartoonTaps { names: vec!["encode4".into()] });
    wait_until_running(app, busy);

    app.insert_resource(RenderErrorHandler(|_, _, _| RenderErrorPolicy::StopRendering));
    app.world().resource::<RenderDevice>().wgpu_device().destroy();
    let error = wait_for_error(app, entity);
    assert!(matches!(&error, CartoonError::Device { reason } if reason.contains("rendering has stopped")), "{error}");
    (0..20).for_each(|_| app.update());
    assert_eq!(app.world().get::<CartoonStatus>(entity).and_then(CartoonStatus::error), Some(&error));

    app.insert_resource(RenderErrorHandler(|_, _, _| RenderErrorPolicy::Recover(default())));
    until(app, entity, "a cartoon on the new device", CartoonStatus::is_running);
    until(app, busy, "the other cartoon on the new device", CartoonStatus::is_running);
    app.world_mut().despawn(busy);
    assert!(pixels(app, entity) == before, "another cartoon on the new device");
    let other = spawn_picture(app, &model, "second", &image);
    wait_until_running(app, other);
}

#[test]
fn a_lost_device_is_told_and_a_new_one_draws_all_cartoons_anew() {
    DOOMED.run(lose_the_device);
}

/// As games run: the device goes away while another thread records.
#[test]
fn a_device_may_be_lost_while_a_frame_is_recorded() {
    Lab::new(TensorFormat::R32Float).run(lose_the_device);
}

/// Bytes of textures for one picture of the tiny model.
fn needed() -> Option<usize> {
    EIGHT_PLANES.run(|app| {
        let (model, image) = (lite(app), add_image(app, gradient(32, 32)));
        let entity = spawn_picture(app, &model, "first", &image);
        wait_until_running(app, entity);
        let chain = app.world().resource::<CartoonChains>().0[0].clone();
        assert_eq!(chain.batch, 1);
        chain.slot_bytes + chain.weight_bytes
    })
}

#[test]
fn what_does_not_fit_the_memory_is_refused_until_there_is_room() {
    let Some(needed) = needed() else { return };
    let run = move |app: &mut App| {
        let (model, image) = (lite(app), add_image(app, gradient(32, 32)));
        // Many pictures of one model: smaller batches.
        let crowd: Vec<Entity> = (0..8).map(|_| spawn_picture(app, &model, "first", &image)).collect();
        crowd.iter().for_each(|entity| wait_until_running(app, *entity));
        let chains = app.world().resource::<CartoonChains>().0.clone();
        assert_eq!((chains.len(), chains[0].batch), (1, 1), "there is room for one picture at a time");
        assert!(chains[0].slot_bytes + chains[0].weight_bytes <= needed);
        // Another model: no room.
        let other = lite(app);
        let refused = spawn_picture(app, &other, "second", &image);
        let error = wait_for_error(app, refused);
        let expected = CartoonError::OutOfMemory { model: "tiny".into(), needed, left: 0 };
        assert_eq!(error, expected);
        assert!(error.to_string().contains("max_memory"), "{error}");
        crowd.iter().for_each(|entity| {
            assert!(app.world().get::<CartoonStatus>(*entity).is_some_and(CartoonStatus::is_running))
        });
        // Room again.
        crowd.into_iter().for_each(|entity| assert!(app.world_mut().despawn(entity)));
        until(app, refused, "a cartoon", CartoonStatus::is_running);
    };
    Lab::new(TensorFormat::R32Float).memory(needed).run(run);
}

#[test]
fn a_model_that_can_never_fit_is_refused_when_it_loads() {
    let run = |app: &mut App| {
        let image = add_image(app, gradient(32, 32));
        let model = app.world().resource::<AssetServer>().load(ToonfacePlugin::BUNDLED_MODEL);
        let entity = spawn_picture(app, &model, "woman", &image);
        let error = wait_for_error(app, entity);
        assert!(matches!(&error, CartoonError::ModelFailed { reason, .. } if reason.contains("max_memory")), "{error}");
    };
    Lab::new(TensorFormat::R32Float).memory(100_000).run(run);
}

#[test]
fn a_shader_that_does_not_compile_is_named_and_the_game_runs_on() {
    let run = |app: &mut App| {
        let (model, image) = (lite(app), add_image(app, gradient(32, 32)));
        let path = "lib/layout.wgsl";
        let good =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/lib/layout.wgsl")).expect(path);
        let set = |app: &mut App, text: &str| {
            let device = app.world().resource::<RenderDevice>().clone();
            let mut pipelines = app.sub_app_mut(RenderApp).world_mut().resource_mut::<CartoonPipelines>();
            assert!(pipelines.replace_shader(path, text.to_owned(), &device), "there is {path}");
            assert!(!pipelines.replace_shader("lib/none.wgsl", text.to_owned(), &device), "there is another file");
            (0..3).for_each(|_| app.update());
        };
        set(app, "#define_import_path bevy_toonface::lib::layout\n\nfn locate( {");
        let entity = spawn_picture(app, &model, "first", &image);
        let error = wait_for_error(app, entity);
        let CartoonError::Pipeline { kernel, reason } = &error else { panic!("{error}") };
        assert!(!kernel.is_empty() && reason.starts_with("lib/layout.wgsl, line 3: "), "{error}");
        (0..20).for_each(|_| app.update());
        set(app, &good);
        app.world_mut().get_mut::<CartoonGroup>(entity).expect("a group").0 = "second".into();
        until(app, entity, "a cartoon", CartoonStatus::is_running);
    };
    BROKEN.run(run);
}

#[test]
fn images_that_are_dropped_while_they_are_drawn_end_no_game() {
    let run = |app: &mut App| {
        let (model, image) = (lite(app), add_image(app, gradient(32, 32)));
        let entity = spawn_picture(app, &model, "first", &image);
        app.world_mut().get_mut::<Cartoon>(entity).expect("settings").update = UpdateRate::Always;
        wait_until_running(app, entity);
        let before = pixels(app, entity);
        // The output.
        let output = app.world().get::<CartoonOutput>(entity).expect("an output").image.clone();
        app.world_mut().resource_mut::<Assets<Image>>().remove(&output);
        (0..5).for_each(|_| app.update());
        until(app, entity, "a cartoon on another output", CartoonStatus::is_running);
        assert!(app.world().get::<CartoonOutput>(entity).expect("an output").image != output);
        assert!(pixels(app, entity) == before, "another cartoon");
        // The picture.
        app.world_mut().resource_mut::<Assets<Image>>().remove(&image);
        until(app, entity, "no cartoon", |status| *status == CartoonStatus::Loading);
        (0..20).for_each(|_| app.update());
        replace(app, &image, gradient(32, 32));
        until(app, entity, "a cartoon again", CartoonStatus::is_running);
        assert!(pixels(app, entity) == before, "another cartoon");
        // The model.
        app.world_mut().resource_mut::<Assets<CartoonModel>>().remove(&model);
        until(app, entity, "no cartoon", |status| *status == CartoonStatus::Loading);
        (0..20).for_each(|_| app.update());
    };
    EIGHT_PLANES.run(run);
}

/// A picture whose texture loses its colours while it is drawn: one channel, then two, then four again.
#[test]
fn a_picture_may_lose_channels_while_it_is_drawn() {
    let run = |app: &mut App| {
        let (model, image) = (lite(app), add_image(app, gradient(32, 32)));
        let entity = spawn_picture(app, &model, "first", &image);
        wait_until_running(app, entity);
        let before = pixels(app, entity);
        let size = Extent3d { width: 32, height: 32, depth_or_array_layers: 1 };
        for (format, bytes) in [(TextureFormat::R8Unorm, 1), (TextureFormat::Rg8Unorm, 2)] {
            let data = (0..32 * 32 * bytes).map(|i| (i % 251) as u8).collect();
            let few = Image::new(size, TextureDimension::D2, data, format, RenderAssetUsages::default());
            let after = changed_pixels(app, entity, |app| replace(app, &image, few));
            assert!(after != before, "{format:?}: the same cartoon");
        }
        let after = changed_pixels(app, entity, |app| replace(app, &image, gradient(32, 32)));
        assert!(after == before, "another cartoon");
    };
    EIGHT_PLANES.run(run);
}

#[test]
fn a_window_without_a_size_stops_no_cartoon() {
    let run = |app: &mut App| {
        let window = Window { resolution: WindowResolution::new(0, 0), ..default() };
        let window = app.world_mut().spawn((window, PrimaryWindow)).id();
        let camera = app.world_mut().spawn(Camera2d).id();
        let (model, image) = (lite(app), add_image(app, gradient(32, 32)));
        let sprite = (Sprite::from_image(image), CartoonGroup::new("first"));
        let cartoon = Cartoon { model: Some(model), update: UpdateRate::Always, ..default() };
        let entity = app.world_mut().spawn((sprite, cartoon)).id();
        wait_until_running(app, entity);
        for (width, height) in [(640, 480), (0, 480), (0, 0), (1, 1)] {
            app.world_mut()
                .get_mut::<Window>(window)
                .expect("a window")
                .resolution
                .set_physical_resolution(width, height);
            (0..10).for_each(|_| app.update());
            until(app, entity, "a cartoon", CartoonStatus::is_running);
        }
        app.world_mut().despawn(camera);
        app.world_mut().despawn(window);
    };
    EIGHT_PLANES.run(run);
}
