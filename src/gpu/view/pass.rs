//! Records the two passes of a view. Everything they need exists.

use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{RenderPassColorAttachment, RenderPassDescriptor, TextureViewId};
use bevy::render::renderer::{RenderContext, ViewQuery};
use bevy::render::sync_world::MainEntity;
use bevy::render::texture::GpuImage;
use bevy::render::view::ViewTarget;

use super::super::attachments::{Before, attachments};
use super::super::counters::CartoonCounters;
use super::super::pipelines::CartoonPipelines;
use super::super::state::Chains;
use super::state::{Bound, View, Views};

/// A camera's turn: its view becomes a picture if somebody waits for one, and the latest cartoon is laid over it.
pub(super) fn toonface_view(
    camera: ViewQuery<(&MainEntity, &ViewTarget), With<ExtractedCamera>>,
    mut views: ResMut<Views>,
    mut chains: ResMut<Chains>,
    pipelines: Res<CartoonPipelines>,
    images: Res<RenderAssets<GpuImage>>,
    mut context: RenderContext,
) {
    let (entity, target) = camera.into_inner();
    let Some(view) = views.views.get_mut(&entity.id()) else { return };
    let mut recorder = Recorder { context: &mut context, pipelines: &pipelines, counters: &mut chains.counters };
    if view.is_wanted
        && let Some(picture) = images.get(view.picture)
        && recorder.capture(view, target, picture)
    {
        view.is_captured = true;
    }
    if view.strength > 0.0
        && let Some(cartoon) = images.get(view.cartoon)
    {
        recorder.overlay(view, target, cartoon);
    }
}

struct Recorder<'a, 'w, 's> {
    context: &'a mut RenderContext<'w, 's>,
    pipelines: &'a CartoonPipelines,
    counters: &'a mut CartoonCounters,
}

impl Recorder<'_, '_, '_> {
    /// The region of the view, filtered down into the picture. Returns whether that could be done.
    fn capture(&mut self, view: &View, target: &ViewTarget, picture: &GpuImage) -> bool {
        let attachments = attachments(std::iter::once(&picture.texture_view), Before::Clear);
        let texture = target.main_texture_view().id();
        let done = self.draw("bevy_toonface/capture", attachments[0].clone(), &view.capture, texture, view, None);
        self.counters.captures += u64::from(done);
        done
    }

    /// The cartoon over the view, where the region is in this frame.
    fn overlay(&mut self, view: &View, target: &ViewTarget, cartoon: &GpuImage) {
        let size = target.main_texture().size();
        let whole = URect::new(0, 0, size.width, size.height);
        let Some(bounds) = view.region.bounds().map(|bounds| bounds.intersect(whole)).filter(|b| !b.is_empty()) else {
            return;
        };
        let attachment = Some(target.get_unsampled_color_attachment());
        let texture = cartoon.texture_view.id();
        let done = self.draw("bevy_toonface/overlay", attachment, &view.overlay, texture, view, Some(bounds));
        self.counters.overlays += u64::from(done);
    }

    /// A pass of one draw.
    fn draw(
        &mut self,
        label: &str,
        attachment: Option<RenderPassColorAttachment>,
        bound: &Bound,
        texture: TextureViewId,
        view: &View,
        bounds: Option<URect>,
    ) -> bool {
        let pipeline = bound.pipeline.and_then(|id| self.pipelines.get(id));
        let (Some(pipeline), Some(group)) = (pipeline, bound.group(texture)) else { return false };
        let mut pass = self.context.command_encoder().begin_render_pass(&RenderPassDescriptor {
            label: Some(label),
            color_attachments: &[attachment],
            ..default()
        });
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &**group, &[view.offset]);
        if let Some(bounds) = bounds {
            pass.set_scissor_rect(bounds.min.x, bounds.min.y, bounds.width(), bounds.height());
        }
        pass.draw(0..3, 0..1);
        true
    }
}
