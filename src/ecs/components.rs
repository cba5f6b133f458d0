//! The components of a cartoon. [`CartoonGroup`] is the tag; it brings the others along.

use std::sync::Arc;

use bevy::prelude::*;

use super::shows::Told;
use super::{CartoonModel, CartoonRequest, CartoonStatus};
use crate::model::Tensor;

/// Draws this entity's picture as a cartoon of a group of people.
///
/// What shows a picture shows its cartoon as soon as it is ready; until then, and again when this component is removed,
/// it shows the picture, exactly as it was:
///
/// | component | feature | its picture |
/// |---|---|---|
/// | `Sprite`, `SpriteMesh` | `sprite` | the image, or the part that `rect` or `texture_atlas` chooses |
/// | `ImageNode` | `ui` | the same |
/// | `MeshMaterial2d<ColorMaterial>` | `mesh2d` | `texture` |
/// | `MeshMaterial3d<StandardMaterial>` | `pbr` | `base_color_texture` |
/// | `Camera2d`, `Camera3d` | | what the camera draws, or the part of it that a [`CartoonRegion`](super::CartoonRegion) names |
///
/// Size, flip, tint, anchor and all else stay as they are. The network sees the picture as it is in the image: a flipped
/// sprite shows the flipped cartoon of it, a tint colours the cartoon as it did the picture. An animated atlas is a new
/// picture with every index; while its cartoon is drawn, the one before stays. A material is shared no more: the entity
/// gets a copy with the cartoon in it, which follows changes of the material (materials of your own:
/// `CartoonMaterial`).
///
/// On any other entity, set [`CartoonSource`] and use [`CartoonOutput`] wherever an image goes; with a [`CartoonSource`]
/// that the game has set, the components above are left alone.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_toonface::prelude::*;
/// # fn setup(mut commands: Commands, assets: Res<AssetServer>) {
/// commands.spawn((
///     CartoonSource::Image(assets.load("ada.png")),
///     CartoonGroup::new("woman"),
/// ));
/// # }
/// ```
#[derive(Component, Debug, Clone, PartialEq, Eq, Reflect)]
#[reflect(Component)]
#[require(Cartoon, CartoonSource, CartoonOutput, CartoonStatus, CartoonRequest, Told)]
pub struct CartoonGroup(pub String);

impl CartoonGroup {
    /// The group's name in the model's manifest: `woman`, `man`, `kid`, `elderly` in the bundled model.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

/// How the cartoon is made.
#[derive(Component, Debug, Clone, PartialEq, Reflect)]
#[reflect(Component)]
pub struct Cartoon {
    /// The model. Default: `None`, the plugin's model ([`DefaultCartoonModel`](super::DefaultCartoonModel)).
    pub model: Option<Handle<CartoonModel>>,
    /// How much of the cartoon is blended over the picture. Range: `0.0` (the picture) to `1.0` (the cartoon), the
    /// default. Values outside are clamped. Below 1, the cartoon is blended over the picture as it is at the end of
    /// the chain of passes, which may be frames after the network has seen it: of a picture that moves, two moments.
    pub strength: f32,
    /// When the cartoon is drawn anew.
    pub update: UpdateRate,
}

impl Default for Cartoon {
    fn default() -> Self {
        Self { model: None, strength: 1.0, update: UpdateRate::default() }
    }
}

/// When a cartoon is drawn anew.
///
/// However often that is, [`CartoonBudget`](super::CartoonBudget) decides how much of a frame it may take; entities
/// that want more than there is are served in turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Reflect)]
pub enum UpdateRate {
    /// When the picture, the group, the strength or the model changes: a still image costs nothing. The default. A
    /// picture that is drawn on the GPU changes unseen; it needs one of the others.
    /// For a camera, this is the same as `Always`: what it sees changes all the time.
    #[default]
    OnChange,
    /// Every frame, as far as the device keeps up.
    Always,
    /// So many times a second of the app's `Time` (the virtual clock: it stands still while the game is paused, and
    /// runs faster or slower with it), at most every frame. Missed updates are not made up for. A new picture or model
    /// is drawn at once; another group or strength, or another part of the same image, takes effect at the next update. At 0, below, or NaN, nothing is
    /// drawn but new pictures and models.
    PerSecond(f32),
    /// A single time, as soon as everything is there. Later changes are ignored, until another rate is set here or
    /// `CartoonGroup` is taken away and added again.
    Once,
}

/// The picture that becomes a cartoon. Components that show a picture fill it in by themselves ([`CartoonGroup`]); what
/// the game sets goes first, and [`CartoonSource::None`] leaves it to them again.
#[derive(Component, Debug, Clone, Default, PartialEq)]
pub enum CartoonSource {
    /// None yet.
    #[default]
    None,
    /// An image of any size and aspect; transparent parts count as white. What is not square is padded with white.
    Image(Handle<Image>),
    /// A rectangle of an image, in pixels, such as a section of an atlas; not beyond its edges. The cartoon has the
    /// rectangle's size.
    Part(Handle<Image>, URect),
    /// The network's input itself, `[3, S, S]` in -1..1: for tools and tests.
    Tensor(Arc<Tensor>),
}

/// The cartoon, as an image of the picture's size and with its sampler. Usable wherever an image is: materials, UI,
/// sprites.
///
/// For a camera, it is the network's square (128 x 128 pixels with the bundled model) with the region in its middle,
/// transparent beside it, and at full strength.
///
/// The handle is the default handle until the picture's size is known, and another one when the size changes;
/// [`CartoonReady`](super::CartoonReady) tells when there is a cartoon on it.
#[derive(Component, Debug, Clone, Default, PartialEq, Reflect)]
#[component(clone_behavior = Ignore)]
#[reflect(Component)]
pub struct CartoonOutput {
    /// The image that the GPU draws to.
    pub image: Handle<Image>,
}

/// Asks for the network's tensors of this entity's cartoon, once for every update; they arrive as
/// [`CartoonTensors`]. For tools and tests: reading back is slow, and entities with the same taps share a chain of
/// passes of its own, in which these tensors are kept and not fused away.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct CartoonTaps {
    /// Names of the graph's outputs, such as `output`, `cam_logit`, `encode4`; or of any of its nodes, see
    /// [`Graph::layer`](crate::model::Graph::layer).
    pub names: Vec<String>,
}

/// Tensors that [`CartoonTaps`] asked for, by name, with `input` first.
#[derive(Component, Debug, Clone, Default, PartialEq)]
#[component(clone_behavior = Ignore)]
pub struct CartoonTensors(pub Vec<(String, Tensor)>);
