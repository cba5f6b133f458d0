//! How often a cartoon is drawn: on change, always, so many times a second, once. The test moves the clock.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;

use bevy::prelude::*;
use bevy_toonface::prelude::*;
use gpu::{OPEN_NATIVE, gradient};
use stage::{FRAME, Stage};

/// An entity with a cartoon, on a stage of its own.
fn start(stage: &mut Stage, rate: UpdateRate) -> (Handle<CartoonModel>, Entity) {
    let model = stage.model(2, 1);
    let entity = stage.spawn(&model, "g0", rate);
    stage.wait_for_all(&[entity]);
    (model, entity)
}

/// Runs frames; returns the cartoons and the passes that came of them.
fn run(stage: &mut Stage, entity: Entity, frames: usize) -> (u64, u64) {
    let (updates, passes) = (stage.updates(entity), stage.counters().passes);
    (0..frames).for_each(|_| stage.frame());
    (stage.updates(entity) - updates, stage.counters().passes - passes)
}

#[test]
fn a_still_picture_costs_nothing() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (_, entity) = start(&mut stage, UpdateRate::default());
        let before = stage.counters();
        assert_eq!(run(&mut stage, entity, 100), (0, 0));
        assert_eq!(stage.counters(), before, "nothing at all has been recorded or made");
    });
}

/// The images that are made for it are on the device as soon as it is asked for.
#[test]
fn a_cartoon_is_begun_in_the_frame_of_its_tag() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (model, first) = start(&mut stage, UpdateRate::OnChange);
        let picture = stage.app.world_mut().resource_mut::<Assets<Image>>().add(gradient(40, 20));
        let mut frames_until_begun = |change: &dyn Fn(&mut Stage)| {
            let before = stage.counters().begun;
            change(&mut stage);
            stage.frames_until(|stage| stage.counters().begun > before)
        };
        // The counters are those of the frame before.
        assert_eq!(frames_until_begun(&|stage| _ = stage.spawn(&model, "g1", UpdateRate::OnChange)), 2);
        let source = CartoonSource::Image(picture);
        assert_eq!(frames_until_begun(&|stage| _ = stage.app.world_mut().entity_mut(first).insert(source.clone())), 2);
    });
}

#[test]
fn what_is_done_between_two_frames_is_known_in_the_second() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (model, _) = start(&mut stage, UpdateRate::OnChange);
        let entity = stage.spawn(&model, "g1", UpdateRate::OnChange);
        let status = |stage: &Stage| stage.app.world().get::<CartoonStatus>(entity).cloned().unwrap_or_default();
        assert_eq!(stage.frames_until(|stage| status(stage).is_running()), 2, "drawn in the first frame");
    });
}

#[test]
fn every_change_is_one_cartoon() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (_, entity) = start(&mut stage, UpdateRate::OnChange);
        let changes: [fn(&mut Stage, Entity); 4] = [
            |stage, entity| stage.set_group(entity, "g1"),
            |stage, entity| stage.settings(entity).strength = 0.5,
            |stage, entity| {
                let other = stage.model(1, 7);
                stage.settings(entity).model = Some(other);
            },
            |stage, _| {
                let picture = stage.picture.clone();
                let mut images = stage.app.world_mut().resource_mut::<Assets<Image>>();
                images.get_mut(&picture).expect("the picture").data.as_mut().expect("pixels")[0] ^= 255;
            },
        ];
        for change in changes {
            change(&mut stage, entity);
            let seen = stage.updates(entity);
            stage.run_until(|world| {
                world.get::<bevy_toonface::ecs::Progress>(entity).is_some_and(|progress| progress.updates > seen)
            });
            assert_eq!(stage.updates(entity), seen + 1);
            (0..3).for_each(|_| stage.frame());
            assert_eq!(run(&mut stage, entity, 10), (0, 0));
        }
    });
}

#[test]
fn always_is_every_frame() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (_, entity) = start(&mut stage, UpdateRate::Always);
        let steps = stage.steps(1) as u64;
        let (updates, passes) = run(&mut stage, entity, 40);
        assert_eq!(passes, 40 * steps);
        // News of the first and the last may fall on either side.
        assert!(updates.abs_diff(40) <= 1, "{updates}");
    });
}

#[test]
fn a_rate_is_kept_on_the_games_clock() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (_, entity) = start(&mut stage, UpdateRate::PerSecond(5.0));
        let frames = 100;
        let asked = (frames as f32 * FRAME.as_secs_f32() * 5.0) as u64;
        let kept = run(&mut stage, entity, frames).0;
        assert!(kept.abs_diff(asked) <= 1, "{kept} instead of {asked}");
        // Half as fast.
        stage.app.world_mut().resource_mut::<Time<Virtual>>().set_relative_speed(0.5);
        let slowed = run(&mut stage, entity, frames).0;
        stage.app.world_mut().resource_mut::<Time<Virtual>>().set_relative_speed(1.0);
        assert!(slowed.abs_diff(asked / 2) <= 1, "{slowed} instead of {}", asked / 2);
        // Paused: the one that is under way may still arrive.
        stage.app.world_mut().resource_mut::<Time<Virtual>>().pause();
        (0..3).for_each(|_| stage.frame());
        assert_eq!(run(&mut stage, entity, 20), (0, 0));
    });
}

#[test]
fn a_rate_that_is_none_draws_nothing_but_new_pictures() {
    for rate in [0.0, -2.0, f32::NAN] {
        OPEN_NATIVE.run(move |app| {
            let mut stage = Stage::new(app);
            let (_, entity) = start(&mut stage, UpdateRate::PerSecond(rate));
            stage.set_group(entity, "g1");
            assert_eq!(run(&mut stage, entity, 40), (0, 0));
            let other = stage.app.world_mut().resource_mut::<Assets<Image>>().add(gpu::gradient(40, 30));
            stage.app.world_mut().entity_mut(entity).insert(CartoonSource::Image(other));
            assert_eq!(run(&mut stage, entity, 40).0, 1);
        });
    }
}

#[test]
fn with_a_rate_a_group_waits_for_its_time() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        // Every 40 frames.
        let (model, entity) = start(&mut stage, UpdateRate::PerSecond(0.5));
        let first = stage.cartoon(&model, "g0");
        let second = stage.cartoon(&model, "g1");
        let seen = stage.updates(entity);
        stage.frames_until(|stage| stage.updates(entity) > seen);
        stage.set_group(entity, "g1");
        assert_eq!(run(&mut stage, entity, 20).0, 0);
        assert!(stage.pixels(entity) == first, "the group came early");
        let seen = stage.updates(entity);
        stage.frames_until(|stage| stage.updates(entity) > seen);
        assert!(stage.pixels(entity) == second);
    });
}

#[test]
fn once_is_once_whatever_changes() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (model, entity) = start(&mut stage, UpdateRate::Once);
        let cartoon = stage.cartoon(&model, "g0");
        stage.set_group(entity, "g1");
        stage.settings(entity).strength = 0.2;
        assert_eq!(run(&mut stage, entity, 20), (0, 0));
        assert!(stage.pixels(entity) == cartoon);
        assert!(stage.app.world().get::<CartoonStatus>(entity).is_some_and(CartoonStatus::is_running));
        // Until another rate is set.
        stage.settings(entity).update = UpdateRate::OnChange;
        assert_eq!(run(&mut stage, entity, 20).0, 1);
        assert!(stage.pixels(entity) != cartoon);
    });
}

#[test]
fn once_waits_for_what_is_missing() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let (model, _) = start(&mut stage, UpdateRate::OnChange);
        let entity = stage.spawn(&model, "nobody", UpdateRate::Once);
        assert!(matches!(gpu::wait_for_error(stage.app, entity), CartoonError::UnknownGroup { .. }));
        stage.set_group(entity, "g2");
        gpu::wait_until_running(stage.app, entity);
        assert_eq!(stage.updates(entity), 1);
    });
}
