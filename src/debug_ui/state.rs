//! What the panel remembers from frame to frame.

use bevy::prelude::*;
use bevy_egui::egui::{TextureHandle, TextureId};
use bevy_egui::{EguiTextureHandle, EguiUserTextures};

use super::maps::{Look, Maps};

/// The panel. A resource: a game may open and close it, and choose what it shows.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct CartoonPanel {
    /// Whether it is on screen. Closed, it does nothing but look at its key.
    pub open: bool,
    /// The key that opens and closes it. Default: F12. `None`: only `open` does.
    pub key: Option<KeyCode>,
    /// The entity whose cartoon is looked at. Default: `None`, the first that there is; an entity that vanishes counts
    /// as none.
    pub entity: Option<Entity>,
    /// What is shown of it.
    pub tab: PanelTab,
    /// The layer in [`PanelTab::Layers`], as [`Graph::layer`](crate::model::Graph::layer) finds it. Default: `None`.
    pub layer: Option<String>,
    /// Whether [`PanelTab::Picture`] lays the class attention over the picture. Default: false.
    pub heatmap: bool,
}

impl Default for CartoonPanel {
    fn default() -> Self {
        let (entity, tab, layer) = (None, PanelTab::default(), None);
        Self { open: true, key: Some(KeyCode::F12), entity, tab, layer, heatmap: false }
    }
}

/// The parts of the panel below the list of cartoons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PanelTab {
    /// Picture and cartoon beside each other, and the class attention.
    #[default]
    Picture,
    /// What any layer of the network holds, and the search for NaN.
    Layers,
    /// The budget, and what the sections of the network take on the GPU.
    Time,
    /// Textures, weights, and what has been made so far.
    Memory,
    /// The passes of a chain.
    Plan,
}

impl PanelTab {
    /// All tabs with their titles, from left to right.
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Picture, "Picture"),
        (Self::Layers, "Layers"),
        (Self::Time, "Time"),
        (Self::Memory, "Memory"),
        (Self::Plan, "Plan"),
    ];
}

/// What is behind the widgets.
#[derive(Resource, Default)]
pub(super) struct PanelState {
    /// Whether anything is held that closing has to give back.
    pub active: bool,
    /// The entity that reads layers.
    pub reader: Option<Entity>,
    pub pictures: Pictures,
    /// Where the picture ends and the cartoon begins, 0 to 1.
    pub divider: Divider,
    pub attention: Attention,
    pub layers: LayerView,
    /// The chain in the tabs Time and Plan.
    pub chain: Option<u64>,
    pub plan_search: String,
}

/// Where the picture ends and the cartoon begins, 0 to 1.
pub(super) struct Divider(pub f32);

impl Default for Divider {
    fn default() -> Self {
        Self(0.5)
    }
}

/// The class attention of the chosen entity.
pub(super) struct Attention {
    /// How much the heatmap covers, 0 to 1.
    pub opacity: f32,
    pub heat: Option<TextureHandle>,
    /// Two a group: from the averages, then from the maxima.
    pub logits: Vec<f32>,
    /// What they are made of.
    pub seen: Option<(Entity, u32, u32)>,
}

impl Default for Attention {
    fn default() -> Self {
        Self { opacity: 0.8, heat: None, logits: Vec::new(), seen: None }
    }
}

/// The layer that is looked at.
#[derive(Default)]
pub(super) struct LayerView {
    pub search: String,
    pub look: Look,
    pub maps: Option<(Maps, TextureHandle)>,
    /// What they are made of.
    pub seen: Option<LayerKey>,
}

/// What the maps of a layer depend on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayerKey {
    pub reader: Entity,
    pub layer: String,
    pub look: Look,
    /// When the tensor came.
    pub tick: u32,
}

/// Images of the game that the panel shows.
#[derive(Default)]
pub(super) struct Pictures {
    /// Those that were made known to egui by the panel, and not by the game.
    own: Vec<AssetId<Image>>,
}

impl Pictures {
    /// Makes exactly these images known to egui.
    pub fn show(&mut self, images: &[AssetId<Image>], textures: &mut EguiUserTextures) -> Vec<TextureId> {
        self.own.retain(|id| {
            let keep = images.contains(id);
            if !keep {
                textures.remove_image(*id);
            }
            keep
        });
        let mut show = |id: &AssetId<Image>| {
            if textures.image_id(*id).is_none() {
                self.own.push(*id);
            }
            textures.add_image(EguiTextureHandle::Weak(*id))
        };
        images.iter().map(&mut show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_the_game_stay_known_and_those_of_the_panel_go() {
        let mut images = Assets::<Image>::default();
        let [ours, theirs] = [(); 2].map(|()| images.add(Image::default()));
        let mut textures = EguiUserTextures::default();
        let known = textures.add_image(EguiTextureHandle::Weak(theirs.id()));
        let mut pictures = Pictures::default();
        let shown = pictures.show(&[ours.id(), theirs.id()], &mut textures);
        assert_eq!((shown.len(), shown[1]), (2, known));
        assert_eq!(pictures.show(&[ours.id(), theirs.id()], &mut textures), shown, "once more, the same");
        assert!(pictures.show(&[], &mut textures).is_empty());
        assert_eq!(textures.image_id(ours.id()), None);
        assert_eq!(textures.image_id(theirs.id()), Some(known));
    }
}
