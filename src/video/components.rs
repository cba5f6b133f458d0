//! What a game touches to play a video.

use std::sync::Arc;

use bevy::prelude::*;

use super::capture::Opener;
use super::mailbox::Treatment;
use super::player::Player;
use super::{FrameSource, VideoError, VideoStatus};

/// Plays a [`FrameSource`] as the picture of this entity.
///
/// On an entity with a `Sprite` or an `ImageNode` (features `sprite`, `ui`) that shows it: without an image at once, with an
/// image from the first frame on. Beside a `CartoonGroup` and nothing that shows a picture it becomes the `CartoonSource`.
/// Anywhere else, use [`VideoImage`].
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_toonface::prelude::*;
/// # use bevy_toonface::video::{ImageSequence, Video};
/// # fn setup(mut commands: Commands) {
/// let video = Video::new(|| ImageSequence::open("clips/ada", 25.0));
/// commands.spawn((video, Sprite::default(), CartoonGroup::new("woman")));
/// # }
/// ```
///
/// Changes take effect at once. If the video has ended or failed, any change opens its source again; so does
/// `set_changed()`.
#[derive(Component, Debug, Clone)]
#[require(VideoStatus, VideoImage, Player)]
pub struct Video {
    open: Arc<Opener>,
    /// Whether left and right are swapped, as in a mirror; whatever shows the picture, the cartoon included, shows it so.
    /// Default: false.
    pub mirror: bool,
    /// Whether frames are cut down to the square in their middle. Default: false.
    pub square: bool,
    /// Whether it plays. When this turns false, the source is dropped, and a device with it. Default: true.
    pub active: bool,
}

impl Video {
    /// A video whose source `open` makes, in the thread that will read it; it may take its time. It is called again
    /// whenever the video starts anew.
    pub fn new<S, F>(open: F) -> Self
    where
        S: FrameSource + 'static,
        F: Fn() -> Result<S, VideoError> + Send + Sync + 'static,
    {
        let open = move || open().map(|source| Box::new(source) as Box<dyn FrameSource>);
        Self { open: Arc::new(Opener(Box::new(open))), mirror: false, square: false, active: true }
    }

    /// The same with left and right swapped.
    pub fn mirrored(self) -> Self {
        Self { mirror: true, ..self }
    }

    /// The same, cut down to the square in its middle.
    pub fn squared(self) -> Self {
        Self { square: true, ..self }
    }

    /// Another source in the same settings.
    #[cfg(feature = "webcam")]
    pub(crate) fn set_source(&mut self, other: Self) {
        self.open = other.open;
    }

    pub(super) fn source(&self) -> &Arc<Opener> {
        &self.open
    }

    pub(super) fn treatment(&self) -> Treatment {
        Treatment { mirror: self.mirror, square: self.square }
    }
}

/// The picture of a [`Video`], usable wherever an image is: materials, UI, `CartoonSource`s of other entities. The handle
/// stays the same for the life of the component; behind it there is no image until the first frame.
#[derive(Component, Debug, Clone, Default, PartialEq, Reflect)]
#[reflect(Component)]
pub struct VideoImage {
    /// The image.
    pub image: Handle<Image>,
}
