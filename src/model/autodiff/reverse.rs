//! Reverse mode: walks the graph from its end and adds, for every op, the ops of its gradient.

use std::collections::{BTreeMap, HashMap};

use super::{GradientOp, Norm, Pointwise};
use crate::model::{GraphBuilder, ModelError, Node, NodeId, Op, ParamId, Shape};

type Built = Result<NodeId, ModelError>;

/// The walk.
pub(super) struct Reverse<'a> {
    pub graph: &'a mut GraphBuilder,
    /// Which nodes depend on a trained weight; nobody needs the gradient to others.
    pub active: &'a [bool],
    /// Which weights are trained, by index.
    pub trained: &'a [bool],
    /// Gradients to nodes, to be summed.
    nodes: HashMap<NodeId, Vec<NodeId>>,
    /// The same of weights, each with as many values as the weight, in its order.
    params: BTreeMap<ParamId, Vec<NodeId>>,
    names: usize,
}

impl<'a> Reverse<'a> {
    pub fn new(graph: &'a mut GraphBuilder, active: &'a [bool], trained: &'a [bool]) -> Self {
        Self { graph, active, trained, nodes: HashMap::new(), params: BTreeMap::new(), names: 0 }
    }

    /// The gradients of the trained weights, in their order, for the gradient `dy` of node `end`.
    ///
    /// # Errors
    /// [`ModelError::Shape`] naming the node, if an op on the way is one of training itself.
    pub fn run(mut self, end: NodeId, dy: NodeId) -> Result<Vec<(ParamId, NodeId)>, ModelError> {
        self.nodes.insert(end, vec![dy]);
        for i in (0..=end.0).rev().filter(|i| self.active[*i]) {
            let node = self.graph.node(NodeId(i)).clone();
            let Some(parts) = self.nodes.remove(&NodeId(i)) else { continue };
            let dy = self.sum(&node.name, &parts)?;
            self.step(NodeId(i), &node, dy)?;
        }
        let params = std::mem::take(&mut self.params);
        params.into_iter().map(|(param, parts)| Ok((param, self.sum("weight", &parts)?))).collect()
    }

    /// Adds a gradient op; its name tells which node it belongs to.
    pub fn add(&mut self, of: &str, op: GradientOp, inputs: &[NodeId]) -> Built {
        self.op(of, Op::Gradient(op), inputs)
    }

    fn op(&mut self, of: &str, op: Op, inputs: &[NodeId]) -> Built {
        self.names += 1;
        let name = format!("{of}.d{}.{}", self.names, op.name());
        self.graph.add(&name, op, inputs)
    }

    fn pointwise(&mut self, of: &str, op: Pointwise, inputs: &[NodeId]) -> Built {
        self.add(of, GradientOp::Pointwise(op), inputs)
    }

    fn sum(&mut self, of: &str, parts: &[NodeId]) -> Built {
        let mut sum = parts[0];
        for part in &parts[1..] {
            sum = self.op(of, Op::Add, &[sum, *part])?;
        }
        Ok(sum)
    }

    fn wants(&self, node: NodeId) -> bool {
        self.active[node.0]
    }

    fn trains(&self, param: ParamId) -> bool {
        self.trained[param.0]
    }

    fn give(&mut self, node: NodeId, gradient: NodeId) {
        self.nodes.entry(node).or_default().push(gradient);
    }

    fn give_param(&mut self, param: ParamId, gradient: NodeId) {
        self.params.entry(param).or_default().push(gradient);
    }

    fn shape(&self, node: NodeId) -> Shape {
        self.graph.shape(node)
    }

    /// The gradients of one node's inputs and weights.
    fn step(&mut self, id: NodeId, node: &Node, dy: NodeId) -> Result<(), ModelError> {
        let (name, x) = (&node.name, node.inputs.first().copied().unwrap_or(id));
        let dx = match &node.op {
            Op::Input => return Ok(()),
            Op::Conv2d { .. } => return self.conv(node, dy),
            Op::InstanceNorm | Op::LayerInstanceNorm { .. } | Op::AdaptiveLayerInstanceNorm { .. } => {
                return self.norm(node, dy);
            }
            Op::Linear { .. } => return self.linear(node, dy),
            Op::Mix { weights } => return self.mix(node, weights, dy),
            Op::Concat => return self.concat(node, dy),
            Op::Add => {
                node.inputs.iter().filter(|input| self.active[input.0]).for_each(|input| {
                    self.nodes.entry(*input).or_default().push(dy);
                });
                return Ok(());
            }
            Op::ScaleChannels { weight } => {
                if self.trains(*weight) {
                    let product = self.pointwise(name, Pointwise::Multiply, &[dy, x])?;
                    let total = self.add(name, GradientOp::Total, &[product])?;
                    self.give_param(*weight, total);
                }
                self.wants(x).then(|| self.op(name, Op::ScaleChannels { weight: *weight }, &[dy])).transpose()?
            }
            Op::CamLogits { .. } => return self.cam_logits(node, dy),
            _ if !self.wants(x) => None,
            Op::Relu => Some(self.pointwise(name, Pointwise::ReluGate, &[dy, id])?),
            Op::Tanh => Some(self.pointwise(name, Pointwise::TanhGate, &[dy, id])?),
            Op::UpsampleNearest2 => {
                let mean = self.op(name, Op::AveragePool2, &[dy])?;
                Some(self.pointwise(name, Pointwise::Scaled(4.0), &[mean])?)
            }
            Op::AveragePool2 => {
                let Shape { height, width, .. } = self.shape(x);
                Some(self.add(name, GradientOp::Spread { height, width }, &[dy])?)
            }
            Op::GlobalAveragePool => {
                let Shape { height, width, .. } = self.shape(x);
                let scale = 1.0 / (height * width) as f32;
                Some(self.add(name, GradientOp::Broadcast { height, width, scale }, &[dy])?)
            }
            Op::GlobalMaxPool => Some(self.maximum(name, id, x, dy)?),
            Op::ChannelSum => {
                let channels = self.shape(x).channels;
                Some(self.add(name, GradientOp::Repeat(channels), &[dy])?)
            }
            other @ Op::Gradient(_) => {
                let reason =
                    format!("{} has no gradient: a step of training is not differentiated again", other.name());
                return Err(ModelError::shape(name, reason));
            }
        };
        if let Some(dx) = dx {
            self.give(x, dx);
        }
        Ok(())
    }

    fn conv(&mut self, node: &Node, dy: NodeId) -> Result<(), ModelError> {
        let Op::Conv2d { kernel, stride, weight, bias } = node.op else { return Ok(()) };
        let x = node.inputs[0];
        if self.trains(weight) {
            let dw = self.add(&node.name, GradientOp::ConvWeight { kernel, stride }, &[dy, x])?;
            self.give_param(weight, dw);
        }
        if let Some(bias) = bias.filter(|bias| self.trains(*bias)) {
            let total = self.add(&node.name, GradientOp::Total, &[dy])?;
            self.give_param(bias, total);
        }
        if self.wants(x) {
            let Shape { height, width, .. } = self.shape(x);
            let dx = self.add(&node.name, GradientOp::ConvInput { kernel, stride, weight, height, width }, &[dy])?;
            self.give(x, dx);
        }
        Ok(())
    }

    fn norm(&mut self, node: &Node, dy: NodeId) -> Result<(), ModelError> {
        let (name, x) = (&node.name, node.inputs[0]);
        let Shape { channels, height, width } = self.shape(x);
        let pixels = height * width;
        // Gamma, beta and rho, where they are weights.
        let (norm, params) = match node.op {
            Op::LayerInstanceNorm { rho, gamma, beta } => {
                (Norm::Layer { rho, gamma }, [Some(gamma), Some(beta), Some(rho)])
            }
            Op::AdaptiveLayerInstanceNorm { rho, gamma_at, .. } => {
                (Norm::Adaptive { rho, gamma_at }, [None, None, Some(rho)])
            }
            _ => (Norm::Instance, [None; 3]),
        };
        let sums = self.add(name, GradientOp::NormSums, &[dy, x])?;
        let mut inputs = vec![sums];
        inputs.extend(node.inputs.get(1));
        if self.wants(x) {
            let slopes = self.add(name, GradientOp::NormSlopes(norm, pixels), &inputs)?;
            let dx = self.add(name, GradientOp::NormApply, &[dy, x, slopes])?;
            self.give(x, dx);
        }
        let modulated = match node.op {
            Op::AdaptiveLayerInstanceNorm { gamma_at, beta_at, .. } => {
                Some((node.inputs[1], [gamma_at, beta_at])).filter(|(input, _)| self.wants(*input))
            }
            _ => None,
        };
        let trained = params.map(|param| param.filter(|param| self.trains(*param)));
        if modulated.is_none() && trained.iter().all(Option::is_none) {
            return Ok(());
        }
        let all = self.add(name, GradientOp::NormParams(norm, pixels), &inputs)?;
        for (k, param) in trained.into_iter().enumerate() {
            if let Some(param) = param {
                let part = self.slice(name, all, k * channels, channels)?;
                self.give_param(param, part);
            }
        }
        if let Some((modulation, places)) = modulated {
            let channels_of_all = self.shape(modulation).channels;
            for (k, at) in places.into_iter().enumerate() {
                let part = self.slice(name, all, k * channels, channels)?;
                let shift = GradientOp::Shift { channels: channels_of_all, shift: -(at as isize) };
                let placed = self.add(name, shift, &[part])?;
                self.give(modulation, placed);
            }
        }
        Ok(())
    }

    /// Channels `first..` of a tensor.
    fn slice(&mut self, of: &str, x: NodeId, first: usize, channels: usize) -> Built {
        self.add(of, GradientOp::Shift { channels, shift: first as isize }, &[x])
    }

    fn concat(&mut self, node: &Node, dy: NodeId) -> Result<(), ModelError> {
        let mut first = 0;
        for input in &node.inputs {
            let channels = self.shape(*input).channels;
            if self.wants(*input) {
                let part = self.slice(&node.name, dy, first, channels)?;
                self.give(*input, part);
            }
            first += channels;
        }
        Ok(())
    }

    fn linear(&mut self, node: &Node, dy: NodeId) -> Result<(), ModelError> {
        let Op::Linear { groups, weights, biases } = &node.op else { return Ok(()) };
        let x = node.inputs[0];
        let columns = self.shape(x).channels / groups;
        let maps_per_part = (weights.len() / groups).max(1);
        let mut first = 0;
        for (k, (weight, bias)) in weights.iter().zip(biases).enumerate() {
            let rows = first..first + self.graph.param_dims(*weight)[0];
            first = rows.end;
            if self.trains(*weight) {
                let part = k / maps_per_part * columns;
                let outer = GradientOp::Outer { rows: rows.clone(), columns: part..part + columns };
                let dw = self.add(&node.name, outer, &[dy, x])?;
                self.give_param(*weight, dw);
            }
            if self.trains(*bias) {
                let part = self.slice(&node.name, dy, rows.start, rows.len())?;
                self.give_param(*bias, part);
            }
        }
        if self.wants(x) {
            let op = GradientOp::LinearInput { groups: *groups, weights: weights.clone() };
            let dx = self.add(&node.name, op, &[dy])?;
            self.give(x, dx);
        }
        Ok(())
    }

    /// To the pixels that are the maximum. Equal ones share, as with `torch.amax`.
    fn maximum(&mut self, of: &str, id: NodeId, x: NodeId, dy: NodeId) -> Built {
        let Shape { height, width, .. } = self.shape(x);
        let all = GradientOp::Broadcast { height, width, scale: 1.0 };
        let maximum = self.add(of, all.clone(), &[id])?;
        let hits = self.pointwise(of, Pointwise::Equal, &[x, maximum])?;
        let count = self.add(of, GradientOp::Total, &[hits])?;
        let share = self.pointwise(of, Pointwise::Divide, &[dy, count])?;
        let share = self.add(of, all, &[share])?;
        self.pointwise(of, Pointwise::Multiply, &[hits, share])
    }

    /// The two rows of the group that is trained: a graph of one group has no others.
    fn cam_logits(&mut self, node: &Node, dy: NodeId) -> Result<(), ModelError> {
        let Op::CamLogits { gap_weight, gap_bias, gmp_weight, gmp_bias } = node.op else { return Ok(()) };
        for (k, (weight, bias)) in [(gap_weight, gap_bias), (gmp_weight, gmp_bias)].into_iter().enumerate() {
            let (name, x) = (&node.name, node.inputs[k]);
            let part = self.slice(name, dy, k, 1)?;
            if self.trains(weight) {
                let channels = self.shape(x).channels;
                let wide = self.add(name, GradientOp::Repeat(channels), &[part])?;
                let dw = self.pointwise(name, Pointwise::Multiply, &[wide, x])?;
                self.give_param(weight, dw);
            }
            if self.trains(bias) {
                self.give_param(bias, part);
            }
            if self.wants(x) {
                let op = GradientOp::LinearInput { groups: 1, weights: vec![weight] };
                let dx = self.add(name, op, &[part])?;
                self.give(x, dx);
            }
        }
        Ok(())
    }

    fn mix(&mut self, node: &Node, weights: &[ParamId], dy: NodeId) -> Result<(), ModelError> {
        let name = &node.name;
        if weights.iter().any(|weight| self.trains(*weight)) {
            let step = self.pointwise(name, Pointwise::Weighted(-1.0, 1.0), &node.inputs)?;
            let all = self.pointwise(name, Pointwise::Multiply, &[dy, step])?;
            let mut first = 0;
            for weight in weights {
                let n: usize = self.graph.param_dims(*weight).iter().product();
                if self.trains(*weight) {
                    let part = self.slice(name, all, first, n)?;
                    self.give_param(*weight, part);
                }
                first += n;
            }
        }
        for (input, second) in node.inputs.iter().zip([false, true]) {
            if self.wants(*input) {
                let op = GradientOp::MixInput { weights: weights.to_vec(), second };
                let dx = self.add(name, op, &[dy])?;
                self.give(*input, dx);
            }
        }
        Ok(())
    }
}
