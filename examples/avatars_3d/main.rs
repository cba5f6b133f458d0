//! Two avatars in a 3D scene. A live camera on each face draws to an image in the HUD, as a cartoon.
//! Space takes the cartoons off and puts them on again.
//!
//! `cargo run --release --example avatars_3d` opens a window; with `-- --headless --out x.png` it draws one picture.

#[path = "../shared/avatar.rs"]
mod avatar;
#[path = "../shared/headless.rs"]
mod headless;
#[path = "../shared/scene.rs"]
mod scene;

use std::process::ExitCode;

use bevy::camera::{ImageRenderTarget, RenderTarget};
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy_toonface::prelude::*;
use clap::Parser;

use avatar::{Avatar, AvatarParts, avatar};
use scene::{Scene, SceneArgs, SceneTarget};

/// Group and file of everybody, and where they stand.
const PEOPLE: [(&str, f32); 2] = [("woman", 0.02), ("man", 0.47)];
/// Pixels a side of a portrait.
const PORTRAIT: u32 = 256;
/// Half of the angle that a portrait camera sees; long lenses flatten a face, and the model knows such portraits.
const HALF_ANGLE: f32 = 12.0;

const SCENE: Scene = Scene {
    title: "bevy_toonface: avatars",
    size: UVec2::new(1280, 720),
    build: |app| {
        avatar::plugin(app);
        app.insert_resource(ClearColor(Color::srgb(0.16, 0.19, 0.24)))
            .add_systems(Startup, (spawn_scene, avatar::light))
            .add_systems(Update, (point_cameras, toggle));
    },
    is_done: |world| avatar::settled(world, PEOPLE.len()),
};

/// Avatars in 3D and their cartoons in the HUD.
#[derive(Parser, Debug)]
struct Args {
    #[command(flatten)]
    scene: SceneArgs,
    /// Start without the cartoons.
    #[arg(long)]
    plain: bool,
}

/// A camera that takes somebody's portrait.
#[derive(Component, Debug)]
struct PortraitOf {
    avatar: Entity,
    group: &'static str,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let plain = Scene {
        build: |app| {
            (SCENE.build)(app);
            app.add_systems(PostStartup, remove_groups);
        },
        ..SCENE
    };
    if args.plain { plain.run(&args.scene) } else { SCENE.run(&args.scene) }
}

fn spawn_scene(
    mut commands: Commands,
    assets: Res<AssetServer>,
    target: Res<SceneTarget>,
    mut images: ResMut<Assets<Image>>,
) {
    commands.spawn((
        Camera3d::default(),
        Projection::from(PerspectiveProjection { fov: 0.5, ..default() }),
        Tonemapping::None,
        Transform::from_xyz(0.14, 0.13, 1.08).looking_at(Vec3::new(0.14, 0.13, 0.0), Vec3::Y),
        target.0.clone(),
        IsDefaultUiCamera,
    ));
    let frames = commands.spawn(Node { padding: UiRect::all(px(24)), row_gap: px(24), ..column() }).id();
    for (group, x) in PEOPLE {
        let person = Avatar { pose: Vec2::new(0.12 - 0.5 * x, 0.0), tilt: 0.0 };
        let person = commands.spawn((avatar(&assets, group, person), Transform::from_xyz(x, 0.0, 0.0))).id();
        let portrait = Image::new_target_texture(PORTRAIT, PORTRAIT, TextureFormat::Rgba8UnormSrgb, None);
        let portrait = images.add(portrait);
        commands.spawn((
            Camera3d::default(),
            // Over nothing: what is transparent is white to the network, and transparent in the frame.
            Camera { clear_color: ClearColorConfig::Custom(Color::NONE), order: -1, ..default() },
            Projection::from(PerspectiveProjection { fov: 2.0 * HALF_ANGLE.to_radians(), ..default() }),
            Tonemapping::None,
            RenderTarget::Image(ImageRenderTarget::from(portrait.clone())),
            CartoonGroup::new(group),
            PortraitOf { avatar: person, group },
        ));
        commands.spawn((frame(group, portrait), ChildOf(frames)));
    }
}

fn column() -> Node {
    Node { flex_direction: FlexDirection::Column, ..default() }
}

/// A picture with a border and a name.
fn frame(name: &str, picture: Handle<Image>) -> impl Bundle {
    let border = Color::srgb(0.93, 0.76, 0.42);
    (
        Node {
            border: UiRect::all(px(4)),
            border_radius: BorderRadius::all(px(14)),
            align_items: AlignItems::Center,
            ..column()
        },
        BorderColor::all(border),
        BackgroundColor(Color::srgb(0.86, 0.88, 0.92)),
        children![
            (Node { width: px(PORTRAIT), height: px(PORTRAIT), ..default() }, ImageNode::new(picture)),
            (Text::new(name), TextFont::from_font_size(20.0), TextColor(Color::srgb(0.12, 0.12, 0.15))),
        ],
    )
}

/// Keeps the portrait cameras before their faces; they do not turn with the head.
fn point_cameras(
    avatars: Query<(&AvatarParts, &GlobalTransform)>,
    places: Query<&GlobalTransform>,
    mut cameras: Query<(&PortraitOf, &mut Transform)>,
) {
    for (portrait, mut camera) in &mut cameras {
        let Ok((parts, stand)) = avatars.get(portrait.avatar) else { continue };
        let Ok(face) = places.get(parts.face) else { continue };
        let away = 0.5 * parts.size / HALF_ANGLE.to_radians().tan();
        let eye = face.translation() + stand.rotation() * Vec3::new(0.0, 0.0, away * 1.05);
        *camera = Transform::from_translation(eye).looking_at(face.translation(), Vec3::Y);
    }
}

fn remove_groups(cameras: Query<Entity, With<CartoonGroup>>, mut commands: Commands) {
    cameras.iter().for_each(|camera| {
        commands.entity(camera).remove::<CartoonGroup>();
    });
}

/// Without the tag, a camera draws what it sees.
fn toggle(
    keys: Res<ButtonInput<KeyCode>>,
    cameras: Query<(Entity, &PortraitOf, Has<CartoonGroup>)>,
    mut commands: Commands,
) {
    if !keys.just_pressed(KeyCode::Space) {
        return;
    }
    for (camera, portrait, tagged) in &cameras {
        if tagged {
            commands.entity(camera).remove::<CartoonGroup>();
        } else {
            commands.entity(camera).insert(CartoonGroup::new(portrait.group));
        }
    }
}
