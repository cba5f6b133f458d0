//! Draws the panel: the list of cartoons, below it the tab that is open.

use bevy::prelude::*;
use bevy_egui::egui::{self, Context, RichText, TextureOptions, Ui, vec2};
use bevy_egui::{EguiContext, EguiUserTextures, PrimaryEguiContext};

use super::edit::{Edit, Edited};
use super::maps::{Maps, heat};
use super::picture::Pair;
use super::reader::{LayerReader, Read};
use super::scene::{Row, Scene, SceneParams, order};
use super::state::{CartoonPanel, LayerKey, PanelState, PanelTab};
use super::{layers, memory, picture, plan, rows, style, time};
use crate::ecs::{Cartoon, CartoonGroup, CartoonSource, CartoonStatus, CartoonTaps, CartoonView};
use crate::gpu::{CartoonProfiling, is_showable};

/// Width of the panel in points.
const WIDTH: f32 = 640.0;
/// Distance to the edges of the screen.
const MARGIN: f32 = 8.0;

/// Draws the panel and applies what was touched.
pub(super) fn draw(
    mut contexts: Query<&mut EguiContext, With<PrimaryEguiContext>>,
    mut textures: ResMut<EguiUserTextures>,
    mut panel: ResMut<CartoonPanel>,
    mut state: ResMut<PanelState>,
    mut params: ParamSet<(SceneParams, Edited)>,
    images: Res<Assets<Image>>,
) {
    // Without a camera, there is nothing to draw to yet.
    let Ok(mut context) = contexts.single_mut() else { return };
    let context = context.get_mut().clone();
    let state = &mut *state;
    state.active = true;
    let read = params.p0();
    let scene = read.scene();
    let status = state.reader.and_then(|reader| read.read(reader)).map(|(status, _)| status.clone());
    let chosen = scene.row(panel.entity).or(scene.rows.first());
    see(&context, &read, &panel, chosen, state);
    let pair = chosen.filter(|_| panel.tab == PanelTab::Picture).map(|row| Showable::of(row, &images));
    let shown = pair.as_ref().map_or(&[][..], |pair| &pair.images);
    let ids = state.pictures.show(shown, &mut textures);
    let pair = pair.map(|pair| pair.pair(&ids));

    let before = panel.clone();
    let mut after = before.clone();
    let mut edits = Vec::new();
    show(&context, &scene, chosen, pair.as_ref(), status.as_ref(), &mut after, state, &mut edits);
    // The game learns of a change only if there is one.
    panel.set_if_neq(after);
    let mut edited = params.p1();
    edits.into_iter().for_each(|edit| edited.apply(edit));
}

/// The images of an entity.
struct Showable {
    images: Vec<AssetId<Image>>,
    /// The part of the picture that becomes the cartoon, in parts of its size; `None` without a picture.
    part: Option<egui::Rect>,
    size: UVec2,
}

impl Showable {
    fn of(row: &Row, images: &Assets<Image>) -> Self {
        let showable = |handle: &Handle<Image>| images.get(handle).is_some_and(is_showable).then(|| handle.id());
        let (original, part) = match &row.source {
            CartoonSource::Image(image) => (showable(image), None),
            CartoonSource::Part(image, part) => (showable(image), images.get(image).map(|image| (*part, image.size()))),
            CartoonSource::None | CartoonSource::Tensor(_) => (None, None),
        };
        let part = part.map_or(picture::WHOLE, |(part, size)| picture::part(part, size));
        let output = Some(&row.output).filter(|output| **output != Handle::default()).and_then(showable);
        let size = images.get(&row.output).map_or(UVec2::ONE, Image::size);
        Self { images: original.into_iter().chain(output).collect(), part: original.map(|_| part), size }
    }

    fn pair(&self, ids: &[egui::TextureId]) -> Pair {
        let mut ids = ids.iter().copied();
        let original = self.part.and_then(|part| Some((ids.next()?, part)));
        Pair { original, cartoon: ids.next(), size: self.size }
    }
}

/// Turns what the reader has read into pictures, if it is new.
fn see(context: &Context, read: &SceneParams, panel: &CartoonPanel, chosen: Option<&Row>, state: &mut PanelState) {
    let Some(reader) = state.reader else { return };
    let Some((_, Some(tensors))) = read.read(reader) else { return };
    let tick = tensors.last_changed().get();
    let find = |name: &str| tensors.0.iter().find(|(n, _)| n == name).map(|(_, tensor)| tensor);
    match (panel.tab, chosen) {
        (PanelTab::Picture, Some(_)) => {
            let attention = &mut state.attention;
            let seen = Some((reader, tick, attention.opacity.to_bits()));
            if attention.seen == seen {
                return;
            }
            attention.seen = seen;
            attention.logits = find("cam_logit").map_or_else(Vec::new, |tensor| tensor.data.clone());
            let image = find("heatmap").and_then(|tensor| heat(tensor, attention.opacity));
            attention.heat = image.map(|image| context.load_texture("heatmap", image, TextureOptions::LINEAR));
        }
        (PanelTab::Layers, Some(_)) => {
            let (view, Some(layer)) = (&mut state.layers, panel.layer.clone()) else { return };
            let Some(tensor) = find(&layer) else { return };
            let key = LayerKey { reader, layer, look: view.look, tick };
            if view.seen.as_ref() == Some(&key) {
                return;
            }
            view.maps = Maps::new(tensor, &view.look).map(|maps| {
                let texture = context.load_texture("layer", maps.image.clone(), TextureOptions::NEAREST);
                (maps, texture)
            });
            view.seen = Some(key);
        }
        _ => {}
    }
}

/// The whole panel. What is touched goes to `panel`, `state` and `edits`.
#[expect(clippy::too_many_arguments, reason = "the one place where everything that is shown comes together")]
fn show(
    context: &Context,
    scene: &Scene,
    chosen: Option<&Row>,
    pair: Option<&Pair>,
    reader: Option<&CartoonStatus>,
    panel: &mut CartoonPanel,
    state: &mut PanelState,
    edits: &mut Vec<Edit>,
) {
    let screen = context.content_rect();
    let margin = style::panel().total_margin().sum();
    let room = screen.size() - vec2(2.0 * MARGIN, 2.0 * MARGIN) - margin;
    let size = vec2(WIDTH, room.y).min(room);
    let corner = screen.right_top() + vec2(-size.x - margin.x - MARGIN, MARGIN);
    egui::Window::new("bevy_toonface")
        .title_bar(false)
        .frame(style::panel())
        .default_rect(egui::Rect::from_min_size(corner, size))
        .min_size(vec2(480.0, 320.0).min(size))
        .max_size(room)
        .show(context, |ui| {
            ui.set_style(style::style());
            header(ui, scene, panel);
            let mut entity = chosen.map(|row| row.entity);
            rows::table(ui, scene, &mut entity, edits);
            // The first row is chosen by default, not by touch.
            if entity != chosen.map(|row| row.entity) {
                panel.entity = entity;
            }
            tabs(ui, scene, chosen, panel, state);
            body(ui, scene, chosen, pair, reader, panel, state, edits);
            ui.take_available_space();
        });
}

fn header(ui: &mut Ui, scene: &Scene, panel: &mut CartoonPanel) {
    ui.horizontal(|ui| {
        ui.heading("Cartoons");
        let running = scene.rows.iter().filter(|row| row.status.is_running()).count();
        ui.label(style::weak(format!("{running} of {} running", scene.rows.len())));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.small_button("✖").on_hover_text("Close").clicked() {
                panel.open = false;
            }
            if let Some(key) = panel.key {
                ui.label(style::weak(format!("{key:?} hides this")).small());
            }
        });
    });
}

/// The tabs; those of chains have a choice of chains.
fn tabs(ui: &mut Ui, scene: &Scene, chosen: Option<&Row>, panel: &mut CartoonPanel, state: &mut PanelState) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        for (tab, title) in PanelTab::ALL {
            let text = RichText::new(title).size(13.5);
            ui.selectable_value(&mut panel.tab, tab, text);
        }
        if !matches!(panel.tab, PanelTab::Time | PanelTab::Plan) || scene.chains.is_empty() {
            return;
        }
        let current = scene.chain(state.chain, chosen);
        let title = current.map_or_else(String::new, memory::title);
        egui::ComboBox::from_id_salt("chain").width(250.0).selected_text(title).truncate().show_ui(ui, |ui| {
            for chain in &scene.chains {
                let is_current = current.is_some_and(|current| current.number == chain.number);
                if ui.selectable_label(is_current, memory::title(chain)).clicked() {
                    state.chain = Some(chain.number);
                }
            }
        });
    });
    ui.separator();
}

#[expect(clippy::too_many_arguments, reason = "every tab shows another part of it")]
fn body(
    ui: &mut Ui,
    scene: &Scene,
    chosen: Option<&Row>,
    pair: Option<&Pair>,
    reader: Option<&CartoonStatus>,
    panel: &mut CartoonPanel,
    state: &mut PanelState,
    edits: &mut Vec<Edit>,
) {
    let chain = scene.chain(state.chain, chosen);
    match (panel.tab, chosen) {
        (PanelTab::Picture, Some(row)) => {
            let none = Pair { original: None, cartoon: None, size: UVec2::ONE };
            let pair = pair.unwrap_or(&none);
            picture::tab(ui, row, pair, &mut state.divider, &mut panel.heatmap, &mut state.attention);
        }
        (PanelTab::Layers, Some(row)) => layers::tab(ui, row, &mut panel.layer, &mut state.layers, reader, edits),
        (PanelTab::Time, _) => time::tab(ui, scene, chain, chosen.map(|row| Edit::Redraw(row.entity)), edits),
        (PanelTab::Memory, _) => memory::tab(ui, scene),
        (PanelTab::Plan, _) => plan::tab(ui, chain, &mut state.plan_search),
        (PanelTab::Picture | PanelTab::Layers, None) => {
            ui.label(style::weak("There is no cartoon to look at."));
        }
    }
}

/// What the reader of layers is to read: as much as is on screen.
fn wanted_layers(panel: &CartoonPanel, known: impl Fn(&str) -> bool) -> Vec<String> {
    let names = match panel.tab {
        PanelTab::Picture if panel.heatmap => vec!["cam_logit".to_owned(), "heatmap".to_owned()],
        PanelTab::Layers => panel.layer.iter().cloned().collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| known(name)).collect()
}

type Cartoons = (Entity, &'static CartoonGroup, &'static Cartoon, &'static CartoonSource, Option<&'static CartoonView>);
type Readers = (
    &'static mut CartoonGroup,
    &'static mut Cartoon,
    &'static mut CartoonSource,
    &'static mut CartoonTaps,
    &'static LayerReader,
);

/// Keeps a reader beside the chosen entity while a layer is on screen.
pub(super) fn sync_reader(
    panel: Res<CartoonPanel>,
    mut state: ResMut<PanelState>,
    cartoons: Query<Cartoons, Without<LayerReader>>,
    mut readers: Query<Readers>,
    mut commands: Commands,
) {
    let first = || cartoons.iter().min_by_key(|(entity, ..)| order(*entity));
    let chosen = panel.entity.and_then(|entity| cartoons.get(entity).ok()).or_else(first);
    let wanted = chosen.and_then(|(entity, group, cartoon, source, view)| {
        // A name that the model does not know ends in the reader's own error, which is shown.
        let names = wanted_layers(&panel, |_| true);
        (!names.is_empty()).then(|| (entity, Read::new(group, cartoon, source, view, names)))
    });
    let known = state.reader.and_then(|reader| readers.get_mut(reader).ok());
    match (wanted, known) {
        (Some((entity, read)), Some((mut group, mut cartoon, mut source, mut taps, reader)))
            if reader.of == entity && *taps == read.taps =>
        {
            group.set_if_neq(read.group);
            cartoon.set_if_neq(read.cartoon);
            source.set_if_neq(read.source);
            taps.set_if_neq(read.taps);
        }
        (wanted, _) => {
            if let Some(reader) = state.reader.take() {
                commands.entity(reader).try_despawn();
            }
            state.reader = wanted.map(|(entity, read)| read.spawn(entity, &mut commands));
        }
    }
}

/// Gives back what the panel holds when it is closed.
pub(super) fn close(mut state: ResMut<PanelState>, mut textures: ResMut<EguiUserTextures>, mut commands: Commands) {
    let state = &mut *state;
    state.active = false;
    state.pictures.show(&[], &mut textures);
    state.attention.heat = None;
    state.attention.seen = None;
    state.layers.maps = None;
    state.layers.seen = None;
    if let Some(reader) = state.reader.take() {
        commands.entity(reader).try_despawn();
    }
    commands.insert_resource(CartoonProfiling { enabled: false });
}
