//! The card with the lesson: a pair beside what the group draws, and the loss below.

use bevy_egui::egui::{Align2, FontId, Pos2, Rect, Sense, Stroke, Ui, pos2, vec2};
use bevy_toonface::few_shot::FewShotProgress;

use super::{View, caption, card_ui, picture, squares, style};
use crate::chart;

/// Height of the curve at least.
const CURVE: f32 = 112.0;
/// Distance between pictures.
const GAP: f32 = 12.0;

pub(super) fn card(ui: &mut Ui, rect: Rect, view: &View) {
    let note = match view.progress {
        Some(FewShotProgress { step, steps, .. }) if *step > 0 => format!("step {step} of {steps}"),
        _ => String::new(),
    };
    card_ui(ui, rect, "What it learns", &note, |ui| {
        let room = ui.available_size();
        let side = ((room.x - 2.0 * GAP) / 3.0).min(room.y - CURVE - 26.0).max(32.0);
        let from = ui.cursor().min + vec2((room.x - 3.0 * side - 2.0 * GAP) / 2.0, 0.0);
        let places = squares::<3>(from, side, GAP);
        let words = ["photograph", "your cartoon", "what it draws"];
        let to_come =
            if view.is_training() { "Soon." } else { "Press Train: it shows up here, and again every 25 steps." };
        let missing = ["Drop pairs of photograph and cartoon in.", "", to_come];
        let colors = [style::WEAK, style::WEAK, style::BRANCH];
        for i in 0..3 {
            picture(ui, places[i], view.lesson[i], missing[i]);
            caption(ui, places[i], words[i], colors[i]);
        }
        ui.add_space(side + 26.0);
        curve(ui, view.progress.unwrap_or(&FewShotProgress::default()));
    });
}

/// The loss of every step in grey, its running mean in blue, and that of held-out pairs in the branches' colour, over all the
/// steps that there will be.
fn curve(ui: &mut Ui, FewShotProgress { losses, held_out, steps, .. }: &FewShotProgress) {
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let plot = Rect::from_min_max(rect.min + vec2(40.0, 6.0), rect.max - vec2(4.0, 16.0));
    let painter = ui.painter_at(rect.expand(2.0));
    let top = chart::top(losses, held_out);
    let font = FontId::proportional(11.0);
    for line in 0..=2 {
        let y = plot.bottom() - plot.height() * line as f32 / 2.0;
        painter.hline(plot.x_range(), y, Stroke::new(1.0, style::LINE));
        if !losses.is_empty() {
            let value = format!("{:.3}", top * line as f32 / 2.0);
            painter.text(pos2(plot.left() - 6.0, y), Align2::RIGHT_CENTER, value, font.clone(), style::WEAK);
        }
    }
    let last = losses.len().max(*steps).max(2) as f32;
    let words = match (losses.is_empty(), held_out.is_empty()) {
        (true, _) => "loss".to_owned(),
        (false, true) => format!("loss, {steps} steps"),
        (false, false) => format!("loss, {steps} steps; dots: of the pairs that are held out"),
    };
    painter.text(rect.right_bottom(), Align2::RIGHT_BOTTOM, words, font.clone(), style::WEAK);
    let place = |step: usize, loss: f32| {
        pos2(
            plot.left() + plot.width() * step as f32 / last,
            plot.bottom() - plot.height() * (loss / top).clamp(0.0, 1.0),
        )
    };
    let smooth = chart::smooth(losses);
    for (values, stroke) in [
        (losses.as_slice(), Stroke::new(1.0, style::WEAK.gamma_multiply(0.55))),
        (&smooth, Stroke::new(2.0, style::TRUNK)),
    ] {
        let points: Vec<Pos2> = values.iter().enumerate().map(|(step, loss)| place(step, *loss)).collect();
        painter.line(points, stroke);
    }
    for (step, loss) in held_out {
        painter.circle_filled(place(*step, *loss), 3.0, style::BRANCH);
    }
    let step = response.hover_pos().map(|at| ((at.x - plot.left()) / plot.width() * last).max(0.0) as usize);
    if let Some((step, loss)) = step.and_then(|step| Some((step, losses.get(step)?))) {
        let at = place(step, *loss);
        painter.circle_filled(at, 3.0, style::TEXT);
        let words = format!("step {}: {loss:.4}", step + 1);
        let align = if at.x > plot.center().x { Align2::RIGHT_BOTTOM } else { Align2::LEFT_BOTTOM };
        painter.text(at - vec2(0.0, 6.0), align, words, font, style::TEXT);
    }
}
