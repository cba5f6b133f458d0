//! Updates that are spread over frames: how many passes a frame gets, what is on screen meanwhile, and who is served.
//! No test depends on how long anything takes.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;

use std::time::Duration;

use bevy::prelude::*;
use bevy::time::TimeUpdateStrategy;
use bevy_toonface::prelude::*;
use gpu::{Lab, OPEN_NATIVE, OPEN_WEBGL2};
use stage::{Stage, small_model};

/// Frames and passes that a change of strength takes, under a budget; no frame may have more than `most` passes.
fn spread(stage: &mut Stage, entity: Entity, budget: CartoonBudget, most: u64) -> (u64, u64) {
    stage.budget(budget);
    let (before, updates) = (stage.counters(), stage.updates(entity));
    let strength = stage.settings(entity).strength;
    stage.settings(entity).strength = if strength == 1.0 { 0.5 } else { 1.0 };
    stage.frames_until(|stage| {
        let seen = stage.counters().passes;
        stage.frame();
        let recorded = stage.counters().passes - seen;
        assert!(recorded <= most, "{recorded} passes in a frame: {budget:?}");
        stage.updates(entity) > updates
    });
    let after = stage.counters();
    assert_eq!(after.finished, before.finished + 1);
    (after.frames - before.frames, after.passes - before.passes)
}

#[test]
fn a_frame_has_no_more_passes_than_its_budget_and_no_fewer() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(3, 1);
        let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        let steps = stage.steps(1) as u64;
        for passes in [1, 2, 7, steps - 1, steps, steps + 1] {
            let budget = CartoonBudget { passes_per_frame: Some(passes as usize), ..CartoonBudget::UNLIMITED };
            assert_eq!(spread(&mut stage, entity, budget, passes), (steps.div_ceil(passes), steps), "{passes}");
        }
        assert_eq!(spread(&mut stage, entity, CartoonBudget::UNLIMITED, steps), (1, steps));
        // No time at all is still one pass a frame.
        let budget = CartoonBudget { milliseconds: Some(0.0), ..CartoonBudget::UNLIMITED };
        assert_eq!(spread(&mut stage, entity, budget, 1), (steps, steps));
    });
}

#[test]
fn without_timestamps_a_pass_counts_for_a_fixed_time() {
    OPEN_WEBGL2.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(3, 1);
        let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        let steps = stage.steps(1) as u64;
        for passes in [3, 5, 10] {
            // A little more, for the sum to come out.
            let milliseconds = CartoonBudget::UNTIMED_PASS_MS * (passes as f32 + 0.5);
            let budget = CartoonBudget { milliseconds: Some(milliseconds), ..CartoonBudget::UNLIMITED };
            assert_eq!(spread(&mut stage, entity, budget, passes), (steps.div_ceil(passes), steps), "{passes}");
        }
    });
}

#[test]
fn long_frames_take_more_passes_if_the_budget_grows_with_them() {
    OPEN_WEBGL2.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(3, 1);
        let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        let steps = stage.steps(1) as u64;
        // Six times as long as 1/60 s, so that one pass and a bit becomes six.
        stage.app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(100)));
        (0..3).for_each(|_| stage.frame());
        for (grows_with_frames, passes) in [(false, 1), (true, 6)] {
            let milliseconds = Some(CartoonBudget::UNTIMED_PASS_MS * 1.05);
            let budget = CartoonBudget { milliseconds, grows_with_frames, ..CartoonBudget::UNLIMITED };
            assert_eq!(spread(&mut stage, entity, budget, passes), (steps.div_ceil(passes), steps), "{budget:?}");
        }
    });
}

/// A chain of an entity that has a cartoon, stopped after its first passes on the way to group `g1`.
fn midway(stage: &mut Stage, entity: Entity) {
    stage.passes_a_frame(2);
    stage.set_group(entity, "g1");
    stage.frames_until(|stage| stage.is_under_way());
    stage.passes_a_frame(0);
    (0..3).for_each(|_| stage.frame());
    assert!(stage.is_under_way());
}

#[test]
fn the_last_cartoon_stays_until_the_next_is_finished() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(3, 1);
        let [first, second] = ["g0", "g1"].map(|group| stage.cartoon(&model, group));
        assert!(first != second, "both groups look the same");
        let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        midway(&mut stage, entity);
        while stage.is_under_way() {
            assert!(stage.pixels(entity) == first, "something unfinished is on screen");
            stage.passes_a_frame(5);
            stage.frame();
            stage.passes_a_frame(0);
            (0..2).for_each(|_| stage.frame());
        }
        stage.frames_until(|stage| stage.updates(entity) == 2);
        assert!(stage.pixels(entity) == second);
    });
}

#[test]
fn a_chain_finishes_with_the_group_it_began_with() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(3, 1);
        let [second, third] = ["g1", "g2"].map(|group| stage.cartoon(&model, group));
        let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        midway(&mut stage, entity);
        stage.set_group(entity, "g2");
        stage.passes_a_frame(1);
        stage.frames_until(|stage| stage.updates(entity) == 2);
        assert!(stage.pixels(entity) == second, "a mixture of groups");
        stage.frames_until(|stage| stage.updates(entity) == 3);
        assert!(stage.pixels(entity) == third);
    });
}

#[test]
fn a_picture_that_is_replaced_midway_is_drawn_next() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(3, 1);
        let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        midway(&mut stage, entity);
        let other = stage.app.world_mut().resource_mut::<Assets<Image>>().add(gpu::gradient(40, 30));
        stage.app.world_mut().entity_mut(entity).insert(CartoonSource::Image(other.clone()));
        stage.passes_a_frame(4);
        stage.frames_until(|stage| stage.updates(entity) == 3);
        let output = stage.app.world().get::<CartoonOutput>(entity).expect("an output").image.clone();
        let size = stage.app.world().resource::<Assets<Image>>().get(&output).expect("an image").size();
        assert_eq!(size, UVec2::new(40, 30));
        let got = stage.pixels(entity);
        stage.picture = other;
        stage.budget(CartoonBudget::UNLIMITED);
        assert!(got == stage.cartoon(&model, "g1"));
    });
}

#[test]
fn a_chain_that_nobody_waits_for_is_dropped() {
    let leave: [fn(&mut World, Entity); 2] = [
        |world, entity| assert!(world.despawn(entity)),
        |world, entity| {
            world.entity_mut(entity).remove::<CartoonGroup>();
        },
    ];
    for leave in leave {
        OPEN_NATIVE.run(move |app| {
            let mut stage = Stage::new(app);
            let model = stage.model(3, 1);
            let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
            stage.wait(entity);
            midway(&mut stage, entity);
            leave(stage.app.world_mut(), entity);
            let before = stage.counters();
            stage.budget(CartoonBudget::UNLIMITED);
            (0..5).for_each(|_| stage.frame());
            let after = stage.counters();
            assert_eq!((after.dropped, after.passes), (before.dropped + 1, before.passes));
            // And the next one is served.
            let next = stage.spawn(&model, "g2", UpdateRate::OnChange);
            stage.wait(next);
        });
    }
}

#[test]
fn a_chain_that_others_wait_for_goes_on() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(3, 1);
        let alone = stage.cartoon(&model, "g1");
        let [gone, stays] = [0, 1].map(|_| stage.spawn(&model, "g0", UpdateRate::OnChange));
        stage.wait(gone);
        stage.wait(stays);
        stage.set_group(gone, "g2");
        midway(&mut stage, stays);
        stage.app.world_mut().despawn(gone);
        stage.passes_a_frame(3);
        stage.frames_until(|stage| stage.updates(stays) == 2);
        assert!(stage.pixels(stays) == alone);
    });
}

#[test]
fn a_tag_that_is_replaced_midway_gets_a_cartoon_of_its_own() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(3, 1);
        let expected = stage.cartoon(&model, "g2");
        let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        midway(&mut stage, entity);
        let source = CartoonSource::Image(stage.picture.clone());
        stage.app.world_mut().entity_mut(entity).remove::<CartoonGroup>();
        stage.app.world_mut().entity_mut(entity).insert((source, CartoonGroup::new("g2")));
        stage.passes_a_frame(4);
        stage.frames_until(|stage| stage.app.world().get::<CartoonStatus>(entity).is_some_and(|s| s.is_running()));
        assert!(stage.pixels(entity) == expected);
    });
}

#[test]
fn a_model_that_is_reloaded_midway_is_taken_for_the_next_cartoon() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (model, other) = (stage.model(3, 1), stage.model(2, 9));
        let [old, new] = [&model, &other].map(|model| stage.cartoon(model, "g1"));
        assert!(old != new, "both models draw the same");
        let entity = stage.spawn(&model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        midway(&mut stage, entity);
        let mut models = stage.app.world_mut().resource_mut::<Assets<CartoonModel>>();
        models.insert(&model, CartoonModel::new(small_model(2, 4, 9))).expect("a live handle");
        stage.passes_a_frame(1);
        stage.frames_until(|stage| stage.updates(entity) == 2);
        assert!(stage.pixels(entity) == old, "a mixture of models");
        stage.frames_until(|stage| stage.updates(entity) == 3);
        assert!(stage.pixels(entity) == new);
    });
}

#[test]
fn models_entities_and_rates_are_served_fairly() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        // (blocks, entities): batches of one, of some, and more than a batch holds.
        let crowds = [(1, 3), (4, 1), (2, 11)];
        let (mut hungry, mut slow) = (Vec::new(), Vec::new());
        for (seed, (blocks, entities)) in (1..).zip(crowds) {
            let model = stage.model(blocks, seed);
            hungry.extend((0..entities).map(|i| stage.spawn(&model, ["g0", "g1", "g2"][i % 3], UpdateRate::Always)));
            slow.push(stage.spawn(&model, "g3", UpdateRate::PerSecond(0.25)));
        }
        for entity in hungry.iter().chain(&slow) {
            gpu::wait_until_running(stage.app, *entity);
        }
        stage.passes_a_frame(5);
        let count = |stage: &Stage, list: &[Entity]| list.iter().map(|e| stage.updates(*e)).collect::<Vec<_>>();
        let (before, slow_before) = (count(&stage, &hungry), count(&stage, &slow));
        let started = stage.app.world().resource::<Time>().elapsed_secs();
        let since = |stage: &Stage, list: &[Entity], before: &[u64]| -> Vec<u64> {
            count(stage, list).iter().zip(before).map(|(now, before)| now - before).collect()
        };
        stage.frames_until(|stage| since(stage, &hungry, &before).iter().all(|n| *n >= 20));
        let served = since(&stage, &hungry, &before);
        let (most, least) = (served.iter().max().expect("some"), served.iter().min().expect("some"));
        assert!(*most as f32 / *least as f32 <= 1.2, "{served:?}");
        let asked = 0.25 * (stage.app.world().resource::<Time>().elapsed_secs() - started);
        for n in since(&stage, &slow, &slow_before) {
            assert!((n as f32 - asked).abs() <= 2.0, "asked {asked} times, served {n}; the others {served:?}");
        }
    });
}

fn check_pressure(lab: &Lab) {
    lab.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(4, 1);
        let entities: Vec<Entity> = (0..8).map(|_| stage.spawn(&model, "g0", UpdateRate::Always)).collect();
        for frames in [1, 2, 3] {
            stage.budget(CartoonBudget { frames_in_flight: frames, ..CartoonBudget::UNLIMITED });
            stage.wait_for_all(&entities);
            let before = stage.counters();
            for _ in 0..60 {
                // Nobody waits for the GPU.
                stage.app.update();
                let counters = stage.counters();
                assert!(counters.in_flight <= frames, "{counters:?}");
            }
            let after = stage.counters();
            let given = after.frames - before.frames;
            assert_eq!(given + after.held_back - before.held_back, 60, "every frame there is work: {after:?}");
            let seen = stage.updates(entities[0]);
            stage.frames_until(|stage| stage.updates(entities[0]) > seen + 3);
        }
    });
}

#[test]
fn a_gpu_that_is_behind_is_not_given_more() {
    check_pressure(&OPEN_NATIVE);
}

#[test]
fn a_gpu_that_is_behind_is_not_given_more_without_timestamps() {
    check_pressure(&OPEN_WEBGL2);
}
