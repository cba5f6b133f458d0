//! Sprites: the picture is the sprite's own, and the cartoon takes its place when it is ready.

use bevy::prelude::*;

use super::{CartoonGroup, CartoonOutput, CartoonRequest, CartoonSource, CartoonSystems, Progress, RequestSource};

/// The sprite's own picture, while the sprite shows a cartoon or waits for one.
#[derive(Component, Debug, Clone)]
struct SpritePicture {
    own: Handle<Image>,
    /// The cartoon that stands in its place.
    shown: Option<Handle<Image>>,
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, (adopt_pictures, show_cartoons).chain().in_set(CartoonSystems::Sprites))
        .add_observer(restore_picture);
}

/// Sprites with a group that are new or have changed.
type ChangedCartoons = (With<CartoonGroup>, Or<(Changed<Sprite>, Added<CartoonGroup>)>);

/// Whatever image a sprite has that is not its cartoon is its picture.
fn adopt_pictures(
    mut sprites: Query<(Entity, &Sprite, &mut CartoonSource), ChangedCartoons>,
    pictures: Query<&SpritePicture>,
    mut commands: Commands,
) {
    for (entity, sprite, mut source) in &mut sprites {
        let picture = pictures.get(entity).ok();
        let shows_cartoon = picture.is_some_and(|p| p.shown.as_ref() == Some(&sprite.image));
        let known = picture.is_some_and(|p| p.own == sprite.image) && *source != CartoonSource::None;
        if shows_cartoon || known {
            continue;
        }
        let has_image = sprite.image != Handle::default();
        // A sprite without an image has the default handle, behind which Bevy keeps a white pixel.
        *source = if has_image { CartoonSource::Image(sprite.image.clone()) } else { CartoonSource::None };
        commands.entity(entity).try_insert(SpritePicture { own: sprite.image.clone(), shown: None });
    }
}

/// Swaps the cartoon in once it belongs to the picture that the sprite has.
fn show_cartoons(
    mut sprites: Query<
        (&mut Sprite, &mut SpritePicture, &CartoonOutput, &CartoonRequest, &Progress),
        With<CartoonGroup>,
    >,
) {
    for (mut sprite, mut picture, output, request, progress) in &mut sprites {
        // A picture that has just been changed is not in the request yet.
        let of_picture = request.wanted.as_ref().is_some_and(|w| w.source == RequestSource::Image(picture.own.id()));
        let ready = progress.updates > 0 && progress.revision >= request.source_revision;
        if of_picture && ready && sprite.image != output.image {
            sprite.image = output.image.clone();
            picture.shown = Some(output.image.clone());
        }
    }
}

fn restore_picture(
    removed: On<Remove, CartoonGroup>,
    mut sprites: Query<(&mut Sprite, &SpritePicture)>,
    mut commands: Commands,
) {
    if let Ok((mut sprite, picture)) = sprites.get_mut(removed.entity) {
        sprite.image = picture.own.clone();
    }
    commands.entity(removed.entity).try_remove::<SpritePicture>();
}
