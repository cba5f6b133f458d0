//! A step of training as a graph: forward, loss, gradients and Adam, over examples that are given from outside.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::line_weight::LineWeight;
use super::reverse::Reverse;
use super::{Adam, Edge, GradientOp, Pointwise};
use crate::model::{
    Graph, GraphBuilder, Manifest, Model, ModelError, NodeId, Op, Owner, ParamId, Tensor, TensorFile, Weights,
};

/// Which weights of a branch are trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those behind the trunk only. What the trunk makes of an example never changes, so it is computed once: fast.
    #[default]
    Output,
    /// All of them, with gradients through the frozen trunk: the paper's rule.
    Branch,
}

/// How a branch is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingOptions {
    /// Default [`Scope::Output`].
    pub scope: Scope,
    /// Steps of the whole training, at least 1. Default 300.
    pub steps: usize,
    /// Step size of Adam, constant for half of the steps and then falling linearly to 0. Default 1e-3.
    pub learning_rate: f32,
    /// Adam's decays. Default 0.9 and 0.999.
    pub decay: [f32; 2],
    /// How much more a pixel on or beside a drawn line counts than one on a flat area. Default 4; with 0 and no `ink`,
    /// all count the same.
    pub line: f32,
    /// How much more a pixel counts that is darker than its surroundings: the line itself. Default 6.
    pub ink: f32,
    /// Weight of the loss of the edges: L1 of the differences between neighbours, at full and at half size. 0 leaves it
    /// out. Default 2.
    pub edge: f32,
    /// Pulls the weights towards where they began: added to the gradient, times the way they have gone. 0, the default,
    /// leaves it out.
    pub anchor: f32,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        Self {
            scope: Scope::Output,
            steps: 300,
            learning_rate: 1e-3,
            decay: [0.9, 0.999],
            line: 4.0,
            ink: 6.0,
            edge: 2.0,
            anchor: 0.0,
        }
    }
}

impl TrainingOptions {
    fn line_weight(&self) -> LineWeight {
        LineWeight { line: self.line, ink: self.ink }
    }
}

/// A weight that is trained, and its place in the vector of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trained {
    /// Dotted path.
    pub path: String,
    /// Shape.
    pub dims: Vec<usize>,
    /// Its values in the vector, in row-major order.
    pub range: Range<usize>,
}

/// A vector that goes from step to step: the node that holds it, and the one that has it after a step.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Name of the [`GradientOp::State`] node.
    pub node: String,
    /// Name of the output with its next value; `None` if it never changes.
    pub next: Option<String>,
    /// What it begins with.
    pub start: Vec<f32>,
}

/// A step of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// The step as a model of one group: trained weights are its branch, all others its trunk.
    ///
    /// Outputs: `loss` (values that add up to the loss of the batch), `gradient` of the trained weights, `cartoon`, and
    /// the next states (`next.weights` and others).
    pub model: Model,
    /// The same with, for each trained value, its index in the vector plus one, and zero for all others: where a packed
    /// weight comes from.
    pub indices: Model,
    /// What is trained.
    pub weights: Vec<Trained>,
    /// States; the first is the vector of trained weights.
    pub states: Vec<State>,
    /// What each example has to be given with, by name: `input` and other nodes of the given model, and `target`; perhaps
    /// `line_weight`, which [`Self::complete`] adds.
    pub examples: Vec<String>,
    line_weight: LineWeight,
}

/// The name of the target, a cartoon like the model's output.
pub const TARGET: &str = "target";
/// How much each value of the target counts.
const LINE_WEIGHT: &str = "line_weight";

impl Training {
    /// The training of a copy of `group`'s branch.
    ///
    /// # Errors
    /// [`ModelError`] if the model has no output or lacks weights, if no weight is in scope, or an op has no gradient.
    pub fn new(model: &Model, group: usize, options: &TrainingOptions) -> Result<Self, ModelError> {
        let graph = &model.graph;
        let output = graph.output("output").ok_or_else(|| ModelError::shape("output", "the graph has no output"))?;
        let trained = in_scope(graph, output, options.scope);
        if !trained.contains(&true) {
            let reason = format!("the branch has no weights that {:?} trains", options.scope);
            return Err(ModelError::shape("output", reason));
        }
        let mut builder = GraphBuilder::new(1);
        for (param, trained) in graph.params().iter().zip(&trained) {
            builder.param(&param.path, &param.dims, if *trained { Owner::Branch } else { Owner::Trunk });
        }
        let forward = Forward::new(graph, output, &trained, &mut builder)?;
        let weights = list(graph, &trained);
        let step = Step { builder: &mut builder, forward: &forward, trained: &trained, weights: &weights };
        let mut states = step.build(options)?;
        let graph = builder.finish();
        let (real, indices) = fill(model, group, &graph, &weights)?;
        states[0].start = real.branches[0].flatten(&weights)?;
        if let Some(anchor) = states.iter_mut().find(|state| state.node == "start") {
            anchor.start = real.branches[0].flatten(&weights)?;
        }
        let manifest = Manifest { groups: vec![model.manifest.groups[group].clone()], ..model.manifest.clone() };
        let model_of = |weights| Model { manifest: manifest.clone(), graph: graph.clone(), weights };
        let line_weight = options.line_weight();
        let mut examples = forward.examples;
        examples.push(TARGET.to_owned());
        if !line_weight.is_flat() {
            examples.push(LINE_WEIGHT.to_owned());
        }
        Ok(Self { model: model_of(real), indices: model_of(indices), weights, states, examples, line_weight })
    }

    /// Adds to an example what follows from its target.
    pub fn complete(&self, example: &mut BTreeMap<String, Tensor>) {
        if let Some(target) = example.get(TARGET).filter(|_| !self.line_weight.is_flat()) {
            example.insert(LINE_WEIGHT.to_owned(), self.line_weight.of(target));
        }
    }

    /// Nodes of the given model that an example has to be given with.
    pub fn features(&self) -> impl Iterator<Item = &String> {
        self.examples.iter().filter(|name| *name != TARGET && *name != LINE_WEIGHT)
    }

    /// The branch of a group with other values for the trained weights.
    pub fn branch(&self, from: &TensorFile, values: &[f32]) -> TensorFile {
        let mut branch = from.clone();
        for Trained { path, dims, range } in &self.weights {
            if let Some(values) = values.get(range.clone()) {
                branch.tensors.insert(path.clone(), Tensor { dims: dims.clone(), data: values.to_vec() });
            }
        }
        branch
    }
}

impl TensorFile {
    fn flatten(&self, weights: &[Trained]) -> Result<Vec<f32>, ModelError> {
        let mut values = Vec::new();
        for weight in weights {
            values.extend(&self.get(&weight.path, &weight.dims)?.data);
        }
        Ok(values)
    }
}

/// Which weights are trained: those of the branch that the output depends on, perhaps only behind the trunk.
fn in_scope(graph: &Graph, output: NodeId, scope: Scope) -> Vec<bool> {
    let mut reached = vec![false; graph.nodes().len()];
    // Whether a weight of the trunk lies between a node and the output.
    let mut trunk_behind = vec![false; graph.nodes().len()];
    reached[output.0] = true;
    let mut trained = vec![false; graph.params().len()];
    for (i, node) in graph.nodes().iter().enumerate().rev() {
        if !reached[i] {
            continue;
        }
        let params = node.op.params();
        let is_trunk = |param: &ParamId| graph.param(*param).owner == Owner::Trunk;
        for param in params.iter().filter(|param| !is_trunk(param)) {
            trained[param.0] |= scope == Scope::Branch || !trunk_behind[i];
        }
        let behind = trunk_behind[i] || params.iter().any(is_trunk);
        for input in &node.inputs {
            reached[input.0] = true;
            trunk_behind[input.0] |= behind;
        }
    }
    // A weight that is used on both sides of the trunk is not behind it.
    for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| reached[*i] && trunk_behind[*i]) {
        if scope == Scope::Output {
            node.op.params().iter().for_each(|param| trained[param.0] &= !trunk_behind[i]);
        }
    }
    trained
}

fn list(graph: &Graph, trained: &[bool]) -> Vec<Trained> {
    let mut first = 0;
    let mut weights = Vec::new();
    for (param, _) in graph.params().iter().zip(trained).filter(|(_, trained)| **trained) {
        let range = first..first + param.elements();
        first = range.end;
        weights.push(Trained { path: param.path.clone(), dims: param.dims.clone(), range });
    }
    weights
}

/// Real weights, and indices.
fn fill(model: &Model, group: usize, graph: &Graph, weights: &[Trained]) -> Result<(Weights, Weights), ModelError> {
    let empty = |file: &str| TensorFile { file: file.to_owned(), ..TensorFile::default() };
    let mut real = Weights { trunk: empty("frozen"), branches: vec![empty("trained")] };
    let mut indices = real.clone();
    for (param, original) in graph.params().iter().zip(model.graph.params()) {
        let tensor = model.weights.get(original, group)?.clone();
        let trained = weights.iter().find(|weight| weight.path == param.path);
        let index = |i: usize| trained.map_or(0.0, |weight| (weight.range.start + i + 1) as f32);
        let index = Tensor { dims: tensor.dims.clone(), data: (0..tensor.data.len()).map(index).collect() };
        for (set, tensor) in [(&mut real, tensor), (&mut indices, index)] {
            let file = if trained.is_some() { &mut set.branches[0] } else { &mut set.trunk };
            file.tensors.insert(param.path.clone(), tensor);
        }
    }
    Ok((real, indices))
}

/// The part of the generator that depends on trained weights, in the training graph.
struct Forward {
    /// Which nodes of the training graph depend on a trained weight.
    active: Vec<bool>,
    output: NodeId,
    examples: Vec<String>,
}

impl Forward {
    fn new(graph: &Graph, output: NodeId, trained: &[bool], builder: &mut GraphBuilder) -> Result<Self, ModelError> {
        let needed = graph.reaching(output);
        let mut active = vec![false; graph.nodes().len()];
        for (i, node) in graph.nodes().iter().enumerate() {
            let own = node.op.params().iter().any(|param| trained[param.0]);
            active[i] = needed[i] && (own || node.inputs.iter().any(|input| active[input.0]));
        }
        let kept = graph.nodes().iter().enumerate().filter(|(i, _)| active[*i]);
        let edge: HashSet<NodeId> = kept.flat_map(|(_, node)| node.inputs.clone()).collect();
        let mut places = vec![None; graph.nodes().len()];
        let mut examples = Vec::new();
        let mut is_active = Vec::new();
        for (i, node) in graph.nodes().iter().enumerate() {
            let is_input = node.op == Op::Input;
            // The picture is always there: a plan has something to encode it into.
            if !active[i] && !is_input && !edge.contains(&NodeId(i)) {
                continue;
            }
            let place = if is_input {
                examples.push(node.name.clone());
                builder.input(node.shape.channels, node.shape.height, node.shape.width)?
            } else if active[i] {
                let inputs: Vec<NodeId> = node.inputs.iter().filter_map(|input| places[input.0]).collect();
                builder.add(&node.name, node.op.clone(), &inputs)?
            } else {
                examples.push(node.name.clone());
                builder.add(&node.name, Op::Gradient(GradientOp::Example(node.shape)), &[])?
            };
            places[i] = Some(place);
            is_active.push(active[i]);
        }
        let place = places[output.0].filter(|_| active[output.0]);
        let output = place.ok_or_else(|| ModelError::shape("output", "it depends on no trained weight"))?;
        Ok(Self { active: is_active, output, examples })
    }
}

/// Builds loss, gradients and optimiser behind the forward part.
struct Step<'a> {
    builder: &'a mut GraphBuilder,
    forward: &'a Forward,
    trained: &'a [bool],
    weights: &'a [Trained],
}

impl Step<'_> {
    fn build(mut self, options: &TrainingOptions) -> Result<Vec<State>, ModelError> {
        let output = self.forward.output;
        let shape = self.builder.shape(output);
        let target = self.gradient(TARGET, GradientOp::Example(shape), &[])?;
        let d =
            self.gradient("loss.difference", GradientOp::Pointwise(Pointwise::Weighted(1.0, -1.0)), &[output, target])?;
        let (loss, dy) = self.loss(d, options)?;
        let active: Vec<bool> = (0..=output.0).map(|i| self.forward.active.get(i).copied().unwrap_or(false)).collect();
        let gradients = Reverse::new(self.builder, &active, self.trained).run(output, dy)?;
        let gradients: Vec<NodeId> = gradients.into_iter().map(|(_, node)| node).collect();
        let gradient = self.gradient("gradient", GradientOp::Gather, &gradients)?;
        self.builder.output("loss", loss);
        self.builder.output("gradient", gradient);
        self.builder.output("cartoon", output);
        self.optimiser(gradient, options)
    }

    fn gradient(&mut self, name: &str, op: GradientOp, inputs: &[NodeId]) -> Result<NodeId, ModelError> {
        self.builder.add(name, Op::Gradient(op), inputs)
    }

    /// L1, where lines count more, and the edges' L1: the terms of the loss, and the gradient to the output.
    fn loss(&mut self, d: NodeId, options: &TrainingOptions) -> Result<(NodeId, NodeId), ModelError> {
        let shape = self.builder.shape(d);
        let share = 1.0 / shape.elements() as f32;
        let mut size = self.gradient("loss.size", GradientOp::Pointwise(Pointwise::Abs(share)), &[d])?;
        let mut dy = self.gradient("loss.slope", GradientOp::Pointwise(Pointwise::Sign(share)), &[d])?;
        if !options.line_weight().is_flat() {
            let weight = self.gradient(LINE_WEIGHT, GradientOp::Example(shape), &[])?;
            let multiply = GradientOp::Pointwise(Pointwise::Multiply);
            size = self.gradient("loss.size.weighted", multiply.clone(), &[size, weight])?;
            dy = self.gradient("loss.slope.weighted", multiply, &[dy, weight])?;
        }
        let mut terms = vec![self.gradient("loss.l1", GradientOp::Total, &[size])?];
        for level in 0..if options.edge > 0.0 { 2 } else { 0 } {
            let name = |what: &str| format!("loss.edge{level}.{what}");
            let full = self.builder.shape(d);
            let d = if level == 0 { d } else { self.builder.add(&name("pool"), Op::AveragePool2, &[d])? };
            let shape = self.builder.shape(d);
            let count = |height: usize, width: usize| (shape.channels * height * width).max(1) as f32;
            let share = Edge {
                x: 0.5 * options.edge / count(shape.height, shape.width - 1),
                y: 0.5 * options.edge / count(shape.height - 1, shape.width),
            };
            let size = self.gradient(&name("size"), GradientOp::EdgeSize(share), &[d])?;
            terms.push(self.gradient(&name("l1"), GradientOp::Total, &[size])?);
            let mut slope = self.gradient(&name("slope"), GradientOp::EdgeSlope(share), &[d])?;
            if level > 0 {
                let spread = GradientOp::Spread { height: full.height, width: full.width };
                slope = self.gradient(&name("spread"), spread, &[slope])?;
            }
            dy = self.builder.add(&name("sum"), Op::Add, &[dy, slope])?;
        }
        Ok((self.gradient("loss", GradientOp::Gather, &terms)?, dy))
    }

    fn optimiser(&mut self, gradient: NodeId, options: &TrainingOptions) -> Result<Vec<State>, ModelError> {
        let n = self.builder.shape(gradient).channels;
        let [first, second] = options.decay;
        let unit = self.weights.iter().filter(|weight| {
            let leaf = weight.path.rsplit('.').next().unwrap_or_default();
            ["rho", "mix_gamma", "mix_beta"].contains(&leaf)
        });
        let adam = Adam {
            learning_rate: options.learning_rate,
            steps: options.steps.max(1),
            epsilon: 1e-8,
            unit: unit.map(|weight| weight.range.clone()).collect(),
        };
        let mut state = |name: &str, n: usize| self.builder.add(name, Op::Gradient(GradientOp::State(n)), &[]);
        let (weights, mean, square, clock) =
            (state("weights", n)?, state("mean", n)?, state("square", n)?, state("clock", 4)?);
        let start = if options.anchor > 0.0 { Some(state("start", n)?) } else { None };
        let mut gradient = gradient;
        if let Some(start) = start {
            let way =
                self.gradient("anchor.way", GradientOp::Pointwise(Pointwise::Weighted(1.0, -1.0)), &[weights, start])?;
            let pull = GradientOp::Pointwise(Pointwise::Weighted(1.0, options.anchor));
            gradient = self.gradient("anchor", pull, &[gradient, way])?;
        }
        let blend = GradientOp::Pointwise(Pointwise::Weighted(first, 1.0 - first));
        let next_mean = self.gradient("next.mean", blend, &[mean, gradient])?;
        let blend = GradientOp::Pointwise(Pointwise::BlendSquare(second));
        let next_square = self.gradient("next.square", blend, &[square, gradient])?;
        let next_clock = self.gradient("next.clock", GradientOp::Clock { decay: options.decay }, &[clock])?;
        let next =
            self.gradient("next.weights", GradientOp::Step(adam), &[weights, next_mean, next_square, next_clock])?;
        let mut states = Vec::new();
        for (name, next, begin) in [
            ("weights", next, Vec::new()),
            ("mean", next_mean, vec![0.0; n]),
            ("square", next_square, vec![0.0; n]),
            ("clock", next_clock, vec![1.0, 1.0, 0.0, 0.0]),
        ] {
            let output = format!("next.{name}");
            self.builder.output(&output, next);
            states.push(State { node: name.to_owned(), next: Some(output), start: begin });
        }
        states.extend(start.map(|_| State { node: "start".to_owned(), next: None, start: Vec::new() }));
        Ok(states)
    }
}
