//! Times updates in steady state.

use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_toonface::ecs::UpdateRate;
use bevy_toonface::gpu::CartoonChains;
use bevy_toonface::prelude::*;
use serde_json::json;

use crate::headless::run_until;
use crate::input::Input;
use crate::run::{spawn, wait};

/// Prints one line of JSON. `first_ms` runs from `started` (before the model is loaded) to the first cartoon.
pub fn bench(
    app: &mut App,
    inputs: &[Input],
    groups: &[String],
    faces: usize,
    updates: u64,
    started: Instant,
) -> Result<(), String> {
    let entities: Vec<Entity> =
        (0..faces).map(|i| spawn(app, &inputs[i % inputs.len()], &groups[i % groups.len()])).collect();
    let always = Cartoon { update: UpdateRate::Always, ..default() };
    entities.iter().for_each(|e| {
        app.world_mut().entity_mut(*e).insert(always.clone());
    });
    wait(app, &entities)?;
    let first_ms = started.elapsed().as_secs_f64() * 1e3;

    let (mut times, mut records) = (Vec::new(), Vec::new());
    let mut seen = count(app.world(), entities[0]).map_or(0, |(n, _)| n);
    while (times.len() as u64) < updates {
        let (n, ms) =
            run_until(app, Duration::from_secs(600), |world| count(world, entities[0]).filter(|(n, _)| *n > seen))?;
        seen = n;
        times.push(ms);
        records.extend(app.world().resource::<CartoonChains>().0.first().map(|c| c.record_ms));
    }
    times.sort_by(f32::total_cmp);
    records.sort_by(f32::total_cmp);
    let chains = app.world().resource::<CartoonChains>();
    let chain = chains.0.first().ok_or("no chain of passes was made")?;
    let line = json!({
        "model": chain.model,
        "faces": faces,
        "passes": chain.passes,
        "pipelines": chain.pipelines,
        "slot_bytes": chain.slot_bytes,
        "live_bytes": chain.live_bytes,
        "weight_bytes": chain.weight_bytes,
        "first_ms": first_ms,
        "min_ms": times[0],
        "median_ms": times[times.len() / 2],
        "record_ms": records.get(records.len() / 2),
    });
    println!("{line}");
    Ok(())
}

/// Updates so far and milliseconds of the latest.
fn count(world: &World, entity: Entity) -> Option<(u64, f32)> {
    match world.get::<CartoonStatus>(entity)? {
        CartoonStatus::Running { updates, milliseconds } => Some((*updates, *milliseconds)),
        _ => None,
    }
}
