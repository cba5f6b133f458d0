//! A graph of ops in topological order, built node by node with every shape checked.

use std::collections::HashMap;

use super::{ModelError, Op, Owner, Param, ParamId, Shape};

/// Index of a [`Node`] in its graph. Inputs of a node always have smaller indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

/// One op with its inputs and the shape it yields.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Dotted name, unique in the graph; used in labels and errors.
    pub name: String,
    /// What is computed.
    pub op: Op,
    /// Where the inputs come from.
    pub inputs: Vec<NodeId>,
    /// Shape of the result for one picture.
    pub shape: Shape,
}

/// A network: nodes in topological order, the weights they name, and named outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    params: Vec<Param>,
    outputs: Vec<(String, NodeId)>,
    groups: usize,
}

impl Graph {
    /// What a name begins with that means a node even if a result has the same name: `node:up2`.
    pub const NODE: &'static str = "node:";

    /// All nodes; inputs come before their users.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Ids of all nodes, in order.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The node behind an id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// All weight tensors, in the order they were declared.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The weight behind an id.
    pub fn param(&self, id: ParamId) -> &Param {
        &self.params[id.0]
    }

    /// Named results: `output` and the taps (`hourglass1`, `encode4`, `cam_logit`, ...).
    pub fn outputs(&self) -> &[(String, NodeId)] {
        &self.outputs
    }

    /// The node of a named result.
    pub fn output(&self, name: &str) -> Option<NodeId> {
        self.outputs.iter().find(|(n, _)| n == name).map(|(_, id)| *id)
    }

    /// The node of a result, or any other node by its name; [`Graph::NODE`] before the name passes results over.
    pub fn layer(&self, name: &str) -> Option<NodeId> {
        let node = name.strip_prefix(Self::NODE);
        let by_name = |name: &str| self.nodes.iter().position(|node| node.name == name).map(NodeId);
        match node {
            Some(name) => by_name(name),
            None => self.output(name).or_else(|| by_name(name)),
        }
    }

    /// Shape of the picture that the graph takes; `None` for a graph without an input.
    pub fn input_shape(&self) -> Option<Shape> {
        self.nodes.iter().find(|node| node.op == Op::Input).map(|node| node.shape)
    }

    /// The same graph with other nodes as results, by their names, beside `output`.
    ///
    /// # Errors
    /// [`ModelError::Shape`] naming a node that is not there.
    #[cfg(feature = "few_shot")]
    pub fn with_outputs<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<Self, ModelError> {
        let mut graph = self.clone();
        graph.outputs.retain(|(name, _)| name == "output");
        for name in names {
            let found = self.nodes.iter().position(|node| node.name == name);
            let id = found.ok_or_else(|| ModelError::shape(name, "the graph has no such node"))?;
            graph.outputs.push((name.to_owned(), NodeId(id)));
        }
        Ok(graph)
    }

    /// Which nodes a node depends on, itself included, by index.
    #[cfg(feature = "few_shot")]
    pub(super) fn reaching(&self, end: NodeId) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len()];
        reached[end.0] = true;
        for i in (0..=end.0).rev().filter(|i| *i < self.nodes.len()) {
            if reached[i] {
                self.nodes[i].inputs.iter().for_each(|input| reached[input.0] = true);
            }
        }
        reached
    }

    /// Number of groups, each with its own branch weights.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Multiply-accumulates of the convolutions and linear maps for one picture.
    pub fn macs(&self) -> u64 {
        self.nodes.iter().map(|node| self.node_macs(node)).sum()
    }

    fn node_macs(&self, node: &Node) -> u64 {
        match &node.op {
            Op::Conv2d { weight, .. } => (self.param(*weight).elements() * node.shape.pixels()) as u64,
            Op::Linear { weights, .. } => weights.iter().map(|w| self.param(*w).elements() as u64).sum(),
            _ => 0,
        }
    }
}

/// Builds a [`Graph`]; every method returns the new node or the reason it does not fit.
#[derive(Debug)]
pub struct GraphBuilder {
    graph: Graph,
    names: HashMap<String, NodeId>,
}

impl GraphBuilder {
    /// An empty graph for a model with `groups` groups (at least 1).
    pub fn new(groups: usize) -> Self {
        let graph = Graph { nodes: Vec::new(), params: Vec::new(), outputs: Vec::new(), groups: groups.max(1) };
        Self { graph, names: HashMap::new() }
    }

    /// Declares a weight tensor.
    pub fn param(&mut self, path: impl Into<String>, dims: &[usize], owner: Owner) -> ParamId {
        self.graph.params.push(Param { path: path.into(), dims: dims.to_vec(), owner });
        ParamId(self.graph.params.len() - 1)
    }

    /// The picture.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for an empty or oversized shape.
    pub fn input(&mut self, channels: usize, height: usize, width: usize) -> Result<NodeId, ModelError> {
        let shape = Shape::new("input", channels, height, width)?;
        self.push("input", Op::Input, &[], shape)
    }

    /// Adds an op and infers its shape.
    ///
    /// # Errors
    /// [`ModelError::Shape`] naming the node, if the op does not fit its inputs or the name is taken.
    pub fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, ModelError> {
        let shapes: Vec<Shape> = inputs.iter().map(|id| self.shape(*id)).collect();
        let shape = infer(name, &op, &shapes, &self.graph)?;
        self.push(name, op, inputs, shape)
    }

    /// The shape of a node.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.graph.nodes[id.0].shape
    }

    /// The node behind an id.
    #[cfg(feature = "few_shot")]
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.graph.nodes[id.0]
    }

    /// The shape of a weight.
    #[cfg(feature = "few_shot")]
    pub(super) fn param_dims(&self, id: ParamId) -> &[usize] {
        &self.graph.params[id.0].dims
    }

    /// Names a result.
    pub fn output(&mut self, name: &str, id: NodeId) {
        self.graph.outputs.push((name.to_owned(), id));
    }

    /// The finished graph.
    pub fn finish(self) -> Graph {
        self.graph
    }

    fn push(&mut self, name: &str, op: Op, inputs: &[NodeId], shape: Shape) -> Result<NodeId, ModelError> {
        let id = NodeId(self.graph.nodes.len());
        if self.names.insert(name.to_owned(), id).is_some() {
            return Err(ModelError::shape(name, "the name is used twice"));
        }
        self.graph.nodes.push(Node { name: name.to_owned(), op, inputs: inputs.to_vec(), shape });
        Ok(id)
    }
}

/// Shape inference: one arm an op.
fn infer(name: &str, op: &Op, inputs: &[Shape], graph: &Graph) -> Result<Shape, ModelError> {
    let arity = match op {
        Op::Input => 0,
        Op::Add | Op::Mix { .. } | Op::AdaptiveLayerInstanceNorm { .. } | Op::CamLogits { .. } => 2,
        Op::Concat => inputs.len().max(1),
        #[cfg(feature = "few_shot")]
        Op::Gradient(op) => op.arity(inputs.len()),
        _ => 1,
    };
    if inputs.len() != arity {
        return Err(ModelError::shape(name, format!("{} takes {arity} inputs, got {}", op.name(), inputs.len())));
    }
    #[cfg(feature = "few_shot")]
    if let Op::Gradient(op) = op {
        return super::autodiff::infer(name, op, inputs, graph);
    }
    let Some(&x) = inputs.first() else {
        return Err(ModelError::shape(name, "the input is added with GraphBuilder::input"));
    };
    let per_channel = |id: &ParamId, n: usize| expect_dims(name, graph.param(*id), &[n]);
    match op {
        Op::Conv2d { kernel, stride, weight, bias } => conv(name, x, *kernel, *stride, graph, *weight, *bias),
        Op::InstanceNorm | Op::Relu | Op::Tanh | Op::Input => Ok(x),
        Op::LayerInstanceNorm { rho, gamma, beta } => {
            [rho, gamma, beta].iter().try_for_each(|p| per_channel(p, x.channels))?;
            Ok(x)
        }
        Op::AdaptiveLayerInstanceNorm { rho, gamma_at, beta_at } => {
            per_channel(rho, x.channels)?;
            let end = gamma_at.max(beta_at) + x.channels;
            require(name, inputs[1].is_vector() && inputs[1].channels >= end, || {
                format!("the modulation vector {} is shorter than {end}", inputs[1])
            })?;
            Ok(x)
        }
        Op::Add => {
            require(name, x == inputs[1], || format!("cannot add {x} and {}", inputs[1]))?;
            Ok(x)
        }
        Op::Concat => concat(name, inputs),
        Op::UpsampleNearest2 => Shape::new(name, x.channels, 2 * x.height, 2 * x.width),
        Op::AveragePool2 => Shape::new(name, x.channels, x.height / 2, x.width / 2),
        Op::GlobalAveragePool | Op::GlobalMaxPool => Shape::vector(name, x.channels),
        Op::Linear { groups, weights, biases } => linear(name, x, *groups, graph, weights, biases),
        Op::Mix { weights } => {
            let n: usize = weights.iter().map(|w| graph.param(*w).elements()).sum();
            require(name, x == inputs[1] && x.is_vector() && n == x.channels, || {
                format!("cannot mix {x} and {} with {n} weights", inputs[1])
            })?;
            Ok(x)
        }
        Op::ScaleChannels { weight } => {
            per_channel(weight, x.channels)?;
            Ok(x)
        }
        Op::ChannelSum => Shape::new(name, 1, x.height, x.width),
        Op::CamLogits { gap_weight, gmp_weight, gap_bias, gmp_bias } => {
            [gap_weight, gmp_weight].iter().try_for_each(|p| per_channel(p, x.channels))?;
            [gap_bias, gmp_bias].iter().try_for_each(|p| per_channel(p, 1))?;
            require(name, x.is_vector() && x == inputs[1], || "takes two equal vectors".into())?;
            Shape::vector(name, 2 * graph.groups)
        }
        #[cfg(feature = "few_shot")]
        Op::Gradient(op) => super::autodiff::infer(name, op, inputs, graph),
    }
}

fn conv(
    name: &str,
    x: Shape,
    kernel: usize,
    stride: usize,
    graph: &Graph,
    weight: ParamId,
    bias: Option<ParamId>,
) -> Result<Shape, ModelError> {
    require(name, kernel % 2 == 1 && matches!(stride, 1 | 2), || {
        format!("kernel {kernel} must be odd and stride {stride} 1 or 2")
    })?;
    let pad = kernel / 2;
    require(name, pad < x.height && pad < x.width, || {
        format!("reflect padding of {pad} needs more than {pad} rows and columns, input is {x}")
    })?;
    let weight = graph.param(weight);
    let out = weight.dims.first().copied().unwrap_or(0);
    expect_dims(name, weight, &[out, x.channels, kernel, kernel])?;
    if let Some(bias) = bias {
        expect_dims(name, graph.param(bias), &[out])?;
    }
    Shape::new(name, out, x.height.div_ceil(stride), x.width.div_ceil(stride))
}

fn concat(name: &str, inputs: &[Shape]) -> Result<Shape, ModelError> {
    let first = inputs[0];
    require(name, inputs.iter().all(|s| (s.height, s.width) == (first.height, first.width)), || {
        format!("inputs differ in height or width: {inputs:?}")
    })?;
    let channels = inputs.iter().try_fold(0usize, |n, s| n.checked_add(s.channels)).unwrap_or(usize::MAX);
    Shape::new(name, channels, first.height, first.width)
}

fn linear(
    name: &str,
    x: Shape,
    groups: usize,
    graph: &Graph,
    weights: &[ParamId],
    biases: &[ParamId],
) -> Result<Shape, ModelError> {
    require(name, x.is_vector(), || format!("takes a vector, got {x}"))?;
    require(name, groups > 0 && x.channels.is_multiple_of(groups) && weights.len().is_multiple_of(groups), || {
        format!("{} inputs and {} maps cannot be cut in {groups} groups", x.channels, weights.len())
    })?;
    require(name, weights.len() == biases.len(), || "needs one bias a weight".into())?;
    let mut rows_of_maps = Vec::new();
    for (weight, bias) in weights.iter().zip(biases) {
        let weight = graph.param(*weight);
        let rows = weight.dims.first().copied().unwrap_or(0);
        expect_dims(name, weight, &[rows, x.channels / groups])?;
        expect_dims(name, graph.param(*bias), &[rows])?;
        rows_of_maps.push(rows);
    }
    let out: usize = rows_of_maps.iter().sum();
    let maps_per_part = (weights.len() / groups).max(1);
    require(name, rows_of_maps.chunks(maps_per_part).all(|part| part.iter().sum::<usize>() == out / groups), || {
        format!("{groups} groups must have equally many rows, the maps have {rows_of_maps:?}")
    })?;
    Shape::vector(name, out)
}

fn expect_dims(name: &str, param: &Param, expected: &[usize]) -> Result<(), ModelError> {
    require(name, param.dims == expected, || {
        format!("weight `{}` has shape {:?}, the op needs {expected:?}", param.path, param.dims)
    })
}

fn require(name: &str, holds: bool, reason: impl FnOnce() -> String) -> Result<(), ModelError> {
    if holds { Ok(()) } else { Err(ModelError::shape(name, reason())) }
}
