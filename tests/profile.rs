//! GPU times of single passes: on demand, complete, and right when an update is spread over frames.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;

use std::collections::BTreeSet;
use std::sync::Arc;

use bevy::prelude::*;
use bevy_toonface::ecs::RedrawCartoon;
use bevy_toonface::gpu::{CartoonChains, CartoonProfiling, ChainInfo, StepTimes};
use bevy_toonface::prelude::*;
use gpu::OPEN_NATIVE;
use stage::Stage;

const PICTURES: usize = 2;

fn chain(stage: &Stage) -> ChainInfo {
    let chains = &stage.app.world().resource::<CartoonChains>().0;
    assert_eq!(chains.len(), 1, "one model, one chain");
    chains[0].clone()
}

fn profile(stage: &mut Stage, enabled: bool) {
    stage.app.insert_resource(CartoonProfiling { enabled });
    stage.frame();
}

/// The times of the next update of these entities that is measured.
fn measured(stage: &mut Stage, entities: &[Entity]) -> Arc<StepTimes> {
    let before = chain(stage).times;
    for entity in entities {
        stage.app.world_mut().trigger(RedrawCartoon { entity: *entity });
    }
    let is_new =
        |stage: &mut Stage| chain(stage).times.is_some_and(|t| before.as_ref().is_none_or(|b| !Arc::ptr_eq(b, &t)));
    stage.frames_until(is_new);
    stage.frames_until(|stage| !stage.is_busy());
    chain(stage).times.expect("times")
}

/// Every step has a time, and together they fit into the total.
fn check(info: &ChainInfo, times: &StepTimes, frames: usize) {
    let StepTimes { milliseconds, total, frames: spread } = times;
    assert_eq!(*spread, frames, "frames");
    assert_eq!(milliseconds.len(), 1 + info.passes + PICTURES);
    assert!(milliseconds.iter().all(|ms| *ms > 0.0 && ms.is_finite()), "{milliseconds:?}");
    let sum: f32 = milliseconds.iter().sum();
    assert!(sum <= total * 1.001 + 1e-3, "passes of {sum} ms in {total} ms");
    assert!(sum >= total * 0.2, "passes of {sum} ms in {total} ms: most of it is missing");
}

/// A stage with two entities of one model, drawn at rest.
fn with_two(app: &mut App, work: impl FnOnce(&mut Stage, &[Entity])) {
    let mut stage = Stage::new(app);
    let model = stage.model(4, 1);
    let entities: Vec<Entity> = ["g0", "g1"].map(|group| stage.spawn(&model, group, UpdateRate::OnChange)).to_vec();
    entities.iter().for_each(|entity| stage.wait(*entity));
    if chain(&stage).has_timestamps {
        work(&mut stage, &entities);
    } else {
        gpu::skip("it has no timestamps");
    }
    profile(&mut stage, false);
}

/// The passes of a plan's table, each by all that it computes. A row without a number goes on with the pass before.
fn passes_of(table: &str) -> Vec<String> {
    let mut passes: Vec<String> = Vec::new();
    for row in table.lines().skip(2) {
        let (number, node) = row.trim_start().split_once("  ").expect("a number and a node");
        let node = node.split_whitespace().next().expect("a node");
        match passes.last_mut().filter(|_| number == "+") {
            Some(pass) => *pass += &format!(" + {node}"),
            None => passes.push(node.into()),
        }
    }
    passes
}

#[test]
fn the_steps_name_every_pass_and_so_do_the_sections() {
    OPEN_NATIVE.run(|app| {
        with_two(app, |stage, _| {
            let info = chain(stage);
            let labels: Vec<&str> = info.steps.iter().map(|step| step.label.as_str()).collect();
            let rows = passes_of(&info.table);
            assert_eq!(labels.first(), Some(&"encode"));
            assert_eq!(&labels[1..=info.passes], rows, "the passes of the table");
            assert_eq!(&labels[1 + info.passes..], ["composite"; PICTURES]);
            let sections = info.sections();
            assert_eq!(sections.iter().map(|section| section.passes).sum::<usize>(), labels.len());
            let names: BTreeSet<&String> = sections.iter().map(|section| &section.name).collect();
            assert_eq!(names.len(), sections.len(), "no section twice");
            assert!(sections.iter().any(|s| s.branch) && sections.iter().any(|s| !s.branch), "{sections:?}");
        })
    });
}

#[test]
fn times_are_measured_only_on_demand() {
    OPEN_NATIVE.run(|app| {
        with_two(app, |stage, entities| {
            let redraw = |stage: &mut Stage| {
                let before = stage.updates(entities[0]);
                stage.app.world_mut().trigger(RedrawCartoon { entity: entities[0] });
                stage.frames_until(|stage| stage.updates(entities[0]) > before && !stage.is_busy());
            };
            redraw(stage);
            assert_eq!(chain(stage).times, None, "nobody asked");
            profile(stage, true);
            let times = measured(stage, entities);
            check(&chain(stage), &times, 1);
            profile(stage, false);
            redraw(stage);
            let after = chain(stage).times.expect("what was measured stays");
            assert!(Arc::ptr_eq(&after, &times), "nobody asks any more");
        })
    });
}

#[test]
fn an_update_that_is_spread_over_frames_is_measured_as_a_whole() {
    OPEN_NATIVE.run(|app| {
        with_two(app, |stage, entities| {
            profile(stage, true);
            let steps = stage.steps(PICTURES);
            for passes in [1, 3, steps - 1, steps] {
                stage.passes_a_frame(passes);
                let times = measured(stage, entities);
                check(&chain(stage), &times, steps.div_ceil(passes));
            }
            // Measuring that begins in the middle of an update tells nothing of that one.
            profile(stage, false);
            stage.passes_a_frame(1);
            entities.iter().for_each(|entity| stage.app.world_mut().trigger(RedrawCartoon { entity: *entity }));
            let before = chain(stage).times.expect("times");
            stage.frames_until(|stage| stage.is_under_way());
            (0..2).for_each(|_| stage.frame());
            profile(stage, true);
            stage.frames_until(|stage| !stage.is_busy());
            (0..3).for_each(|_| stage.frame());
            assert!(Arc::ptr_eq(&chain(stage).times.expect("times"), &before), "half an update");
        })
    });
}

#[test]
fn a_redraw_is_one_update_whatever_the_rate() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(1, 1);
        for update in [UpdateRate::OnChange, UpdateRate::Once, UpdateRate::PerSecond(0.0)] {
            let entity = stage.spawn(&model, "g0", update);
            stage.wait(entity);
            let before = stage.updates(entity);
            stage.app.world_mut().trigger(RedrawCartoon { entity });
            stage.frames_until(|stage| stage.updates(entity) > before);
            (0..10).for_each(|_| stage.frame());
            assert_eq!(stage.updates(entity), before + 1, "{update:?}");
            stage.app.world_mut().despawn(entity);
            // Nobody is there any more, and nothing happens.
            stage.app.world_mut().trigger(RedrawCartoon { entity });
            stage.frame();
        }
    });
}
