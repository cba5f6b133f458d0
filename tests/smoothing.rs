//! Smoothing on the device: noise does not flicker, what is still stays still, what changes is not late, and pictures that
//! are not smoothed are as they were.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;

use bevy::prelude::*;
use bevy::render::renderer::RenderDevice;
use bevy_toonface::ecs::{CartoonTaps, CartoonTensors};
use bevy_toonface::model::Model;
use bevy_toonface::prelude::*;
use common::{Random, fixture_path};
use gpu::headless::run_until;
use gpu::{EIGHT_PLANES, LIMIT, Lab, OPEN_NATIVE, RGBA, WEBGL2, WEBGL2_HALF, add_model};
use stage::{Stage, small_model};

/// A picture that a test changes.
struct Film {
    image: Handle<Image>,
    entity: Entity,
}

/// Pixels of a picture: RGBA.
type Pixels = Vec<u8>;

fn image_of(side: u32, pixels: Pixels) -> Image {
    let mut image = gpu::gradient(side, side);
    image.data = Some(pixels);
    image
}

impl Film {
    fn new(
        stage: &mut Stage,
        model: &Handle<CartoonModel>,
        group: &str,
        smoothing: Option<CartoonSmoothing>,
        (side, pixels): (u32, Pixels),
    ) -> Self {
        let image = stage.app.world_mut().resource_mut::<Assets<Image>>().add(image_of(side, pixels));
        let cartoon = Cartoon { model: Some(model.clone()), ..default() };
        let source = CartoonSource::Image(image.clone());
        let entity = stage.app.world_mut().spawn((source, cartoon, CartoonGroup::new(group))).id();
        if let Some(smoothing) = smoothing {
            stage.app.world_mut().entity_mut(entity).insert(smoothing);
        }
        stage.wait(entity);
        Self { image, entity }
    }

    /// The next frame; its cartoon is on the output when this returns.
    fn show(&self, stage: &mut Stage, side: u32, pixels: Pixels) {
        let before = stage.updates(self.entity);
        let mut images = stage.app.world_mut().resource_mut::<Assets<Image>>();
        images.insert(self.image.id(), image_of(side, pixels)).expect("a handle that is alive");
        let entity = self.entity;
        stage.frames_until(|stage| stage.updates(entity) > before && !stage.is_busy());
    }

    fn cartoon(&self, stage: &mut Stage) -> Pixels {
        stage.pixels(self.entity)
    }
}

fn still(side: u32, low: usize, high: usize, seed: u64) -> Pixels {
    let mut random = Random::new(seed);
    let channel = |i: u32, random: &mut Random| if i % 4 == 3 { 255 } else { (low + random.below(high - low)) as u8 };
    (0..4 * side * side).map(|i| channel(i, &mut random)).collect()
}

/// The same with every value up to 2 steps off.
fn noisy(pixels: &[u8], random: &mut Random) -> Pixels {
    let stray = |(i, value): (usize, &u8)| {
        let off = random.below(5) as i32 - 2;
        if i % 4 == 3 { *value } else { (i32::from(*value) + off).clamp(0, 255) as u8 }
    };
    pixels.iter().enumerate().map(stray).collect()
}

/// Mean difference of two pictures, in steps.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// The mean difference of a cartoon from the one before, over some frames of a noisy picture.
fn flicker(stage: &mut Stage, film: &Film, side: u32, picture: &[u8], frames: usize) -> f64 {
    let mut random = Random::new(5);
    let mut before = film.cartoon(stage);
    let mut sum = 0.0;
    for _ in 0..frames {
        film.show(stage, side, noisy(picture, &mut random));
        let now = film.cartoon(stage);
        sum += difference(&before, &now);
        before = now;
    }
    sum / frames as f64
}

fn tiny() -> Model {
    Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package")
}

#[test]
fn equal_frames_give_equal_cartoons_and_the_first_is_the_unsmoothed_one() {
    for lab in [&EIGHT_PLANES, &WEBGL2, &RGBA, &WEBGL2_HALF] {
        let run = |app: &mut App| {
            let mut stage = Stage::new(app);
            let model = add_model(stage.app, tiny());
            let picture = still(90, 0, 256, 1);
            let plain = Film::new(&mut stage, &model, "first", None, (90, picture.clone()));
            let smooth = Film::new(&mut stage, &model, "first", Some(default()), (90, picture.clone()));
            let expected = plain.cartoon(&mut stage);
            for frame in 0..20 {
                assert!(smooth.cartoon(&mut stage) == expected, "frame {frame}");
                smooth.show(&mut stage, 90, picture.clone());
            }
        };
        lab.run(run);
    }
}

/// The film's noise, without and with smoothing.
fn check_flicker(stage: &mut Stage, model: &Handle<CartoonModel>, group: &str, side: u32, picture: &[u8]) -> [f64; 2] {
    let frames = 24;
    [None, Some(CartoonSmoothing::default())].map(|smoothing| {
        let film = Film::new(stage, model, group, smoothing, (side, picture.to_vec()));
        let mean = flicker(stage, &film, side, picture, frames);
        stage.app.world_mut().despawn(film.entity);
        mean
    })
}

fn noise_of_two_steps_flickers_at_least_four_times_less(lab: &Lab) {
    let run = |app: &mut App| {
        let mut stage = Stage::new(app);
        let model = add_model(stage.app, tiny());
        for side in [64, 128] {
            let picture = still(side, 0, 256, 2);
            let [plain, smooth] = check_flicker(&mut stage, &model, "first", side, &picture);
            println!("{side} x {side}: {plain:.4} steps without, {smooth:.4} with: {:.1} times less", plain / smooth);
            assert!(plain >= 4.0 * smooth, "{side}: {plain} without, {smooth} with");
        }
    };
    lab.run(run);
}

#[test]
fn noise_of_two_steps_flickers_at_least_four_times_less_on_a_small_network() {
    noise_of_two_steps_flickers_at_least_four_times_less(&EIGHT_PLANES);
}

#[test]
fn noise_of_two_steps_flickers_at_least_four_times_less_under_webgl2_limits() {
    noise_of_two_steps_flickers_at_least_four_times_less(&WEBGL2);
}

#[cfg(feature = "bundled_model")]
#[test]
fn noise_of_two_steps_flickers_at_least_four_times_less_on_portraits_with_the_bundled_model() {
    let run = |app: &mut App| {
        let mut stage = Stage::new(app);
        let model = stage.app.world().resource::<AssetServer>().load(ToonfacePlugin::BUNDLED_MODEL);
        for (group, name) in [("woman", "woman_1"), ("man", "man_1"), ("kid", "kid_1"), ("elderly", "elderly_1")] {
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/portraits/{name}.jpg"));
            let picture = image::open(file).expect("a portrait").to_rgba8();
            let side = picture.width();
            let [plain, smooth] = check_flicker(&mut stage, &model, group, side, picture.as_raw());
            println!("{name}: {plain:.4} steps without, {smooth:.4} with: {:.1} times less", plain / smooth);
            assert!(plain >= 4.0 * smooth, "{name}: {plain} without, {smooth} with");
        }
    };
    EIGHT_PLANES.run(run);
}

/// Every pixel changes by more than 6 times the noise, after noise has made a history.
#[test]
fn a_large_change_arrives_at_once_and_exactly() {
    let run = |app: &mut App| {
        let mut stage = Stage::new(app);
        let model = add_model(stage.app, tiny());
        let dark = still(80, 10, 110, 3);
        let bright: Pixels = dark.iter().enumerate().map(|(i, v)| if i % 4 == 3 { *v } else { v + 60 }).collect();
        let film = Film::new(&mut stage, &model, "first", Some(default()), (80, dark.clone()));
        let mut random = Random::new(4);
        (0..6).for_each(|_| film.show(&mut stage, 80, noisy(&dark, &mut random)));
        film.show(&mut stage, 80, bright.clone());
        let plain = Film::new(&mut stage, &model, "first", None, (80, bright));
        assert!(film.cartoon(&mut stage) == plain.cartoon(&mut stage));
    };
    EIGHT_PLANES.run(run);
}

/// The network's input of an entity that is tapped, -1..1.
fn input(stage: &mut Stage, film: &Film) -> Vec<f32> {
    let entity = film.entity;
    let tensors = run_until(stage.app, LIMIT, |world| world.get::<CartoonTensors>(entity).cloned()).expect("tensors");
    stage.app.world_mut().entity_mut(entity).remove::<CartoonTensors>();
    tensors.0.into_iter().find(|(name, _)| name == "input").expect("the input").1.data
}

/// A film whose input is read after each frame, with the input of its first frame.
fn tapped(
    stage: &mut Stage,
    model: &Handle<CartoonModel>,
    smoothing: Option<CartoonSmoothing>,
    side: u32,
    pixels: &[u8],
) -> (Film, Vec<f32>) {
    let image = stage.app.world_mut().resource_mut::<Assets<Image>>().add(image_of(side, pixels.to_vec()));
    let cartoon = Cartoon { model: Some(model.clone()), ..default() };
    let taps = CartoonTaps { names: vec!["output".into()] };
    let source = CartoonSource::Image(image.clone());
    let entity = stage.app.world_mut().spawn((source, cartoon, taps, CartoonGroup::new("first"))).id();
    if let Some(smoothing) = smoothing {
        stage.app.world_mut().entity_mut(entity).insert(smoothing);
    }
    let film = Film { image, entity };
    let first = input(stage, &film);
    (film, first)
}

/// The input of the next frame.
fn next_input(stage: &mut Stage, film: &Film, side: u32, pixels: &[u8]) -> Vec<f32> {
    film.show(stage, side, pixels.to_vec());
    input(stage, film)
}

/// What `CartoonSmoothing` says, plainly: three channels of `side` x `side` and how many updates each pixel's mean has.
struct Reference {
    side: usize,
    /// Pixels of the picture for one of the network.
    scale: f32,
    settings: CartoonSmoothing,
    history: Vec<f32>,
    known: Vec<f32>,
}

impl Reference {
    fn new(settings: CartoonSmoothing, picture: u32, first: Vec<f32>) -> Self {
        let side = (first.len() / 3).isqrt();
        Self { side, scale: picture as f32 / side as f32, settings, known: vec![1.0; side * side], history: first }
    }

    fn next(&mut self, fresh: &[f32]) -> Vec<f32> {
        let side = self.side;
        let difference = |x: i64, y: i64, c: usize| {
            let inside = |v: i64| v.clamp(0, side as i64 - 1) as usize;
            let at = c * side * side + inside(y) * side + inside(x);
            fresh[at] - self.history[at]
        };
        let smoothstep = |low: f32, high: f32, v: f32| {
            let t = ((v - low) / (high - low)).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        };
        let step = self.settings.noise * 2.0 / 255.0 / self.scale.max(1.0);
        let (mut history, mut known) = (self.history.clone(), self.known.clone());
        for at in 0..side * side {
            let (x, y) = ((at % side) as i64, (at / side) as i64);
            let alone = (0..3).map(|c| difference(x, y, c).abs()).fold(0.0, f32::max);
            let around = |c| {
                (-1..=1)
                    .flat_map(|j| (-1..=1).map(move |i| (i, j)))
                    .map(|(i, j)| difference(x + i, y + j, c))
                    .sum::<f32>()
            };
            let area = (0..3).map(|c| around(c).abs()).fold(0.0, f32::max) / 9.0;
            let changed = smoothstep(step, 3.0 * step, area).max(smoothstep(2.5 * step, 6.0 * step, alone));
            let before = self.known[at].min(self.settings.frames as f32 - 1.0) * (1.0 - changed);
            let share = (1.0 / (before + 1.0)).max(changed);
            known[at] = before + 1.0;
            for c in 0..3 {
                history[c * side * side + at] += share * difference(x, y, c);
            }
        }
        (self.history, self.known) = (history.clone(), known);
        history
    }
}

/// Noise, a small change of light, and something that moves.
#[test]
fn the_history_is_what_the_documentation_says() {
    let settings = CartoonSmoothing { noise: 3.0, frames: 5 };
    let run = move |app: &mut App| {
        let mut stage = Stage::new(app);
        let model = add_model(stage.app, tiny());
        let side = 100;
        let picture = still(side, 40, 200, 6);
        let (smooth, first) = tapped(&mut stage, &model, Some(settings), side, &picture);
        let (plain, fresh) = tapped(&mut stage, &model, None, side, &picture);
        assert_eq!(first, fresh, "the first picture is passed on exactly");
        let mut reference = Reference::new(settings, side, first);
        let mut random = Random::new(7);
        for frame in 0..12_usize {
            let mut pixels = noisy(&picture, &mut random);
            for (i, value) in pixels.iter_mut().enumerate().filter(|(i, _)| i % 4 != 3) {
                let (x, y) = (i / 4 % side as usize, i / 4 / side as usize);
                let light = (frame as u8) * 2;
                let moves = x.abs_diff(8 * frame) < 10 && y.abs_diff(50) < 20;
                *value = if moves { 255 - *value } else { value.saturating_add(light) };
            }
            let fresh = next_input(&mut stage, &plain, side, &pixels);
            let expected = reference.next(&fresh);
            let found = next_input(&mut stage, &smooth, side, &pixels);
            let error = common::max_abs_error(&found, &expected);
            assert!(error <= 1e-5, "frame {frame}: {error}");
            assert!(common::max_abs_error(&found, &fresh) > 1e-3, "frame {frame} is not smoothed at all");
        }
    };
    EIGHT_PLANES.run(run);
    WEBGL2.run(run);
}

/// The whole picture gets 2 steps brighter, which is within the noise.
#[test]
fn a_change_within_the_noise_arrives_to_95_percent_within_three_times_the_frames() {
    let settings = CartoonSmoothing { noise: 2.0, frames: 8 };
    let run = move |app: &mut App| {
        let mut stage = Stage::new(app);
        let model = add_model(stage.app, tiny());
        let before = still(64, 40, 200, 8);
        let after: Pixels = before.iter().enumerate().map(|(i, v)| if i % 4 == 3 { *v } else { v + 2 }).collect();
        let (film, first) = tapped(&mut stage, &model, Some(settings), 64, &before);
        for _ in 0..settings.frames {
            next_input(&mut stage, &film, 64, &before);
        }
        let (_, target) = tapped(&mut stage, &model, None, 64, &after);
        let far = common::max_abs_error(&first, &target);
        let mut left = far;
        for _ in 0..3 * settings.frames {
            left = common::max_abs_error(&next_input(&mut stage, &film, 64, &after), &target);
        }
        assert!(far > 0.01 && left <= 0.05 * far, "{left} of {far} is left");
    };
    EIGHT_PLANES.run(run);
}

#[test]
fn another_size_another_picture_and_another_group_are_there_at_once() {
    let run = |app: &mut App| {
        let mut stage = Stage::new(app);
        let model = add_model(stage.app, small_model(1, 2, 1));
        // Apart by less than the noise: a history would keep the one for the other.
        let first = still(40, 100, 101, 1);
        let second = still(40, 101, 102, 1);
        let film = Film::new(&mut stage, &model, "g0", Some(default()), (40, first.clone()));
        let plain = |stage: &mut Stage, group: &str, side: u32, pixels: &Pixels| {
            let film = Film::new(stage, &model, group, None, (side, pixels.clone()));
            let cartoon = film.cartoon(stage);
            stage.app.world_mut().despawn(film.entity);
            cartoon
        };
        // Another group, by the same history.
        let expected = plain(&mut stage, "g1", 40, &first);
        assert_ne!(film.cartoon(&mut stage), expected);
        let updates = stage.updates(film.entity);
        stage.set_group(film.entity, "g1");
        stage.frames_until(|stage| stage.updates(film.entity) > updates && !stage.is_busy());
        assert!(film.cartoon(&mut stage) == expected, "another group");
        // Another size of the same image.
        let larger = still(56, 101, 102, 1);
        film.show(&mut stage, 56, larger.clone());
        let expected = plain(&mut stage, "g1", 56, &larger);
        assert!(film.cartoon(&mut stage) == expected, "another size");
        // Another image of the same size.
        film.show(&mut stage, 40, first);
        let image = stage.app.world_mut().resource_mut::<Assets<Image>>().add(image_of(40, second.clone()));
        let updates = stage.updates(film.entity);
        stage.app.world_mut().entity_mut(film.entity).insert(CartoonSource::Image(image));
        stage.frames_until(|stage| stage.updates(film.entity) > updates && !stage.is_busy());
        let expected = plain(&mut stage, "g1", 40, &second);
        assert!(film.cartoon(&mut stage) == expected, "another picture");
    };
    EIGHT_PLANES.run(run);
}

/// Some of a batch are smoothed and some are not, and each is as it would be alone.
#[test]
fn a_batch_may_be_mixed() {
    for lab in [&EIGHT_PLANES, &WEBGL2] {
        let run = |app: &mut App| {
            let mut stage = Stage::new(app);
            let model = add_model(stage.app, tiny());
            let pictures: Vec<Pixels> = (0..5).map(|seed| still(70, 30, 220, seed)).collect();
            let smoothed = |i: usize| (i % 2 == 1).then(CartoonSmoothing::default);
            let frames = |i: usize| {
                let mut random = Random::new(i as u64);
                (0..4).map(|_| noisy(&pictures[i], &mut random)).collect::<Vec<_>>()
            };
            let alone: Vec<Pixels> = (0..5)
                .map(|i| {
                    let film = Film::new(&mut stage, &model, "first", smoothed(i), (70, pictures[i].clone()));
                    frames(i).into_iter().for_each(|pixels| film.show(&mut stage, 70, pixels));
                    let cartoon = film.cartoon(&mut stage);
                    stage.app.world_mut().despawn(film.entity);
                    cartoon
                })
                .collect();
            // All of them wait for the first, so they are drawn together.
            stage.passes_a_frame(0);
            let films: Vec<Film> = (0..5)
                .map(|i| {
                    let picture = image_of(70, pictures[i].clone());
                    let image = stage.app.world_mut().resource_mut::<Assets<Image>>().add(picture);
                    let cartoon = Cartoon { model: Some(model.clone()), ..default() };
                    let source = CartoonSource::Image(image.clone());
                    let entity = stage.app.world_mut().spawn((source, cartoon, CartoonGroup::new("first"))).id();
                    if let Some(smoothing) = smoothed(i) {
                        stage.app.world_mut().entity_mut(entity).insert(smoothing);
                    }
                    Film { image, entity }
                })
                .collect();
            let all_at_once = |stage: &mut Stage| {
                (0..3).for_each(|_| stage.frame());
                let (begun, updates) =
                    (stage.counters().begun, films.iter().map(|f| stage.updates(f.entity)).sum::<u64>());
                stage.budget(CartoonBudget::UNLIMITED);
                stage.frames_until(|stage| {
                    films.iter().map(|f| stage.updates(f.entity)).sum::<u64>() == updates + 5 && !stage.is_busy()
                });
                assert_eq!(stage.counters().begun, begun + 1, "one batch");
                stage.passes_a_frame(0);
            };
            all_at_once(&mut stage);
            for frame in 0..4 {
                for (i, film) in films.iter().enumerate() {
                    let mut images = stage.app.world_mut().resource_mut::<Assets<Image>>();
                    images.insert(film.image.id(), image_of(70, frames(i)[frame].clone())).expect("a handle");
                }
                all_at_once(&mut stage);
            }
            for (i, film) in films.iter().enumerate() {
                assert!(film.cartoon(&mut stage) == alone[i], "picture {i}");
            }
        };
        lab.run(run);
    }
}

/// Bytes of all histories on the device.
fn held(stage: &Stage) -> u64 {
    let report = stage.app.world().resource::<RenderDevice>().wgpu_device().generate_allocator_report();
    let ours = report.iter().flat_map(|r| &r.allocations).filter(|a| a.name == "bevy_toonface/smoothing");
    ours.map(|a| a.size).sum()
}

#[test]
fn updates_make_nothing_new_and_a_history_goes_with_its_entity() {
    let run = |app: &mut App| {
        let mut stage = Stage::new(app);
        let model = add_model(stage.app, small_model(1, 2, 1));
        let picture = still(30, 0, 256, 1);
        let film = Film::new(&mut stage, &model, "g0", Some(default()), (30, picture.clone()));
        let mut random = Random::new(1);
        (0..3).for_each(|_| film.show(&mut stage, 30, noisy(&picture, &mut random)));
        let made = |stage: &Stage| {
            let counters = stage.counters();
            (counters.textures, counters.buffers, counters.bind_groups, counters.pipelines)
        };
        let (before, bytes) = (made(&stage), held(&stage));
        // Three textures of 16 x 16 pixels of 16 bytes.
        assert!(bytes >= 3 * 16 * 16 * 16, "{bytes}");
        (0..200).for_each(|_| film.show(&mut stage, 30, noisy(&picture, &mut random)));
        assert_eq!((made(&stage), held(&stage)), (before, bytes));
        stage.app.world_mut().entity_mut(film.entity).insert(CartoonSmoothing::OFF);
        film.show(&mut stage, 30, picture.clone());
        (0..4).for_each(|_| stage.frame());
        assert_eq!(held(&stage), 0, "switched off");
        stage.app.world_mut().entity_mut(film.entity).insert(CartoonSmoothing::default());
        film.show(&mut stage, 30, picture);
        assert_eq!(held(&stage), bytes);
        stage.app.world_mut().despawn(film.entity);
        (0..4).for_each(|_| stage.frame());
        assert_eq!(held(&stage), 0, "despawned");
    };
    OPEN_NATIVE.run(run);
}
