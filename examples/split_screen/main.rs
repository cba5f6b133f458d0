//! Two players, two cameras, two groups on one screen: the left view is a cartoon as a whole, in the right one a region
//! follows a head. Space takes the cartoons off and puts them on again.
//!
//! `cargo run --release --example split_screen` opens a window; with `-- --headless --out x.png` it draws one picture.

#[path = "../shared/avatar.rs"]
mod avatar;
#[path = "../shared/headless.rs"]
mod headless;
#[path = "../shared/scene.rs"]
mod scene;

use std::process::ExitCode;

use bevy::camera::Viewport;
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::prelude::*;
use bevy_toonface::prelude::*;
use clap::Parser;

use avatar::{Avatar, AvatarParts, avatar};
use scene::{Scene, SceneArgs, SceneTarget};

const SCENE: Scene = Scene {
    title: "bevy_toonface: split screen",
    size: UVec2::new(1200, 600),
    build: |app| {
        avatar::plugin(app);
        app.add_systems(Startup, (spawn_scene, avatar::light))
            .add_systems(Update, (fit_viewports, tag_cameras, toggle));
    },
    is_done: |world| avatar::settled(world, 2),
};

/// Two views with a cartoon each.
#[derive(Parser, Debug)]
struct Args {
    #[command(flatten)]
    scene: SceneArgs,
    /// Start without the cartoons.
    #[arg(long)]
    plain: bool,
}

/// A player's view: its half of the screen, and how it becomes a cartoon.
#[derive(Component, Debug)]
struct Player {
    half: u32,
    group: &'static str,
    /// Whose head the region follows; nobody's: the whole view is the region.
    follows: Option<Entity>,
}

/// Whether cameras get their groups.
#[derive(Resource, Debug, PartialEq)]
struct Cartoons(bool);

fn main() -> ExitCode {
    let args = Args::parse();
    let cartoons = Scene {
        build: |app| {
            app.insert_resource(Cartoons(true));
            (SCENE.build)(app);
        },
        ..SCENE
    };
    let plain = Scene {
        build: |app| {
            app.insert_resource(Cartoons(false));
            (SCENE.build)(app);
        },
        ..SCENE
    };
    if args.plain { plain.run(&args.scene) } else { cartoons.run(&args.scene) }
}

fn spawn_scene(
    mut commands: Commands,
    assets: Res<AssetServer>,
    target: Res<SceneTarget>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    // The two stand back to back, ten metres apart, each before a wall.
    let poses = [Avatar { pose: Vec2::new(0.1, 0.0), tilt: 0.0 }, Avatar { pose: Vec2::new(0.15, 0.03), tilt: 0.22 }];
    let colours = [Color::srgb(0.55, 0.66, 0.72), Color::srgb(0.66, 0.58, 0.50)];
    let wall = meshes.add(Rectangle::new(6.0, 4.0));
    let eyes = [(Vec3::new(0.0, 0.115, 0.74), 0.43), (Vec3::new(0.1, 0.14, 1.0), 0.55)];
    for (half, ((name, pose), (eye, fov))) in ["woman", "man"].into_iter().zip(poses).zip(eyes).enumerate() {
        let stand = Vec3::new(10.0 * half as f32, 0.0, 0.0);
        let person = commands.spawn((avatar(&assets, name, pose), Transform::from_translation(stand))).id();
        let paint =
            materials.add(StandardMaterial { base_color: colours[half], perceptual_roughness: 1.0, ..default() });
        commands.spawn((
            Mesh3d(wall.clone()),
            MeshMaterial3d(paint),
            Transform::from_translation(stand - 1.2 * Vec3::Z),
        ));
        commands.spawn((
            Camera3d::default(),
            Camera { order: half as isize, ..default() },
            Projection::from(PerspectiveProjection { fov, ..default() }),
            Tonemapping::None,
            Transform::from_translation(stand + eye).looking_at(stand + Vec3::new(eye.x, eye.y, 0.0), Vec3::Y),
            target.0.clone(),
            Player { half: half as u32, group: name, follows: (half == 1).then_some(person) },
        ));
    }
}

/// Half of the screen for each, whatever its size.
fn fit_viewports(mut cameras: Query<(&Player, &mut Camera)>) {
    for (player, mut camera) in &mut cameras {
        let Some(size) = camera.physical_target_size() else { continue };
        let half = UVec2::new(size.x / 2, size.y).max(UVec2::ONE);
        let position = UVec2::new(player.half * half.x, 0);
        let fits = camera.viewport.as_ref().is_some_and(|v| (v.physical_position, v.physical_size) == (position, half));
        if !fits {
            camera.viewport = Some(Viewport { physical_position: position, physical_size: half, ..default() });
        }
    }
}

/// Tags every camera as soon as it is known what it follows.
fn tag_cameras(
    wanted: Res<Cartoons>,
    cameras: Query<(Entity, &Player, Has<CartoonGroup>)>,
    avatars: Query<&AvatarParts>,
    mut commands: Commands,
) {
    for (camera, player, tagged) in &cameras {
        if tagged == wanted.0 {
            continue;
        }
        if tagged {
            commands.entity(camera).remove::<CartoonGroup>();
            continue;
        }
        if let Some(person) = player.follows {
            let Ok(parts) = avatars.get(person) else { continue };
            commands.entity(camera).insert(CartoonRegion::follow(parts.face, 1.1 * parts.size).with_roundness(0.9));
        }
        commands.entity(camera).insert(CartoonGroup::new(player.group));
    }
}

fn toggle(keys: Res<ButtonInput<KeyCode>>, mut cartoons: ResMut<Cartoons>) {
    if keys.just_pressed(KeyCode::Space) {
        cartoons.0 = !cartoons.0;
    }
}
