//! An app that plays videos and draws nothing.
#![allow(dead_code, reason = "every test binary that plays videos compiles this module and uses its own part of it")]

use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_toonface::prelude::*;
use bevy_toonface::video::{Frame, FrameSource, Reading};

/// A source that does what it is told.
pub struct Script<F>(pub F);

impl<F: FnMut(&mut Frame) -> Result<Reading, VideoError>> FrameSource for Script<F> {
    fn read(&mut self, frame: &mut Frame) -> Result<Reading, VideoError> {
        (self.0)(frame)
    }
}

/// The app.
pub struct Theatre {
    pub app: App,
}

impl Theatre {
    pub fn new() -> Self {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, AssetPlugin::default()))
            .init_asset::<Image>()
            .init_asset::<bevy::shader::Shader>()
            .add_plugins(ToonfacePlugin::default());
        app.finish();
        app.cleanup();
        Self { app }
    }

    pub fn spawn(&mut self, video: impl Bundle) -> Entity {
        self.app.world_mut().spawn(video).id()
    }

    pub fn status(&self, entity: Entity) -> VideoStatus {
        self.app.world().get::<VideoStatus>(entity).expect("a status").clone()
    }

    pub fn video(&mut self, entity: Entity) -> Mut<'_, Video> {
        self.app.world_mut().get_mut::<Video>(entity).expect("a video")
    }

    /// Runs frames until something holds.
    pub fn until(&mut self, mut done: impl FnMut(&App) -> bool) {
        let started = Instant::now();
        loop {
            self.app.update();
            if done(&self.app) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "nothing comes of it");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Writes a frame that [`shown`] knows by its number.
pub fn numbered(frame: &mut Frame, number: u64) {
    frame.resize((16, 16).into())[..8].copy_from_slice(&number.to_le_bytes());
}

/// Size and bytes of what an entity's video shows.
pub fn pixels(app: &App, entity: Entity) -> Option<(UVec2, Vec<u8>)> {
    let picture = app.world().get::<VideoImage>(entity)?;
    let image = app.world().resource::<Assets<Image>>().get(&picture.image)?;
    Some((image.size(), image.data.clone()?))
}

/// The number of the frame that an entity's video shows.
pub fn shown(app: &App, entity: Entity) -> Option<u64> {
    let (_, bytes) = pixels(app, entity)?;
    Some(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?))
}
