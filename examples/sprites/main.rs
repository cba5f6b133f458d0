//! The smallest scene: four portraits, and below them the same portraits tagged with a group.
//! Space takes the tags off and puts them on again.
//!
//! `cargo run --release --example sprites` opens a window; with `-- --headless --out x.png` it draws one picture.

#[path = "../shared/headless.rs"]
mod headless;
#[path = "../shared/scene.rs"]
mod scene;

use std::process::ExitCode;

use bevy::prelude::*;
use bevy_toonface::prelude::*;
use clap::Parser;

use scene::{Scene, SceneArgs, SceneTarget, all_running};

/// Group and portrait, from left to right.
const PEOPLE: [(&str, &str); 4] = [
    ("woman", "portraits/woman_1.jpg"),
    ("man", "portraits/man_1.jpg"),
    ("kid", "portraits/kid_1.jpg"),
    ("elderly", "portraits/elderly_1.jpg"),
];

const SCENE: Scene = Scene {
    title: "bevy_toonface: sprites",
    size: UVec2::new(1080, 560),
    build: |app| {
        app.add_systems(Startup, (spawn_camera, spawn_people)).add_systems(Update, toggle);
    },
    is_done: all_running,
};

/// Portraits and their cartoons.
#[derive(Parser, Debug)]
struct Args {
    #[command(flatten)]
    scene: SceneArgs,
}

fn main() -> ExitCode {
    SCENE.run(&Args::parse().scene)
}

fn spawn_camera(mut commands: Commands, target: Res<SceneTarget>) {
    commands.spawn((Camera2d, target.0.clone()));
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
