//! A plain CPU evaluation of a graph in f64: one function an op, no cleverness.
//!
//! It is the oracle between PyTorch (tests/oracle.rs) and the passes on the device.

use std::collections::BTreeMap;

use bevy_toonface::model::{Graph, Node, Op, ParamId, Shape, Tensor, Weights};

pub const EPSILON: f64 = 1e-5;

/// A value of a node, `[channels, height, width]`.
#[derive(Clone)]
pub struct Array {
    pub dims: Vec<usize>,
    pub data: Vec<f64>,
}

/// All values of a graph for one picture and one group; tensors are `[channels, height, width]`.
pub struct Values {
    /// By node name.
    pub nodes: BTreeMap<String, Tensor>,
    /// By output name.
    pub outputs: BTreeMap<String, Tensor>,
}

impl Values {
    /// The value of a named output.
    pub fn output(&self, name: &str) -> &Tensor {
        self.outputs.get(name).unwrap_or_else(|| panic!("no output `{name}`"))
    }
}

/// What a graph is evaluated on.
#[derive(Clone, Default)]
pub struct Given {
    /// Values of the graph's leaves for each picture of a batch, by node name.
    pub items: Vec<BTreeMap<String, Vec<f64>>>,
    /// Values of leaves that all pictures share.
    pub shared: BTreeMap<String, Vec<f64>>,
    /// Weights that have other values than those of the model, by path.
    pub weights: BTreeMap<String, Vec<f64>>,
}

/// Evaluates a graph; `input` holds as many values as the graph's input, in row-major order.
pub fn evaluate(graph: &Graph, weights: &Weights, group: usize, input: &Tensor) -> Values {
    let picture = graph.nodes().iter().find(|node| node.op == Op::Input).map(|node| node.name.clone());
    let data = input.data.iter().map(|v| f64::from(*v)).collect();
    let items = vec![picture.map(|name| (name, data)).into_iter().collect()];
    let values = evaluate_batch(graph, weights, group, &Given { items, ..Given::default() }).remove(0);
    let single =
        |array: &Array| Tensor { dims: array.dims.clone(), data: array.data.iter().map(|v| *v as f32).collect() };
    let nodes: BTreeMap<String, Tensor> = values.iter().map(|(name, array)| (name.clone(), single(array))).collect();
    let named = |(name, id): &(String, _)| (name.clone(), nodes[&graph.node(*id).name].clone());
    let outputs = graph.outputs().iter().map(named).collect();
    Values { nodes, outputs }
}

/// Evaluates a graph for every picture of a batch: values by node name, for each of them.
pub fn evaluate_batch(graph: &Graph, weights: &Weights, group: usize, given: &Given) -> Vec<BTreeMap<String, Array>> {
    let mut all: Vec<BTreeMap<String, Array>> = vec![BTreeMap::new(); given.items.len()];
    for node in graph.nodes() {
        let compute = |item: usize| {
            let leaf = given.items[item].get(&node.name).or_else(|| given.shared.get(&node.name));
            if let Some(values) = leaf.filter(|_| node.inputs.is_empty()) {
                return values.clone();
            }
            let inputs = |item: usize| node.inputs.iter().map(|id| &all[item][&graph.node(*id).name]).collect();
            let step = Step { graph, weights, given, group, node, inputs: inputs(item) };
            match &node.op {
                #[cfg(feature = "few_shot")]
                Op::Gradient(op) => {
                    let batch: Vec<Vec<&Array>> = (0..all.len()).map(inputs).collect();
                    super::reference_gradients::compute(&step, op, &batch)
                }
                _ => step.compute(),
            }
        };
        let results: Vec<Vec<f64>> = (0..all.len()).map(compute).collect();
        for (values, data) in all.iter_mut().zip(results) {
            assert_eq!(data.len(), node.shape.elements(), "values of node `{}`", node.name);
            let Shape { channels, height, width } = node.shape;
            values.insert(node.name.clone(), Array { dims: vec![channels, height, width], data });
        }
    }
    all
}

/// One node with the values of its inputs.
pub struct Step<'a> {
    pub graph: &'a Graph,
    weights: &'a Weights,
    given: &'a Given,
    group: usize,
    pub node: &'a Node,
    pub inputs: Vec<&'a Array>,
}

impl Step<'_> {
    fn compute(&self) -> Vec<f64> {
        let x = self.inputs[0];
        let map = |f: fn(f64) -> f64| x.data.iter().map(|v| f(*v)).collect();
        match &self.node.op {
            Op::Conv2d { kernel, stride, weight, bias } => self.conv(*kernel, *stride, *weight, *bias),
            Op::InstanceNorm => self.instance_norm(),
            Op::LayerInstanceNorm { rho, gamma, beta } => {
                self.layer_instance_norm(&self.weight(*rho), &self.weight(*gamma), &self.weight(*beta))
            }
            Op::AdaptiveLayerInstanceNorm { rho, gamma_at, beta_at } => {
                let vector = &self.inputs[1].data;
                let n = x.dims[0];
                let (gamma, beta) = (&vector[*gamma_at..*gamma_at + n], &vector[*beta_at..*beta_at + n]);
                self.layer_instance_norm(&self.weight(*rho), gamma, beta)
            }
            Op::Relu => map(|v| v.max(0.0)),
            Op::Tanh => map(f64::tanh),
            Op::Add => x.data.iter().zip(&self.inputs[1].data).map(|(a, b)| a + b).collect(),
            Op::Concat => self.inputs.iter().flat_map(|t| t.data.iter().copied()).collect(),
            Op::UpsampleNearest2 => self.upsample(),
            Op::AveragePool2 => self.average_pool(),
            Op::GlobalAveragePool => channels(x).map(mean).collect(),
            Op::GlobalMaxPool => channels(x).map(|c| c.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect(),
            Op::Linear { groups, weights, biases } => self.linear(*groups, weights, biases),
            Op::Mix { weights } => self.mix(weights),
            Op::ScaleChannels { weight } => {
                let scales = self.weight(*weight);
                channels(x).zip(scales).flat_map(|(c, scale)| c.iter().map(move |v| v * scale)).collect()
            }
            Op::ChannelSum => (0..pixels(x)).map(|i| channels(x).map(|c| c[i]).sum()).collect(),
            Op::CamLogits { gap_weight, gap_bias, gmp_weight, gmp_bias } => {
                self.cam_logits([(*gap_weight, *gap_bias), (*gmp_weight, *gmp_bias)])
            }
            other => panic!("the reference has no op {other:?}"),
        }
    }

    /// The values of a weight.
    pub fn weight(&self, id: ParamId) -> Vec<f64> {
        self.weight_of(id, self.group)
    }

    fn weight_of(&self, id: ParamId, group: usize) -> Vec<f64> {
        let param = self.graph.param(id);
        if let Some(values) = self.given.weights.get(&param.path) {
            return values.clone();
        }
        let tensor = self.weights.get(param, group).unwrap_or_else(|e| panic!("{e}"));
        tensor.data.iter().map(|v| f64::from(*v)).collect()
    }

    /// Cross-correlation of the reflect-padded input.
    fn conv(&self, kernel: usize, stride: usize, weight: ParamId, bias: Option<ParamId>) -> Vec<f64> {
        let x = self.inputs[0];
        let (height, width) = (x.dims[1], x.dims[2]);
        let Shape { channels: outputs, height: out_height, width: out_width } = self.node.shape;
        let weight = self.weight(weight);
        let padded: Vec<Vec<f64>> = channels(x).map(|c| reflect_pad(c, height, width, kernel / 2)).collect();
        let padded_width = width + 2 * (kernel / 2);
        let mut out = Vec::with_capacity(self.node.shape.elements());
        for o in 0..outputs {
            let start = bias.map_or(0.0, |b| self.weight(b)[o]);
            let mut sums = vec![start; out_height * out_width];
            for (i, source) in padded.iter().enumerate() {
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        let w = weight[((o * padded.len() + i) * kernel + ky) * kernel + kx];
                        for (y, row) in sums.chunks_exact_mut(out_width).enumerate() {
                            let taps = &source[(y * stride + ky) * padded_width + kx..];
                            row.iter_mut().zip(taps.iter().step_by(stride)).for_each(|(sum, v)| *sum += w * v);
                        }
                    }
                }
            }
            out.extend(sums);
        }
        out
    }

    /// Biased variance, no affine.
    fn instance_norm(&self) -> Vec<f64> {
        let normalise = |channel: &[f64]| -> Vec<f64> {
            let (mean, m2) = moments(channel);
            let deviation = (m2 / channel.len() as f64 + EPSILON).sqrt();
            channel.iter().map(|v| (v - mean) / deviation).collect()
        };
        channels(self.inputs[0]).flat_map(normalise).collect()
    }

    /// Unbiased variances.
    fn layer_instance_norm(&self, rho: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
        let x = self.inputs[0];
        let deviation = |m2: f64, n: usize| (m2 / (n as f64 - 1.0) + EPSILON).sqrt();
        let (layer_mean, layer_m2) = moments(&x.data);
        let layer_deviation = deviation(layer_m2, x.data.len());
        let mut out = Vec::with_capacity(x.data.len());
        for (c, channel) in channels(x).enumerate() {
            let [rho, gamma, beta] = [rho[c], gamma[c], beta[c]];
            let (mean, m2) = moments(channel);
            let instance_deviation = deviation(m2, channel.len());
            for v in channel {
                let instance = (v - mean) / instance_deviation;
                let layer = (v - layer_mean) / layer_deviation;
                out.push((rho * instance + (1.0 - rho) * layer) * gamma + beta);
            }
        }
        out
    }

    fn upsample(&self) -> Vec<f64> {
        let Shape { height, width, .. } = self.node.shape;
        let mut out = Vec::with_capacity(self.node.shape.elements());
        for channel in channels(self.inputs[0]) {
            for y in 0..height {
                out.extend((0..width).map(|x| channel[y / 2 * (width / 2) + x / 2]));
            }
        }
        out
    }

    fn average_pool(&self) -> Vec<f64> {
        let Shape { height, width, .. } = self.node.shape;
        let source_width = self.inputs[0].dims[2];
        let mut out = Vec::with_capacity(self.node.shape.elements());
        for channel in channels(self.inputs[0]) {
            for y in 0..height {
                for x in 0..width {
                    let at = |dy: usize, dx: usize| channel[(2 * y + dy) * source_width + 2 * x + dx];
                    out.push((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4.0);
                }
            }
        }
        out
    }

    /// Part `p` of the input goes through the maps `p * maps / groups ..`; their results follow each other.
    fn linear(&self, groups: usize, weights: &[ParamId], biases: &[ParamId]) -> Vec<f64> {
        let x = &self.inputs[0].data;
        let columns = x.len() / groups;
        let maps_per_part = weights.len() / groups;
        let mut out = Vec::with_capacity(self.node.shape.channels);
        for (m, (weight, bias)) in weights.iter().zip(biases).enumerate() {
            let part = m / maps_per_part;
            let input = &x[part * columns..(part + 1) * columns];
            let weight = self.weight(*weight);
            let rows = weight.chunks_exact(columns).zip(self.weight(*bias));
            out.extend(rows.map(|(row, bias)| bias + dot(row, input)));
        }
        out
    }

    fn mix(&self, weights: &[ParamId]) -> Vec<f64> {
        let weights = weights.iter().flat_map(|w| self.weight(*w));
        let pairs = self.inputs[0].data.iter().zip(&self.inputs[1].data);
        weights.zip(pairs).map(|(w, (a, b))| (1.0 - w) * a + w * b).collect()
    }

    /// Every group's row on the averages, then every group's row on the maxima.
    fn cam_logits(&self, heads: [(ParamId, ParamId); 2]) -> Vec<f64> {
        let mut out = Vec::new();
        for ((weight, bias), input) in heads.into_iter().zip(&self.inputs) {
            for group in 0..self.graph.groups() {
                let bias = self.weight_of(bias, group)[0];
                out.push(bias + dot(&self.weight_of(weight, group), &input.data));
            }
        }
        out
    }
}

fn pixels(x: &Array) -> usize {
    x.dims[1] * x.dims[2]
}

pub fn channels(x: &Array) -> std::slice::ChunksExact<'_, f64> {
    x.data.chunks_exact(pixels(x))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean and sum of squared differences from it.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let mean = mean(values);
    let m2 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, m2)
}

/// The edge sample is not repeated: -1 -> 1, n -> n - 2.
pub fn reflect(i: isize, n: usize) -> usize {
    let n = n as isize;
    let i = if i < 0 { -i } else { i };
    (if i >= n { 2 * (n - 1) - i } else { i }) as usize
}

fn reflect_pad(channel: &[f64], height: usize, width: usize, pad: usize) -> Vec<f64> {
    let index = |i: usize, n: usize| reflect(i as isize - pad as isize, n);
    let mut out = Vec::with_capacity((height + 2 * pad) * (width + 2 * pad));
    for y in 0..height + 2 * pad {
        let row = &channel[index(y, height) * width..][..width];
        out.extend((0..width + 2 * pad).map(|x| row[index(x, width)]));
    }
    out
}
