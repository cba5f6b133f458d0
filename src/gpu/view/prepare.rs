//! Uniforms and bind groups of all views. At rest, nothing is made here.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    BindGroup, BindGroupEntry, BindGroupLayout, BindingResource, Buffer, BufferBinding, BufferDescriptor, BufferSize,
    BufferUsages, TextureView,
};
use bevy::render::renderer::{RenderAdapter, RenderDevice, RenderQueue};
use bevy::render::sync_world::MainEntity;
use bevy::render::texture::GpuImage;
use bevy::render::view::ViewTarget;

use super::super::batch::are_ready;
use super::super::exchange::{Exchange, Report};
use super::super::pipelines::CartoonPipelines;
use super::super::program::BIND_SOURCE;
use super::super::state::Chains;
use super::pipelines::ViewPipelines;
use super::state::{Bound, Views};
use super::uniform::{REGION_STRIDE, RegionUniform};
use crate::plan::kernel::BIND_PARAMS;

/// The render world's resources that preparing a view needs.
#[derive(SystemParam)]
pub(super) struct ViewParams<'w> {
    device: Res<'w, RenderDevice>,
    queue: Res<'w, RenderQueue>,
    adapter: Res<'w, RenderAdapter>,
    images: Res<'w, RenderAssets<GpuImage>>,
}

pub(super) fn prepare_views(
    params: ViewParams,
    cameras: Query<(&MainEntity, &ViewTarget, &ExtractedCamera)>,
    mut views: ResMut<Views>,
    mut pipelines: ResMut<CartoonPipelines>,
    mut chains: ResMut<Chains>,
    mut exchange: ResMut<Exchange>,
) {
    views.settle(&chains);
    let counters = &mut chains.counters;
    let Views { views, regions, staging } = &mut *views;
    if views.is_empty() {
        return;
    }
    let is_new = ensure_buffer(regions, views.len(), &params.device);
    let Some(buffer) = regions else { return };
    counters.buffers += u64::from(is_new);
    if is_new {
        views.values_mut().for_each(|view| (view.capture, view.overlay) = default());
    }
    staging.clear();
    for (entity, target, camera) in &cameras {
        let Some(view) = views.get_mut(&entity.id()) else { continue };
        let images = [view.picture, view.cartoon].map(|id| params.images.get(id));
        // Both are made in the frame in which the camera gets its model.
        let [Some(picture), cartoon] = images else { continue };
        view.offset = staging.len() as u32;
        let size = target.main_texture().size();
        let size = UVec2::new(size.width, size.height);
        let texels = picture.texture_descriptor.size.width;
        let uniform = RegionUniform::new(&view.region, size, texels, view.strength);
        staging.extend_from_slice(bytemuck::bytes_of(&uniform));
        staging.resize((view.offset + REGION_STRIDE) as usize, 0);

        let (format, space) = (target.main_texture_format(), camera.compositing_space);
        let made = ViewPipelines::new(format, space, &mut pipelines, (&params.device, &params.adapter));
        let made = made.and_then(|made| {
            let is_ready = are_ready(&pipelines, [made.capture.id, made.overlay.id])?;
            Ok((made, is_ready))
        });
        let made = match made {
            Ok((made, is_ready)) => {
                view.capture.pipeline = is_ready.then_some(made.capture.id);
                view.overlay.pipeline = is_ready.then_some(made.overlay.id);
                made
            }
            Err(error) => {
                (view.capture.pipeline, view.overlay.pipeline) = (None, None);
                let request = exchange.requests.iter().find(|request| request.entity == entity.id());
                let revision = request.map(|request| request.revision);
                let report = |revision| (entity.id(), Report::Failed { revision, error });
                exchange.reports.extend(revision.map(report));
                continue;
            }
        };
        let bind = |bound: &mut Bound, layout: &BindGroupLayout, textures: [Option<&TextureView>; 2]| {
            bind(bound, textures, |texture| bind_group(texture, layout, buffer, &params.device))
        };
        let main = [target.main_texture_view(), target.main_texture_other_view()];
        counters.bind_groups += bind(&mut view.capture, &made.capture.layout, main.map(Some));
        let cartoon = cartoon.map(|image| &image.texture_view);
        counters.bind_groups += bind(&mut view.overlay, &made.overlay.layout, [cartoon, None]);
    }
    params.queue.write_buffer(buffer, 0, staging);
}

/// Makes room for all views. Returns whether the buffer is another one.
fn ensure_buffer(regions: &mut Option<Buffer>, views: usize, device: &RenderDevice) -> bool {
    let size = u64::from(REGION_STRIDE) * views.next_power_of_two() as u64;
    if regions.as_ref().is_some_and(|buffer| buffer.size() >= size) {
        return false;
    }
    *regions = Some(device.create_buffer(&BufferDescriptor {
        label: Some("bevy_toonface/regions"),
        size,
        usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    }));
    true
}

/// Makes sure of the bind groups for these textures, and forgets others. Returns how many were made.
fn bind(bound: &mut Bound, textures: [Option<&TextureView>; 2], make: impl Fn(&TextureView) -> BindGroup) -> u64 {
    let is_bound = |texture: &TextureView| bound.group(texture.id()).is_some();
    if textures.iter().flatten().all(|texture| is_bound(texture)) {
        return 0;
    }
    bound.groups = textures.map(|texture| texture.map(|texture| (texture.id(), make(texture))));
    bound.groups.iter().flatten().count() as u64
}

fn bind_group(texture: &TextureView, layout: &BindGroupLayout, buffer: &Buffer, device: &RenderDevice) -> BindGroup {
    let size = BufferSize::new(size_of::<RegionUniform>() as u64);
    let uniform = BindingResource::Buffer(BufferBinding { buffer, offset: 0, size });
    let entries = [
        BindGroupEntry { binding: BIND_PARAMS, resource: uniform },
        BindGroupEntry { binding: BIND_SOURCE, resource: BindingResource::TextureView(texture) },
    ];
    device.create_bind_group("bevy_toonface/view", layout, &entries)
}
