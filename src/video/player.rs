//! Starts, watches and ends the threads of all videos, and shows their newest frames.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::ecs::query::QueryData;
use bevy::prelude::*;

use super::capture::{Capture, Opener};
use super::mailbox::News;
use super::{Frame, Video, VideoError, VideoImage, VideoStatus};
use crate::ecs::{CartoonGroup, CartoonSource, PictureLimits};

/// How long a source may be silent before it is reported as stalled. Cameras take seconds to start.
pub const STALL: Duration = Duration::from_secs(10);

/// What goes on behind a [`Video`].
#[derive(Component, Debug, Default)]
pub(super) struct Player {
    /// What plays, or has played.
    source: Option<Arc<Opener>>,
    capture: Option<Capture>,
    /// Threads that have been asked to end. A device is free again only when its thread is gone.
    leaving: Vec<Capture>,
    /// Since when a start waits for them.
    due: Option<Instant>,
    /// Whether the sprite or node has been given the picture.
    #[cfg(any(feature = "sprite", feature = "ui"))]
    shown: bool,
}

/// A video and what shows it.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct VideoQuery {
    entity: Entity,
    video: Ref<'static, Video>,
    player: &'static mut Player,
    status: &'static mut VideoStatus,
    image: &'static mut VideoImage,
    #[cfg(feature = "sprite")]
    sprite: Option<&'static mut Sprite>,
    #[cfg(feature = "ui")]
    node: Option<&'static mut ImageNode>,
}

/// Runs before the cartoons look at their pictures.
pub(super) fn play(mut videos: Query<VideoQuery>, mut images: ResMut<Assets<Image>>, limits: Res<PictureLimits>) {
    for mut item in &mut videos {
        if item.image.image == Handle::default() {
            // Sprites and cartoons may wait for what will be behind it.
            item.image.image = images.reserve_handle();
        }
        if item.video.is_changed() {
            item.follow();
        }
        item.start_if_due();
        if let Some(capture) = &item.player.capture {
            let news = capture.take();
            item.hear(news, &mut images, *limits);
        }
        #[cfg(any(feature = "sprite", feature = "ui"))]
        item.take_place();
    }
}

impl VideoQueryItem<'_, '_> {
    /// Does what the component now says.
    fn follow(&mut self) {
        let same = self.player.source.as_ref().is_some_and(|source| Arc::ptr_eq(source, self.video.source()));
        let failed = self.status.error().is_some();
        if !self.video.active {
            self.player.leave();
            self.player.due = None;
            self.status.set_if_neq(VideoStatus::Stopped);
        } else if same
            && !failed
            && let Some(capture) = &self.player.capture
        {
            capture.treat(self.video.treatment());
        } else if !same || failed || self.player.due.is_none() {
            self.player.leave();
            self.player.source = Some(self.video.source().clone());
            self.player.due = Some(Instant::now());
            self.status.set_if_neq(VideoStatus::Starting);
        }
    }

    /// Opens the source as soon as the one before has let go.
    fn start_if_due(&mut self) {
        self.player.leaving.retain(|capture| !capture.is_gone());
        let Some(since) = self.player.due else { return };
        if !self.player.leaving.is_empty() {
            if since.elapsed() > STALL {
                self.fail(VideoError::Stalled { seconds: STALL.as_secs() });
            }
            return;
        }
        self.player.due = None;
        match Capture::start(self.video.source().clone(), self.video.treatment()) {
            Ok(capture) => self.player.capture = Some(capture),
            Err(error) => self.fail(error),
        }
    }

    /// Shows a frame, and tells how the source is.
    fn hear(&mut self, news: News, images: &mut Assets<Image>, limits: PictureLimits) {
        if let Some(frame) = news.frame {
            if let Err(error) = fit(&frame, limits) {
                self.player.leave();
                return self.fail(error);
            }
            self.status.set_if_neq(VideoStatus::Running { size: frame.size(), fps: news.fps });
            // Of the same size, it is written into the texture that is there. The handle is ours, so it is valid.
            _ = images.insert(self.image.image.id(), frame.into_image());
        } else if news.silence > STALL && news.end.is_none() {
            self.fail(VideoError::Stalled { seconds: STALL.as_secs() });
        }
        match news.end {
            Some(Ok(())) => {
                self.player.leave();
                self.status.set_if_neq(VideoStatus::Ended);
            }
            Some(Err(error)) => {
                self.player.leave();
                self.fail(error);
            }
            None => {}
        }
    }

    /// Sets the status and logs the error once.
    fn fail(&mut self, error: VideoError) {
        if self.status.error() != Some(&error) {
            let entity = self.entity;
            error!("video of {entity}: {error}");
            *self.status = VideoStatus::Failed(error);
        }
    }

    /// Gives the picture to what shows it: at once if that shows nothing, or else with the first frame.
    #[cfg(any(feature = "sprite", feature = "ui"))]
    fn take_place(&mut self) {
        let place: &mut dyn Place = match self {
            #[cfg(feature = "sprite")]
            Self { sprite: Some(sprite), .. } => sprite,
            #[cfg(feature = "ui")]
            Self { node: Some(node), .. } => node,
            _ => return,
        };
        if place.is_empty() || !self.player.shown && self.status.is_running() {
            place.show(&self.image.image);
            self.player.shown = true;
        }
    }
}

/// A component that shows an image.
#[cfg(any(feature = "sprite", feature = "ui"))]
trait Place {
    fn is_empty(&self) -> bool;
    fn show(&mut self, image: &Handle<Image>);
}

#[cfg(feature = "sprite")]
impl Place for Mut<'_, Sprite> {
    fn is_empty(&self) -> bool {
        self.image == Handle::default()
    }

    fn show(&mut self, image: &Handle<Image>) {
        self.image = image.clone();
    }
}

#[cfg(feature = "ui")]
impl Place for Mut<'_, ImageNode> {
    fn is_empty(&self) -> bool {
        self.image == ImageNode::default().image
    }

    fn show(&mut self, image: &Handle<Image>) {
        self.image = image.clone();
    }
}

/// Cartoons without anything that shows a picture get it as theirs. Runs when all that do have told theirs.
pub(super) fn offer(mut cartoons: Query<(&VideoImage, &mut CartoonSource), With<CartoonGroup>>) {
    for (video, mut source) in &mut cartoons {
        if *source == CartoonSource::None && video.image != Handle::default() {
            *source = CartoonSource::Image(video.image.clone());
        }
    }
}

impl Player {
    /// Asks the thread to end.
    fn leave(&mut self) {
        if let Some(capture) = self.capture.take() {
            capture.stop();
            self.leaving.push(capture);
        }
    }
}

/// Whether a frame fits a texture.
fn fit(frame: &Frame, limits: PictureLimits) -> Result<(), VideoError> {
    let (UVec2 { x: width, y: height }, max) = (frame.size(), limits.max_side);
    if width.max(height) > max { Err(VideoError::TooLarge { width, height, max }) } else { Ok(()) }
}

/// Without the component, the thread ends and the last frame stays wherever it is shown.
pub(super) fn unload(removed: On<Remove, Video>, mut commands: Commands) {
    commands.entity(removed.entity).try_remove::<(VideoStatus, VideoImage, Player)>();
}
