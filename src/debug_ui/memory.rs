//! The tab Memory: what the chains hold on the device, and what has been done so far.

use bevy_egui::egui::{Grid, RichText, ScrollArea, Ui};

use super::scene::Scene;
use super::style::{self, count, mib, weak};
use crate::gpu::{CartoonCounters, ChainInfo};

/// The tab.
pub(super) fn tab(ui: &mut Ui, scene: &Scene) {
    ScrollArea::vertical().id_salt("memory").auto_shrink(false).show(ui, |ui| {
        for chain in &scene.chains {
            style::card().show(ui, |ui| card(ui, chain));
        }
        let sum = |of: fn(&ChainInfo) -> usize| mib(scene.chains.iter().map(of).sum());
        let (slots, weights) = (sum(|chain| chain.slot_bytes), sum(|chain| chain.weight_bytes));
        let chains = count(scene.chains.len(), "chain");
        ui.label(format!("{chains} of passes: {slots} of textures and {weights} of weights."));
        ui.add_space(4.0);
        style::card().show(ui, |ui| counters(ui, &scene.counters));
    });
}

/// How a chain is called.
pub(super) fn title(chain: &ChainInfo) -> String {
    let pictures = count(chain.batch, "picture");
    let reads = if chain.taps.is_empty() { String::new() } else { format!(", reads {}", list(&chain.taps)) };
    format!("{}, {pictures}{reads}", chain.model)
}

/// Names, or how many there are. The first is the input, which goes without saying.
fn list(names: &[String]) -> String {
    match names {
        [_, names @ ..] if (1..=2).contains(&names.len()) => names.join(" and "),
        names => count(names.len(), "layer"),
    }
}

fn card(ui: &mut Ui, chain: &ChainInfo) {
    ui.set_min_width(ui.available_width());
    ui.label(RichText::new(title(chain)).strong());
    let alive = 100.0 * chain.live_bytes as f32 / chain.slot_bytes.max(1) as f32;
    let pairs = [
        ("textures", mib(chain.slot_bytes)),
        ("alive at once", format!("{} ({alive:.0} %)", mib(chain.live_bytes))),
        ("weights", mib(chain.weight_bytes)),
        ("passes", chain.passes.to_string()),
        ("draws", chain.draws.to_string()),
        ("pipelines", format!("{} of {}", chain.pipelines, chain.all_pipelines)),
        ("bind groups", chain.bind_groups.to_string()),
        ("recording", format!("{:.2} ms", chain.record_ms)),
        ("encoding", format!("{:.2} ms", chain.encode_ms)),
    ];
    grid(ui, &format!("chain {}", chain.number), &pairs);
}

fn counters(ui: &mut Ui, counters: &CartoonCounters) {
    ui.set_min_width(ui.available_width());
    ui.label(RichText::new("Since the start").strong());
    let pairs = [
        ("cartoons", counters.cartoons.to_string()),
        ("passes", counters.passes.to_string()),
        ("draws", counters.draws.to_string()),
        ("frames", counters.frames.to_string()),
        ("held back", counters.held_back.to_string()),
        ("in flight", counters.in_flight.to_string()),
        ("batches begun", counters.begun.to_string()),
        ("finished", counters.finished.to_string()),
        ("dropped", counters.dropped.to_string()),
        ("textures made", counters.textures.to_string()),
        ("buffers made", counters.buffers.to_string()),
        ("bind groups made", counters.bind_groups.to_string()),
    ];
    grid(ui, "counters", &pairs);
}

/// Names and values, three pairs a row.
fn grid(ui: &mut Ui, id: &str, pairs: &[(&str, String)]) {
    Grid::new(id).num_columns(6).spacing([10.0, 2.0]).min_col_width(78.0).show(ui, |ui| {
        for row in pairs.chunks(3) {
            for (name, value) in row {
                ui.label(weak(*name));
                ui.label(value);
            }
            ui.end_row();
        }
    });
}
