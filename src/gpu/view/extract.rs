//! Tagged cameras come over into the render world.

use bevy::prelude::*;
use bevy::render::Extract;

use super::state::Views;
use crate::ecs::{CartoonGroup, CartoonOutput, CartoonView, ViewPlace};

/// Every tagged camera, and where the GPU draws its cartoon.
type TaggedViews<'w, 's> = Query<'w, 's, (Entity, &'static CartoonView, &'static CartoonOutput), With<CartoonGroup>>;

/// Brings all regions up to date. What a view has on the device stays as long as it has a region.
pub(super) fn extract_views(tagged: Extract<TaggedViews>, mut views: ResMut<Views>) {
    let views = &mut views.views;
    views.values_mut().for_each(|view| view.is_open = false);
    for (entity, tag, output) in &tagged {
        let ViewPlace::At(region) = tag.place else { continue };
        let view = views.entry(entity).or_default();
        view.is_open = true;
        view.region = region;
        view.is_captured &= view.picture == tag.picture.id();
        view.picture = tag.picture.id();
        view.cartoon = output.image.id();
        view.strength = if tag.is_drawn { tag.strength } else { 0.0 };
    }
    views.retain(|_, view| view.is_open);
}
