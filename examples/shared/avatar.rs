//! People of `assets/avatars`: spawned, lit, and with a head that moves.

use bevy::camera::primitives::Aabb;
use bevy::camera::visibility::{DynamicSkinnedMeshBounds, VisibilityClass};
use bevy::gltf::{GltfExtras, GltfMaterialName, GltfMeshName};
use bevy::mesh::skinning::SkinnedMesh;
use bevy::prelude::*;
use bevy::transform::components::TransformTreeChanged;
use bevy::world_serialization::{WorldAssetRoot, WorldInstanceReady};
use bevy_toonface::ecs::Progress;
use bevy_toonface::prelude::*;

use crate::scene::all_running;

/// An avatar. Its origin is at the neck; it looks along +Z.
#[derive(Component, Debug, Clone)]
pub struct Avatar {
    /// Turn and nod of the head in radians, in the picture and in the middle of its movement.
    pub pose: Vec2,
    /// Tilt of the head in radians.
    pub tilt: f32,
}

/// What is known of an avatar as soon as its file is there.
#[derive(Component, Debug, Clone, Copy)]
pub struct AvatarParts {
    /// The bone.
    pub head: Entity,
    /// The middle of the face, a child of the bone.
    pub face: Entity,
    /// Side of a square around the face that the network likes, in metres.
    pub size: f32,
}

/// Adds what avatars need.
pub fn plugin(app: &mut App) {
    register_types(app);
    app.add_observer(find_parts).add_systems(Update, move_heads);
}

/// What a glTF scene is made of. Bevy's default feature `reflect_auto_register` does this by itself; these examples are
/// built without it.
fn register_types(app: &mut App) {
    app.register_type::<Transform>()
        .register_type::<GlobalTransform>()
        .register_type::<TransformTreeChanged>()
        .register_type::<Visibility>()
        .register_type::<InheritedVisibility>()
        .register_type::<ViewVisibility>()
        .register_type::<VisibilityClass>()
        .register_type::<Name>()
        .register_type::<Children>()
        .register_type::<ChildOf>()
        .register_type::<Mesh3d>()
        .register_type::<MeshMaterial3d<StandardMaterial>>()
        .register_type::<SkinnedMesh>()
        .register_type::<Aabb>()
        .register_type::<DynamicSkinnedMeshBounds>()
        .register_type::<GltfExtras>()
        .register_type::<GltfMeshName>()
        .register_type::<GltfMaterialName>();
}

/// Frames with all avatars, and the cartoons that each camera had when there were enough of them.
#[derive(Resource, Default)]
struct Settling {
    frames: u32,
    updates: Vec<(Entity, u64)>,
}

/// Whether so many avatars are on screen, and every cartoon has been drawn anew since.
///
/// # Errors
/// The error of a cartoon that has one.
pub fn settled(world: &mut World, avatars: usize) -> Result<bool, String> {
    /// Until textures and meshes that have been loaded are on screen.
    const FRAMES: u32 = 5;
    /// One or two cartoons may be under way.
    const UPDATES: u64 = 3;
    let found = world.query::<&AvatarParts>().iter(world).count();
    let running = world.query::<&CartoonStatus>().iter(world).count() == 0 || all_running(world)?;
    let updates = world.query::<(Entity, &Progress)>().iter(world).map(|(e, p)| (e, p.updates)).collect::<Vec<_>>();
    let mut settling = world.get_resource_or_init::<Settling>();
    settling.frames += u32::from(found == avatars);
    if settling.frames < FRAMES || !running {
        settling.updates = updates;
        return Ok(false);
    }
    Ok(settling.updates.iter().zip(&updates).all(|(before, now)| now.1 >= before.1 + UPDATES))
}

/// The bundle of an avatar's file in `assets/avatars`.
pub fn avatar(assets: &AssetServer, name: &str, avatar: Avatar) -> impl Bundle + use<> {
    (avatar, WorldAssetRoot(assets.load(format!("avatars/{name}.glb#Scene0"))))
}

/// A key light from the front, a softer one from the other side, and light from everywhere.
pub fn light(mut commands: Commands) {
    let toward = |x: f32, y: f32, z: f32| Transform::from_xyz(x, y, z).looking_at(Vec3::ZERO, Vec3::Y);
    let key = DirectionalLight { illuminance: 3_800.0, color: Color::srgb(1.0, 0.97, 0.92), ..default() };
    let fill = DirectionalLight { illuminance: 900.0, color: Color::srgb(0.85, 0.92, 1.0), ..default() };
    commands.spawn((key, toward(-0.7, 0.9, 1.5)));
    commands.spawn((fill, toward(1.4, 0.3, 0.9)));
    commands.insert_resource(GlobalAmbientLight { brightness: 350.0, ..default() });
}

/// Looks a new avatar's nodes up by their names.
fn find_parts(
    ready: On<WorldInstanceReady>,
    avatars: Query<(), With<Avatar>>,
    children: Query<&Children>,
    names: Query<&Name>,
    extras: Query<&GltfExtras>,
    mut commands: Commands,
) {
    if !avatars.contains(ready.entity) {
        return;
    }
    let find = |name: &str| children.iter_descendants(ready.entity).find(|e| names.get(*e).is_ok_and(|n| **n == *name));
    let (Some(head), Some(face)) = (find("head"), find("face")) else { return };
    let extras = extras.get(face).ok().and_then(|e| serde_json::from_str::<serde_json::Value>(&e.value).ok());
    let size = extras.and_then(|e| e.get("size")?.as_f64()).unwrap_or(0.3) as f32;
    commands.entity(ready.entity).insert(AvatarParts { head, face, size });
}

/// Heads turn and nod a little, each at its own pace. On the app's first second they are in their pose.
fn move_heads(
    time: Res<Time>,
    avatars: Query<(Entity, &Avatar, &AvatarParts)>,
    window: Query<(), With<bevy::window::PrimaryWindow>>,
    mut transforms: Query<&mut Transform>,
) {
    for (entity, avatar, parts) in &avatars {
        let pace = 0.8 + 0.17 * (entity.index_u32() % 5) as f32;
        // A picture without a window is the same every time.
        let phase = if window.is_empty() { 0.0 } else { pace * time.elapsed_secs() };
        let turn = avatar.pose.x + 0.3 * phase.sin();
        let nod = avatar.pose.y + 0.08 * (1.7 * phase).sin();
        let tilt = avatar.tilt + 0.1 * (0.6 * phase).sin();
        if let Ok(mut head) = transforms.get_mut(parts.head) {
            head.rotation = Quat::from_rotation_z(tilt) * Quat::from_rotation_y(turn) * Quat::from_rotation_x(nod);
        }
    }
}
