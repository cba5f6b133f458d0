//! The tab Picture: the entity's picture and its cartoon, one sliding over the other, and the class attention.

use bevy::math::{URect, UVec2};
use bevy_egui::egui::{
    self, Align2, Color32, CornerRadius, CursorIcon, FontId, Pos2, Rect, Response, RichText, Sense, Slider, TextureId,
    Ui, Vec2, pos2, vec2,
};

use super::scene::Row;
use super::state::{Attention, Divider};
use super::style::{self, cell, weak};

/// All of a texture.
pub(super) const WHOLE: Rect = Rect { min: Pos2::ZERO, max: pos2(1.0, 1.0) };

/// What there is to be shown of an entity.
pub(super) struct Pair {
    /// Its picture, if it is an image that can be shown, and the part of it that becomes the cartoon.
    pub original: Option<(TextureId, Rect)>,
    pub cartoon: Option<TextureId>,
    /// In pixels.
    pub size: UVec2,
}

/// The tab.
pub(super) fn tab(
    ui: &mut Ui,
    row: &Row,
    pair: &Pair,
    divider: &mut Divider,
    heatmap: &mut bool,
    attention: &mut Attention,
) {
    ui.horizontal_top(|ui| {
        let side = (ui.available_height() - 26.0).min(ui.available_width() - 210.0).clamp(96.0, 420.0);
        ui.vertical(|ui| {
            let heat = attention.heat.as_ref().filter(|_| *heatmap).map(egui::TextureHandle::id);
            compare(ui, pair, side, heat, &mut divider.0);
            ui.label(weak("Drag the line: picture to the left of it, cartoon to the right.").small());
        });
        ui.vertical(|ui| {
            facts(ui, row, pair);
            ui.add_space(6.0);
            ui.checkbox(heatmap, "class attention");
            if *heatmap {
                ui.spacing_mut().slider_width = 90.0;
                ui.add(Slider::new(&mut attention.opacity, 0.0..=1.0).fixed_decimals(2).text("opacity"));
                logits(ui, row, attention);
            }
            ui.label(weak("Reading it back takes a chain of passes of its own beside the cartoon's.").small());
        });
    });
}

/// The picture to the left of a line that can be dragged, the cartoon to the right of it, in a square of side `side`.
/// `heat` lies over all of the square, which is what the network sees.
pub(super) fn compare(ui: &mut Ui, pair: &Pair, side: f32, heat: Option<TextureId>, divider: &mut f32) -> Response {
    let (square, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click_and_drag());
    let response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
    let size = pair.size.as_vec2().max(bevy::math::Vec2::ONE);
    let size = vec2(size.x, size.y) * (side / size.x.max(size.y));
    let picture = Rect::from_center_size(square.center(), size);
    if let Some(pointer) = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on()) {
        *divider = ((pointer.x - picture.left()) / picture.width()).clamp(0.0, 1.0);
    }
    let painter = ui.painter_at(square);
    painter.rect_filled(square, CornerRadius::ZERO, Color32::from_rgb(0x10, 0x12, 0x16));
    // Without a picture of its own, the cartoon is all there is.
    let at = if pair.original.is_some() { *divider } else { 0.0 };
    let cartoon = pair.cartoon.map(|cartoon| (cartoon, WHOLE));
    for (texture, from, to) in [(pair.original, 0.0, at), (cartoon, at, 1.0)] {
        let part = |rect: Rect| {
            let x = |t: f32| egui::lerp(rect.left()..=rect.right(), t);
            Rect::from_min_max(pos2(x(from), rect.top()), pos2(x(to), rect.bottom()))
        };
        if let Some((texture, shown)) = texture.filter(|_| from < to) {
            painter.image(texture, part(picture), part(shown), Color32::WHITE);
        }
    }
    if let Some(heat) = heat {
        painter.image(heat, square, WHOLE, Color32::WHITE);
    }
    if pair.original.is_some() && pair.cartoon.is_some() {
        let x = egui::lerp(picture.left()..=picture.right(), at);
        let color = if response.hovered() || response.dragged() { Color32::WHITE } else { Color32::from_gray(0xdd) };
        painter.vline(x, picture.y_range(), (3.0, Color32::from_black_alpha(120)));
        painter.vline(x, picture.y_range(), (1.5, color));
        let handle = pos2(x, picture.center().y);
        painter.circle(handle, 9.0, Color32::from_black_alpha(160), (1.5, color));
        painter.text(handle, Align2::CENTER_CENTER, "↔", FontId::proportional(13.0), color);
        tag(&painter, picture.left_bottom(), Align2::LEFT_BOTTOM, "picture");
        tag(&painter, picture.right_bottom(), Align2::RIGHT_BOTTOM, "cartoon");
    }
    response
}

/// A rectangle of an image in parts of the image's size.
pub(super) fn part(pixels: URect, size: UVec2) -> Rect {
    let corner = |at: UVec2| {
        let at = at.as_vec2() / size.max(UVec2::ONE).as_vec2();
        pos2(at.x, at.y)
    };
    Rect::from_min_max(corner(pixels.min), corner(pixels.max))
}

/// A word in a corner of the picture, readable whatever is below it.
fn tag(painter: &egui::Painter, corner: Pos2, align: Align2, word: &str) {
    let inset = vec2(6.0, -5.0) * vec2(if align == Align2::LEFT_BOTTOM { 1.0 } else { -1.0 }, 1.0);
    let galley = painter.layout_no_wrap(word.to_owned(), FontId::proportional(11.5), Color32::WHITE);
    let rect = align.anchor_size(corner + inset, galley.size());
    painter.rect_filled(rect.expand2(vec2(4.0, 2.0)), 3, Color32::from_black_alpha(150));
    painter.galley(rect.min, galley, Color32::WHITE);
}

fn facts(ui: &mut Ui, row: &Row, pair: &Pair) {
    ui.set_max_width(ui.available_width().max(150.0));
    ui.label(RichText::new(&row.name).strong().size(14.0));
    ui.label(RichText::new(row.status.to_string()).color(super::rows::color(&row.status)));
    let model = row.model.as_ref().map_or("loading", |model| model.manifest.name.as_str());
    let size = format!("{} x {} pixels", pair.size.x, pair.size.y);
    for (what, value) in [("model", model), ("group", row.group.as_str()), ("picture", size.as_str())] {
        ui.horizontal(|ui| {
            cell(ui, 48.0, |ui| ui.label(weak(what)));
            ui.label(value);
        });
    }
    if pair.original.is_none() {
        ui.label(weak("Its picture is no image that can be shown here.").small());
    }
}

/// What the class attention's two heads say of each group.
fn logits(ui: &mut Ui, row: &Row, attention: &Attention) {
    let groups = row.model.as_ref().map_or_else(Vec::new, |model| model.manifest.group_names());
    if attention.logits.len() != 2 * groups.len() {
        ui.label(weak("waiting for it").small());
        return;
    }
    ui.add_space(2.0);
    ui.label(weak("logits: from averages, from maxima").small());
    for (i, group) in groups.iter().enumerate() {
        ui.horizontal(|ui| {
            ui.spacing_mut().interact_size.y = 14.0;
            let color = if *group == row.group { style::BRANCH } else { style::TEXT };
            cell(ui, 72.0, |ui| ui.label(RichText::new(group).color(color)));
            let (average, maximum) = (attention.logits[i], attention.logits[groups.len() + i]);
            ui.monospace(format!("{average:>7.2} {maximum:>7.2}"));
        });
    }
}

#[cfg(test)]
mod tests {
    use bevy_egui::egui::{Context, Event, Modifiers, PointerButton, RawInput};

    use super::*;

    const SIDE: f32 = 200.0;

    /// The divider after a press at `from`, a move to `to` and a release, both in parts of the square's width.
    fn drag(pair: &Pair, from: f32, to: f32) -> f32 {
        let context = Context::default();
        let (mut divider, mut rect) = (0.5, Rect::NOTHING);
        let frame = |events: Vec<Event>, rect: &mut Rect, divider: &mut f32| {
            let screen_rect = Some(Rect::from_min_size(Pos2::ZERO, vec2(400.0, 400.0)));
            let input = RawInput { screen_rect, events, ..RawInput::default() };
            context.run_ui(input, |ui| *rect = compare(ui, pair, SIDE, None, divider).rect)
        };
        (0..2).for_each(|_| drop(frame(Vec::new(), &mut rect, &mut divider)));
        assert_eq!(rect.size(), Vec2::splat(SIDE));
        let at = |t: f32| pos2(rect.left() + t * SIDE, rect.center().y);
        let button = |pos, pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        let steps = [
            vec![Event::PointerMoved(at(from))],
            vec![button(at(from), true)],
            vec![Event::PointerMoved(at(to))],
            vec![button(at(to), false)],
            vec![Event::PointerMoved(at(0.5))],
        ];
        steps.into_iter().for_each(|events| drop(frame(events, &mut rect, &mut divider)));
        divider
    }

    fn pair(width: u32, height: u32) -> Pair {
        let texture = TextureId::User(0);
        Pair { original: Some((texture, WHOLE)), cartoon: Some(texture), size: UVec2::new(width, height) }
    }

    #[test]
    fn the_line_follows_the_pointer_while_it_is_dragged() {
        let near = |a: f32, b: f32| (a - b).abs() < 1e-3;
        assert!(near(drag(&pair(64, 64), 0.5, 0.75), 0.75));
        assert!(near(drag(&pair(64, 64), 0.1, 1.7), 1.0), "beyond the edge is the edge");
        // A tall picture takes the middle half of the square.
        assert!(near(drag(&pair(32, 64), 0.5, 0.375), 0.25));
    }

    #[test]
    fn a_part_of_an_image_is_a_part_of_its_size() {
        let rect = part(URect::new(32, 0, 64, 16), UVec2::new(128, 64));
        assert_eq!(rect, Rect::from_min_max(pos2(0.25, 0.0), pos2(0.5, 0.25)));
        assert!(part(URect::new(0, 0, 1, 1), UVec2::ZERO).is_finite());
    }

    #[test]
    fn nothing_to_show_is_no_fault() {
        let none = Pair { original: None, cartoon: None, size: UVec2::ZERO };
        assert!(drag(&none, 0.5, 0.9).is_finite());
    }
}
