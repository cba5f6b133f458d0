//! Cameras of the machine as pictures of entities (feature `webcam`; not in browsers).
//!
//! A [`Webcam`] becomes a [`Video`] whose source is the device, so [`VideoStatus`] tells how it is and [`VideoImage`] is
//! its picture.

mod device;
mod fault;
mod format;

use std::fmt;

use bevy::prelude::*;

pub use device::{WebcamInfo, list_webcams};

use crate::ecs::CartoonSmoothing;
use crate::video::{Video, VideoImage, VideoStatus, VideoSystems};

/// The picture of this entity comes from a camera. Left and right are swapped, as in a mirror.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_toonface::prelude::*;
/// # fn setup(mut commands: Commands) {
/// commands.spawn((Webcam::default(), Sprite::default(), CartoonGroup::new("man")));
/// # }
/// ```
///
/// [`VideoStatus`] beside it says whether it runs, or in words why not: no camera, in use by somebody else, unplugged...
/// Changes take effect at once; after an error, any change tries again, and so does `set_changed()`. Removing the
/// component frees the camera. [`CartoonSmoothing`] is on, since a camera's picture is never at rest; insert
/// `CartoonSmoothing::OFF` beside it to switch it off.
///
/// A camera can serve a single `Webcam`: show its [`VideoImage`] wherever else its picture is wanted.
#[derive(Component, Debug, Clone, PartialEq)]
#[require(VideoStatus, VideoImage, CartoonSmoothing)]
pub struct Webcam {
    /// Which camera. Default: the first that has pictures.
    pub device: WebcamDevice,
    /// Width and height in pixels; the camera's nearest ones are taken. Default: 640 x 480, which is plenty for a face.
    pub size: UVec2,
    /// Frames a second; the camera's nearest rate is taken. Default: 30.
    pub fps: u32,
    /// Whether left and right are swapped, in the picture and so in the cartoon. Default: true.
    pub mirror: bool,
    /// Whether the picture is cut down to the square in its middle. Models expect a face that fills a square. Default: true.
    pub square: bool,
    /// Whether the camera runs. When this turns false it is free for others, and its light goes off. Default: true.
    pub active: bool,
}

impl Default for Webcam {
    fn default() -> Self {
        let device = WebcamDevice::default();
        Self { device, size: UVec2::new(640, 480), fps: 30, mirror: true, square: true, active: true }
    }
}

impl Webcam {
    /// A certain camera, by its number or its name.
    pub fn new(device: impl Into<WebcamDevice>) -> Self {
        Self { device: device.into(), ..default() }
    }
}

/// Which camera.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WebcamDevice {
    /// The first one that has pictures.
    #[default]
    First,
    /// By its number in [`list_webcams`].
    Index(u32),
    /// The first whose name contains this, whatever the case.
    Name(String),
}

impl fmt::Display for WebcamDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => write!(f, "of any kind"),
            Self::Index(index) => write!(f, "number {index}"),
            Self::Name(name) => write!(f, "`{name}`"),
        }
    }
}

impl From<u32> for WebcamDevice {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for WebcamDevice {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

/// What a camera is opened with; anything else of a [`Webcam`] can change while it runs.
#[derive(Component, Debug, Clone, PartialEq)]
struct Request {
    device: WebcamDevice,
    size: UVec2,
    fps: u32,
}

/// Turns [`Webcam`]s into videos. Part of [`ToonfacePlugin`](crate::ToonfacePlugin).
pub(crate) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, open.in_set(VideoSystems::Open)).add_observer(close);
}

type WebcamParts = (Entity, &'static Webcam, Option<&'static Request>, Option<&'static mut Video>);

fn open(mut webcams: Query<WebcamParts, Changed<Webcam>>, mut commands: Commands) {
    for (entity, webcam, known, video) in &mut webcams {
        let request = Request { device: webcam.device.clone(), size: webcam.size, fps: webcam.fps };
        let Webcam { mirror, square, active, .. } = *webcam;
        let source = request.clone();
        let fresh = || Video::new(move || device::open(&source.device, source.size, source.fps));
        match video {
            Some(mut video) => {
                if known != Some(&request) {
                    video.set_source(fresh());
                }
                (video.mirror, video.square, video.active) = (mirror, square, active);
            }
            None => {
                let mut video = fresh();
                (video.mirror, video.square, video.active) = (mirror, square, active);
                commands.entity(entity).try_insert(video);
            }
        }
        commands.entity(entity).try_insert(request);
    }
}

/// Without the component the camera is free again.
fn close(removed: On<Remove, Webcam>, mut commands: Commands) {
    commands.entity(removed.entity).try_remove::<(Video, Request)>();
}
