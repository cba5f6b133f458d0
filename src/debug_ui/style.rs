//! Colours and sizes of the panel, whatever the game's own style.

use std::sync::Arc;

use bevy_egui::egui::{
    Color32, CornerRadius, FontFamily, FontId, Frame, Layout, Margin, RichText, Stroke, Style, TextStyle, Ui, Vec2,
    Visuals,
};

/// Ground of the panel.
pub const GROUND: Color32 = Color32::from_rgb(0x17, 0x1a, 0x20);
/// Ground of boxes in it.
pub const CARD: Color32 = Color32::from_rgb(0x1f, 0x23, 0x2b);
/// Ground of what is chosen.
pub const CHOSEN: Color32 = Color32::from_rgb(0x26, 0x3d, 0x57);
/// Lines.
pub const LINE: Color32 = Color32::from_rgb(0x33, 0x3a, 0x45);
/// Text.
pub const TEXT: Color32 = Color32::from_rgb(0xd8, 0xdd, 0xe5);
/// Text that matters less.
pub const WEAK: Color32 = Color32::from_rgb(0x93, 0x9d, 0xac);
/// What is well.
pub const GOOD: Color32 = Color32::from_rgb(0x5a, 0xc4, 0x8a);
/// What is not there yet.
pub const WAIT: Color32 = Color32::from_rgb(0xe2, 0xb3, 0x55);
/// What is wrong.
pub const BAD: Color32 = Color32::from_rgb(0xf2, 0x74, 0x6e);
/// What belongs to the part that all groups share.
pub const TRUNK: Color32 = Color32::from_rgb(0x4f, 0x9c, 0xe8);
/// What belongs to a group.
pub const BRANCH: Color32 = Color32::from_rgb(0xb2, 0x7c, 0xe6);

/// Height of a row of text with something to click in it.
pub const ROW: f32 = 20.0;

/// The style of everything in the panel.
pub fn style() -> Arc<Style> {
    let mut style = Style { visuals: Visuals::dark(), ..Style::default() };
    let size = |size: f32| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, size(10.5)),
        (TextStyle::Body, size(12.5)),
        (TextStyle::Button, size(12.5)),
        (TextStyle::Heading, size(16.0)),
        (TextStyle::Monospace, FontId::new(10.5, FontFamily::Monospace)),
    ]
    .into();
    let visuals = &mut style.visuals;
    visuals.override_text_color = Some(TEXT);
    visuals.weak_text_color = Some(WEAK);
    visuals.extreme_bg_color = Color32::from_rgb(0x10, 0x12, 0x16);
    visuals.faint_bg_color = CARD;
    visuals.selection.bg_fill = Color32::from_rgb(0x2f, 0x62, 0x96);
    visuals.selection.stroke = Stroke::new(1.0, Color32::WHITE);
    visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, LINE);
    visuals.widgets.inactive.bg_fill = Color32::from_rgb(0x38, 0x40, 0x4d);
    visuals.widgets.inactive.weak_bg_fill = Color32::from_rgb(0x2b, 0x31, 0x3b);
    visuals.widgets.hovered.weak_bg_fill = Color32::from_rgb(0x39, 0x42, 0x50);
    style.spacing.item_spacing = Vec2::new(6.0, 4.0);
    style.spacing.interact_size.y = ROW - 2.0;
    style.spacing.scroll.floating = false;
    style.spacing.scroll.bar_width = 8.0;
    Arc::new(style)
}

/// The panel's own frame.
pub fn panel() -> Frame {
    Frame::NONE
        .fill(GROUND)
        .stroke(Stroke::new(1.0, LINE))
        .corner_radius(CornerRadius::same(6))
        .inner_margin(Margin::same(10))
}

/// A box in the panel.
pub fn card() -> Frame {
    Frame::NONE.fill(CARD).corner_radius(CornerRadius::same(4)).inner_margin(Margin::symmetric(8, 6))
}

/// Text that matters less.
pub fn weak(text: impl Into<String>) -> RichText {
    RichText::new(text).color(WEAK)
}

/// Something in a column of its own, so that rows are aligned.
pub fn cell<R>(ui: &mut Ui, width: f32, add: impl FnOnce(&mut Ui) -> R) -> R {
    let layout = Layout::left_to_right(bevy_egui::egui::Align::Center);
    ui.allocate_ui_with_layout(Vec2::new(width, ROW), layout, |ui| {
        ui.set_min_width(width);
        ui.set_max_width(width);
        add(ui)
    })
    .inner
}

/// The same, from the right.
pub fn number(ui: &mut Ui, width: f32, text: impl Into<RichText>) {
    let layout = Layout::right_to_left(bevy_egui::egui::Align::Center);
    ui.allocate_ui_with_layout(Vec2::new(width, ROW), layout, |ui| {
        ui.set_min_width(width);
        ui.label(text.into());
    });
}

/// How many there are of something.
pub fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Bytes in MiB.
pub fn mib(bytes: usize) -> String {
    format!("{:.2} MiB", bytes as f64 / (1024.0 * 1024.0))
}
