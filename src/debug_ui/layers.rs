//! The tab Layers: what any layer of the network holds, and the search for NaN.

use bevy_egui::egui::{
    self, Color32, Rect, RichText, ScrollArea, Sense, TextEdit, TextureHandle, Ui, Vec2, pos2, vec2,
};

use super::edit::Edit;
use super::maps::{Colors, Maps, Scale};
use super::probe::{ProbeReport, layer_names};
use super::scene::Row;
use super::state::LayerView;
use super::style::{self, count, weak};
use crate::ecs::CartoonStatus;

/// Width of the list of layers.
const LIST: f32 = 196.0;
/// Tiles are drawn no larger than this many points a texel.
const LARGEST_TEXEL: f32 = 12.0;

/// The tab. `reader` is the status of the entity that reads the layer.
pub(super) fn tab(
    ui: &mut Ui,
    row: &Row,
    layer: &mut Option<String>,
    view: &mut LayerView,
    reader: Option<&CartoonStatus>,
    edits: &mut Vec<Edit>,
) {
    probe(ui, row, layer, edits);
    ui.horizontal_top(|ui| {
        ui.vertical(|ui| list(ui, row, layer, view));
        ui.vertical(|ui| {
            controls(ui, view);
            match (layer, reader) {
                (None, _) => {
                    ui.label(weak("Choose a layer. It is read in a chain of passes of its own, beside the cartoon's: more textures, and layers that are fused otherwise."));
                }
                (Some(_), Some(CartoonStatus::Failed(error))) => {
                    ui.colored_label(style::BAD, error.to_string());
                }
                (Some(layer), _) => match view.maps.as_ref().filter(|_| view.seen.as_ref().is_some_and(|s| s.layer == *layer)) {
                    Some((maps, texture)) => picture(ui, maps, texture),
                    None => {
                        ui.horizontal(|ui| {
                            ui.spinner();
                            ui.label(weak("reading"));
                        });
                    }
                },
            }
        });
    });
}

/// The search for the first layer that is not finite.
fn probe(ui: &mut Ui, row: &Row, layer: &mut Option<String>, edits: &mut Vec<Edit>) {
    ui.horizontal_wrapped(|ui| {
        let running = matches!(row.probe, Some(ProbeReport::Waiting | ProbeReport::Reading { .. }));
        let button = ui.add_enabled(!running, egui::Button::new("Find NaN"));
        if button.on_hover_text("Reads every layer in order, and names the first with NaN or Inf").clicked() {
            edits.push(Edit::Probe(row.entity));
        }
        let Some(report) = &row.probe else {
            ui.label(weak("not looked for yet"));
            return;
        };
        let color = match report {
            ProbeReport::Waiting | ProbeReport::Reading { .. } => style::WAIT,
            ProbeReport::Healthy { .. } => style::GOOD,
            ProbeReport::NotFinite { .. } | ProbeReport::Failed(_) => style::BAD,
        };
        ui.colored_label(color, report.to_string());
        if let ProbeReport::NotFinite { layer: found, .. } = report
            && ui.small_button("show").clicked()
        {
            *layer = Some(found.clone());
        }
    });
}

/// The layers of the model, to be chosen from.
fn list(ui: &mut Ui, row: &Row, layer: &mut Option<String>, view: &mut LayerView) {
    ui.set_width(LIST);
    ui.add(TextEdit::singleline(&mut view.search).hint_text("search layers").desired_width(LIST - 10.0));
    let Some(model) = &row.model else {
        ui.label(weak("the model is loading"));
        return;
    };
    let graph = &model.graph;
    let wanted = view.search.to_lowercase();
    let outputs = graph.outputs().iter().map(|(name, id)| (name.clone(), *id));
    let known: Vec<String> = graph.outputs().iter().map(|(name, _)| name.clone()).collect();
    let nodes = layer_names(graph).into_iter().zip(graph.ids()).filter(|(name, _)| !known.contains(name));
    let names: Vec<_> = outputs.chain(nodes).filter(|(name, _)| name.to_lowercase().contains(&wanted)).collect();
    ui.label(weak(format!("{}, results first", count(names.len(), "layer"))).small());
    let height = ui.text_style_height(&egui::TextStyle::Body) + 3.0;
    ScrollArea::vertical().id_salt("layers").auto_shrink(false).show_rows(ui, height, names.len(), |ui, range| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (i, (name, id)) in names[range.clone()].iter().enumerate() {
            let chosen = layer.as_deref() == Some(name.as_str());
            let is_result = range.start + i < known.len() && known.contains(name);
            let mut text = RichText::new(name);
            if is_result {
                text = text.color(style::GOOD);
            }
            let shape = RichText::new(graph.node(*id).shape.to_string()).color(style::WEAK).small();
            ui.horizontal(|ui| {
                ui.set_height(height);
                let response = ui.add(
                    egui::Button::selectable(chosen, text)
                        .truncate()
                        .right_text(shape)
                        .min_size(vec2(LIST - 12.0, height)),
                );
                if response.on_hover_text(format!("{name}: {}", graph.node(*id).op.name())).clicked() {
                    *layer = Some(name.clone());
                }
            });
        }
    });
}

/// How values become colours.
fn controls(ui: &mut Ui, view: &mut LayerView) {
    ui.horizontal(|ui| {
        for (colors, word) in [(Colors::Viridis, "viridis"), (Colors::Grey, "grey"), (Colors::Rgb, "RGB")] {
            ui.selectable_value(&mut view.look.colors, colors, word);
        }
        ui.separator();
        for (scale, word) in [(Scale::Tensor, "one scale"), (Scale::Channel, "a scale a channel")] {
            ui.selectable_value(&mut view.look.scale, scale, word);
        }
    });
}

/// The tiles, and their numbers below.
fn picture(ui: &mut Ui, maps: &Maps, texture: &TextureHandle) {
    let [width, height] = maps.image.size.map(|side| side as f32);
    let room = vec2(ui.available_width(), ui.available_height() - 54.0).max(Vec2::splat(64.0));
    let scale = (room.x / width).min(room.y / height).min(LARGEST_TEXEL);
    // Texels that can be told apart are as large as each other.
    let scale = if scale >= 3.0 { scale.floor() } else { scale };
    let (rect, response) = ui.allocate_exact_size(vec2(width, height) * scale, Sense::hover());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0, Color32::from_rgb(0x10, 0x12, 0x16));
    painter.image(texture.id(), rect, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), Color32::WHITE);
    let stats = &maps.stats;
    let color = if stats.is_finite() { style::TEXT } else { style::BAD };
    ui.label(RichText::new(stats.to_string()).monospace().color(color));
    let hovered = response.hover_pos().and_then(|pointer| {
        let at = (pointer - rect.min) / scale;
        maps.channel_at(at.x.max(0.0) as usize, at.y.max(0.0) as usize)
    });
    match hovered {
        Some(channel) => {
            let [x, y] = maps.origin(channel).map(|texel| texel as f32);
            let tile = vec2(maps.tile[0] as f32, maps.tile[1] as f32) * scale;
            let frame = Rect::from_min_size(rect.min + vec2(x, y) * scale, tile);
            painter.rect_stroke(frame, 0, (1.5, Color32::WHITE), egui::StrokeKind::Outside);
            ui.label(RichText::new(format!("channel {channel}: {}", maps.channels[channel])).monospace());
        }
        None => {
            let step = if maps.step > 1 { format!(", {0} x {0} values a texel", maps.step) } else { String::new() };
            ui.label(weak(format!("{} channels{step}; point at one for its own", maps.channels.len())).small());
        }
    }
}
