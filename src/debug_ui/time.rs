//! The tab Time: the budget, and what the sections of the network take on the GPU.

use bevy_egui::egui::{self, DragValue, RichText, ScrollArea, Sense, Ui, vec2};

use super::edit::Edit;
use super::scene::Scene;
use super::style::{self, cell, count, number, weak};
use crate::ecs::CartoonBudget;
use crate::gpu::{ChainInfo, Section};

/// The tab. `chain` is the one that is looked at.
pub(super) fn tab(ui: &mut Ui, scene: &Scene, chain: Option<&ChainInfo>, redraw: Option<Edit>, edits: &mut Vec<Edit>) {
    style::card().show(ui, |ui| budget(ui, &scene.budget, edits));
    ui.add_space(2.0);
    let Some(chain) = chain else {
        ui.label(weak("No chain of passes has been made yet."));
        return;
    };
    if !chain.has_timestamps {
        let ms = CartoonBudget::UNTIMED_PASS_MS;
        ui.colored_label(style::WAIT, "This device has no timestamp queries (WebGL2 is one without): no GPU times.");
        ui.label(weak(format!("In the budget, every pass counts as {ms} ms.")));
        return;
    }
    ui.horizontal(|ui| {
        let mut on = scene.profiling;
        if ui.checkbox(&mut on, "time every pass").changed() {
            edits.push(Edit::Profile(on));
            // A cartoon that rests has to be drawn once to be timed.
            edits.extend(redraw.clone().filter(|_| on));
        }
        if let Some(redraw) = redraw
            && ui.add_enabled(scene.profiling, egui::Button::new("draw again")).clicked()
        {
            edits.push(redraw);
        }
        ui.label(weak("costs two timestamps a pass while it is on").small());
    });
    match &chain.times {
        Some(times) => {
            let passes: f32 = times.milliseconds.iter().sum();
            let frames = count(times.frames, "frame");
            ui.label(format!("{:.2} ms on the GPU in {frames}, {passes:.2} ms of it in passes", times.total));
            legend(ui);
            ScrollArea::vertical().id_salt("sections").auto_shrink(false).show(ui, |ui| sections(ui, chain, passes));
        }
        None if scene.profiling => {
            ui.label(weak("waiting for an update that is timed from its beginning to its end"));
        }
        None => {
            ui.label(weak("not measured yet"));
        }
    }
}

/// What a frame may be taken of, to be changed in place.
pub(super) fn budget(ui: &mut Ui, budget: &CartoonBudget, edits: &mut Vec<Edit>) {
    let mut changed = *budget;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Budget a frame").strong());
        ui.add_space(6.0);
        let mut limited = changed.milliseconds.is_some();
        if ui.checkbox(&mut limited, "").changed() {
            changed.milliseconds = limited.then_some(CartoonBudget::default().milliseconds.unwrap_or(4.0));
        }
        let ms = changed.milliseconds.as_mut();
        milliseconds(ui, ms);
        ui.add_space(6.0);
        let grows = egui::Checkbox::new(&mut changed.grows_with_frames, "more in long frames");
        ui.add_enabled(budget.milliseconds.is_some(), grows);
        ui.add_space(6.0);
        let mut limited = changed.passes_per_frame.is_some();
        if ui.checkbox(&mut limited, "").changed() {
            changed.passes_per_frame = limited.then_some(100);
        }
        passes(ui, changed.passes_per_frame.as_mut());
        ui.add_space(6.0);
        let in_flight = DragValue::new(&mut changed.frames_in_flight).range(1..=4).speed(0.05);
        ui.add(in_flight.suffix(" frames in flight"));
    });
    if changed != *budget {
        edits.push(Edit::Budget(changed));
    }
}

fn milliseconds(ui: &mut Ui, value: Option<&mut f32>) {
    match value {
        Some(ms) => ui.add(DragValue::new(ms).range(0.1..=1000.0).speed(0.05).max_decimals(2).suffix(" ms")),
        None => ui.label(weak("no limit in ms")),
    };
}

fn passes(ui: &mut Ui, value: Option<&mut usize>) {
    match value {
        Some(passes) => ui.add(DragValue::new(passes).range(0..=10_000).speed(1.0).suffix(" passes")),
        None => ui.label(weak("no limit in passes")),
    };
}

/// A bar for each section.
fn sections(ui: &mut Ui, chain: &ChainInfo, passes: f32) {
    let sections = chain.sections();
    let longest = sections.iter().map(|section| section.milliseconds).fold(f32::MIN_POSITIVE, f32::max);
    ui.spacing_mut().item_spacing.y = 1.0;
    for section in &sections {
        ui.horizontal(|ui| {
            cell(ui, 96.0, |ui| ui.label(&section.name));
            let width = (ui.available_width() - 210.0).max(60.0);
            let (rect, _) = ui.allocate_exact_size(vec2(width, 12.0), Sense::hover());
            ui.painter().rect_filled(rect, 2, style::CARD);
            let mut bar = rect;
            bar.set_width((rect.width() * section.milliseconds / longest).max(1.0));
            ui.painter().rect_filled(bar, 2, color(section));
            number(ui, 66.0, format!("{:.3} ms", section.milliseconds));
            number(ui, 46.0, weak(format!("{:.1} %", 100.0 * section.milliseconds / passes.max(f32::MIN_POSITIVE))));
            number(
                ui,
                62.0,
                weak(if section.passes == 1 { "1 pass".into() } else { format!("{} passes", section.passes) }),
            );
        });
    }
}

/// What the colours stand for.
fn legend(ui: &mut Ui) {
    ui.horizontal(|ui| {
        for (color, word) in [
            (style::TRUNK, "shared by all groups"),
            (style::BRANCH, "with weights of the group's own"),
            (style::WEAK, "picture in and out"),
        ] {
            let (dot, _) = ui.allocate_exact_size(vec2(9.0, 9.0), Sense::hover());
            ui.painter().rect_filled(dot, 2, color);
            ui.label(weak(word).small());
        }
    });
}

fn color(section: &Section) -> egui::Color32 {
    match section {
        Section { branch: true, .. } => style::BRANCH,
        Section { name, .. } if name.starts_with("picture ") => style::WEAK,
        _ => style::TRUNK,
    }
}
