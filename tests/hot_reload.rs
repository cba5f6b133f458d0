//! Files that are edited while the app runs: what is whole is taken into use, what is broken leaves the version before it
//! on screen and says why.

mod common;
#[path = "common/files.rs"]
mod files;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;
#[path = "common/studio.rs"]
mod studio;

use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_toonface::ecs::{Progress, ReloadError};
use bevy_toonface::gpu::{CartoonCounters, ShaderFolder};
use bevy_toonface::model::{Model, TensorFile};
use bevy_toonface::plan::TensorFormat;
use bevy_toonface::prelude::*;
use common::fixture_path;
use files::{Package, ShaderFiles};
use gpu::headless::{read_image, run_until};
use gpu::{LIMIT, Lab, add_model, gradient, wait_for_error, wait_until_running};
use image::RgbaImage;
use studio::{Shot, Studio};

/// Its assets are the files that the tests of this binary edit.
static LAB: Lab = Lab::new(TensorFormat::R32Float).assets(FOLDER);
const FOLDER: &str = "hot_reload";

/// A folder below that of the assets.
fn folder(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(FOLDER).join(name)
}

/// A package on disk, and an app that shows it.
struct Desk<'a> {
    app: &'a mut App,
    package: Package,
    model: Handle<CartoonModel>,
    picture: Handle<Image>,
}

impl<'a> Desk<'a> {
    fn new(app: &'a mut App, name: &str) -> Self {
        Self::with(app, name, |_| {})
    }

    /// `prepare` changes the package before it is loaded.
    fn with(app: &'a mut App, name: &str, prepare: impl FnOnce(&Package)) -> Self {
        let package = Package::new(folder(name));
        prepare(&package);
        let model = app.world().resource::<AssetServer>().load(format!("{name}/tiny.cartoon.ron"));
        let picture = app.world_mut().resource_mut::<Assets<Image>>().add(gradient(40, 40));
        // Whatever was written before the app looked is no edit.
        std::thread::sleep(Duration::from_millis(700));
        app.update();
        Self { app, package, model, picture }
    }

    fn spawn(&mut self, group: &str) -> Entity {
        gpu::spawn_picture(self.app, &self.model, group, &self.picture)
    }

    fn show(&mut self, group: &str) -> Entity {
        let entity = self.spawn(group);
        wait_until_running(self.app, entity);
        entity
    }

    fn pixels(&mut self, entity: Entity) -> Vec<u8> {
        let output = self.app.world().get::<CartoonOutput>(entity).expect("an output").image.clone();
        read_image(self.app, &output).expect("pixels").into_raw()
    }

    fn updates(&self, entity: Entity) -> u64 {
        self.app.world().get::<Progress>(entity).map_or(0, |progress| progress.updates)
    }

    fn counters(&mut self) -> CartoonCounters {
        self.app.update();
        *self.app.world().resource::<CartoonCounters>()
    }

    fn until<T>(&mut self, what: &str, mut done: impl FnMut(&mut World) -> Option<T>) -> T {
        run_until(self.app, LIMIT, |world| done(world)).unwrap_or_else(|e| panic!("{what}: {e}"))
    }

    /// Edits something and waits for another cartoon of the entity.
    fn changed(&mut self, entity: Entity, edit: impl FnOnce(&Package)) -> Vec<u8> {
        let package = Package(self.package.0.clone());
        self.changed_by(entity, |_| edit(&package))
    }

    /// The same for a change of the app.
    fn changed_by(&mut self, entity: Entity, change: impl FnOnce(&mut App)) -> Vec<u8> {
        let (mut updates, before) = (self.updates(entity), self.pixels(entity));
        change(self.app);
        loop {
            // The same may be drawn once more, since the copies of files are seen late.
            self.until("another cartoon", |world| (world.get::<Progress>(entity)?.updates > updates).then_some(()));
            updates = self.updates(entity);
            let after = self.pixels(entity);
            if after != before {
                return after;
            }
        }
    }

    /// Edits something and waits for the warning.
    fn warned(&mut self, entity: Entity, edit: impl FnOnce(&Package)) -> ReloadError {
        edit(&self.package);
        let error = self.until("a warning", |world| world.get::<CartoonWarning>(entity).map(|w| w.0.clone()));
        let status = self.app.world().get::<CartoonStatus>(entity).expect("a status");
        assert!(status.is_running(), "the cartoon is hidden behind {status}");
        error
    }

    fn until_unwarned(&mut self, entity: Entity) {
        self.until("no warning", |world| world.get::<CartoonWarning>(entity).is_none().then_some(()));
    }
}

/// A copy of the shaders that the app watches.
fn watch_shaders(app: &mut App, name: &str) -> ShaderFiles {
    let files = ShaderFiles::new(folder(name));
    app.insert_resource(ShaderFolder(files.0.clone()));
    (0..3).for_each(|_| app.update());
    std::thread::sleep(Duration::from_millis(700));
    app.update();
    files
}

fn assert_names(error: &ReloadError, words: &[&str]) {
    let message = error.to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "`{word}` in: {message}"));
}

/// What was made on the device, without weights.
fn made(counters: CartoonCounters) -> [u64; 4] {
    let CartoonCounters { textures, buffers, bind_groups, pipelines, .. } = counters;
    [textures, buffers, bind_groups, pipelines as u64]
}

#[test]
fn a_changed_branch_replaces_its_group_and_only_its_weights_are_uploaded() {
    let run = |app: &mut App| {
        let mut desk = Desk::new(app, "branch");
        let (first, second) = (desk.show("first"), desk.show("second"));
        let first_before = desk.pixels(first);
        let before = desk.counters();
        let whole = before.weight_bytes;
        desk.changed(second, |p| p.write("second.safetensors", p.scaled("second.safetensors", "head", -1.0)));
        assert!(desk.pixels(first) == first_before, "the other group has changed");
        let after = desk.counters();
        assert_eq!(made(after), made(before), "something was made on the device");
        let uploaded = after.weight_bytes - before.weight_bytes;
        assert!(uploaded > 0 && uploaded <= whole / 3, "{uploaded} of {whole} bytes");
    };
    LAB.run(run);
}

#[test]
fn a_changed_trunk_changes_all_groups_and_makes_nothing_new() {
    let run = |app: &mut App| {
        let mut desk = Desk::new(app, "trunk");
        let (first, second) = (desk.show("first"), desk.show("second"));
        let before = (desk.pixels(first), desk.pixels(second), desk.counters());
        let after =
            desk.changed(first, |p| p.write("trunk.safetensors", p.scaled("trunk.safetensors", "decode4", 0.0)));
        assert!(after != before.0 && desk.pixels(second) != before.1, "the same cartoons");
        assert_eq!(made(desk.counters()), made(before.2));
    };
    LAB.run(run);
}

#[test]
fn a_changed_manifest_renames_a_group() {
    let run = |app: &mut App| {
        let mut desk = Desk::new(app, "manifest");
        let entity = desk.show("first");
        desk.package.edit_manifest("\"first\"", "\"woman\"");
        let error = wait_for_error(desk.app, entity);
        assert!(matches!(&error, CartoonError::UnknownGroup { known, .. } if *known == ["woman", "second"]), "{error}");
        desk.app.world_mut().get_mut::<CartoonGroup>(entity).expect("a group").0 = "woman".into();
        wait_until_running(desk.app, entity);
    };
    LAB.run(run);
}

/// Two seconds on an idle machine: the best of three.
#[test]
fn a_branch_that_is_dropped_in_becomes_a_group_within_two_seconds() {
    let run = |app: &mut App| {
        let mut desk = Desk::new(app, "drop_in");
        let first = desk.show("first");
        let mut best = Duration::MAX;
        for group in ["third", "fourth", "fifth"] {
            let entity = desk.spawn(group);
            assert!(matches!(wait_for_error(desk.app, entity), CartoonError::UnknownGroup { .. }));
            let (bytes, file) = (desk.package.scaled("first.safetensors", "head", 0.5), format!("{group}.safetensors"));
            let started = Instant::now();
            desk.package.write(&file, bytes);
            desk.package.edit_manifest("    ],", &format!("        (name: \"{group}\", weights: \"{file}\"),\n    ],"));
            desk.until("a group", |world| world.get::<CartoonStatus>(entity)?.is_running().then_some(()));
            best = best.min(started.elapsed());
            assert!(desk.pixels(entity) != desk.pixels(first), "the same cartoon");
        }
        assert!(best <= Duration::from_secs(2), "{best:?}");
    };
    LAB.run(run);
}

#[test]
fn the_line_may_come_before_the_file() {
    let run = |app: &mut App| {
        let mut desk = Desk::new(app, "line_first");
        let first = desk.show("first");
        let line = "        (name: \"third\", weights: \"third.safetensors\"),\n    ],";
        let error = desk.warned(first, |p| p.edit_manifest("    ],", line));
        assert_names(&error, &["line_first/tiny.cartoon.ron", "third.safetensors"]);
        let branch = desk.package.scaled("first.safetensors", "head", 0.5);
        desk.package.write("third.safetensors", branch);
        desk.until_unwarned(first);
        desk.show("third");
    };
    LAB.run(run);
}

#[test]
fn a_broken_edit_keeps_the_last_good_version_and_says_why() {
    let run = |app: &mut App| {
        let mut desk = Desk::new(app, "broken");
        let first = desk.show("first");
        let before = desk.pixels(first);
        let good = |file: &str| std::fs::read(fixture_path(&format!("lite/{file}"))).expect("a fixture");
        let mut nan = TensorFile::parse("first", &good("first.safetensors")).expect("weights");
        nan.tensors.get_mut("stem.weight").expect("a tensor").data[5] = f32::NAN;
        let cut = good("trunk.safetensors")[..1000].to_vec();
        let text = String::from_utf8(good("tiny.cartoon.ron")).expect("text");
        let edits: [(&str, Vec<u8>, &[&str]); 5] = [
            ("trunk.safetensors", cut, &["broken/trunk.safetensors", "safetensors"]),
            ("first.safetensors", nan.to_bytes().expect("bytes"), &["broken/first.safetensors", "stem.weight", "NaN"]),
            ("second.safetensors", good("trunk.safetensors"), &["broken/second.safetensors", "stem.weight"]),
            ("tiny.cartoon.ron", text.replace("version", "colour").into_bytes(), &["tiny.cartoon.ron", "colour"]),
            ("tiny.cartoon.ron", text.replace("image_size: 64", "image_size: 7").into_bytes(), &["image_size"]),
        ];
        for (file, bytes, words) in edits {
            let error = desk.warned(first, |p| p.write(file, bytes));
            assert!(matches!(&error, ReloadError::Model { path, .. } if path == "broken/tiny.cartoon.ron"), "{error}");
            assert_names(&error, words);
            assert!(desk.pixels(first) == before, "another cartoon");
            // The version before serves new entities, too.
            let second = desk.show("second");
            desk.app.world_mut().despawn(second);
            desk.package.write(file, good(file));
            desk.until_unwarned(first);
        }
        assert!(desk.pixels(first) == before, "another cartoon");
    };
    LAB.run(run);
}

#[test]
fn a_package_that_never_loaded_is_loaded_once_it_is_mended() {
    let run = |app: &mut App| {
        let mut desk = Desk::with(app, "mended", |p| p.write("second.safetensors", b"not yet"));
        let first = desk.spawn("first");
        let error = wait_for_error(desk.app, first);
        assert!(matches!(error, CartoonError::ModelFailed { .. }), "{error}");
        let good = std::fs::read(fixture_path("lite/second.safetensors")).expect("a fixture");
        desk.package.write("second.safetensors", good);
        desk.until("a cartoon", |world| world.get::<CartoonStatus>(first)?.is_running().then_some(()));
    };
    LAB.run(run);
}

#[test]
fn files_that_are_renamed_into_place_are_seen() {
    let run = |app: &mut App| {
        let mut desk = Desk::new(app, "renamed");
        let first = desk.show("first");
        let before = desk.pixels(first);
        let after =
            desk.changed(first, |p| p.rename_over("first.safetensors", p.scaled("first.safetensors", "head", -1.0)));
        assert!(after != before, "the same cartoon");
    };
    LAB.run(run);
}

/// A game may change the asset itself, without any file.
#[test]
fn a_model_that_is_changed_in_memory_is_drawn_anew_and_uploads_what_changed() {
    let run = |app: &mut App| {
        let mut model = Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package");
        let handle = add_model(app, model.clone());
        let mut desk = Desk::new(app, "memory");
        desk.model = handle.clone();
        let (first, second) = (desk.show("first"), desk.show("second"));
        let (second_before, before) = (desk.pixels(second), desk.counters());
        let head = model.weights.branches[0].tensors.get_mut("head.weight").expect("a tensor");
        head.data.iter_mut().for_each(|value| *value *= -1.0);
        let model = CartoonModel::new(model);
        desk.changed_by(first, |app| {
            app.world_mut().resource_mut::<Assets<CartoonModel>>().insert(&handle, model).expect("a living handle");
        });
        assert!(desk.pixels(second) == second_before, "the other group has changed");
        let after = desk.counters();
        assert_eq!(made(after), made(before));
        let uploaded = after.weight_bytes - before.weight_bytes;
        assert!(uploaded > 0 && uploaded <= 4 * 2048 * 16, "{uploaded} bytes");
    };
    LAB.run(run);
}

#[test]
fn changed_shaders_are_taken_into_use_and_broken_ones_are_not() {
    let run = |app: &mut App| {
        let shaders = watch_shaders(app, "wgsl");
        let mut desk = Desk::new(app, "shaders");
        let first = desk.show("first");
        let (before, counters) = (desk.pixels(first), desk.counters());

        // A template at the end of the chain: red and blue change places.
        let composite = shaders.read("io/composite.wgsl");
        let (from, to) = ("return 0.5 * sum.rgb", "return 0.5 * sum.bgr");
        let swapped = desk.changed(first, |_| _ = shaders.edit("io/composite.wgsl", from, to));
        let expected: Vec<u8> = before.chunks(4).flat_map(|p| [p[2], p[1], p[0], p[3]]).collect();
        assert!(swapped == expected, "red and blue have not changed places");
        let restored = desk.changed(first, |_| shaders.write("io/composite.wgsl", &composite));
        assert!(restored == before, "another cartoon");

        // An op and a library.
        let conv = shaders.read("ops/conv.wgsl");
        desk.changed(first, |_| _ = shaders.edit("ops/conv.wgsl", "tanh(v)", "-tanh(v)"));
        let restored = desk.changed(first, |_| shaders.write("ops/conv.wgsl", &conv));
        assert!(restored == before, "another cartoon");
        let library = shaders.read("lib/color.wgsl");
        let black = desk.changed(first, |_| {
            shaders.edit("lib/color.wgsl", "return select(curve, c / 12.92", "return 0.0 * select(curve, c / 12.92");
        });
        assert!(black.chunks(4).all(|p| p[..3] == [0, 0, 0]), "not black");
        let restored = desk.changed(first, |_| shaders.write("lib/color.wgsl", &library));
        assert!(restored == before, "another cartoon");
        assert_eq!(made(desk.counters())[3], made(counters)[3], "pipelines are compiled anew, not added");

        // Broken ones: in a line that is told, in a library, and right by itself but not for what it is bound to.
        let line = |text: &str, part: &str| 1 + text[..text.find(part).expect("the part")].matches('\n').count();
        let main = line(&conv, "fn fragment(");
        let bound = "@group(0) @binding(0) var<uniform>";
        let triangle = shaders.read("io/triangle.wgsl");
        let edits = [
            ("ops/conv.wgsl", "fn fragment(", "fn fragment((", main),
            ("ops/conv.wgsl", "reflect_index, uv_of}", "reflected_index, uv_of}", line(&conv, "reflect_index, uv_of}")),
            ("io/triangle.wgsl", "fn vertex(", "fn vertex((", line(&triangle, "fn vertex(")),
            ("lib/color.wgsl", "fn decode_srgb(", "fn decode_srgb(nonsense ", line(&library, "fn decode_srgb(")),
            ("io/composite.wgsl", bound, "@group(0) @binding(77) var<uniform>", 1),
            (
                "io/composite.wgsl",
                "//@ planes",
                "//@ planes\nconst x: f32 = no_such_thing;",
                1 + line(&composite, "//@ planes"),
            ),
        ];
        for (file, from, to, line) in edits {
            let mut good = String::new();
            let error = desk.warned(first, |_| good = shaders.edit(file, from, to));
            let ReloadError::Shader { file: told, line: at, reason } = &error else { panic!("{error}") };
            assert_eq!((told.as_str(), *at), (file, line), "{error}");
            assert!(!reason.is_empty());
            assert!(desk.pixels(first) == before, "another cartoon");
            let second = desk.show("second");
            desk.app.world_mut().despawn(second);
            shaders.write(file, &good);
            desk.until_unwarned(first);
        }
    };
    LAB.run(run);
}

/// Red and blue exchanged.
fn swapped(picture: &RgbaImage) -> RgbaImage {
    let mut swapped = picture.clone();
    swapped.pixels_mut().for_each(|pixel| pixel.0.swap(0, 2));
    swapped
}

/// Photographs until one is as expected.
fn until_seen(studio: &mut Studio, what: &str, expected: &RgbaImage, photograph: impl Fn(&mut Studio) -> RgbaImage) {
    let started = Instant::now();
    while photograph(studio) != *expected {
        assert!(started.elapsed() < LIMIT, "{what}");
    }
}

#[test]
fn changed_shaders_of_cameras_are_taken_into_use_and_broken_ones_are_not() {
    LAB.run(|app| {
        let shaders = watch_shaders(app, "camera_wgsl");
        let shot = Shot::default();
        let mut studio = Studio::new(app, &shot);
        let camera = studio.camera(&shot);
        studio.first_photo();
        studio.tag(camera, "g0", None);
        studio.wait(camera);
        let view = |studio: &mut Studio| studio.photo();
        let captured = |studio: &mut Studio| studio.capture(camera);
        let (photo, capture) = (studio.photo(), studio.capture(camera));

        let overlay = shaders.edit("io/overlay.wgsl", "held(toon.rgb) * weight", "held(toon.bgr) * weight");
        until_seen(&mut studio, "the overlay is the one before", &swapped(&photo), view);
        shaders.write("io/overlay.wgsl", &overlay);
        until_seen(&mut studio, "the overlay is not the first again", &photo, view);
        let whole = shaders.edit("io/capture.wgsl", "decode_srgb(sum.rgb /", "decode_srgb(sum.bgr /");
        until_seen(&mut studio, "the capture is the one before", &swapped(&capture), captured);
        shaders.write("io/capture.wgsl", &whole);
        until_seen(&mut studio, "the capture is not the first again", &capture, captured);
        until_seen(&mut studio, "the cartoon is not the first again", &photo, view);

        let line = |text: &str| 1 + text[..text.find("fn fragment(").expect("a fragment")].matches('\n').count();
        for (file, good) in [("io/overlay.wgsl", &overlay), ("io/capture.wgsl", &whole)] {
            shaders.edit(file, "fn fragment(", "fn fragment((");
            let warning = |world: &mut World| world.get::<CartoonWarning>(camera).map(|w| w.0.clone());
            let error = run_until(studio.stage.app, LIMIT, warning).expect("a warning");
            let ReloadError::Shader { file: told, line: at, .. } = &error else { panic!("{error}") };
            assert_eq!((told.as_str(), *at), (file, line(good)), "{error}");
            assert!(studio.photo() == photo, "a broken {file} changes the view");
            shaders.write(file, good);
            let unwarned = |world: &mut World| world.get::<CartoonWarning>(camera).is_none().then_some(());
            run_until(studio.stage.app, LIMIT, unwarned).expect("no warning");
        }
        studio.close();
    });
}
