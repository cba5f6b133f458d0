//! Sessions through the plugin: a new style is learned, nothing else changes, and whatever goes wrong is told.
#![cfg(feature = "few_shot")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/gpu.rs"]
mod gpu;
mod held_out;
#[cfg(feature = "bundled_model")]
#[path = "../common/tool.rs"]
mod tool;

use std::sync::Arc;

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy_toonface::ecs::{CartoonTensors, TrainingRequest};
use bevy_toonface::few_shot::{FewShotEvent, FewShotProgress, Scope};
use bevy_toonface::model::{Generator, GraphBuilder, Model, Op, Owner, Tensor};
use bevy_toonface::prelude::*;
use common::reference::evaluate;
use common::{Random, manifest, random_model};
use gpu::headless::run_until;
use gpu::{EIGHT_PLANES, LIMIT, WEBGL2, add_model, read_tensors, spawn_picture};

/// Side of the pictures.
const SIDE: usize = 64;
/// Steps of the training that has to show something.
const STEPS: usize = 200;
/// How much of the held-out L1 has to be gone after it. Measured: see the test's output.
const MARGIN: f32 = 0.4;

/// Eight base channels at 64 x 64, random weights.
fn model() -> Model {
    let branch = ["stem", "style", "up1", "up2", "merge", "head"].map(String::from).to_vec();
    let generator = Generator::Lite { base_channels: 8, image_size: SIDE, branch };
    Model { manifest: manifest(generator.clone(), 2), ..random_model(generator, 2, 3) }
}

/// A picture of soft blobs on a gradient, another one for each seed.
fn photo(seed: u64) -> Vec<[f32; 3]> {
    let mut random = Random::new(seed);
    let corners: Vec<f32> = (0..12).map(|_| random.unit()).collect();
    let blobs: Vec<[f32; 6]> = (0..5).map(|_| std::array::from_fn(|_| random.unit())).collect();
    let pixel = |i: usize| {
        let (x, y) = ((i % SIDE) as f32 / SIDE as f32, (i / SIDE) as f32 / SIDE as f32);
        std::array::from_fn(|c| {
            let [a, b, d, e] = [0, 3, 6, 9].map(|k| corners[k + c]);
            let mut value = (a * (1.0 - x) + b * x) * (1.0 - y) + (d * (1.0 - x) + e * x) * y;
            for blob in &blobs {
                let square = (x - blob[0]) * (x - blob[0]) + (y - blob[1]) * (y - blob[1]);
                value += (blob[2 + c] - value) * (-square / (0.004 + 0.03 * blob[5])).exp();
            }
            value
        })
    };
    (0..SIDE * SIDE).map(pixel).collect()
}

/// The style: channels in another order, three tones each, darker to the right of an edge.
fn style(photo: &[[f32; 3]]) -> Vec<[f32; 3]> {
    let tone = |v: f32| 0.15 + 0.35 * (2.0 * v).round().clamp(0.0, 2.0);
    let pixel = |i: usize| {
        let left = if i.is_multiple_of(SIDE) { photo[i] } else { photo[i - 1] };
        let edge = (photo[i][1] - left[1]).abs() > 0.08;
        let toned = [photo[i][2], photo[i][0], photo[i][1]].map(tone);
        if edge { toned.map(|v| 0.4 * v) } else { toned }
    };
    (0..photo.len()).map(pixel).collect()
}

fn image(pixels: &[[f32; 3]], width: usize) -> Image {
    let level = |v: f32| (255.0 * v).round().clamp(0.0, 255.0) as u8;
    let data = pixels.iter().flat_map(|[r, g, b]| [level(*r), level(*g), level(*b), 255]).collect();
    let size = Extent3d { width: width as u32, height: (pixels.len() / width) as u32, depth_or_array_layers: 1 };
    Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::default())
}

fn pair(app: &mut App, seed: u64) -> FewShotPair {
    let pixels = photo(seed);
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    FewShotPair { photo: images.add(image(&pixels, SIDE)), cartoon: images.add(image(&style(&pixels), SIDE)) }
}

fn pairs(app: &mut App, count: u64) -> Vec<FewShotPair> {
    (0..count).map(|seed| pair(app, 100 + seed)).collect()
}

fn session(model: &Handle<CartoonModel>, name: &str, pairs: Vec<FewShotPair>) -> FewShotSession {
    FewShotSession { model: Some(model.clone()), ..FewShotSession::new("g0", name, pairs) }
}

/// Runs frames until a session is over; takes it away and tells its status and result.
fn finish(app: &mut App, entity: Entity) -> (FewShotStatus, Option<FewShotResult>) {
    let status = run_until(app, 10 * LIMIT, |world| {
        Some(world.get::<FewShotStatus>(entity)?.clone()).filter(FewShotStatus::is_over)
    });
    let result = app.world().get::<FewShotResult>(entity).cloned();
    app.world_mut().despawn(entity);
    app.update();
    (status.expect("an end"), result)
}

/// What a model draws of a picture: the tensor of the cartoon.
fn cartoon(app: &mut App, model: &Handle<CartoonModel>, group: &str, picture: &Handle<Image>) -> Tensor {
    let entity = spawn_picture(app, model, group, picture);
    app.world_mut().entity_mut(entity).insert(bevy_toonface::ecs::CartoonTaps { names: vec!["output".into()] });
    read_tensors(app, &[entity])[0]["output"].clone()
}

fn known(app: &App, model: &Handle<CartoonModel>) -> Arc<Model> {
    app.world().resource::<Assets<CartoonModel>>().get(model).expect("the model").model.clone()
}

/// L1 of a cartoon in -1..1 to the style's picture of the photograph.
fn distance(cartoon: &Tensor, seed: u64) -> f32 {
    let target = style(&photo(seed));
    let sum: f32 = (0..3 * SIDE * SIDE)
        .map(|i| (cartoon.data[i] - (2.0 * target[i % (SIDE * SIDE)][i / (SIDE * SIDE)] - 1.0)).abs())
        .sum();
    sum / (3 * SIDE * SIDE) as f32
}

const HELD_OUT: [u64; 3] = [7, 8, 9];

fn held_out(app: &mut App, model: &Handle<CartoonModel>, group: &str) -> f32 {
    let distances = HELD_OUT.map(|seed| {
        let picture = pair(app, seed).photo;
        distance(&cartoon(app, model, group, &picture), seed)
    });
    distances.iter().sum::<f32>() / distances.len() as f32
}

#[test]
fn a_new_style_is_learned_and_nothing_else_changes() {
    EIGHT_PLANES.run(|app| {
        app.insert_resource(CartoonBudget::UNLIMITED);
        let handle = add_model(app, model());
        let picture = pair(app, HELD_OUT[0]).photo;
        let before = known(app, &handle);
        let old = ["g0", "g1"].map(|group| cartoon(app, &handle, group, &picture));
        let first = held_out(app, &handle, "g0");

        let mut session = session(&handle, "robot", pairs(app, 10));
        session.options.steps = STEPS;
        session.options.learning_rate = 3e-3;
        let started = std::time::Instant::now();
        let entity = app.world_mut().spawn(session).id();
        let losses = run_until(app, 10 * LIMIT, |world| {
            let progress = world.get::<FewShotProgress>(entity)?;
            let status = world.get::<FewShotStatus>(entity)?;
            status.is_over().then(|| progress.losses.clone())
        });
        let losses = losses.expect("an end");
        let (status, result) = finish(app, entity);
        assert_eq!(status, FewShotStatus::Finished);
        assert_eq!(losses.len(), STEPS);
        println!("{STEPS} steps in {:?}", started.elapsed());

        let after = known(app, &handle);
        assert_eq!(after.manifest.group_names(), ["g0", "g1", "robot"]);
        assert_eq!(after.weights.trunk, before.weights.trunk, "the trunk is frozen");
        assert_eq!(after.weights.branches[..2], before.weights.branches[..], "other groups stay as they are");
        assert_eq!(after.weights.branches[2], result.expect("a result").branch);
        for (group, old) in ["g0", "g1"].into_iter().zip(old) {
            assert_eq!(cartoon(app, &handle, group, &picture), old, "{group} is drawn as before, bit by bit");
        }
        let last = held_out(app, &handle, "robot");
        println!("held-out L1 {first:.3} -> {last:.3}; loss {:.3} -> {:.3}", losses[0], losses[STEPS - 1]);
        assert!(last <= (1.0 - MARGIN) * first, "{first} -> {last}");
    });
}

/// Left and right swapped.
fn mirror(tensor: &Tensor) -> Vec<f32> {
    tensor.data.chunks_exact(SIDE).flat_map(|row| row.iter().rev().copied()).collect()
}

#[test]
fn pairs_are_learned_from_as_they_are_and_as_in_a_mirror() {
    EIGHT_PLANES.run(|app| {
        let handle = add_model(app, model());
        let session = session(&handle, "twice", pairs(app, 2));
        let entity = app.world_mut().spawn(session).id();
        let examples = run_until(app, LIMIT, |world| Some(world.get::<TrainingRequest>(entity)?.examples.clone()));
        let examples = examples.expect("examples");
        assert_eq!(examples.len(), 4);
        let model = known(app, &handle);
        for (plain, mirrored) in examples.iter().zip(&examples[2..]) {
            for name in ["input", "target"] {
                assert_eq!(mirrored[name].data, mirror(&plain[name]), "{name}");
            }
            let expected = evaluate(&model.graph, &model.weights, 0, &mirrored["input"]);
            for (name, tensor) in
                mirrored.iter().filter(|(name, _)| !["target", "line_weight"].contains(&name.as_str()))
            {
                let off = tensor.data.iter().zip(&expected.nodes[name].data).map(|(a, b)| (a - b).abs());
                let off = off.fold(0.0, f32::max);
                println!("{name}: {off:.1e}");
                assert!(off <= 1e-4, "{name}, of a mirrored photograph: {off:.1e} off");
            }
            let mean = mirrored["line_weight"].data.iter().sum::<f32>() / (3 * SIDE * SIDE) as f32;
            assert!((mean - 1.0).abs() < 1e-4, "{mean}");
        }
        app.world_mut().despawn(entity);
    });
}

#[test]
fn a_session_fits_webgl2_and_trains_the_whole_branch() {
    WEBGL2.run(|app| {
        app.insert_resource(CartoonBudget { passes_per_frame: Some(150), ..CartoonBudget::UNLIMITED });
        let handle = add_model(app, model());
        let mut session = session(&handle, "whole", pairs(app, 2));
        session.options = bevy_toonface::few_shot::TrainingOptions { scope: Scope::Branch, steps: 2, ..default() };
        session.batch = 1;
        let entity = app.world_mut().spawn(session).id();
        let (status, result) = finish(app, entity);
        assert_eq!(status, FewShotStatus::Finished);
        let (trained, before) = (result.expect("a result").branch, &known(app, &handle).weights.branches[0]);
        for module in ["stem.weight", "head.weight", "cam.gap.weight", "style.fc2.bias"] {
            assert_ne!(trained.tensors[module], before.tensors[module], "{module} is trained");
        }
        app.insert_resource(CartoonBudget::UNLIMITED);
    });
}

#[test]
fn the_result_is_saved_and_loads_again() {
    EIGHT_PLANES.run(|app| {
        let model = model();
        let folder = std::env::temp_dir().join(format!("toonface_few_shot_{}", std::process::id()));
        let manifest = model.save(&folder).expect("a package");
        let handle = add_model(app, model);
        let mut session = session(&handle, "kept", pairs(app, 2));
        session.options.steps = 1;
        let entity = app.world_mut().spawn(session).id();
        let (_, result) = finish(app, entity);
        let result = result.expect("a result");
        result.save(&manifest).expect("a saved group");
        let loaded = Model::load(&manifest).expect("the package");
        assert_eq!(loaded.manifest, known(app, &handle).manifest);
        assert_eq!(loaded.weights.branches[2].tensors, result.branch.tensors);
        let error = result.save(&manifest).expect_err("the name is taken");
        assert!(error.to_string().contains("kept"), "{error}");
        assert_eq!(Model::load(&manifest).expect("as it was"), loaded);
        let _ = std::fs::remove_dir_all(folder);
    });
}

/// Frames in which a session makes no step.
fn rests(app: &mut App, entity: Entity) -> bool {
    // What is on its way arrives.
    (0..10).for_each(|_| app.update());
    let step = |app: &App| app.world().get::<FewShotProgress>(entity).map(|progress| progress.step);
    let before = step(app);
    (0..20).for_each(|_| app.update());
    step(app) == before
}

#[test]
fn a_session_pauses_goes_on_finishes_early_and_is_given_up() {
    EIGHT_PLANES.run(|app| {
        app.insert_resource(CartoonBudget::UNLIMITED);
        let handle = add_model(app, model());
        let before = known(app, &handle);
        let mut wanted = session(&handle, "early", pairs(app, 2));
        wanted.options.steps = 100_000;
        let entity = app.world_mut().spawn(wanted.clone()).id();
        let control = |app: &mut App, control| {
            app.world_mut().get_mut::<FewShotSession>(entity).expect("a session").control = control;
        };
        let until = |app: &mut App, step: usize| {
            run_until(app, LIMIT, |world| (world.get::<FewShotProgress>(entity)?.step >= step).then_some(()))
                .expect("steps")
        };
        until(app, 3);
        control(app, FewShotControl::Pause);
        assert!(rests(app, entity), "it pauses");
        assert_eq!(app.world().get::<FewShotStatus>(entity), Some(&FewShotStatus::Paused));
        control(app, FewShotControl::Run);
        until(app, 30);
        control(app, FewShotControl::Finish);
        let (status, result) = finish(app, entity);
        assert_eq!(status, FewShotStatus::Finished);
        let step = result.expect("a result").step;
        assert!((30..200).contains(&step), "stopped at step {step}");
        assert_eq!(known(app, &handle).manifest.groups.len(), 3);

        wanted.name = "never".into();
        let entity = app.world_mut().spawn(wanted).id();
        run_until(app, LIMIT, |world| (world.get::<FewShotProgress>(entity)?.step >= 2).then_some(())).expect("steps");
        app.world_mut().get_mut::<FewShotSession>(entity).expect("a session").control = FewShotControl::Cancel;
        let (status, result) = finish(app, entity);
        assert_eq!((status, result), (FewShotStatus::Cancelled, None));
        let after = known(app, &handle);
        assert_eq!(after.manifest.group_names(), ["g0", "g1", "early"]);
        assert_eq!(after.weights.branches[..2], before.weights.branches[..]);
        let mut helpers = app.world_mut().query::<&CartoonTensors>();
        assert_eq!(helpers.iter(app.world()).count(), 0, "no helper is left");
    });
}

#[test]
fn a_training_that_diverges_stops_and_keeps_the_last_good_branch() {
    EIGHT_PLANES.run(|app| {
        app.insert_resource(CartoonBudget::UNLIMITED);
        let handle = add_model(app, model());
        let before = known(app, &handle);
        let mut wanted = session(&handle, "wild", pairs(app, 2));
        wanted.options.steps = 2000;
        // One step of this size may be a weight still, some are not.
        wanted.options.learning_rate = 5000.0;
        let entity = app.world_mut().spawn(wanted).id();
        let (status, result) = finish(app, entity);
        let Some(FewShotError::Diverged { step, kept }) = status.error() else { panic!("{status}") };
        let result = result.expect("the branch that is kept");
        assert!(*kept > 0 && kept < step && result.step == *kept, "step {step}, kept {kept}");
        assert!(result.branch.tensors.values().all(|t| t.data.iter().all(|v| v.is_finite())));
        assert_eq!(*known(app, &handle), *before, "the model is as it was");
        let events = app.world().resource::<Messages<FewShotEvent>>();
        let mut cursor = events.get_cursor();
        let failed = cursor.read(events).any(|event| matches!(event, FewShotEvent::Failed { .. }));
        assert!(failed, "a message tells");
    });
}

/// Twelve convolutions one behind the other, with nothing between them that bounds their values.
fn tower() -> Model {
    let mut graph = GraphBuilder::new(1);
    let mut x = graph.input(3, 16, 16).expect("an input");
    for k in 0..12 {
        let [from, to] = [if k == 0 { 3 } else { 4 }, if k == 11 { 3 } else { 4 }];
        let weight = graph.param(format!("conv{k}.weight"), &[to, from, 3, 3], Owner::Branch);
        let op = Op::Conv2d { kernel: 3, stride: 1, weight, bias: None };
        x = graph.add(&format!("conv{k}"), op, &[x]).expect("a node");
    }
    graph.output("output", x);
    let graph = graph.finish();
    let weights = common::random_weights(&graph, 4);
    common::model_of(graph, weights)
}

#[test]
fn numbers_that_overflow_in_a_step_stop_it_and_keep_the_branch_before() {
    EIGHT_PLANES.run(|app| {
        app.insert_resource(CartoonBudget::UNLIMITED);
        let handle = add_model(app, tower());
        let before = known(app, &handle);
        let mut wanted = session(&handle, "broken", pairs(app, 2));
        // Weights of thousands are numbers still, and no cause to stop; the product of twelve of them is none.
        (wanted.options.steps, wanted.options.learning_rate) = (100, 5000.0);
        let entity = app.world_mut().spawn(wanted).id();
        let losses = run_until(app, LIMIT, |world| {
            let progress = world.get::<FewShotProgress>(entity)?;
            world.get::<FewShotStatus>(entity)?.is_over().then(|| progress.losses.clone())
        });
        let losses = losses.expect("an end");
        assert!(losses.len() == 2 && losses[0].is_finite() && !losses[1].is_finite(), "{losses:?}");
        let (status, result) = finish(app, entity);
        assert_eq!(status, FewShotStatus::Failed(FewShotError::Diverged { step: 2, kept: 1 }));
        assert!(status.to_string().contains("smaller `learning_rate`"), "{status}");
        let result = result.expect("the branch that is kept");
        assert_eq!(result.step, 1);
        let branch = &result.branch.tensors;
        assert!(branch.values().all(|t| t.data.iter().all(|v| v.is_finite())));
        assert_ne!(*branch, before.weights.branches[0].tensors, "the first step was a good one");
        assert_eq!(*known(app, &handle), *before, "the model is as it was");
        // The device is none the worse for it.
        let handle = add_model(app, model());
        let mut wanted = session(&handle, "whole", pairs(app, 2));
        wanted.options.steps = 2;
        let entity = app.world_mut().spawn(wanted).id();
        assert_eq!(finish(app, entity).0, FewShotStatus::Finished);
    });
}

#[test]
fn a_model_that_yields_no_numbers_is_refused() {
    EIGHT_PLANES.run(|app| {
        let mut model = model();
        let weight = model.weights.trunk.tensors.get_mut("decode4.conv2.weight").expect("a weight");
        weight.data[5] = f32::NAN;
        let handle = add_model(app, model);
        let wanted = session(&handle, "new", pairs(app, 2));
        let entity = app.world_mut().spawn(wanted).id();
        let (status, result) = finish(app, entity);
        let message = status.to_string();
        assert!(message.contains("pair 0") && message.contains("not finite"), "{message}");
        assert_eq!(result, None);
    });
}

#[test]
fn pixels_that_are_no_numbers_are_black_or_white() {
    EIGHT_PLANES.run(|app| {
        app.insert_resource(CartoonBudget::UNLIMITED);
        let handle = add_model(app, model());
        let mut wanted = session(&handle, "spotted", pairs(app, 2));
        let [FewShotPair { photo: spotted, .. }, FewShotPair { cartoon, .. }] = &mut wanted.pairs[..] else { panic!() };
        for (image, spot) in [(spotted, f32::INFINITY), (cartoon, f32::NAN)] {
            let texel = |rgb: &[f32; 3]| [rgb[0], rgb[1], rgb[2], 1.0].map(half_bits);
            let mut texels: Vec<u16> = photo(3).iter().flat_map(texel).collect();
            texels[4 * (SIDE * SIDE / 2)] = half_bits(spot);
            let size = Extent3d { width: SIDE as u32, height: SIDE as u32, depth_or_array_layers: 1 };
            let data = texels.into_iter().flat_map(u16::to_le_bytes).collect();
            let (format, usage) = (TextureFormat::Rgba16Float, RenderAssetUsages::default());
            let spoiled = Image::new(size, TextureDimension::D2, data, format, usage);
            *image = app.world_mut().resource_mut::<Assets<Image>>().add(spoiled);
        }
        wanted.options.steps = 2;
        let entity = app.world_mut().spawn(wanted).id();
        let (status, result) = finish(app, entity);
        assert_eq!(status, FewShotStatus::Finished);
        let branch = result.expect("a result").branch;
        assert!(branch.tensors.values().all(|t| t.data.iter().all(|v| v.is_finite())));
    });
}

/// A number as f16. Nothing here is below its normal numbers but 0.
fn half_bits(value: f32) -> u16 {
    let bits = value.to_bits();
    match value {
        v if v.is_nan() => 0x7E00,
        v if v.is_infinite() => 0x7C00,
        v if v.abs() < 1e-4 => 0,
        _ => (((bits >> 16) & 0x8000) | (((bits >> 23 & 0xFF) - 112) << 10) | (bits >> 13 & 0x3FF)) as u16,
    }
}

#[test]
fn bad_input_ends_in_an_error_that_says_what_to_do() {
    EIGHT_PLANES.run(|app| {
        let handle = add_model(app, model());
        let good = pairs(app, 2);
        let mut images = app.world_mut().resource_mut::<Assets<Image>>();
        let small = images.add(image(&photo(1)[..SIDE * 32], SIDE));
        let missing: Handle<Image> = app.world().resource::<AssetServer>().load("no/such/picture.png");
        let with = |change: &dyn Fn(&mut FewShotSession)| {
            let mut wanted = session(&handle, "new", good.clone());
            change(&mut wanted);
            wanted
        };
        let cases: [(FewShotSession, &[&str]); 8] = [
            (with(&|s| s.pairs.truncate(1)), &["1 pairs", "at least 2"]),
            (with(&|s| s.pairs[1].cartoon = small.clone()), &["pair 1", "[64, 64]", "[64, 32]", "same size"]),
            (with(&|s| s.pairs[0].photo = missing.clone()), &["pair 0", "no/such/picture.png"]),
            (with(&|s| s.name = "g1".into()), &["`g1`", "already", "another name"]),
            (with(&|s| s.name = "../x".into()), &["`../x`", "letters"]),
            (with(&|s| s.name = String::new()), &["``", "letters"]),
            (with(&|s| s.base = "g7".into()), &["g7", "g0"]),
            (with(&|s| s.pairs.clear()), &["0 pairs"]),
        ];
        for (wanted, words) in cases {
            let entity = app.world_mut().spawn(wanted).id();
            let (status, result) = finish(app, entity);
            let message = status.error().unwrap_or_else(|| panic!("{status}")).to_string();
            words.iter().for_each(|word| assert!(message.contains(word), "`{word}` in: {message}"));
            assert_eq!(result, None);
        }
        assert_eq!(known(app, &handle).manifest.groups.len(), 2);
    });
}

/// The example as a user runs it, on a package and pairs on disk.
#[cfg(feature = "bundled_model")]
#[test]
fn the_tool_trains_from_a_folder() {
    if EIGHT_PLANES.run(|_| ()).is_none() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("toonface_few_shot_tool_{}", std::process::id()));
    for seed in 0..4 {
        let pixels = photo(seed);
        for (kind, pixels) in [("photo", pixels.clone()), ("cartoon", style(&pixels))] {
            std::fs::create_dir_all(folder.join(kind)).expect("a folder");
            let bytes = image(&pixels, SIDE).data.expect("pixels");
            let picture = image::RgbaImage::from_raw(SIDE as u32, SIDE as u32, bytes).expect("a picture");
            picture.save(folder.join(kind).join(format!("{seed}.png"))).expect("a file");
        }
    }
    let out = folder.join("out");
    let run = |name: &str| {
        let mut tool = tool::tool("few_shot");
        tool.args(["--from", "first", "--name", name, "--steps", "3", "--holdout", "1"]);
        tool.arg("--pairs").arg(&folder).arg("--out").arg(&out);
        tool.arg("--model").arg(common::fixture_path("lite/tiny.cartoon.ron")).output().expect("the tool runs")
    };
    let done = run("robot");
    let (told, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{errors}");
    assert!(told.contains("L1 of 1 held-out pairs") && errors.contains("3/3 loss"), "{told}{errors}");
    let model = Model::load(&out.join("tiny.cartoon.ron")).expect("a package");
    assert_eq!(model.manifest.group_names(), ["first", "second", "robot"]);
    let size = |name: &str| image::open(out.join(name)).expect("a picture").to_rgba8().dimensions();
    assert_eq!((size("loss.png"), size("sheet.png")), ((640, 320), (808, 208)));
    let failed = run("second");
    let errors = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success() && errors.contains("has a group `second` already"), "{errors}");
    let _ = std::fs::remove_dir_all(folder);
}
