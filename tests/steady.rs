//! Ten thousand cartoons and a thousand switches among sixteen groups make nothing new on the device.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;

use bevy::prelude::*;
use bevy_toonface::prelude::*;
use common::Random;
use gpu::{OPEN_NATIVE, add_model};
use stage::{Stage, small_model};

const GROUPS: usize = 16;
const ENTITIES: usize = 10;
const UPDATES: u64 = 10_000;
const SWITCHES: u64 = 1_000;

#[test]
fn ten_thousand_updates_and_a_thousand_switches_make_nothing_new() {
    let run = |app: &mut App| {
        let mut stage = Stage::new(app);
        let model = add_model(stage.app, small_model(1, GROUPS, 1));
        // More than a batch holds, so that pictures change their place in the batch.
        let entities: Vec<Entity> =
            (0..ENTITIES).map(|i| stage.spawn(&model, &format!("g{}", i % GROUPS), UpdateRate::Always)).collect();
        stage.wait_for_all(&entities);
        let (before, counters) = (stage.held(), stage.counters());
        assert!(before.0.iter().all(|n| *n > 0), "{before:?}");
        let mut random = Random::new(1);
        let (mut updates, mut switches) = (0, 0);
        while updates < UPDATES || switches < SWITCHES {
            if updates * SWITCHES >= switches * UPDATES {
                let group = format!("g{}", random.below(GROUPS));
                stage.set_group(entities[random.below(ENTITIES)], &group);
                switches += 1;
            }
            stage.frame();
            updates = stage.counters().cartoons - counters.cartoons;
            assert_eq!(stage.held(), before, "after {switches} switches: {:?}", stage.counters());
        }
        let updates: Vec<u64> = entities.iter().map(|entity| stage.updates(*entity)).collect();
        let (most, least) = (updates.iter().max().expect("some"), updates.iter().min().expect("some"));
        assert!(*most as f32 / *least as f32 <= 1.2, "{updates:?}");
    };
    OPEN_NATIVE.run(run);
}
