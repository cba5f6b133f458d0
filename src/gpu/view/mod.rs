//! Cameras: their view is captured for the network, and its cartoon is laid over the view.
//!
//! ```text
//! ExtractSchedule   extract_views   where every region is in this frame
//! PrepareBindGroups prepare_views   uniforms and bind groups; whose picture is wanted
//! Core2d, Core3d    toonface_view   after post-processing, before UI: capture, then overlay
//! ```
//!
//! The chain encodes at the beginning of a frame what was captured in an earlier one; the overlay draws the latest
//! cartoon at the region's place in this frame.

mod extract;
mod order;
mod pass;
mod pipelines;
mod prepare;
mod state;
mod uniform;

use bevy::core_pipeline::schedule::{Core2d, Core2dSystems, Core3d, Core3dSystems};
use bevy::prelude::*;
use bevy::render::{ExtractSchedule, Render, RenderStartup, RenderSystems};

pub(super) use state::Views;

/// Registers everything in the render app.
pub(super) fn register(render_app: &mut SubApp) {
    render_app
        .init_resource::<Views>()
        .add_systems(RenderStartup, state::init_views)
        .add_systems(ExtractSchedule, extract::extract_views)
        .add_systems(
            Render,
            prepare::prepare_views.in_set(RenderSystems::PrepareBindGroups).after(super::prepare::prepare_cartoons),
        )
        .add_systems(Core2d, pass::toonface_view.in_set(order::CartoonViewSystems))
        .add_systems(Core3d, pass::toonface_view.in_set(order::CartoonViewSystems));
    order::place_last(render_app, Core2d, Core2dSystems::PostProcess);
    order::place_last(render_app, Core3d, Core3dSystems::PostProcess);
}
