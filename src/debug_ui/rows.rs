//! The list of cartoons: one row an entity, its settings to be changed in place.

use bevy::prelude::Entity;
use bevy_egui::egui::{self, Align, Color32, DragValue, Layout, Margin, Response, RichText, ScrollArea, Slider, Ui};

use super::edit::Edit;
use super::scene::{Row, Scene};
use super::style::{self, cell, number, weak};
use crate::ecs::{CartoonStatus, UpdateRate};

/// Widths of the columns.
const NAME: f32 = 136.0;
const GROUP: f32 = 92.0;
const STRENGTH: f32 = 124.0;
const UPDATE: f32 = 142.0;
const UPDATES: f32 = 54.0;
const MS: f32 = 50.0;
/// Height of the list at most; beyond, it scrolls.
const HEIGHT: f32 = 172.0;

/// The widgets of a row, for tests to touch.
#[cfg_attr(not(test), expect(dead_code, reason = "only the name is asked whether it was clicked"))]
pub(super) struct RowResponse {
    pub name: Response,
    pub group: Response,
    pub strength: Response,
    pub update: Response,
}

/// All rows, with a line above that says what the columns are.
pub(super) fn table(ui: &mut Ui, scene: &Scene, chosen: &mut Option<Entity>, edits: &mut Vec<Edit>) {
    ui.horizontal(|ui| {
        ui.add_space(4.0);
        for (title, width) in [("cartoon", NAME), ("group", GROUP), ("strength", STRENGTH), ("update", UPDATE)] {
            cell(ui, width, |ui| ui.label(weak(title).small()));
        }
        number(ui, UPDATES, weak("updates").small());
        number(ui, MS, weak("ms").small());
    });
    if scene.rows.is_empty() {
        ui.label(weak("No entity has a CartoonGroup yet."));
    }
    ScrollArea::vertical().id_salt("cartoons").max_height(HEIGHT).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        for (i, row) in scene.rows.iter().enumerate() {
            let is_chosen = *chosen == Some(row.entity);
            let fill = match (is_chosen, i % 2) {
                (true, _) => style::CHOSEN,
                (false, 0) => style::CARD,
                (false, _) => Color32::TRANSPARENT,
            };
            let frame = egui::Frame::NONE.fill(fill).corner_radius(3).inner_margin(Margin::symmetric(4, 1));
            let response = frame.show(ui, |ui| ui.push_id(row.entity, |ui| row_ui(ui, row, edits)).inner).inner;
            if response.name.clicked() {
                *chosen = Some(row.entity);
            }
        }
    });
}

/// One row; below it, what is wrong, in words.
pub(super) fn row_ui(ui: &mut Ui, row: &Row, edits: &mut Vec<Edit>) -> RowResponse {
    let response = ui.horizontal(|ui| {
        let name = cell(ui, NAME, |ui| name(ui, row));
        let group = cell(ui, GROUP, |ui| group(ui, row, edits));
        let strength = cell(ui, STRENGTH, |ui| strength(ui, row, edits));
        let update = cell(ui, UPDATE, |ui| update(ui, row, edits));
        match &row.status {
            CartoonStatus::Running { updates, milliseconds } => {
                number(ui, UPDATES, updates.to_string());
                number(ui, MS, format!("{milliseconds:.1}"));
            }
            status => number(ui, UPDATES + MS, RichText::new(word(status)).color(color(status))),
        }
        RowResponse { name, group, strength, update }
    });
    if let Some(error) = row.status.error() {
        ui.label(RichText::new(error.to_string()).color(style::BAD).small());
    }
    response.inner
}

fn word(status: &CartoonStatus) -> &'static str {
    match status {
        CartoonStatus::Loading => "loading",
        CartoonStatus::Ready => "ready",
        CartoonStatus::Idle(_) => "idle",
        CartoonStatus::Running { .. } => "running",
        CartoonStatus::Failed(_) => "failed",
    }
}

/// The colour of a status.
pub(super) fn color(status: &CartoonStatus) -> Color32 {
    match status {
        CartoonStatus::Loading | CartoonStatus::Ready | CartoonStatus::Idle(_) => style::WAIT,
        CartoonStatus::Running { .. } => style::GOOD,
        CartoonStatus::Failed(_) => style::BAD,
    }
}

/// The name, behind a dot in the colour of the status; a click chooses the row.
fn name(ui: &mut Ui, row: &Row) -> Response {
    let (dot, _) = ui.allocate_exact_size(egui::vec2(10.0, 10.0), egui::Sense::hover());
    ui.painter().circle_filled(dot.center(), 4.0, color(&row.status));
    let button = egui::Button::new(row.name.as_str()).frame(false).truncate();
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(button))
        .inner
        .on_hover_text(row.status.to_string())
}

fn group(ui: &mut Ui, row: &Row, edits: &mut Vec<Edit>) -> Response {
    let combo = egui::ComboBox::from_id_salt("group").width(GROUP - 6.0).selected_text(&row.group).truncate();
    combo
        .show_ui(ui, |ui| {
            let Some(model) = &row.model else {
                ui.label(weak("the model is loading"));
                return;
            };
            for group in model.manifest.groups.iter().map(|group| &group.name) {
                if ui.selectable_label(*group == row.group, group.as_str()).clicked() && *group != row.group {
                    edits.push(Edit::Group(row.entity, group.clone()));
                }
            }
        })
        .response
}

fn strength(ui: &mut Ui, row: &Row, edits: &mut Vec<Edit>) -> Response {
    let mut strength = row.strength;
    ui.spacing_mut().slider_width = 70.0;
    let slider = ui.add(Slider::new(&mut strength, 0.0..=1.0).fixed_decimals(2).trailing_fill(true));
    if slider.changed() && strength != row.strength {
        edits.push(Edit::Strength(row.entity, strength));
    }
    slider
}

fn update(ui: &mut Ui, row: &Row, edits: &mut Vec<Edit>) -> Response {
    let rate = if let UpdateRate::PerSecond(rate) = row.update { rate } else { 10.0 };
    let choices = [
        (UpdateRate::OnChange, "on change"),
        (UpdateRate::Always, "always"),
        (UpdateRate::PerSecond(rate), "a second"),
        (UpdateRate::Once, "once"),
    ];
    let kind = std::mem::discriminant(&row.update);
    let selected = choices.iter().find(|(choice, _)| std::mem::discriminant(choice) == kind);
    let combo = egui::ComboBox::from_id_salt("update").width(84.0).selected_text(selected.map_or("", |(_, word)| word));
    if matches!(row.update, UpdateRate::PerSecond(_)) {
        let mut rate = rate;
        if ui.add(DragValue::new(&mut rate).range(0.1..=240.0).speed(0.1).max_decimals(1)).changed() {
            edits.push(Edit::Update(row.entity, UpdateRate::PerSecond(rate)));
        }
    }
    combo
        .show_ui(ui, |ui| {
            for (choice, word) in choices {
                let chosen = std::mem::discriminant(&choice) == kind;
                if ui.selectable_label(chosen, word).clicked() && !chosen {
                    edits.push(Edit::Update(row.entity, choice));
                }
            }
        })
        .response
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bevy::prelude::{Handle, World};
    use bevy_egui::egui::{Context, Event, Modifiers, PointerButton, Pos2, RawInput, Rect, Shape, pos2, vec2};

    use super::*;
    use crate::ecs::{CartoonError, CartoonSource};
    use crate::model::{Generator, GroupEntry, Manifest, Model, TensorFile, Weights};

    /// A model that nobody draws with.
    fn model() -> Arc<Model> {
        let generator = Generator::Paper { base_channels: 4, image_size: 64 };
        let graph = generator.build(2).expect("a graph");
        let group = |name: &str| GroupEntry { name: name.into(), weights: name.into() };
        let groups = ["woman", "kid"].map(group).to_vec();
        let manifest = Manifest { version: 1, name: "test".into(), generator, trunk: "trunk".into(), groups };
        Arc::new(Model { manifest, graph, weights: Weights { trunk: TensorFile::default(), branches: Vec::new() } })
    }

    fn row() -> Row {
        Row {
            entity: World::new().spawn_empty().id(),
            name: "ada".into(),
            group: "woman".into(),
            strength: 0.5,
            update: UpdateRate::OnChange,
            status: CartoonStatus::Running { updates: 3, milliseconds: 1.5 },
            model: Some(model()),
            source: CartoonSource::None,
            output: Handle::default(),
            probe: None,
        }
    }

    /// A row on a screen of its own, and a pointer.
    struct Screen {
        context: Context,
        row: Row,
        edits: Vec<Edit>,
        time: f64,
        /// Texts of the latest frame with their places.
        texts: Vec<(String, Rect)>,
        rects: [Rect; 4],
    }

    impl Screen {
        fn new(row: Row) -> Self {
            let rects = [Rect::NOTHING; 4];
            let mut screen =
                Self { context: Context::default(), row, edits: Vec::new(), time: 0.0, texts: Vec::new(), rects };
            (0..3).for_each(|_| screen.frame(Vec::new()));
            screen
        }

        fn frame(&mut self, events: Vec<Event>) {
            self.time += 0.1;
            let screen_rect = Some(Rect::from_min_size(Pos2::ZERO, vec2(800.0, 400.0)));
            let input = RawInput { screen_rect, time: Some(self.time), events, ..RawInput::default() };
            let (row, edits, rects) = (&self.row, &mut self.edits, &mut self.rects);
            let output = self.context.run_ui(input, |ui| {
                ui.set_style(style::style());
                let RowResponse { name, group, strength, update } = row_ui(ui, row, edits);
                *rects = [name.rect, group.rect, strength.rect, update.rect];
            });
            let mut texts = Vec::new();
            output.shapes.iter().for_each(|shape| collect(&shape.shape, &mut texts));
            self.texts = texts;
        }

        fn click(&mut self, at: Pos2) {
            let button = |pressed| Event::PointerButton {
                pos: at,
                button: PointerButton::Primary,
                pressed,
                modifiers: Modifiers::NONE,
            };
            self.frame(vec![Event::PointerMoved(at)]);
            self.frame(vec![button(true)]);
            self.frame(vec![button(false)]);
            self.frame(Vec::new());
        }

        /// Clicks on a text. The last of several is on top.
        fn click_text(&mut self, text: &str) {
            let found = self.texts.iter().rev().find(|(t, _)| t == text);
            let at = found.unwrap_or_else(|| panic!("`{text}` in {:?}", self.texts)).1.center();
            self.click(at);
        }
    }

    fn collect(shape: &Shape, texts: &mut Vec<(String, Rect)>) {
        match shape {
            Shape::Text(text) => texts.push((text.galley.text().to_owned(), text.visual_bounding_rect())),
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| collect(shape, texts)),
            _ => {}
        }
    }

    #[test]
    fn looking_at_a_row_edits_nothing() {
        let mut screen = Screen::new(row());
        let at = [screen.rects[0], screen.rects[1], screen.rects[2]].map(|rect| rect.center());
        at.into_iter().for_each(|at| screen.frame(vec![Event::PointerMoved(at)]));
        screen.row.strength = 1.5;
        screen.frame(Vec::new());
        assert_eq!(screen.edits, []);
    }

    #[test]
    fn a_click_on_the_slider_edits_the_strength() {
        let mut screen = Screen::new(row());
        let slider = screen.rects[2];
        screen.click(pos2(slider.left() + 2.0, slider.center().y));
        let entity = screen.row.entity;
        assert_eq!(screen.edits.last(), Some(&Edit::Strength(entity, 0.0)));
    }

    #[test]
    fn a_choice_of_group_and_rate_is_an_edit() {
        let mut screen = Screen::new(row());
        let entity = screen.row.entity;
        screen.click(screen.rects[1].center());
        screen.click_text("kid");
        assert_eq!(screen.edits, [Edit::Group(entity, "kid".into())]);
        screen.edits.clear();
        screen.click(screen.rects[3].center());
        screen.click_text("always");
        assert_eq!(screen.edits, [Edit::Update(entity, UpdateRate::Always)]);
        screen.edits.clear();
        screen.click(screen.rects[3].center());
        screen.click_text("a second");
        assert_eq!(screen.edits, [Edit::Update(entity, UpdateRate::PerSecond(10.0))]);
    }

    #[test]
    fn an_error_is_told_in_words_below_its_row() {
        let mut failed = row();
        failed.status = CartoonStatus::Failed(CartoonError::NoPicture);
        let screen = Screen::new(failed);
        let words = CartoonError::NoPicture.to_string();
        let (_, place) = screen.texts.iter().find(|(text, _)| *text == words).expect("the error");
        assert!(place.top() >= screen.rects[1].bottom() - 1.0, "{place:?} below {:?}", screen.rects[1]);
        assert!(screen.texts.iter().any(|(text, _)| text == "failed"), "{:?}", screen.texts);
    }
}
