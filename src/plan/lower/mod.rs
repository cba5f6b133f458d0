//! Graph to passes. Values stay lazy ([`View`]) as long as a reader can apply norm, ReLU, up-sampling and
//! concatenation while it loads; a pass is made when a value has to exist.

#[cfg(feature = "few_shot")]
mod bands;
mod combine;
mod conv;
mod conv_weights;
mod epilogue;
#[cfg(feature = "few_shot")]
mod gradient;
mod norm;
mod pool;
mod sources;
#[cfg(feature = "few_shot")]
mod training;
mod vector;
mod view;

use std::collections::{HashMap, HashSet};

use crate::model::{Graph, Model, NodeId, Op, Shape};

use super::kernel::Reduction;
use super::layout::Layout;
use super::pass::{DrawSpec, PassSpec};
use super::weights::WeightPacker;
use super::{Arrangement, PlanError, PlanLimits, PlanOptions, TensorFormat};
use norm::Statistics;
#[cfg(feature = "few_shot")]
pub(super) use training::Lasting;
use view::NormSource;
pub(super) use view::{Part, View};

/// A tensor before it has slots.
#[derive(Debug)]
pub(super) struct TensorSpec {
    pub name: String,
    pub shape: Shape,
    pub layout: Layout,
}

/// Everything that lowering produces.
pub(super) struct Lowered<'a> {
    pub tensors: Vec<TensorSpec>,
    pub passes: Vec<PassSpec>,
    pub input: usize,
    /// Requested results: name and tensor.
    pub outputs: Vec<(String, usize)>,
    /// The result `output` as RGBA texels.
    pub picture: Option<usize>,
    pub packer: WeightPacker<'a>,
    /// Tensors with slots of their own that outlive a run.
    pub pinned: Vec<usize>,
}

/// The tensors of the input and of the results.
struct Results {
    input: usize,
    outputs: Vec<(String, usize)>,
}

/// State of the walk over the graph.
struct Lowering<'a> {
    graph: &'a Graph,
    limits: PlanLimits,
    format: TensorFormat,
    batch: usize,
    packer: WeightPacker<'a>,
    /// Readers of each node that are alive; a requested result counts as one.
    users: Vec<Vec<NodeId>>,
    requested: Vec<bool>,
    values: Vec<Option<View>>,
    tensors: Vec<TensorSpec>,
    passes: Vec<PassSpec>,
    /// Statistics of a tensor are shared by all its norms and pools.
    statistics: HashMap<usize, Statistics>,
    instance_norms: HashMap<usize, NormSource>,
    /// Pools of small tensors that no reader has asked for yet, by node.
    pools: HashMap<usize, (usize, Reduction)>,
    /// Convolutions that wait for the sum (by node) that they end.
    delayed: HashMap<usize, NodeId>,
    /// Nodes that need no pass of their own though they have no value.
    absorbed: HashSet<usize>,
    /// What outlives a step of training.
    #[cfg(feature = "few_shot")]
    lasting: Option<Lasting>,
}

/// Lowers the part of a model's graph that the results `outputs` need.
pub(super) fn lower<'a>(model: &'a Model, options: &PlanOptions) -> Result<Lowered<'a>, PlanError> {
    let wanted = wanted(model, options)?;
    let mut lowering = Lowering::new(model, options, &wanted);
    let results = lowering.run(options, &wanted)?;
    lowering.finish(results)
}

/// The same for a step of training with so many examples to pick from.
#[cfg(feature = "few_shot")]
pub(super) fn lower_training<'a>(
    model: &'a Model,
    options: &PlanOptions,
    examples: usize,
) -> Result<(Lowered<'a>, Lasting), PlanError> {
    let wanted = wanted(model, options)?;
    let mut lowering = Lowering::new(model, options, &wanted);
    lowering.lasting = Some(Lasting { count: examples.max(1), ..Lasting::default() });
    lowering.refresh()?;
    let results = lowering.run(options, &wanted)?;
    lowering.settle_weights();
    let lasting = lowering.lasting.take().unwrap_or_default();
    let mut lowered = lowering.finish(results)?;
    let states = lasting.states.iter().chain(&lasting.examples).map(|(_, tensor)| *tensor);
    let next = lowered.outputs.iter().filter(|(name, _)| name.starts_with("next.")).map(|(_, tensor)| *tensor);
    lowered.pinned = states.chain(next).chain([lasting.weights]).collect();
    Ok((lowered, lasting))
}

/// The nodes of the results that are asked for.
fn wanted(model: &Model, options: &PlanOptions) -> Result<Vec<NodeId>, PlanError> {
    options.outputs.iter().map(|name| find_output(&model.graph, name)).collect()
}

/// A named result, or any node.
fn find_output(graph: &Graph, name: &str) -> Result<NodeId, PlanError> {
    graph.layer(name).ok_or_else(|| PlanError::UnknownOutput {
        output: name.to_owned(),
        known: graph.outputs().iter().map(|(n, _)| n.clone()).collect(),
    })
}

/// Which nodes the wanted ones depend on.
fn reachable(graph: &Graph, wanted: &[NodeId]) -> Vec<bool> {
    let mut alive = vec![false; graph.nodes().len()];
    wanted.iter().for_each(|id| alive[id.0] = true);
    for i in (0..alive.len()).rev() {
        if alive[i] {
            graph.nodes()[i].inputs.iter().for_each(|input| alive[input.0] = true);
        }
    }
    alive
}

impl<'a> Lowering<'a> {
    fn new(model: &'a Model, options: &PlanOptions, wanted: &[NodeId]) -> Self {
        let PlanOptions { limits, format, batch, .. } = *options;
        let graph = &model.graph;
        let alive = reachable(graph, wanted);
        let mut users = vec![Vec::new(); graph.nodes().len()];
        for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| alive[*i]) {
            node.inputs.iter().for_each(|input| users[input.0].push(NodeId(i)));
        }
        let mut requested = vec![false; graph.nodes().len()];
        wanted.iter().for_each(|id| requested[id.0] = true);
        Self {
            graph,
            limits,
            format,
            batch,
            packer: WeightPacker::new(graph, &model.weights),
            users,
            requested,
            values: vec![None; graph.nodes().len()],
            tensors: Vec::new(),
            passes: Vec::new(),
            statistics: HashMap::new(),
            instance_norms: HashMap::new(),
            pools: HashMap::new(),
            delayed: HashMap::new(),
            absorbed: HashSet::new(),
            #[cfg(feature = "few_shot")]
            lasting: None,
        }
    }

    /// Walks over the graph; returns the tensors of the input and of the results.
    fn run(&mut self, options: &PlanOptions, wanted: &[NodeId]) -> Result<Results, PlanError> {
        let alive = reachable(self.graph, wanted);
        let input = self.input()?;
        for i in (0..self.graph.nodes().len()).filter(|i| alive[*i]) {
            // Fusion may already have computed a later node.
            if self.values[i].is_none() && !self.absorbed.contains(&i) {
                self.node(NodeId(i))?;
            }
            if self.requested[i] {
                self.plain(NodeId(i))?;
            }
        }
        let mut outputs = Vec::new();
        for (name, id) in options.outputs.iter().zip(wanted) {
            outputs.push((name.clone(), self.plain(*id)?));
        }
        Ok(Results { input, outputs })
    }

    fn finish(mut self, Results { input, outputs }: Results) -> Result<Lowered<'a>, PlanError> {
        let output = outputs.iter().find(|(name, _)| name == "output").map(|(_, tensor)| *tensor);
        let picture = output.map(|tensor| self.picture(tensor)).transpose()?;
        let Self { tensors, passes, packer, .. } = self;
        Ok(Lowered { tensors, passes, input, outputs, picture, packer, pinned: Vec::new() })
    }

    /// Whether this is a step of training.
    #[cfg(feature = "few_shot")]
    fn is_training(&self) -> bool {
        self.lasting.is_some()
    }

    #[cfg(not(feature = "few_shot"))]
    fn is_training(&self) -> bool {
        false
    }

    /// The picture always has a tensor, used or not: something has to be encoded into it.
    fn input(&mut self) -> Result<usize, PlanError> {
        let found = self.graph.nodes().iter().position(|n| n.op == Op::Input);
        let Some(index) = found else {
            return Err(PlanError::Unsupported {
                node: "input".into(),
                op: "input",
                reason: "the graph has none".into(),
            });
        };
        let shape = self.graph.nodes()[index].shape;
        if shape.channels != 3 {
            let reason = format!("a picture has three channels, this is {shape}");
            return Err(PlanError::Unsupported { node: "input".into(), op: "input", reason });
        }
        let tensor = self.tensor("input", shape)?;
        self.values[index] = Some(View::plain(tensor));
        #[cfg(feature = "few_shot")]
        if self.is_training() {
            self.pick("input", shape, tensor)?;
        }
        Ok(tensor)
    }

    fn node(&mut self, id: NodeId) -> Result<(), PlanError> {
        let node = self.graph.node(id);
        let view = match &node.op {
            Op::Input => return Err(self.unsupported(id, "a graph has one input")),
            Op::Conv2d { .. } => return self.conv(id),
            Op::InstanceNorm => self.instance_norm(id)?,
            Op::LayerInstanceNorm { .. } | Op::AdaptiveLayerInstanceNorm { .. } => self.layer_norm(id)?,
            Op::Relu => self.relu(id)?,
            Op::Concat => self.concat(id)?,
            Op::UpsampleNearest2 => self.upsample(id)?,
            Op::ScaleChannels { .. } => self.scale_channels(id)?,
            Op::Add | Op::Tanh | Op::AveragePool2 => View::plain(self.combine_node(id)?),
            Op::GlobalAveragePool | Op::GlobalMaxPool => {
                self.values[id.0] = self.global_pool(id)?;
                return Ok(());
            }
            Op::ChannelSum => View::plain(self.channel_sum(id)?),
            Op::Linear { .. } => return self.linear(id),
            Op::Mix { .. } => View::plain(self.mix(id)?),
            Op::CamLogits { .. } => View::plain(self.cam_logits(id)?),
            #[cfg(feature = "few_shot")]
            Op::Gradient(_) => return self.gradient(id),
        };
        self.values[id.0] = Some(view);
        Ok(())
    }

    /// The only reader of a node, if there is exactly one and the node itself is no result.
    fn only_user(&self, id: NodeId) -> Option<NodeId> {
        match self.users[id.0].as_slice() {
            [user] if !self.requested[id.0] => Some(*user),
            _ => None,
        }
    }

    /// The view of an input that has been lowered.
    fn view(&mut self, id: NodeId) -> Result<View, PlanError> {
        if let Some(pool) = self.pools.get(&id.0).copied()
            && self.values[id.0].is_none()
        {
            self.values[id.0] = Some(View::plain(self.pool(id, pool)?));
        }
        self.values[id.0].clone().ok_or_else(|| self.unsupported(id, "it is used before it is computed"))
    }

    /// A node's value as a tensor of its own.
    fn plain(&mut self, id: NodeId) -> Result<usize, PlanError> {
        let view = self.view(id)?;
        if let Some(tensor) = view.as_plain() {
            return Ok(tensor);
        }
        let node = self.graph.node(id);
        let tensor = self.materialise(&node.name, node.shape, &view)?;
        self.values[id.0] = Some(View::plain(tensor));
        Ok(tensor)
    }

    /// How a tensor of this shape is arranged. A vector lies in one plane, a tile a value: it is read by index, so
    /// spreading it would only cost bindings.
    fn arrangement(&self, shape: Shape) -> Arrangement {
        if shape.is_vector() {
            return Arrangement::VECTOR;
        }
        #[cfg(feature = "few_shot")]
        if self.is_training() {
            return gradient::arrangement(self.format);
        }
        self.format.arrangement(shape, self.limits.planes(self.format))
    }

    /// Declares a tensor in the layout of its shape.
    fn tensor(&mut self, name: &str, shape: Shape) -> Result<usize, PlanError> {
        self.tensor_arranged(name, shape, self.arrangement(shape))
    }

    fn tensor_arranged(&mut self, name: &str, shape: Shape, arrangement: Arrangement) -> Result<usize, PlanError> {
        let layout = Layout::tensor(shape, arrangement, self.batch, self.limits.max_texture_size);
        self.tensor_in(name, shape, layout)
    }

    fn tensor_in(&mut self, name: &str, shape: Shape, layout: Option<Layout>) -> Result<usize, PlanError> {
        let layout = layout.ok_or_else(|| PlanError::TextureTooLarge {
            node: name.to_owned(),
            shape: shape.to_string(),
            batch: self.batch,
            planes: self.arrangement(shape).planes(),
            limit: self.limits.max_texture_size,
        })?;
        self.tensors.push(TensorSpec { name: name.to_owned(), shape, layout });
        Ok(self.tensors.len() - 1)
    }

    fn layout(&self, tensor: usize) -> Layout {
        self.tensors[tensor].layout
    }

    fn emit(&mut self, label: &str, target: usize, draws: Vec<DrawSpec>) {
        #[cfg(feature = "few_shot")]
        let draws = self.with_trained_weights(draws);
        self.passes.push(PassSpec { label: label.to_owned(), target, draws });
    }

    fn unsupported(&self, id: NodeId, reason: &str) -> PlanError {
        let node = self.graph.node(id);
        PlanError::Unsupported { node: node.name.clone(), op: node.op.name(), reason: reason.to_owned() }
    }
}
