//! The chains that exist and the work in them.

use std::ops::Range;
use std::sync::Arc;

use bevy::platform::collections::{HashMap, HashSet};
use bevy::platform::time::Instant;
use bevy::prelude::*;
use bevy::render::render_resource::{BindGroup, Buffer, TextureView, TextureViewId};

use super::chain::Chain;
use super::counters::CartoonCounters;
use super::exchange::{ChainInfo, Request};
use super::in_flight::InFlight;
use super::ledger::Ledger;
use super::pipelines::PipelineId;
use super::profile::{Profile, StepInfo};
use super::schedule::{Allowance, Costs};
use super::smoothing::{Histories, Smoothed, SmoothingIds};
use crate::ecs::{CartoonError, CartoonModel};

/// A model and the tensors that are read back; entities with the same key share a chain.
pub(super) type ChainKey = (AssetId<CartoonModel>, Vec<String>);

/// All chains, and what each entity has been given.
#[derive(Resource, Debug, Default)]
pub(super) struct Chains {
    pub chains: HashMap<ChainKey, ChainState>,
    pub ledger: Ledger,
    /// Of pictures that are smoothed.
    pub histories: Histories,
    /// Frames that the GPU has not finished, oldest first.
    pub in_flight: Vec<InFlight>,
    pub counters: CartoonCounters,
    /// Chains that were made.
    pub made: u64,
    /// What cartoons leave of the frame.
    #[cfg(feature = "few_shot")]
    pub left: Option<Allowance>,
    /// Chains that could not be made.
    pub refused: HashMap<ChainKey, Refusal>,
}

/// A chain that could not be made. It is not tried again until something changes.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Of the model.
    pub version: u64,
    /// Pictures in a batch that were asked for.
    pub asked: usize,
    /// Bytes that there were for it.
    pub max_bytes: usize,
    pub error: CartoonError,
}

/// A chain and the work in it.
#[derive(Debug)]
pub(super) struct ChainState {
    pub chain: Chain,
    /// Differs from that of any other chain.
    pub number: u64,
    /// Of the model that it was made for.
    pub version: u64,
    /// Pictures in a batch that were asked for; where memory is short, there are fewer.
    pub asked: usize,
    /// Uniforms of the passes at both ends.
    pub pictures: Buffer,
    /// Bind groups of those passes, by picture; `None` stands for uploaded tensors.
    pub ends: HashMap<Option<TextureViewId>, EndBindGroups>,
    /// The batch that is being drawn.
    pub batch: Option<Batch>,
    /// What each step takes.
    pub costs: Costs,
    /// CPU milliseconds of the latest batch: recording, and making the driver's commands of it.
    pub record_ms: f32,
    pub encode_ms: f32,
    pub table: Arc<str>,
    /// What is kept to be read back, beside the cartoon.
    pub taps: Arc<[String]>,
    pub steps: Arc<[StepInfo]>,
    pub profile: Profile,
}

/// Pictures on their way through a chain. Its steps are the encode pass, the plan's passes, and a composite pass for
/// each picture.
#[derive(Debug)]
pub(super) struct Batch {
    pub items: Vec<BatchItem>,
    /// Pipeline of the encode pass.
    pub encode: PipelineId,
    /// Pipelines of smoothed pictures, if there are any.
    pub smoothing: Option<SmoothingIds>,
    /// Differs from that of any other batch, and grows.
    pub number: u64,
    /// The first step that has not been recorded.
    pub next: usize,
    /// How many steps are to be recorded this frame.
    pub slice: usize,
    /// When recording began.
    pub started: Option<Instant>,
    pub record_ms: f32,
    pub encode_ms: f32,
}

/// One picture of a batch.
#[derive(Debug)]
pub(super) struct BatchItem {
    pub entity: Entity,
    pub revision: u64,
    pub group: usize,
    pub ends: EndBindGroups,
    /// There if it is smoothed.
    pub smoothed: Option<Smoothed>,
    /// Pipeline of the composite pass.
    pub composite: PipelineId,
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

impl Chains {
    /// Bytes of the textures of all chains but one.
    pub fn bytes_beside(&self, key: &ChainKey) -> usize {
        self.chains.iter().filter(|(other, _)| *other != key).map(|(_, state)| state.chain.plan.bytes()).sum()
    }

    /// Drops what nobody waits for any more: chains without requests, and batches without a picture that is still
    /// wanted. What the GPU has been given already goes its way.
    pub fn retain(&mut self, wanted: &HashMap<ChainKey, Vec<&Request>>, requests: &[Request]) {
        let Self { chains, ledger, histories, counters, refused, .. } = self;
        histories.retain(requests);
        refused.retain(|key, _| wanted.contains_key(key));
        let alive: HashSet<Entity> = requests.iter().map(|request| request.entity).collect();
        ledger.retain(&alive);
        chains.retain(|key, state| {
            let requests = wanted.get(key);
            let waits = |item: &BatchItem| requests.is_some_and(|list| list.iter().any(|r| r.entity == item.entity));
            counters.dropped += u64::from(state.batch.take_if(|batch| !batch.items.iter().any(waits)).is_some());
            requests.is_some()
        });
    }
}

impl ChainState {
    /// Takes as many steps of the batch out of the frame's allowance as fit.
    pub fn take_slice(&mut self, allowance: &mut Allowance) {
        let passes = self.chain.passes.len();
        if let Some(batch) = &mut self.batch {
            batch.slice = allowance.take(self.costs.of(batch.open_steps(passes)));
        }
    }

    /// Notes that the steps of this frame have been recorded, at this cost a step. Returns whether the batch is through.
    pub fn finish_slice(&mut self, encode_ms: f32) -> bool {
        let end = |batch: &Batch| batch.open_steps(self.chain.passes.len()).end;
        let Some(batch) = &mut self.batch else { return false };
        batch.encode_ms += encode_ms * batch.slice as f32;
        batch.next += batch.slice;
        batch.slice = 0;
        let Some(batch) = self.batch.take_if(|batch| batch.next >= end(batch)) else { return false };
        (self.record_ms, self.encode_ms) = (batch.record_ms, batch.encode_ms);
        true
    }

    /// Figures for tools and panels.
    pub fn info(&self, all_pipelines: usize, has_timestamps: bool) -> ChainInfo {
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
            weight_bytes: plan.weight_bytes(),
            record_ms: self.record_ms,
            encode_ms: self.encode_ms,
            table: self.table.clone(),
            number: self.number,
            taps: self.taps.clone(),
            steps: self.steps.clone(),
            has_timestamps,
            times: self.profile.latest(),
        }
    }
}

impl Batch {
    /// A batch that starts with the encode pass, if it has a picture to encode.
    pub fn new(items: Vec<BatchItem>, encode: PipelineId, smoothing: Option<SmoothingIds>, number: u64) -> Self {
        let next = first_step(&items);
        Self { items, encode, smoothing, number, next, slice: 0, started: None, record_ms: 0.0, encode_ms: 0.0 }
    }

    /// Render passes that this frame's steps take. A step is one pass, but for the first, which also smooths.
    pub fn passes(&self) -> usize {
        let encodes = self.next == 0 && self.slice > 0;
        let smoothed = if encodes { self.items.iter().filter(|item| item.smoothed.is_some()).count() } else { 0 };
        self.slice + Smoothed::PASSES * smoothed
    }

    /// The steps from the first to the last, for a chain of this many passes.
    pub fn all_steps(&self, passes: usize) -> Range<usize> {
        first_step(&self.items)..1 + passes + self.items.len()
    }

    /// The steps that are to be recorded, for a chain of this many passes.
    pub fn open_steps(&self, passes: usize) -> Range<usize> {
        self.next..1 + passes + self.items.len()
    }
}

/// Uploaded tensors need no encode pass.
fn first_step(items: &[BatchItem]) -> usize {
    usize::from(items.iter().all(|item| item.ends.encode.is_none()))
}
