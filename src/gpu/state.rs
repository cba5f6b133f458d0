//! The chains that exist and the work in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy::platform::collections::{HashMap, HashSet};
use bevy::platform::time::Instant;
use bevy::prelude::*;
use bevy::render::render_resource::{BindGroup, Buffer, CachedRenderPipelineId, TextureView, TextureViewId};
use bevy::render::renderer::RenderQueue;

use super::chain::Chain;
use super::exchange::{ChainInfo, Request};
use super::readback::Readback;
use crate::ecs::CartoonModel;

/// A model and the tensors that are read back; entities with the same key share a chain.
pub(super) type ChainKey = (AssetId<CartoonModel>, Vec<String>);

/// All chains, and what each entity has been given.
#[derive(Resource, Debug, Default)]
pub(super) struct Chains {
    pub chains: HashMap<ChainKey, ChainState>,
    pub ledger: Ledger,
}

/// What each entity has been given, and when: those who waited longest come first.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Revision and clock of the latest service.
    served: HashMap<Entity, (u64, u64)>,
    /// Counts batches.
    clock: u64,
}

impl Ledger {
    /// Begins another batch.
    pub fn tick(&mut self) {
        self.clock += 1;
    }

    /// Whether a request has not been answered in its present revision.
    pub fn is_open(&self, request: &Request) -> bool {
        self.served.get(&request.entity).map_or(0, |(revision, _)| *revision) < request.revision
    }

    /// When a request was last answered.
    pub fn last(&self, request: &Request) -> u64 {
        self.served.get(&request.entity).map_or(0, |(_, clock)| *clock)
    }

    /// Notes that a request has been answered.
    pub fn serve(&mut self, request: &Request) {
        self.served.insert(request.entity, (request.revision, self.clock));
    }

    /// Forgets entities that ask for nothing any more.
    pub fn retain(&mut self, requests: &[Request]) {
        let alive: HashSet<Entity> = requests.iter().map(|r| r.entity).collect();
        self.served.retain(|entity, _| alive.contains(entity));
    }
}

/// A chain and the work in it.
#[derive(Debug)]
pub(super) struct ChainState {
    pub chain: Chain,
    /// Of the model that it was made for.
    pub version: u64,
    /// Uniforms of the passes at both ends.
    pub pictures: Buffer,
    /// Bind groups of those passes, by picture; `None` stands for uploaded tensors.
    pub ends: HashMap<Option<TextureViewId>, EndBindGroups>,
    /// The batch that is to be recorded this frame.
    pub batch: Option<Batch>,
    /// The batch that the GPU works on.
    pub in_flight: Option<InFlight>,
    pub readbacks: Vec<Readback>,
    pub record_ms: f32,
    pub table: Arc<str>,
}

/// One batch: pictures, and the pipelines of both ends.
#[derive(Debug)]
pub(super) struct Batch {
    pub items: Vec<BatchItem>,
    pub encode: CachedRenderPipelineId,
}

/// One picture of a batch.
#[derive(Debug)]
pub(super) struct BatchItem {
    pub entity: Entity,
    pub revision: u64,
    pub group: usize,
    pub ends: EndBindGroups,
    /// Pipeline of the composite pass.
    pub composite: CachedRenderPipelineId,
    pub target: TextureView,
}

/// What the passes at both ends of a chain are bound to, for one picture.
#[derive(Debug, Clone)]
pub(super) struct EndBindGroups {
    /// `None` if the input is uploaded as a tensor.
    pub encode: Option<BindGroup>,
    pub composite: BindGroup,
}

/// Starts over on a new device.
pub(super) fn init_chains(mut chains: ResMut<Chains>) {
    *chains = Chains::default();
}

impl ChainState {
    /// Whether nothing of the chain's textures is in use or about to be.
    pub fn is_idle(&self) -> bool {
        self.batch.is_none() && self.in_flight.is_none() && self.readbacks.is_empty()
    }

    /// Figures for tools and panels.
    pub fn info(&self, all_pipelines: usize) -> ChainInfo {
        let plan = &self.chain.plan;
        ChainInfo {
            model: plan.model.clone(),
            batch: plan.options.batch,
            passes: plan.passes.len(),
            draws: plan.passes.iter().map(|p| p.draws.len()).sum(),
            pipelines: plan.kernels.len(),
            all_pipelines,
            bind_groups: self.chain.bind_group_count(),
            slot_bytes: plan.slot_bytes(),
            live_bytes: plan.live_bytes,
            weight_bytes: plan.weights.bytes(),
            record_ms: self.record_ms,
            table: self.table.clone(),
        }
    }
}

/// A batch that has been recorded.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Entities and the revisions they get.
    pub drawn: Vec<(Entity, u64)>,
    started: Instant,
    pub submitted: bool,
    /// Microseconds from recording to completion; 0 until then.
    micros: Arc<AtomicU64>,
}

impl InFlight {
    /// A batch whose recording began at `started`.
    pub fn new(drawn: Vec<(Entity, u64)>, started: Instant) -> Self {
        Self { drawn, started, submitted: false, micros: Arc::default() }
    }

    /// Asks the queue to tell when everything submitted so far is done.
    pub fn submit(&mut self, queue: &RenderQueue) {
        self.submitted = true;
        let (micros, started) = (self.micros.clone(), self.started);
        queue.on_submitted_work_done(move || {
            micros.store((started.elapsed().as_micros() as u64).max(1), Ordering::Release);
        });
    }

    /// Milliseconds from recording to completion, once it is complete.
    pub fn milliseconds(&self) -> Option<f32> {
        match self.micros.load(Ordering::Acquire) {
            0 => None,
            micros => Some(micros as f32 / 1e3),
        }
    }
}
