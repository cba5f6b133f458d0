//! Small graphs with random weights, run on a device and compared with the CPU reference.

#![allow(dead_code, reason = "every test binary of ops compiles this module and uses its own part of it")]

use bevy::prelude::*;
use bevy_toonface::model::{GraphBuilder, Model, NodeId, Op, Owner, ParamId, Tensor};
use bevy_toonface::prelude::*;

use crate::common::reference::evaluate;
use crate::common::{Random, model_of, nmse, random_weights};
use crate::gpu::{EIGHT_PLANES, HALF, Lab, RGBA, Tensors, WEBGL2, WEBGL2_RGBA, add_model, read_tensors, spawn_tensor};

/// Far above f32 rounding of sums over up to a thousand terms, and far below any mistake. An NMSE.
pub const TOLERANCE: f64 = 1e-10;
/// The same for results that are rounded to 11 significant bits from op to op.
pub const HALF_TOLERANCE: f64 = 1e-5;

/// Height and width of the picture, all odd in some way.
pub const SIZES: [[usize; 2]; 3] = [[9, 7], [5, 12], [8, 11]];
/// One channel, fewer than the planes, more than the planes, several tiles.
pub const CHANNELS: [usize; 4] = [1, 3, 6, 13];
/// Groups of every test model.
const GROUPS: usize = 3;
/// Groups of the pictures in a batch: one stays unused, one is used twice.
const BATCH: [usize; 3] = [2, 0, 2];

/// A graph as it grows. Weights belong to the groups, unless a test says otherwise.
pub struct Net {
    graph: GraphBuilder,
    /// The picture, three channels.
    pub picture: NodeId,
    /// Who owns the next weights.
    pub owner: Owner,
    names: usize,
}

impl Net {
    fn new([height, width]: [usize; 2]) -> Self {
        let mut graph = GraphBuilder::new(GROUPS);
        let picture = graph.input(3, height, width).expect("an input");
        Self { graph, picture, owner: Owner::Branch, names: 0 }
    }

    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}{}", self.names)
    }

    pub fn op(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        let name = self.name(op.name());
        self.graph.add(&name, op, inputs).unwrap_or_else(|e| panic!("{e}"))
    }

    /// A weight; the end of its path decides how large its values are.
    pub fn weight(&mut self, leaf: &str, dims: &[usize]) -> ParamId {
        let path = format!("{}.{leaf}", self.name("weight"));
        self.graph.param(path, dims, self.owner)
    }

    pub fn channels(&self, x: NodeId) -> usize {
        self.graph.shape(x).channels
    }

    pub fn conv(&mut self, x: NodeId, out: usize, kernel: usize, stride: usize) -> NodeId {
        let weight = self.weight("weight", &[out, self.channels(x), kernel, kernel]);
        let bias = Some(self.weight("bias", &[out]));
        self.op(Op::Conv2d { kernel, stride, weight, bias }, &[x])
    }

    /// Some tensor with this many channels.
    pub fn wide(&mut self, channels: usize) -> NodeId {
        self.conv(self.picture, channels, 1, 1)
    }

    /// Some vector.
    pub fn vector(&mut self, n: usize) -> NodeId {
        let average = self.op(Op::GlobalAveragePool, &[self.picture]);
        self.linear(average, &[n], 1)
    }

    /// Stacked maps with these numbers of rows.
    pub fn linear(&mut self, x: NodeId, rows: &[usize], groups: usize) -> NodeId {
        let columns = self.channels(x) / groups;
        let weights = rows.iter().map(|n| self.weight("weight", &[*n, columns])).collect();
        let biases = rows.iter().map(|n| self.weight("bias", &[*n])).collect();
        self.op(Op::Linear { groups, weights, biases }, &[x])
    }

    pub fn norm(&mut self, x: NodeId) -> NodeId {
        self.op(Op::InstanceNorm, &[x])
    }

    pub fn lin(&mut self, x: NodeId) -> NodeId {
        let n = self.channels(x);
        let [rho, gamma, beta] = ["rho", "gamma", "beta"].map(|leaf| self.weight(leaf, &[n]));
        self.op(Op::LayerInstanceNorm { rho, gamma, beta }, &[x])
    }

    /// The modulation vector has values to spare in front, between and behind.
    pub fn adalin(&mut self, x: NodeId) -> NodeId {
        let n = self.channels(x);
        let modulation = self.vector(2 * n + 6);
        let rho = self.weight("rho", &[n]);
        self.op(Op::AdaptiveLayerInstanceNorm { rho, gamma_at: n + 3, beta_at: 1 }, &[x, modulation])
    }

    pub fn relu(&mut self, x: NodeId) -> NodeId {
        self.op(Op::Relu, &[x])
    }

    pub fn up(&mut self, x: NodeId) -> NodeId {
        self.op(Op::UpsampleNearest2, &[x])
    }

    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.op(Op::Add, &[a, b])
    }

    pub fn concat(&mut self, parts: &[NodeId]) -> NodeId {
        self.op(Op::Concat, parts)
    }

    /// The results to compare as `y0`, `y1`, ..., and a cartoon, which every model has to have: a square of three
    /// channels, whatever the picture's sides are.
    fn finish(mut self, results: Vec<NodeId>) -> Model {
        let cartoon = self.op(Op::GlobalAveragePool, &[self.picture]);
        self.graph.output("output", cartoon);
        for (i, y) in results.into_iter().enumerate() {
            self.graph.output(&format!("y{i}"), y);
        }
        let graph = self.graph.finish();
        let weights = random_weights(&graph, 5);
        model_of(graph, weights)
    }
}

/// Runs what `build` returns in every format, in all sizes, for one picture and for a batch of three, against the
/// reference.
pub fn check(build: fn(&mut Net) -> Vec<NodeId>) {
    check_sizes(&SIZES, build);
}

/// The same in given sizes.
pub fn check_sizes(sizes: &'static [[usize; 2]], build: fn(&mut Net) -> Vec<NodeId>) {
    for lab in [&EIGHT_PLANES, &WEBGL2, &RGBA, &WEBGL2_RGBA] {
        check_on(lab, sizes, TOLERANCE, build);
    }
    check_on(&HALF, sizes, HALF_TOLERANCE, build);
}

/// The same on one device. `tolerance` is an NMSE.
pub fn check_on(lab: &Lab, sizes: &'static [[usize; 2]], tolerance: f64, build: fn(&mut Net) -> Vec<NodeId>) {
    let models = sizes.iter().map(|size| {
        let mut net = Net::new(*size);
        let results = build(&mut net);
        net.finish(results)
    });
    let models: Vec<Model> = models.collect();
    let mut random = Random::new(3);
    let inputs: Vec<Vec<Tensor>> = sizes
        .iter()
        .map(|[height, width]| BATCH.iter().map(|_| random.tensor(&[3, *height, *width], -1.0, 1.0)).collect())
        .collect();

    let job = (models.clone(), inputs.clone());
    let Some(batches) = lab.run(move |app| draw(app, job)) else { return };
    for ((model, inputs), (size, drawn)) in models.iter().zip(&inputs).zip(sizes.iter().zip(batches)) {
        let pictures = BATCH.iter().zip(inputs).chain(BATCH.iter().zip(inputs).take(1));
        for ((group, input), got) in pictures.zip(&drawn) {
            let expected = evaluate(&model.graph, &model.weights, *group, input);
            for (name, expected) in &expected.outputs {
                let error = nmse(&got[name].data, &expected.data);
                let what = format!("{}, {size:?}, group {group}, {name} {:?}: {error:.1e}", lab.name(), expected.dims);
                println!("{what}");
                assert!(error <= tolerance, "{what}");
            }
        }
    }
}

/// Each model's pictures in one batch, and then the first one alone.
fn draw(app: &mut App, (models, inputs): (Vec<Model>, Vec<Vec<Tensor>>)) -> Vec<Vec<Tensors>> {
    let handles: Vec<Handle<CartoonModel>> = models.into_iter().map(|model| add_model(app, model)).collect();
    let mut all: Vec<Vec<Tensors>> = vec![Vec::new(); handles.len()];
    for count in [BATCH.len(), 1] {
        let mut entities = Vec::new();
        for (handle, inputs) in handles.iter().zip(&inputs) {
            let pictures = BATCH.iter().zip(inputs).take(count);
            entities.extend(pictures.map(|(group, input)| spawn_tensor(app, handle, *group, input)));
        }
        let drawn = read_tensors(app, &entities);
        all.iter_mut().zip(drawn.chunks(count)).for_each(|(list, drawn)| list.extend_from_slice(drawn));
    }
    all
}
