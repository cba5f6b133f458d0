//! Sprites: the picture is the sprite's own, and the cartoon takes its place when it is ready.

use bevy::prelude::*;

use super::{CartoonGroup, CartoonOutput, CartoonRequest, CartoonSource, CartoonSystems, Progress};

/// The sprite's own picture, while the sprite shows a cartoon or waits for one.
#[derive(Component, Debug, Clone)]
struct SpritePicture(Handle<Image>);

pub(super) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, (adopt_pictures, show_cartoons).chain().in_set(CartoonSystems::Sprites))
        .add_observer(restore_picture);
}

/// Sprites with a group that are new or have changed.
type ChangedCartoons = (With<CartoonGroup>, Or<(Changed<Sprite>, Added<CartoonGroup>)>);

/// Whatever image a sprite has that is not its cartoon is its picture.
fn adopt_pictures(
    mut sprites: Query<(Entity, &Sprite, &CartoonOutput, &mut CartoonSource), ChangedCartoons>,
    pictures: Query<&SpritePicture>,
    mut commands: Commands,
) {
    for (entity, sprite, output, mut source) in &mut sprites {
        let picture = pictures.get(entity).ok();
        let has_image = sprite.image != Handle::default();
        let shows_cartoon = has_image && picture.is_some() && sprite.image == output.image;
        let known = picture.is_some_and(|p| p.0 == sprite.image) && *source != CartoonSource::None;
        if shows_cartoon || known {
            continue;
        }
        // A sprite without an image has the default handle, behind which Bevy keeps a white pixel.
        *source = if has_image { CartoonSource::Image(sprite.image.clone()) } else { CartoonSource::None };
        commands.entity(entity).try_insert(SpritePicture(sprite.image.clone()));
    }
}

/// Swaps the cartoon in once it belongs to the picture that the sprite has.
fn show_cartoons(
    mut sprites: Query<(&mut Sprite, &CartoonOutput, &CartoonRequest, &Progress, &SpritePicture), With<CartoonGroup>>,
) {
    for (mut sprite, output, request, progress, picture) in &mut sprites {
        let ready = request.wanted.is_some() && progress.updates > 0 && progress.revision >= request.source_revision;
        if ready && sprite.image == picture.0 {
            sprite.image = output.image.clone();
        }
    }
}

fn restore_picture(
    removed: On<Remove, CartoonGroup>,
    mut sprites: Query<(&mut Sprite, &SpritePicture)>,
    mut commands: Commands,
) {
    if let Ok((mut sprite, picture)) = sprites.get_mut(removed.entity) {
        sprite.image = picture.0.clone();
    }
    commands.entity(removed.entity).try_remove::<SpritePicture>();
}
