//! What the page is told: one JSON object, brought up to date every frame.

use std::cell::RefCell;
use std::panic;

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;
use bevy_toonface::ecs::{CartoonModel, CartoonSettings, DefaultCartoonModel};
use bevy_toonface::gpu::CartoonChains;
use bevy_toonface::prelude::*;
use serde::Serialize;

use crate::people::People;

/// The app's state.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Frames of the app so far.
    frames: u64,
    /// Why nothing goes on, if that is so: no device, a device that failed, a panic.
    fault: Option<String>,
    /// Whether the model has been loaded.
    model_loaded: bool,
    /// What draws.
    device: Option<Device>,
    people: Vec<PersonReport>,
    /// The chain of passes, once there is one.
    chain: Option<Chain>,
}

#[derive(Debug, Serialize)]
struct Device {
    name: String,
    backend: String,
}

/// The status of a person's cartoon.
#[derive(Debug, Serialize)]
struct PersonReport {
    /// `waiting`, `loading`, `ready`, `running` or `failed`.
    state: &'static str,
    /// The status in words.
    words: String,
    updates: u64,
    milliseconds: f32,
}

/// Figures for measurements.
#[derive(Debug, Serialize)]
struct Chain {
    model: String,
    passes: usize,
    draws: usize,
    pipelines: usize,
    slot_bytes: usize,
    weight_bytes: usize,
    record_ms: f32,
}

thread_local! {
    static LATEST: RefCell<Report> = RefCell::default();
}

pub fn plugin(app: &mut App) {
    watch_for_panics();
    app.add_systems(Last, update);
}

/// The state as JSON.
pub fn latest() -> String {
    LATEST.with_borrow(serde_json::to_string).unwrap_or_else(|_| "{}".into())
}

/// Tells the page that nothing goes on. The first reason stays: later ones follow from it.
pub fn fail(reason: String) {
    LATEST.with_borrow_mut(|report| {
        report.fault.get_or_insert(reason);
    });
}

/// A panic ends the app's frames, but not the page, which says so.
fn watch_for_panics() {
    let console = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        console(info);
        // The panic may have come while the report was being written.
        LATEST.with(|latest| {
            if let Ok(mut report) = latest.try_borrow_mut() {
                report.fault.get_or_insert(format!("the app stopped: {info}"));
            }
        });
    }));
}

fn update(
    people: Res<People>,
    statuses: Query<&CartoonStatus>,
    settings: Option<Res<CartoonSettings>>,
    model: Option<Res<DefaultCartoonModel>>,
    models: Res<Assets<CartoonModel>>,
    chains: Option<Res<CartoonChains>>,
    adapter: Option<Res<RenderAdapterInfo>>,
) {
    LATEST.with_borrow_mut(|report| {
        report.frames += 1;
        let fault = settings
            .and_then(|s| s.device_fault.clone())
            .map(|reason| format!("this device cannot draw cartoons: {reason}"));
        report.fault = report.fault.take().or(fault);
        report.model_loaded = model.is_some_and(|model| models.contains(&model.0));
        report.people = people.iter().map(|person| describe(statuses.get(person.cartoon).ok())).collect();
        report.chain = chains.as_ref().and_then(|chains| chains.0.first()).map(|chain| Chain {
            model: chain.model.clone(),
            passes: chain.passes,
            draws: chain.draws,
            pipelines: chain.pipelines,
            slot_bytes: chain.slot_bytes,
            weight_bytes: chain.weight_bytes,
            record_ms: chain.record_ms,
        });
        report.device = adapter.map(|info| Device { name: info.name.clone(), backend: format!("{:?}", info.backend) });
    });
}

fn describe(status: Option<&CartoonStatus>) -> PersonReport {
    let words = status.map_or_else(|| "waiting for a group".to_owned(), ToString::to_string);
    let (state, updates, milliseconds) = match status {
        None => ("waiting", 0, 0.0),
        Some(CartoonStatus::Loading) => ("loading", 0, 0.0),
        Some(CartoonStatus::Ready) => ("ready", 0, 0.0),
        Some(CartoonStatus::Idle(_)) => ("idle", 0, 0.0),
        Some(CartoonStatus::Running { updates, milliseconds }) => ("running", *updates, *milliseconds),
        Some(CartoonStatus::Failed(_)) => ("failed", 0, 0.0),
    };
    PersonReport { state, words, updates, milliseconds }
}
