//! What an entity's cartoon is doing, in words a panel can show.

use std::fmt;

use bevy::prelude::*;

use super::CartoonError;

/// The state of an entity's cartoon.
#[derive(Component, Debug, Clone, Default, PartialEq)]
#[component(clone_behavior = Ignore)]
pub enum CartoonStatus {
    /// The model or the picture is loading.
    #[default]
    Loading,
    /// Everything is there; shaders compile or the first cartoon is being drawn.
    Ready,
    /// The cartoon is on screen.
    Running {
        /// Cartoons drawn so far.
        updates: u64,
        /// Milliseconds from recording the latest batch to its completion on the GPU.
        milliseconds: f32,
    },
    /// No cartoon, and why. The picture stays as it was.
    Failed(CartoonError),
}

/// There is a cartoon of a new picture on the entity's [`CartoonOutput`](super::CartoonOutput): the first after the tag
/// was set, the picture changed, or an error was mended. Observe it where the cartoon is used by hand.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_toonface::prelude::*;
/// # fn setup(mut commands: Commands, assets: Res<AssetServer>) {
/// commands.spawn((CartoonSource::Image(assets.load("ada.png")), CartoonGroup::new("woman"))).observe(
///     |ready: On<CartoonReady>, mut sprites: Query<&mut Sprite>| {
///         sprites.iter_mut().for_each(|mut sprite| sprite.image = ready.image.clone());
///     },
/// );
/// # }
/// ```
#[derive(EntityEvent, Debug, Clone)]
pub struct CartoonReady {
    /// The entity with the [`CartoonGroup`](super::CartoonGroup).
    pub entity: Entity,
    /// The image that the cartoon is on; later cartoons of the picture are drawn to it as well.
    pub image: Handle<Image>,
}

impl CartoonStatus {
    /// Whether at least one cartoon has been drawn.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// The error, if there is one.
    pub fn error(&self) -> Option<&CartoonError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for CartoonStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loading => write!(f, "loading"),
            Self::Ready => write!(f, "ready"),
            Self::Running { updates, milliseconds } => write!(f, "running: {updates} updates, {milliseconds:.1} ms"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}
