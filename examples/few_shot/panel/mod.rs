//! What the window shows: pairs and settings to the left, what is learned and who draws with it to the right.

mod learning;
mod portraits;
mod setup;

#[path = "../../../src/debug_ui/style.rs"]
#[allow(
    dead_code,
    reason = "this window and the panel for developers look alike; each has a use of its own for some of it"
)]
mod style;

use std::collections::HashSet;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::egui::{
    self, Align, Align2, Color32, FontFamily, FontId, Layout, Pos2, Rect, Stroke, StrokeKind, TextStyle, TextureId, Ui,
    UiBuilder, pos2, vec2,
};
use bevy_egui::{EguiContext, EguiTextureHandle, EguiUserTextures, PrimaryEguiContext};
use bevy_toonface::ecs::{CartoonModel, DefaultCartoonModel};
use bevy_toonface::few_shot::FewShotProgress;
use bevy_toonface::gpu::is_showable;
use bevy_toonface::prelude::*;

use crate::inbox::{Inbox, Slot};
use crate::studio::{Action, Easel, Studio};

/// Behind everything.
const BACKDROP: Color32 = Color32::from_rgb(0x0d, 0x0f, 0x13);
/// Distance between the cards, and to the edges of the window.
const GAP: f32 = 10.0;
/// Width of the left column.
const SETUP: f32 = 396.0;
/// Height of the card with the portraits.
const PORTRAITS_HEIGHT: f32 = 214.0;

/// A picture that egui knows.
#[derive(Debug, Clone, Copy)]
struct Shown {
    id: TextureId,
    size: egui::Vec2,
}

/// Everything that is shown, as it is in this frame.
struct View<'a> {
    slots: &'a [Slot],
    /// The two pictures of each slot.
    tiles: Vec<[Option<Shown>; 2]>,
    errors: &'a [String],
    fault: Option<String>,
    is_busy: bool,
    hovered: bool,
    groups: Vec<String>,
    status: Option<&'a FewShotStatus>,
    progress: Option<&'a FewShotProgress>,
    /// A photograph, its cartoon, and what the group that is trained makes of it.
    lesson: [Option<Shown>; 3],
    portraits: Vec<Option<Shown>>,
    /// The chosen portrait by the group to start from, and by the new one.
    drawn: [Option<Shown>; 2],
}

impl View<'_> {
    /// Whether a session is under way.
    fn is_training(&self) -> bool {
        self.status.is_some_and(|status| !status.is_over())
    }
}

/// What is read from the world.
#[derive(SystemParam)]
pub struct Scene<'w, 's> {
    inbox: Res<'w, Inbox>,
    images: Res<'w, Assets<Image>>,
    models: Res<'w, Assets<CartoonModel>>,
    default_model: Option<Res<'w, DefaultCartoonModel>>,
    sessions: Query<'w, 's, (&'static FewShotSession, &'static FewShotStatus, &'static FewShotProgress)>,
    easels: Query<'w, 's, (&'static Easel, &'static CartoonStatus, &'static CartoonOutput)>,
}

/// Draws everything; what is touched goes to the settings, or out as an [`Action`].
pub fn draw(
    mut contexts: Query<&mut EguiContext, With<PrimaryEguiContext>>,
    mut textures: ResMut<EguiUserTextures>,
    mut known: Local<HashSet<AssetId<Image>>>,
    mut studio: ResMut<Studio>,
    scene: Scene,
    mut actions: MessageWriter<Action>,
) {
    let Ok(mut context) = contexts.single_mut() else { return };
    let context = context.get_mut().clone();
    let mut now = HashSet::new();
    let view = scene.view(&studio, |image| {
        now.insert(image);
        textures.add_image(EguiTextureHandle::Weak(image))
    });
    known.difference(&now).for_each(|gone| {
        textures.remove_image(*gone);
    });
    *known = now;
    let screen = context.content_rect();
    let area = egui::Area::new("few_shot".into()).fixed_pos(screen.min).order(egui::Order::Background);
    area.show(&context, |ui| {
        ui.set_style(style());
        ui.painter().rect_filled(screen, 0, BACKDROP);
        cards(ui, screen.shrink(GAP), &view, &mut studio, &mut |action| {
            actions.write(action);
        });
    });
}

impl Scene<'_, '_> {
    fn view(&self, studio: &Studio, mut texture: impl FnMut(AssetId<Image>) -> TextureId) -> View<'_> {
        let mut show = |handle: &Handle<Image>| {
            let image = self.images.get(handle).filter(|image| is_showable(image))?;
            let size = image.size_f32();
            Some(Shown { id: texture(handle.id()), size: vec2(size.x, size.y) })
        };
        let slots = &self.inbox.slots;
        let tiles = slots
            .iter()
            .map(|slot| [&slot.photo, &slot.cartoon].map(|half| half.as_ref().and_then(|half| show(&half.image))));
        let tiles = tiles.collect();
        let session = studio.session.and_then(|session| self.sessions.get(session).ok());
        let pair = match session {
            Some((session, _, progress)) => session.pairs.get(progress.preview_pair).cloned(),
            None => slots.iter().find_map(Slot::pair),
        };
        let preview = session.map(|(_, _, progress)| progress.preview.clone()).filter(|p| *p != Handle::default());
        let lesson = [pair.as_ref().map(|pair| &pair.photo), pair.as_ref().map(|pair| &pair.cartoon), preview.as_ref()]
            .map(|image| image.and_then(&mut show));
        let portraits = studio.portraits.iter().map(&mut show).collect();
        let drawn = [Easel::Before, Easel::After].map(|wanted| {
            let easel = self.easels.iter().find(|(easel, ..)| **easel == wanted);
            easel.filter(|(_, status, _)| status.is_running()).and_then(|(.., output)| show(&output.image))
        });
        let model = self.default_model.as_ref().and_then(|handle| self.models.get(&handle.0));
        let names = |model: &CartoonModel| model.model.manifest.groups.iter().map(|group| group.name.clone()).collect();
        View {
            slots,
            tiles,
            errors: &self.inbox.errors,
            fault: self.inbox.fault(),
            is_busy: self.inbox.is_busy(),
            hovered: self.inbox.hovered,
            groups: model.map(names).unwrap_or_default(),
            status: session.map(|(_, status, _)| status),
            progress: session.map(|(_, _, progress)| progress),
            lesson,
            portraits,
            drawn,
        }
    }
}

fn cards(ui: &mut Ui, room: Rect, view: &View, studio: &mut Studio, act: &mut dyn FnMut(Action)) {
    let (left, right) = room.split_left_right_at_x(room.left() + SETUP);
    let right = Rect::from_min_max(right.min + vec2(GAP, 0.0), right.max);
    let (top, bottom) = right.split_top_bottom_at_y(right.bottom() - PORTRAITS_HEIGHT);
    setup::card(ui, left, view, studio, act);
    learning::card(ui, Rect::from_min_max(top.min, top.max - vec2(0.0, GAP)), view);
    portraits::card(ui, bottom, view, studio, act);
}

/// The style of the panel for developers, larger: there is room.
fn style() -> egui::Style {
    let mut style = (*style::style()).clone();
    let size = |size: f32| FontId::new(size, FontFamily::Proportional);
    style.text_styles.extend([
        (TextStyle::Small, size(11.5)),
        (TextStyle::Body, size(13.5)),
        (TextStyle::Button, size(13.5)),
        (TextStyle::Heading, size(17.0)),
    ]);
    style.spacing.interact_size.y = 22.0;
    style.spacing.button_padding = vec2(8.0, 3.0);
    style
}

/// A box with a title, and a word to the right of it.
fn card_ui<R>(ui: &mut Ui, rect: Rect, title: &str, note: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.painter().rect(rect, 8, style::GROUND, Stroke::new(1.0, style::LINE), StrokeKind::Inside);
    let inside = UiBuilder::new().max_rect(rect.shrink2(vec2(14.0, 11.0))).layout(Layout::top_down(Align::Min));
    ui.scope_builder(inside, |ui| {
        ui.horizontal(|ui| {
            ui.heading(title);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.label(style::weak(note).small()));
        });
        ui.add_space(2.0);
        add(ui)
    })
    .inner
}

/// A picture in the middle of a square, or a word where there is none.
fn picture(ui: &Ui, square: Rect, shown: Option<Shown>, else_say: &str) {
    ui.painter().rect_filled(square, 6, style::CARD);
    let Some(Shown { id, size }) = shown else {
        let font = FontId::proportional(12.0);
        let words = ui.painter().layout(else_say.to_owned(), font, style::WEAK, square.width() - 16.0);
        ui.painter().galley(Align2::CENTER_CENTER.anchor_size(square.center(), words.size()).min, words, style::WEAK);
        return;
    };
    let size = size * (square.width() / size.x.max(size.y).max(1.0));
    let rect = Rect::from_center_size(square.center(), size);
    egui::Image::from_texture((id, size)).corner_radius(6).paint_at(ui, rect);
}

/// A word below a square.
fn caption(ui: &Ui, square: Rect, word: &str, color: Color32) {
    let at = pos2(square.center().x, square.bottom() + 4.0);
    ui.painter().text(at, Align2::CENTER_TOP, word, FontId::proportional(12.5), color);
}

/// Squares of a side, one beside the other.
fn squares<const N: usize>(at: Pos2, side: f32, gap: f32) -> [Rect; N] {
    std::array::from_fn(|i| Rect::from_min_size(at + vec2((side + gap) * i as f32, 0.0), vec2(side, side)))
}
