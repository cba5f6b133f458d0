//! Moving pictures from anywhere as pictures of entities (feature `video`; not in browsers, which have no threads).
//!
//! ```text
//! capture thread: FrameSource::read -> crop, mirror -> mailbox (one frame, the newest)
//! app, each frame: mailbox -> Assets<Image> (moved) -> the same texture (one upload)
//! ```
//!
//! A frame is written once, by its source, and uploaded once, by Bevy. In between it is moved, never copied: out of the
//! mailbox into the image, and from there to the renderer, which frees it after the upload. Frames that a newer one takes
//! the place of go back to the source, which writes the next one into their memory.

mod capture;
mod clock;
mod components;
mod error;
mod frame;
mod guide;
mod mailbox;
mod pattern;
mod player;
mod sequence;
mod source;
mod status;

use bevy::prelude::*;

pub use components::{Video, VideoImage};
pub use error::VideoError;
pub use frame::Frame;
pub use guide::face_guide;
pub use pattern::TestPattern;
pub use player::STALL;
pub use sequence::ImageSequence;
pub use source::{FrameSource, Reading};
pub use status::VideoStatus;

use crate::ecs::CartoonSystems;

/// The frames of a video are where pictures are expected.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub enum VideoSystems {
    /// Devices become videos.
    Open,
    /// The newest frames become images.
    Play,
}

/// Plays every [`Video`]. Part of [`ToonfacePlugin`](crate::ToonfacePlugin).
pub(crate) fn plugin(app: &mut App) {
    app.register_type::<VideoImage>()
        .configure_sets(PostUpdate, (VideoSystems::Open, VideoSystems::Play).chain().before(CartoonSystems::Pictures))
        .add_systems(
            PostUpdate,
            (
                player::play.in_set(VideoSystems::Play),
                player::offer.after(CartoonSystems::Pictures).before(CartoonSystems::Request),
            ),
        )
        .add_observer(player::unload);
    #[cfg(feature = "webcam")]
    app.add_plugins(crate::webcam::plugin);
}
