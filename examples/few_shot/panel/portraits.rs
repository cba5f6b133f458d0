//! The card with a portrait, drawn by the group to start from and by the new one; and where the new one is kept.

use bevy_egui::egui::{self, Rect, RichText, Sense, Stroke, StrokeKind, TextEdit, Ui, UiBuilder, vec2};
use bevy_toonface::prelude::*;

use super::style::{self, weak};
use super::{View, caption, card_ui, picture, squares};
use crate::studio::{Action, Studio};

/// Side of a picture.
const SIDE: f32 = 142.0;
/// Side of a portrait to choose.
const SMALL: f32 = 48.0;
const GAP: f32 = 12.0;

pub(super) fn card(ui: &mut Ui, rect: Rect, view: &View, studio: &mut Studio, act: &mut dyn FnMut(Action)) {
    card_ui(ui, rect, "And on somebody else", "", |ui| {
        let from = ui.cursor().min;
        let places = squares::<3>(from, SIDE, GAP);
        let base = studio.learned.as_ref().map_or(studio.settings.base.clone(), |[_, base]| base.clone());
        let portrait = view.portraits.get(studio.portrait).copied().flatten();
        picture(ui, places[0], portrait, "loading");
        picture(ui, places[1], view.drawn[0], "loading");
        picture(ui, places[2], view.drawn[1], "Drawn as soon as the group has been learned.");
        caption(ui, places[0], "portrait", style::WEAK);
        caption(ui, places[1], &format!("as {base}"), style::TRUNK);
        let name = studio.learned.as_ref().map_or(&studio.settings.name, |[name, _]| name);
        caption(ui, places[2], &format!("as {name}"), style::BRANCH);
        let left = places[2].right() + 2.0 * GAP;
        let side = Rect::from_min_max(egui::pos2(left, from.y), rect.shrink(14.0).max);
        ui.scope_builder(UiBuilder::new().max_rect(side), |ui| {
            choice(ui, view, studio.portrait, act);
            ui.add_space(8.0);
            keep(ui, view, studio, act);
        });
    });
}

/// The portraits, small; a click chooses.
fn choice(ui: &mut Ui, view: &View, chosen: usize, act: &mut dyn FnMut(Action)) {
    ui.horizontal(|ui| {
        for (i, shown) in view.portraits.iter().enumerate() {
            let (place, response) = ui.allocate_exact_size(vec2(SMALL, SMALL), Sense::click());
            picture(ui, place, *shown, "");
            if i == chosen || response.hovered() {
                let color = if i == chosen { style::TRUNK } else { style::WEAK };
                ui.painter().rect_stroke(place, 6, Stroke::new(2.0, color), StrokeKind::Outside);
            }
            if response.clicked() {
                act(Action::Portrait(i));
            }
        }
    });
}

/// The folder, and a button, once there is something to keep.
fn keep(ui: &mut Ui, view: &View, studio: &mut Studio, act: &mut dyn FnMut(Action)) {
    let is_there = view.status == Some(&FewShotStatus::Finished);
    ui.horizontal(|ui| {
        ui.label(weak("folder"));
        ui.add(TextEdit::singleline(&mut studio.settings.folder).desired_width(ui.available_width() - 70.0));
        let save = egui::Button::new("Save").min_size(vec2(56.0, 22.0));
        if ui.add_enabled(is_there && studio.saved.is_none(), save).clicked() {
            act(Action::Save);
        }
    });
    let name = studio.learned.as_ref().map_or(&studio.settings.name, |[name, _]| name);
    let (words, color) = match &studio.saved {
        Some(Ok(path)) => (format!("In {path}, with {name}.safetensors."), style::GOOD),
        Some(Err(error)) => (error.clone(), style::BAD),
        None if is_there => {
            (format!("CartoonGroup::new(\"{name}\") works now; save it, and it does at the next start."), style::WEAK)
        }
        None => ("A package: one file and one line in its manifest for the new group.".into(), style::WEAK),
    };
    ui.label(RichText::new(words).color(color).small());
}
