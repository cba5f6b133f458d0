//! The smallest scene: four portraits, and below them the same portraits tagged with a group.
//! Space takes the tags off and puts them on again.
//!
//! `cargo run --release --example sprites` opens a window; with `-- --headless --out x.png` it draws one picture.

#[path = "../shared/headless.rs"]
mod headless;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy_toonface::prelude::*;
use clap::Parser;

use headless::{Headless, read_image, run_until};

/// Group and portrait, from left to right.
const PEOPLE: [(&str, &str); 4] = [
    ("woman", "portraits/woman_1.jpg"),
    ("man", "portraits/man_1.jpg"),
    ("kid", "portraits/kid_1.jpg"),
    ("elderly", "portraits/elderly_1.jpg"),
];

/// Size of the scene in pixels.
const SIZE: UVec2 = UVec2::new(1080, 560);

/// Portraits and their cartoons.
#[derive(Parser, Debug)]
struct Args {
    /// Draw one picture without a window.
    #[arg(long, requires = "out")]
    headless: bool,
    /// Where the picture goes.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.out {
        Some(out) if args.headless => match take_picture(out) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("error: {message}");
                ExitCode::FAILURE
            }
        },
        _ => open_window(),
    }
}

fn open_window() -> ExitCode {
    let window = Window { title: "bevy_toonface: sprites".into(), resolution: SIZE.into(), ..default() };
    let exit = App::new()
        .add_plugins((
            DefaultPlugins.set(WindowPlugin { primary_window: Some(window), ..default() }),
            ToonfacePlugin::default(),
        ))
        .add_systems(Startup, (spawn_camera, spawn_people))
        .add_systems(Update, toggle)
        .run();
    if exit.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn take_picture(out: &Path) -> Result<(), String> {
    let mut app = Headless::default().start()?;
    let target = Image::new_target_texture(SIZE.x, SIZE.y, TextureFormat::Rgba8UnormSrgb, None);
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    let target = images.add(target);
    if let Some(mut image) = images.get_mut(&target) {
        // The picture is read back.
        image.texture_descriptor.usage |= Image::default().texture_descriptor.usage;
    }
    app.world_mut().spawn((Camera2d, RenderTarget::Image(target.clone().into())));
    app.add_systems(Startup, spawn_people);
    run_until(&mut app, Duration::from_secs(120), |world| {
        let mut statuses = world.query::<&CartoonStatus>();
        let (mut all, mut running) = (0, 0);
        for status in statuses.iter(world) {
            if let Some(error) = status.error() {
                return Some(Err(error.to_string()));
            }
            all += 1;
            running += usize::from(status.is_running());
        }
        (all > 0 && all == running).then_some(Ok(()))
    })??;
    // The frame after the last cartoon shows it.
    app.update();
    let picture = read_image(&mut app, &target)?;
    picture.save(out).map_err(|e| format!("cannot write `{}`: {e}", out.display()))?;
    println!("{}", out.display());
    Ok(())
}

fn spawn_camera(mut commands: Commands) {
    commands.spawn(Camera2d);
}

fn spawn_people(mut commands: Commands, assets: Res<AssetServer>) {
    for (column, (group, portrait)) in PEOPLE.into_iter().enumerate() {
        let x = (column as f32 - 1.5) * 265.0;
        commands.spawn((Sprite::from_image(assets.load(portrait)), Transform::from_xyz(x, 135.0, 0.0)));
        commands.spawn((
            Sprite::from_image(assets.load(portrait)),
            CartoonGroup::new(group),
            Transform::from_xyz(x, -135.0, 0.0),
        ));
    }
}

/// Without the tag, a sprite shows its own picture again.
fn toggle(
    keys: Res<ButtonInput<KeyCode>>,
    sprites: Query<(Entity, &Transform, Has<CartoonGroup>), With<Sprite>>,
    mut commands: Commands,
) {
    if !keys.just_pressed(KeyCode::Space) {
        return;
    }
    for (entity, transform, tagged) in sprites.iter().filter(|(_, transform, _)| transform.translation.y < 0.0) {
        if tagged {
            commands.entity(entity).remove::<CartoonGroup>();
        } else {
            let column = (transform.translation.x / 265.0 + 1.5).round() as usize;
            commands.entity(entity).insert(CartoonGroup::new(PEOPLE[column].0));
        }
    }
}
