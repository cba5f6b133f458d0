//! One scene, in a window or as a picture: what the examples have in common.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy_toonface::prelude::*;

use crate::headless::{Headless, read_image, run_until};

/// What an example shows.
pub struct Scene {
    /// Title of the window.
    pub title: &'static str,
    /// Size of the window or the picture in pixels.
    pub size: UVec2,
    /// Adds the example's systems, in a window and without one.
    pub build: fn(&mut App),
    /// Whether the picture is worth taking, or why it never will be; asked after every frame.
    pub is_done: fn(&mut World) -> Result<bool, String>,
}

/// Where the scene goes.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct SceneArgs {
    /// Draw one picture without a window.
    #[arg(long, requires = "out")]
    pub headless: bool,
    /// Where the picture goes.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// What the scene's cameras draw to: the window, or the picture.
#[derive(Resource, Debug, Clone, Default)]
pub struct SceneTarget(pub RenderTarget);

impl Scene {
    /// Opens a window, or takes the picture and tells its path.
    #[allow(dead_code, reason = "scenes with further plugins have the other one")]
    pub fn run(&self, args: &SceneArgs) -> ExitCode {
        self.run_with(args, |_| ())
    }

    /// The same with further plugins.
    #[allow(dead_code, reason = "most scenes need none")]
    pub fn run_with(&self, args: &SceneArgs, plugins: fn(&mut App)) -> ExitCode {
        match &args.out {
            Some(out) if args.headless => match self.take_picture(out, plugins) {
                Ok(()) => ExitCode::SUCCESS,
                Err(message) => {
                    eprintln!("error: {message}");
                    ExitCode::FAILURE
                }
            },
            _ => self.open_window(plugins),
        }
    }

    fn open_window(&self, plugins: fn(&mut App)) -> ExitCode {
        let window = Window { title: self.title.into(), resolution: self.size.into(), ..default() };
        let mut app = App::new();
        app.add_plugins((
            DefaultPlugins.set(WindowPlugin { primary_window: Some(window), ..default() }),
            ToonfacePlugin::default(),
        ))
        .init_resource::<SceneTarget>();
        plugins(&mut app);
        (self.build)(&mut app);
        if app.run().is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn take_picture(&self, out: &Path, plugins: fn(&mut App)) -> Result<(), String> {
        let mut app = Headless { compile_first: true, plugins: Some(plugins), ..default() }.start()?;
        let target = app.world_mut().resource_mut::<Assets<Image>>().add(picture(self.size));
        app.insert_resource(SceneTarget(RenderTarget::Image(target.clone().into())));
        // Nobody watches: the picture may come as soon as it can.
        app.insert_resource(CartoonBudget::UNLIMITED);
        (self.build)(&mut app);
        run_until(&mut app, Duration::from_secs(180), |world| match (self.is_done)(world) {
            Ok(false) => None,
            Ok(true) => Some(Ok(())),
            Err(reason) => Some(Err(reason)),
        })??;
        // The frame after the last cartoon shows it.
        app.update();
        let picture = read_image(&mut app, &target)?;
        picture.save(out).map_err(|e| format!("cannot write `{}`: {e}", out.display()))?;
        println!("{}", out.display());
        Ok(())
    }
}

/// An image that cameras draw to and that can be read back.
fn picture(size: UVec2) -> Image {
    let mut image = Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None);
    image.texture_descriptor.usage |= Image::default().texture_descriptor.usage;
    image
}

/// Whether there are cartoons, and all of them are on screen.
///
/// # Errors
/// The error of a cartoon that has one.
#[allow(dead_code, reason = "a scene may have an end of its own")]
pub fn all_running(world: &mut World) -> Result<bool, String> {
    let mut statuses = world.query::<&CartoonStatus>();
    let (mut all, mut running) = (0, 0);
    for status in statuses.iter(world) {
        if let Some(error) = status.error() {
            return Err(error.to_string());
        }
        all += 1;
        running += usize::from(status.is_running());
    }
    Ok(all > 0 && all == running)
}
