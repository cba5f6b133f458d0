//! A long game: entities come and go, change groups, models are reloaded. Nothing grows, nothing stale stays on screen, and
//! the same input always gives the same bits.
//!
//! `BEVY_TOONFACE_SOAK_FRAMES=10000` runs the long form; the short one is for every day.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;

use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::render_resource::PipelineCache;
use bevy::render::renderer::{RenderDevice, RenderInstance};
use bevy_toonface::model::{Generator, Model};
use bevy_toonface::prelude::*;
use common::{Random, fixture_path, random_model};
use gpu::{EIGHT_PLANES, OPEN_NATIVE, add_model, draw_tensors};
use stage::{Stage, small_model};

const GROUPS: usize = 4;
const MOST_ENTITIES: usize = 12;

/// Everything that may not grow: entities and assets of the game, objects of the device.
fn held(stage: &mut Stage) -> Vec<(&'static str, usize)> {
    let entities = stage.app.world_mut().query::<Entity>().iter(stage.app.world()).count();
    let images = stage.app.world().resource::<Assets<Image>>().len();
    let report = stage.app.world().resource::<RenderDevice>().wgpu_device().generate_allocator_report();
    let ours = report.iter().flat_map(|r| &r.allocations).filter(|a| a.name.starts_with("bevy_toonface/"));
    let bytes = ours.map(|a| a.size as usize).sum();
    let render_world = stage.app.get_sub_app(RenderApp).expect("a renderer").world();
    let pipelines = render_world.resource::<PipelineCache>().pipelines().count();
    let report = render_world.resource::<RenderInstance>().generate_report().expect("a report");
    let hub = report.hub_report();
    vec![
        ("entities", entities),
        ("images", images),
        ("bytes on the device", bytes),
        ("pipelines", pipelines),
        ("textures", hub.textures.num_allocated),
        ("texture views", hub.texture_views.num_allocated),
        ("buffers", hub.buffers.num_allocated),
        ("bind groups", hub.bind_groups.num_allocated),
        ("samplers", hub.samplers.num_allocated),
        ("query sets", hub.query_sets.num_allocated),
    ]
}

/// The game's players, and what they should look like.
struct Crowd {
    random: Random,
    /// Model and version of its weights.
    models: [(Handle<CartoonModel>, u64); 2],
    entities: Vec<(Entity, usize, usize)>,
}

impl Crowd {
    fn new(stage: &mut Stage) -> Self {
        let models = [0, 1].map(|i| (add_model(stage.app, small_model(1 + i, GROUPS, 1)), 1));
        Self { random: Random::new(7), models, entities: Vec::new() }
    }

    /// One thing that happens in a game.
    fn step(&mut self, stage: &mut Stage) {
        let Self { random, models, entities } = self;
        let rates = [UpdateRate::Always, UpdateRate::OnChange, UpdateRate::PerSecond(7.0)];
        match random.below(12) {
            0..4 if entities.len() < MOST_ENTITIES => {
                let (model, group) = (random.below(2), random.below(GROUPS));
                let entity = stage.spawn(&models[model].0, &format!("g{group}"), rates[random.below(3)]);
                entities.push((entity, model, group));
            }
            4 | 5 if !entities.is_empty() => {
                let (entity, ..) = entities.swap_remove(random.below(entities.len()));
                assert!(stage.app.world_mut().despawn(entity));
            }
            6..8 if !entities.is_empty() => {
                let chosen = random.below(entities.len());
                entities[chosen].2 = random.below(GROUPS);
                stage.set_group(entities[chosen].0, &format!("g{}", entities[chosen].2));
            }
            8 => {
                let model = random.below(2);
                models[model].1 += 1;
                let changed = small_model(1 + model, GROUPS, models[model].1);
                let changed = CartoonModel::new(changed);
                let mut assets = stage.app.world_mut().resource_mut::<Assets<CartoonModel>>();
                assets.insert(&models[model].0, changed).expect("a living handle");
            }
            9 => stage.passes_a_frame(1 + random.below(9)),
            10 => stage.budget(CartoonBudget::UNLIMITED),
            _ => {}
        }
    }

    /// Everybody's last cartoon is that of the last model and group.
    fn check(&mut self, stage: &mut Stage) {
        stage.budget(CartoonBudget::UNLIMITED);
        (0..60).for_each(|_| stage.frame());
        for (model, (_, version)) in self.models.iter().enumerate() {
            let fresh = add_model(stage.app, small_model(1 + model, GROUPS, *version));
            let expected: Vec<Vec<u8>> = (0..GROUPS).map(|group| stage.cartoon(&fresh, &format!("g{group}"))).collect();
            for (entity, _, group) in self.entities.iter().filter(|(_, of, _)| *of == model) {
                assert!(stage.pixels(*entity) == expected[*group], "a stale cartoon: model {model}, group {group}");
            }
            stage.app.world_mut().resource_mut::<Assets<CartoonModel>>().remove(&fresh);
        }
    }

    /// Everybody goes.
    fn clear(&mut self, stage: &mut Stage) {
        for (entity, ..) in self.entities.drain(..) {
            assert!(stage.app.world_mut().despawn(entity));
        }
        (0..10).for_each(|_| stage.frame());
    }
}

#[test]
fn a_long_game_grows_nothing_and_shows_nothing_stale() {
    let frames: usize = std::env::var("BEVY_TOONFACE_SOAK_FRAMES").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let run = move |app: &mut App| {
        let mut stage = Stage::new(app);
        let mut crowd = Crowd::new(&mut stage);
        // Once through everything, so that what is made once is made.
        for round in 0..2 {
            for _ in 0..100 {
                crowd.step(&mut stage);
                stage.frame();
            }
            crowd.check(&mut stage);
            crowd.clear(&mut stage);
            assert!(round > 0 || stage.counters().cartoons > 0, "nothing was drawn");
        }
        let before = held(&mut stage);
        for frame in 0..frames {
            crowd.step(&mut stage);
            stage.frame();
            if frame % 1000 == 999 {
                crowd.check(&mut stage);
            }
        }
        crowd.check(&mut stage);
        crowd.clear(&mut stage);
        let after = held(&mut stage);
        println!("{frames} frames, {} cartoons: {after:?}", stage.counters().cartoons);
        for ((what, before), (_, after)) in before.iter().zip(&after) {
            assert!(after <= before, "{what}: {before} before, {after} after {frames} frames");
        }
    };
    OPEN_NATIVE.run(run);
}

#[test]
fn a_hundred_runs_give_the_same_bits() {
    let run = |app: &mut App| {
        let paper = random_model(Generator::Paper { base_channels: 4, image_size: 64 }, 2, 1);
        for model in [paper, Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package")] {
            let mut random = Random::new(2);
            let inputs = [0, 1].map(|_| random.tensor(&[3, 64, 64], -1.0, 1.0));
            let model = add_model(app, model);
            let batch = [(0, &inputs[0]), (1, &inputs[1])];
            let first = draw_tensors(app, &model, &batch);
            for run in 1..100 {
                // The chain is made anew every time: its entities are gone in between.
                let again = draw_tensors(app, &model, &batch);
                for (name, tensor) in first.iter().flatten() {
                    assert!(tensor.data.iter().all(|value| value.is_finite()), "{name}");
                }
                assert!(again == first, "run {run}: other bits");
            }
        }
    };
    EIGHT_PLANES.run(run);
}
