//! The views that have a cartoon, and what of theirs is on the device.

use bevy::ecs::entity::EntityHashMap;
use bevy::prelude::*;
use bevy::render::render_resource::{BindGroup, Buffer, TextureViewId};

use super::super::exchange::Request;
use super::super::pipelines::PipelineId;
use super::super::state::{Batch, ChainState, Chains};
use crate::ecs::ViewRegion;

/// All views, by the camera's entity in the main world.
#[derive(Resource, Debug, Default)]
pub(in crate::gpu) struct Views {
    pub(super) views: EntityHashMap<View>,
    /// Uniforms of all views.
    pub(super) regions: Option<Buffer>,
    /// The same on their way to the device, kept so that no frame allocates.
    pub(super) staging: Vec<u8>,
}

/// A camera's view.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The camera had a region in this frame.
    pub is_open: bool,
    pub region: ViewRegion,
    pub picture: AssetId<Image>,
    pub cartoon: AssetId<Image>,
    /// Blend of cartoon over view, 0..=1; 0 as long as there is none.
    pub strength: f32,
    /// Somebody waits for the picture.
    pub is_asked: bool,
    /// The picture is to be captured in this frame.
    pub is_wanted: bool,
    /// There is a picture that has not been drawn as a cartoon.
    pub is_captured: bool,
    /// Offset of the uniforms.
    pub offset: u32,
    pub capture: Bound,
    pub overlay: Bound,
}

/// A pass with everything that it is bound to. The main texture of a view is one of two that take turns.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub pipeline: Option<PipelineId>,
    pub groups: [Option<(TextureViewId, BindGroup)>; 2],
}

impl Bound {
    /// The bind group for a texture.
    pub fn group(&self, texture: TextureViewId) -> Option<&BindGroup> {
        self.groups.iter().flatten().find(|(id, _)| *id == texture).map(|(_, group)| group)
    }
}

/// Starts over on a new device.
pub(super) fn init_views(mut views: ResMut<Views>) {
    *views = Views::default();
}

impl Views {
    /// A new frame: nobody has asked for a picture.
    pub fn begin_frame(&mut self) {
        self.views.values_mut().for_each(|view| view.is_asked = false);
    }

    /// Whether the picture of a request is there. One that is no camera's always is; a camera's is asked for, so that the
    /// next cartoon is of the latest view.
    pub fn ask(&mut self, request: &Request) -> bool {
        let Some(view) = self.views.get_mut(&request.entity) else { return true };
        view.is_asked = true;
        view.is_captured
    }

    /// Notes that the picture of a request goes into a batch.
    pub fn take(&mut self, request: &Request) {
        if let Some(view) = self.views.get_mut(&request.entity) {
            view.is_captured = false;
            view.is_asked = request.wanted.always;
        }
    }

    /// Decides whose picture is captured in this frame: of those who asked, all but those whose last picture is still
    /// being read when the frame's passes are done.
    pub fn settle(&mut self, chains: &Chains) {
        for (entity, view) in &mut self.views {
            let holds = |batch: &Batch| batch.items.iter().any(|item| item.entity == *entity);
            let reads = |state: &ChainState| {
                let passes = state.chain.passes.len();
                let open = |batch: &&Batch| batch.next + batch.slice < batch.open_steps(passes).end;
                state.batch.as_ref().filter(open).is_some_and(holds)
            };
            view.is_wanted = view.is_asked && !chains.chains.values().any(reads);
        }
    }
}
