//! Sprites and UI nodes: an image, or a part of it that a rectangle or an atlas chooses.

use bevy::ecs::system::SystemParamItem;
use bevy::image::TextureAtlas;
use bevy::prelude::*;

use super::picture::{outside, path_of};
use super::shows::{NoSource, Shows, add, need_assets};
use super::{CartoonError, CartoonSource};

/// What sprites and UI nodes say about their picture. A rectangle counts from the corner of the atlas section, if there
/// is one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    image: Handle<Image>,
    atlas: Option<TextureAtlas>,
    rect: Option<Rect>,
}

/// What looks are looked up in.
type LookAssets = (Res<'static, Assets<Image>>, ResMut<'static, Assets<TextureAtlasLayout>>);

pub(super) fn plugin(app: &mut App) {
    need_assets::<TextureAtlasLayout>(app);
    #[cfg(feature = "sprite")]
    {
        add::<Sprite>(app);
        add::<bevy::sprite::SpriteMesh>(app);
    }
    #[cfg(feature = "ui")]
    add::<ImageNode>(app);
}

/// The part of the image in pixels; `None`, if it is all of it.
fn area(look: &Look, images: &Assets<Image>, layouts: &Assets<TextureAtlasLayout>) -> Result<Option<Rect>, NoSource> {
    let tile = match &look.atlas {
        None => None,
        Some(TextureAtlas { layout, index }) => {
            let known = layouts.get(layout).ok_or_else(|| NoSource::Waiting(layout.clone().untyped()))?;
            let (path, count) = (path_of(&look.image), known.textures.len());
            let tile = known.textures.get(*index);
            Some(tile.ok_or(NoSource::Failed(CartoonError::AtlasIndex { path, index: *index, count }))?.as_rect())
        }
    };
    let area = match (tile, look.rect) {
        (Some(tile), Some(rect)) => Some(Rect { min: tile.min + rect.min, max: tile.min + rect.max }),
        (tile, rect) => tile.or(rect),
    };
    let Some(area) = area else { return Ok(None) };
    let image = images.get(&look.image).ok_or_else(|| NoSource::Waiting(look.image.clone().untyped()))?;
    let is_inside = area.min.cmpge(Vec2::ZERO).all() && area.max.cmple(image.size_f32()).all();
    match is_inside && !area.is_empty() {
        true => Ok(Some(area)),
        false => Err(NoSource::Failed(outside(&look.image, area, image.size()))),
    }
}

/// The whole pixels that an area touches.
fn pixels(area: Rect) -> URect {
    URect { min: area.min.floor().as_uvec2(), max: area.max.ceil().as_uvec2() }
}

impl Look {
    fn meant(self, own: &Self, stand_in: &Self) -> Self {
        let atlas = match (self.atlas, &stand_in.atlas, &own.atlas) {
            // The game turns the pages.
            (Some(now), Some(shown), Some(own)) if now.layout == shown.layout => {
                Some(own.clone().with_index(now.index))
            }
            (now, ..) => now,
        };
        Self {
            image: if self.image == stand_in.image { own.image.clone() } else { self.image },
            atlas,
            rect: if self.rect == stand_in.rect { own.rect } else { self.rect },
        }
    }

    fn picture(
        &self,
        (images, layouts): &(Res<Assets<Image>>, ResMut<Assets<TextureAtlasLayout>>),
    ) -> Result<CartoonSource, NoSource> {
        // Behind these, Bevy keeps a white and a transparent pixel.
        if self.image == Handle::default() || self.image == bevy::image::TRANSPARENT_IMAGE_HANDLE {
            return Ok(CartoonSource::None);
        }
        Ok(match area(self, images, layouts)? {
            Some(area) => CartoonSource::Part(self.image.clone(), pixels(area)),
            None => CartoonSource::Image(self.image.clone()),
        })
    }

    /// The output holds nothing but the part; so every section of the stand-in's atlas is all of it, and whatever index
    /// the game sets, the cartoon stays. Parts of pixels at a rectangle's edges are left out as before.
    fn stand_in(
        &self,
        output: &Handle<Image>,
        before: Option<&Self>,
        (images, layouts): &mut (Res<Assets<Image>>, ResMut<Assets<TextureAtlasLayout>>),
    ) -> Self {
        let area = area(self, images, layouts).ok().flatten();
        let rect = self.rect.and(area).map(|area| {
            let corner = pixels(area).min.as_vec2();
            Rect { min: area.min - corner, max: area.max - corner }
        });
        let atlas = self.atlas.as_ref().zip(area).map(|(own, area)| {
            let size = pixels(area).size();
            let count = layouts.get(&own.layout).map_or(0, |layout| layout.textures.len());
            let whole = TextureAtlasLayout { size, textures: vec![URect::from_corners(UVec2::ZERO, size); count] };
            let before = before.and_then(|before| before.atlas.as_ref()).map(|atlas| &atlas.layout);
            let kept = before.filter(|before| layouts.get(*before) == Some(&whole)).cloned();
            TextureAtlas { layout: kept.unwrap_or_else(|| layouts.add(whole)), index: own.index }
        });
        Self { image: output.clone(), atlas, rect }
    }
}

/// Components with these fields.
macro_rules! shows_look {
    ($($component:ty),*) => {$(
        impl Shows for $component {
            type Look = Look;
            type Assets = LookAssets;

            fn look(&self) -> Look {
                Look { image: self.image.clone(), atlas: self.texture_atlas.clone(), rect: self.rect }
            }

            fn set_look(&mut self, look: &Look) {
                let Look { image, atlas, rect } = look.clone();
                (self.image, self.texture_atlas, self.rect) = (image, atlas, rect);
            }

            fn meant(now: Look, own: &Look, stand_in: &Look) -> Look {
                now.meant(own, stand_in)
            }

            fn picture(look: &Look, assets: &SystemParamItem<LookAssets>) -> Result<CartoonSource, NoSource> {
                look.picture(assets)
            }

            fn stand_in(
                own: &Look,
                output: &Handle<Image>,
                before: Option<&Look>,
                assets: &mut SystemParamItem<LookAssets>,
            ) -> Look {
                own.stand_in(output, before, assets)
            }
        }
    )*};
}

#[cfg(feature = "sprite")]
shows_look!(Sprite, bevy::sprite::SpriteMesh);
#[cfg(feature = "ui")]
shows_look!(ImageNode);
