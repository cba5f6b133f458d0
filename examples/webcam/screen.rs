//! What is on screen: the picture on the left with the guide over it, the cartoon on the right, words below.

use bevy::prelude::*;
use bevy::text::TextBounds;
use bevy_toonface::prelude::*;
use bevy_toonface::video::face_guide;

use super::Live;
use super::scene::SceneTarget;

/// Side of the picture and of the cartoon in pixels.
const SIDE: f32 = 480.0;
/// Middle of the picture; that of the cartoon is on the other side.
const PICTURE: Vec2 = Vec2::new(-250.0, 60.0);

/// The picture as it comes from the camera.
#[derive(Component)]
pub struct Mirror;

/// The oval over it.
#[derive(Component)]
pub struct Guide;

/// The cameras that are connected, in words.
#[derive(Resource)]
pub struct Cameras(String);

impl Cameras {
    /// Looks for them; that takes some milliseconds.
    pub fn look(&mut self) {
        self.0 = match list_webcams() {
            Ok(list) => list.iter().map(|c| format!("{}: {}", c.index, c.name)).collect::<Vec<_>>().join(", "),
            Err(error) => error.to_string(),
        };
    }
}

impl Default for Cameras {
    fn default() -> Self {
        let mut cameras = Self(String::new());
        cameras.look();
        cameras
    }
}

/// The words below.
#[derive(Component)]
pub struct Words;

pub fn spawn(mut commands: Commands, target: Res<SceneTarget>, mut images: ResMut<Assets<Image>>) {
    commands.spawn((Camera2d, target.0.clone()));
    let square = || Sprite { custom_size: Some(Vec2::splat(SIDE)), ..default() };
    commands.spawn((
        Mirror,
        Sprite { color: Color::srgb(0.1, 0.1, 0.12), ..square() },
        Transform::from_translation(PICTURE.extend(0.0)),
    ));
    commands.spawn((
        Guide,
        Sprite { image: images.add(face_guide(SIDE as u32)), ..square() },
        Transform::from_translation(PICTURE.extend(1.0)),
    ));
    commands.spawn((
        Words,
        Text2d::default(),
        TextBounds::new_horizontal(960.0),
        TextLayout::justify(Justify::Center),
        TextFont { font_size: FontSize::Px(18.0), ..default() },
        Transform::from_xyz(0.0, -245.0, 0.0),
    ));
}

/// Where the cartoon stands.
pub fn cartoon_place() -> impl Bundle {
    let sprite = Sprite { custom_size: Some(Vec2::splat(SIDE)), ..default() };
    (sprite, Transform::from_xyz(-PICTURE.x, PICTURE.y, 0.0))
}

/// The picture of the entity that has the camera is shown here, too.
pub fn show_mirror(
    live: Single<(&VideoImage, &VideoStatus), With<Live>>,
    mut mirror: Single<&mut Sprite, With<Mirror>>,
) {
    let (picture, status) = *live;
    if status.is_running() && mirror.image != picture.image {
        mirror.image = picture.image.clone();
        mirror.color = Color::WHITE;
    }
}

/// How the camera and the cartoon are, in words.
pub fn tell(
    live: Single<(&VideoStatus, &CartoonStatus, &CartoonGroup, &CartoonSmoothing), With<Live>>,
    cameras: Res<Cameras>,
    mut words: Single<&mut Text2d, With<Words>>,
) {
    let (video, cartoon, group, smoothing) = *live;
    let smoothing = if smoothing.effective().is_some() { "on" } else { "off" };
    let text = format!(
        "picture {video}\n{} {cartoon}, smoothing {smoothing}\ncameras: {}\n{}",
        group.0,
        cameras.0,
        super::keys::HELP
    );
    if words.0 != text {
        words.0 = text;
    }
}
