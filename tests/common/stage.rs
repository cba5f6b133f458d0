//! A stage for tests that count frames: small models, a clock that the test moves, and a GPU that is waited for.
#![allow(dead_code, reason = "every test binary that counts frames compiles this module and uses its own part of it")]

use std::time::Duration;

use bevy::prelude::*;
use bevy::render::render_resource::PollType;
use bevy::render::renderer::RenderDevice;
use bevy::time::TimeUpdateStrategy;
use bevy_toonface::ecs::Progress;
use bevy_toonface::gpu::{CartoonChains, CartoonCounters};
use bevy_toonface::model::{GraphBuilder, Model, Op, Owner};
use bevy_toonface::prelude::*;

use crate::common::{model_of, random_weights};
use crate::gpu::headless::{read_image, run_until};
use crate::gpu::{LIMIT, add_model, gradient};

/// Time from frame to frame.
pub const FRAME: Duration = Duration::from_millis(50);

/// A model that is drawn in no time: 16 x 16 pixels and a few passes a block. Groups are `g0`, `g1`, ...
pub fn small_model(blocks: usize, groups: usize, seed: u64) -> Model {
    let mut graph = GraphBuilder::new(groups);
    let mut x = graph.input(3, 16, 16).expect("an input");
    for block in 0..=blocks {
        let (from, to) = (if block == 0 { 3 } else { 4 }, if block == blocks { 3 } else { 4 });
        let owner = if block == 0 { Owner::Branch } else { Owner::Trunk };
        let weight = graph.param(format!("conv{block}.weight"), &[to, from, 3, 3], owner);
        let bias = Some(graph.param(format!("conv{block}.bias"), &[to], owner));
        let conv = Op::Conv2d { kernel: 3, stride: 1, weight, bias };
        let mut add = |op: Op, x| graph.add(&format!("{}{block}", op.name()), op, &[x]).expect("a node");
        x = add(conv, x);
        x = if block < blocks { add(Op::InstanceNorm, x) } else { x };
        x = add(if block < blocks { Op::Relu } else { Op::Tanh }, x);
    }
    graph.output("output", x);
    let graph = graph.finish();
    let weights = random_weights(&graph, seed);
    model_of(graph, weights)
}

/// An app that is driven frame by frame.
pub struct Stage<'a> {
    pub app: &'a mut App,
    pub picture: Handle<Image>,
}

impl<'a> Stage<'a> {
    /// Nothing under way, everything unlimited, and a clock that moves by [`FRAME`] a frame.
    pub fn new(app: &'a mut App) -> Self {
        app.insert_resource(TimeUpdateStrategy::ManualDuration(FRAME));
        app.world_mut().resource_mut::<Time<Virtual>>().unpause();
        let picture = app.world_mut().resource_mut::<Assets<Image>>().add(gradient(24, 24));
        let mut stage = Self { app, picture };
        stage.budget(CartoonBudget::UNLIMITED);
        (0..3).for_each(|_| stage.frame());
        stage.frames_until(|stage| !stage.is_busy());
        stage
    }

    pub fn model(&mut self, blocks: usize, seed: u64) -> Handle<CartoonModel> {
        add_model(self.app, small_model(blocks, 4, seed))
    }

    pub fn spawn(&mut self, model: &Handle<CartoonModel>, group: &str, update: UpdateRate) -> Entity {
        let cartoon = Cartoon { model: Some(model.clone()), update, ..default() };
        let source = CartoonSource::Image(self.picture.clone());
        self.app.world_mut().spawn((source, cartoon, CartoonGroup::new(group))).id()
    }

    /// Waits for the first cartoon of an entity, and so for all pipelines.
    pub fn wait(&mut self, entity: Entity) {
        crate::gpu::wait_until_running(self.app, entity);
        self.frames_until(|stage| !stage.is_busy());
    }

    /// Waits until all entities have had another cartoon, and the GPU is idle between frames.
    pub fn wait_for_all(&mut self, entities: &[Entity]) {
        entities.iter().for_each(|entity| crate::gpu::wait_until_running(self.app, *entity));
        (0..5).for_each(|_| self.frame());
    }

    pub fn budget(&mut self, budget: CartoonBudget) {
        self.app.insert_resource(budget);
    }

    /// So many passes a frame, whatever they take.
    pub fn passes_a_frame(&mut self, passes: usize) {
        self.budget(CartoonBudget { passes_per_frame: Some(passes), ..CartoonBudget::UNLIMITED });
    }

    /// One frame, and the GPU's work in it.
    pub fn frame(&mut self) {
        self.app.update();
        let device = self.app.world().resource::<RenderDevice>();
        device.poll(PollType::Wait { submission_index: None, timeout: Some(LIMIT) }).expect("an idle GPU");
    }

    /// Runs frames until `done`; returns how many that took.
    pub fn frames_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) -> usize {
        let mut frames = 0;
        while !done(self) {
            self.frame();
            frames += 1;
            assert!(frames < 50_000, "nothing comes of it: {:?}", self.counters());
        }
        frames
    }

    /// As of the frame before the last.
    pub fn counters(&self) -> CartoonCounters {
        self.app.world().get_resource::<CartoonCounters>().copied().unwrap_or_default()
    }

    /// What may not grow: what we have made, and how much of ours the device holds.
    pub fn held(&self) -> ([u64; 4], usize, u64) {
        let CartoonCounters { textures, buffers, bind_groups, pipelines, .. } = self.counters();
        let report = self.app.world().resource::<RenderDevice>().wgpu_device().generate_allocator_report();
        let ours = report.iter().flat_map(|r| &r.allocations).filter(|a| a.name.starts_with("bevy_toonface/"));
        let (count, bytes) = ours.fold((0, 0), |(count, bytes), a| (count + 1, bytes + a.size));
        ([textures, buffers, bind_groups, pipelines as u64], count, bytes)
    }

    /// Whether a batch is under way or on the GPU.
    pub fn is_busy(&self) -> bool {
        self.is_under_way() || self.counters().in_flight > 0
    }

    /// Whether a batch has been begun and not recorded to its end.
    pub fn is_under_way(&self) -> bool {
        let counters = self.counters();
        counters.begun > counters.finished + counters.dropped
    }

    /// Steps of a batch of the only chain with these pictures: encode, passes, composite.
    pub fn steps(&self, pictures: usize) -> usize {
        let chains = &self.app.world().resource::<CartoonChains>().0;
        assert_eq!(chains.len(), 1, "one model, one chain");
        1 + chains[0].passes + pictures
    }

    /// Cartoons that an entity has had.
    pub fn updates(&self, entity: Entity) -> u64 {
        self.app.world().get::<Progress>(entity).map_or(0, |progress| progress.updates)
    }

    pub fn set_group(&mut self, entity: Entity, group: &str) {
        self.app.world_mut().get_mut::<CartoonGroup>(entity).expect("a group").0 = group.into();
    }

    pub fn settings(&mut self, entity: Entity) -> Mut<'_, Cartoon> {
        self.app.world_mut().get_mut::<Cartoon>(entity).expect("settings")
    }

    /// What is on an entity's output image. Meanwhile, all cartoons pause.
    pub fn pixels(&mut self, entity: Entity) -> Vec<u8> {
        let budget = *self.app.world().resource::<CartoonBudget>();
        self.passes_a_frame(0);
        let output = self.app.world().get::<CartoonOutput>(entity).expect("an output").image.clone();
        let pixels = read_image(self.app, &output).expect("pixels").into_raw();
        self.budget(budget);
        pixels
    }

    /// The cartoon that a model draws of the picture, drawn by an entity of its own.
    pub fn cartoon(&mut self, model: &Handle<CartoonModel>, group: &str) -> Vec<u8> {
        let entity = self.spawn(model, group, UpdateRate::OnChange);
        self.wait(entity);
        let pixels = self.pixels(entity);
        self.app.world_mut().despawn(entity);
        (0..2).for_each(|_| self.frame());
        pixels
    }

    /// Waits until something holds, however long that takes.
    pub fn run_until(&mut self, mut done: impl FnMut(&mut World) -> bool) {
        run_until(self.app, LIMIT, |world| done(world).then_some(())).expect("it to happen");
    }
}
