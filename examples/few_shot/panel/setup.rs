//! The left column: pairs, settings, and the buttons of the session.

use bevy_egui::egui::{
    self, Button, Color32, ComboBox, DragValue, ProgressBar, Rect, RichText, ScrollArea, Sense, Shape, Slider, Stroke,
    StrokeKind, TextEdit, Ui, vec2,
};
use bevy_toonface::few_shot::Scope;
use bevy_toonface::prelude::*;

use super::style::{self, cell, count, weak};
use super::{View, card_ui, picture};
use crate::studio::{Action, Settings, Studio};

/// Side of a picture of a pair.
const SIDE: f32 = 42.0;
/// Height of the pairs; beyond, they scroll.
const PAIRS: f32 = 4.0 * (SIDE + 4.0);
/// Width of the names of settings.
const NAME: f32 = 92.0;

pub(super) fn card(ui: &mut Ui, rect: Rect, view: &View, studio: &mut Studio, act: &mut dyn FnMut(Action)) {
    card_ui(ui, rect, "A new group", "from 10 to 15 pairs of pictures", |ui| {
        drop_zone(ui, view);
        ui.add_space(4.0);
        pairs(ui, view, act);
        ui.add_space(6.0);
        ui.separator();
        ui.add_enabled_ui(!view.is_training(), |ui| settings(ui, view, &mut studio.settings));
        if let Some(milliseconds) = &mut studio.settings.milliseconds {
            row(ui, "GPU a frame", |ui| {
                ui.spacing_mut().slider_width = 150.0;
                ui.add(Slider::new(milliseconds, 1.0..=200.0).logarithmic(true).suffix(" ms").max_decimals(0));
            });
        }
        ui.separator();
        ui.add_space(2.0);
        buttons(ui, view, act);
        ui.add_space(2.0);
        state(ui, view, studio.seconds);
    });
}

/// Where pictures go, and which of them is what.
fn drop_zone(ui: &mut Ui, view: &View) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 92.0), Sense::hover());
    let color = if view.hovered { style::GOOD } else { style::WEAK };
    ui.painter().rect_filled(rect, 6, if view.hovered { style::CHOSEN } else { style::CARD });
    let r = rect.shrink(1.0);
    let corners = [r.left_top(), r.right_top(), r.right_bottom(), r.left_bottom(), r.left_top()];
    ui.painter().extend(Shape::dashed_line(&corners, Stroke::new(1.0, color), 5.0, 4.0));
    let lines = [
        ("Drop pictures or a folder here", 14.0, style::TEXT),
        ("photo/NAME and cartoon/NAME: two of one name are a pair.", 11.5, style::WEAK),
        ("From anywhere else, by name and in turn: photograph, its cartoon, ...", 11.5, style::WEAK),
    ];
    for (i, (words, size, color)) in lines.into_iter().enumerate() {
        let at = egui::pos2(rect.center().x, rect.top() + 23.0 + 23.0 * i as f32);
        ui.painter().text(at, egui::Align2::CENTER_CENTER, words, egui::FontId::proportional(size), color);
    }
}

/// All pairs, photograph beside cartoon. A click takes one out.
fn pairs(ui: &mut Ui, view: &View, act: &mut dyn FnMut(Action)) {
    ScrollArea::vertical().id_salt("pairs").max_height(PAIRS).min_scrolled_height(PAIRS).auto_shrink(false).show(
        ui,
        |ui| {
            ui.spacing_mut().item_spacing = vec2(6.0, 4.0);
            ui.horizontal_wrapped(|ui| {
                for (i, (slot, tile)) in view.slots.iter().zip(&view.tiles).enumerate() {
                    let (place, response) = ui.allocate_exact_size(vec2(2.0 * SIDE, SIDE), Sense::click());
                    let (photo, cartoon) = place.split_left_right_at_fraction(0.5);
                    picture(ui, photo, tile[0], "?");
                    picture(ui, cartoon, tile[1], "?");
                    let fault = slot.fault();
                    if fault.is_some() || (response.hovered() && !view.is_training()) {
                        let color = if fault.is_some() { style::BAD } else { style::WEAK };
                        ui.painter().rect_stroke(place, 6, Stroke::new(1.5, color), StrokeKind::Inside);
                    }
                    let words = fault.unwrap_or_else(|| slot.name.clone());
                    let response = response.on_hover_text(format!("{words}\nclick to take it out"));
                    if response.clicked() && !view.is_training() {
                        act(Action::Remove(i));
                    }
                }
            });
        },
    );
    ui.horizontal(|ui| {
        let whole = view.slots.iter().filter(|slot| slot.pair().is_some()).count();
        let busy = if view.is_busy { ", reading more" } else { "" };
        ui.label(weak(format!("{}{busy}", count(whole, "pair"))).small());
        if !view.slots.is_empty() && !view.is_training() && ui.small_button("take all out").clicked() {
            act(Action::Clear);
        }
    });
}

fn settings(ui: &mut Ui, view: &View, settings: &mut Settings) {
    row(ui, "start from", |ui| {
        ComboBox::from_id_salt("base").width(120.0).selected_text(&settings.base).show_ui(ui, |ui| {
            for group in &view.groups {
                ui.selectable_value(&mut settings.base, group.clone(), group);
            }
        });
        ui.label(weak("most alike").small());
    });
    row(ui, "new name", |ui| {
        ui.add(TextEdit::singleline(&mut settings.name).desired_width(120.0));
        ui.label(weak("letters, digits, - and _").small());
    });
    row(ui, "learns", |ui| {
        ui.radio_value(&mut settings.scope, Scope::Output, "the end: fast");
        ui.radio_value(&mut settings.scope, Scope::Branch, "all of its branch");
    });
    row(ui, "steps", |ui| {
        ui.spacing_mut().slider_width = 150.0;
        ui.add(Slider::new(&mut settings.steps, 10..=3000).logarithmic(true));
    });
    row(ui, "step size", |ui| {
        let size = &mut settings.learning_rate;
        ui.add(DragValue::new(size).range(1e-5..=1e-1).speed(2e-5).max_decimals(5));
        ui.label(weak("batch"));
        ui.add(DragValue::new(&mut settings.batch).range(1..=16).speed(0.05));
        ui.checkbox(&mut settings.mirror, "mirrored, too");
    });
    row(ui, "held out", |ui| {
        ui.add(DragValue::new(&mut settings.holdout).range(0..=16).speed(0.05));
        let pairs = view.slots.len();
        let words = format!("{} of {pairs}, to tell which step to keep", settings.holdout_of(pairs));
        ui.label(weak(words).small());
    });
}

fn row<R>(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui) -> R) {
    ui.horizontal(|ui| {
        cell(ui, NAME, |ui| ui.label(weak(name)));
        add(ui);
    });
}

fn buttons(ui: &mut Ui, view: &View, act: &mut dyn FnMut(Action)) {
    let button = |word: &str, fill: Color32, width: f32| {
        Button::new(RichText::new(word).color(Color32::WHITE).strong()).fill(fill).min_size(vec2(width, 30.0))
    };
    ui.horizontal(|ui| {
        if !view.is_training() {
            let again = view.status.is_some();
            let train =
                button(if again { "Train another" } else { "Train" }, Color32::from_rgb(0x2f, 0x62, 0x96), 140.0);
            let ready = view.fault.is_none() && !view.is_busy && view.slots.len() > 1;
            if ui.add_enabled(ready, train).clicked() {
                act(Action::Train);
            }
            return;
        }
        let plain = Color32::from_rgb(0x38, 0x40, 0x4d);
        let paused = view.status == Some(&FewShotStatus::Paused);
        let (word, control) = if paused { ("Go on", FewShotControl::Run) } else { ("Pause", FewShotControl::Pause) };
        for (word, fill, control) in [
            (word, plain, control),
            ("Finish now", Color32::from_rgb(0x2c, 0x6b, 0x4c), FewShotControl::Finish),
            ("Cancel", Color32::from_rgb(0x7a, 0x38, 0x36), FewShotControl::Cancel),
        ] {
            if ui.add(button(word, fill, 110.0)).clicked() {
                act(Action::Control(control));
            }
        }
    });
}

/// How far it has come, or what is wrong.
fn state(ui: &mut Ui, view: &View, seconds: f32) {
    let (step, steps) = view.progress.map_or((0, 0), |progress| (progress.step, progress.steps));
    if steps > 0 {
        let bar = ProgressBar::new(step as f32 / steps as f32).desired_height(6.0).fill(style::TRUNK);
        ui.add(bar);
    }
    let left = seconds / step.max(1) as f32 * steps.saturating_sub(step) as f32;
    let (words, color) = match view.status {
        _ if !view.errors.is_empty() => (view.errors.join("\n"), style::BAD),
        Some(FewShotStatus::Training) if step > 0 => {
            (format!("training: {seconds:.0} s so far, {left:.0} s to go"), style::WAIT)
        }
        Some(FewShotStatus::Finished) => (format!("learned in {seconds:.0} s"), style::GOOD),
        Some(status @ FewShotStatus::Failed(_)) => (status.to_string(), style::BAD),
        Some(status) => (status.to_string(), style::WAIT),
        None => match &view.fault {
            Some(fault) => (fault.clone(), style::BAD),
            None if view.slots.len() < 2 => {
                ("Two pairs are the least, ten to fifteen are a good number.".into(), style::WEAK)
            }
            None => ("Ready.".into(), style::WEAK),
        },
    };
    ui.label(RichText::new(words).color(color));
}
