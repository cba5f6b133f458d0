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
    /// A camera has nothing to draw a cartoon of at the moment. The view stays as it is; the cartoon comes back by itself.
    Idle(IdleReason),
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
/// was set, the image or the picture's size changed, or an error was mended. Observe it where the cartoon is used by hand.
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

/// Why a camera has nothing to draw a cartoon of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdleReason {
    /// The camera is not active.
    Off,
    /// There is no window, image or texture that the camera draws to.
    NoTarget,
    /// The region is beside the view.
    OutsideView,
    /// The followed entity is behind the camera, or not between its near and its far plane.
    Behind,
    /// The followed entity does not exist, or has no `GlobalTransform`.
    Gone,
    /// The region is less than 16 pixels wide or high on screen: there is no face to see.
    TooSmall,
}

impl fmt::Display for IdleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "the camera is switched off",
            Self::NoTarget => "the camera has no window, image or texture to draw to",
            Self::OutsideView => "the region is outside of the camera's view",
            Self::Behind => "the followed entity is behind the camera, or nearer or further than it sees",
            Self::Gone => "the followed entity does not exist, or has no `GlobalTransform`",
            Self::TooSmall => "the region is less than 16 pixels wide or high on screen",
        })
    }
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
            Self::Idle(reason) => write!(f, "idle: {reason}"),
            Self::Running { updates, milliseconds } => write!(f, "running: {updates} updates, {milliseconds:.1} ms"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}
