//! A mirror that draws: the camera's picture with a guide for the face, and beside it the cartoon.
//!
//! `cargo run --release --all-features --example webcam` opens a window; `-- --list` lists the cameras,
//! `-- --device NAME` takes one of them, `-- --sequence DIR` plays pictures instead. With `-- --headless --out x.png` it
//! plays the bundled portraits and draws the last one. Without a camera it says so on screen and goes on.

#[path = "../shared/headless.rs"]
mod headless;
mod keys;
#[path = "../shared/scene.rs"]
mod scene;
mod screen;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use bevy::asset::io::file::FileAssetReader;
use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonRequest, Progress};
use bevy_toonface::prelude::*;
use bevy_toonface::video::ImageSequence;
use clap::Parser;

use scene::{Scene, SceneArgs, all_running};

const SCENE: Scene = Scene {
    title: "bevy_toonface: webcam",
    size: UVec2::new(1000, 620),
    build: |app| {
        app.init_resource::<screen::Cameras>()
            .add_systems(Startup, (screen::spawn, spawn_live).chain())
            .add_systems(Update, (keys::press, screen::show_mirror, screen::tell));
    },
    is_done: has_drawn_the_last_picture,
};

/// A camera and its cartoon.
#[derive(Parser, Debug, Clone, Default)]
struct Args {
    #[command(flatten)]
    scene: SceneArgs,
    /// List the cameras and leave.
    #[arg(long)]
    list: bool,
    /// The camera: its number in the list, or a part of its name.
    #[arg(long)]
    device: Option<String>,
    /// Play the pictures of this folder instead of a camera.
    #[arg(long)]
    sequence: Option<PathBuf>,
    /// Pictures of the folder a second.
    #[arg(long, default_value_t = 5.0)]
    fps: f32,
    /// The group at the beginning: woman, man, kid, elderly.
    #[arg(long, default_value = "woman")]
    group: String,
}

/// A scene's systems take no arguments.
static ARGS: OnceLock<Args> = OnceLock::new();

/// The entity that the camera's picture and the cartoon belong to.
#[derive(Component)]
struct Live;

fn main() -> ExitCode {
    let args = ARGS.get_or_init(Args::parse);
    if args.list { list() } else { SCENE.run(&args.scene) }
}

fn list() -> ExitCode {
    match list_webcams() {
        Ok(list) => {
            list.iter().for_each(|camera| println!("{}: {} ({})", camera.index, camera.name, camera.description));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The cartoon; [`screen`] shows the picture beside it.
fn spawn_live(mut commands: Commands) {
    let args = ARGS.get().cloned().unwrap_or_default();
    let mut live = commands.spawn((Live, screen::cartoon_place(), CartoonGroup::new(&args.group)));
    match sequence(&args) {
        Some(video) => live.insert((video, CartoonSmoothing::default())),
        None => live.insert(args.device.as_deref().map_or_else(Webcam::default, by_name_or_number)),
    };
}

/// Pictures instead of a camera, if there are to be any. Without a window they are played once.
fn sequence(args: &Args) -> Option<Video> {
    let portraits = || FileAssetReader::get_base_path().join("assets/portraits");
    let folder = args.sequence.clone().or_else(|| args.scene.headless.then(portraits))?;
    let (fps, once) = (args.fps, args.scene.headless);
    let open = move || {
        let sequence = ImageSequence::open(&folder, fps)?;
        Ok(if once { sequence.once() } else { sequence })
    };
    Some(Video::new(open).mirrored().squared())
}

fn by_name_or_number(device: &str) -> Webcam {
    device.parse::<u32>().map_or_else(|_| Webcam::new(device), Webcam::new)
}

/// The cartoon of the last picture is on screen, or there will be none.
fn has_drawn_the_last_picture(world: &mut World) -> Result<bool, String> {
    let running = all_running(world)?;
    let mut live = world.query::<(&VideoStatus, &CartoonRequest, Option<&Progress>)>();
    let Ok((video, request, progress)) = live.single(world) else { return Ok(false) };
    if let Some(error) = video.error() {
        return Err(error.to_string());
    }
    let drawn = progress.is_some_and(|progress| progress.revision == request.revision);
    Ok(running && drawn && *video == VideoStatus::Ended)
}
