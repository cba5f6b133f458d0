//! A plain CPU evaluation of a graph: one function an op, f32 values, f64 sums, no cleverness.
//!
//! It is the oracle between PyTorch (tests/oracle.rs) and the passes on the device.

use std::collections::BTreeMap;

use bevy_toonface::model::{Graph, Node, Op, ParamId, Shape, Tensor, Weights};

const EPSILON: f64 = 1e-5;

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

/// Evaluates a graph; `input` holds as many values as the graph's input, in row-major order.
pub fn evaluate(graph: &Graph, weights: &Weights, group: usize, input: &Tensor) -> Values {
    let mut nodes: BTreeMap<String, Tensor> = BTreeMap::new();
    for node in graph.nodes() {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|id| &nodes[&graph.node(*id).name]).collect();
        let step = Step { graph, weights, group, node, inputs };
        let data = if node.op == Op::Input { input.data.clone() } else { step.compute() };
        assert_eq!(data.len(), node.shape.elements(), "values of node `{}`", node.name);
        let Shape { channels, height, width } = node.shape;
        nodes.insert(node.name.clone(), Tensor { dims: vec![channels, height, width], data });
    }
    let named = |(name, id): &(String, _)| (name.clone(), nodes[&graph.node(*id).name].clone());
    let outputs = graph.outputs().iter().map(named).collect();
    Values { nodes, outputs }
}

/// One node with the values of its inputs.
struct Step<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    group: usize,
    node: &'a Node,
    inputs: Vec<&'a Tensor>,
}

impl Step<'_> {
    fn compute(&self) -> Vec<f32> {
        let x = self.inputs[0];
        let map = |f: fn(f32) -> f32| x.data.iter().map(|v| f(*v)).collect();
        match &self.node.op {
            Op::Conv2d { kernel, stride, weight, bias } => self.conv(*kernel, *stride, *weight, *bias),
            Op::InstanceNorm => self.instance_norm(),
            Op::LayerInstanceNorm { rho, gamma, beta } => {
                self.layer_instance_norm(self.weight(*rho), self.weight(*gamma), self.weight(*beta))
            }
            Op::AdaptiveLayerInstanceNorm { rho, gamma_at, beta_at } => {
                let vector = &self.inputs[1].data;
                let n = x.dims[0];
                let (gamma, beta) = (&vector[*gamma_at..*gamma_at + n], &vector[*beta_at..*beta_at + n]);
                self.layer_instance_norm(self.weight(*rho), gamma, beta)
            }
            Op::Relu => map(|v| v.max(0.0)),
            Op::Tanh => map(f32::tanh),
            Op::Add => x.data.iter().zip(&self.inputs[1].data).map(|(a, b)| a + b).collect(),
            Op::Concat => self.inputs.iter().flat_map(|t| t.data.iter().copied()).collect(),
            Op::UpsampleNearest2 => self.upsample(),
            Op::AveragePool2 => self.average_pool(),
            Op::GlobalAveragePool => channels(x).map(|c| mean(c) as f32).collect(),
            Op::GlobalMaxPool => channels(x).map(|c| c.iter().copied().fold(f32::NEG_INFINITY, f32::max)).collect(),
            Op::Linear { groups, weights, biases } => self.linear(*groups, weights, biases),
            Op::Mix { weights } => self.mix(weights),
            Op::ScaleChannels { weight } => {
                let scales = self.weight(*weight);
                channels(x).zip(scales).flat_map(|(c, scale)| c.iter().map(move |v| v * scale)).collect()
            }
            Op::ChannelSum => {
                (0..pixels(x)).map(|i| channels(x).map(|c| f64::from(c[i])).sum::<f64>() as f32).collect()
            }
            Op::CamLogits { gap_weight, gap_bias, gmp_weight, gmp_bias } => {
                self.cam_logits([(*gap_weight, *gap_bias), (*gmp_weight, *gmp_bias)])
            }
            other => panic!("the reference has no op {other:?}"),
        }
    }

    fn weight(&self, id: ParamId) -> &[f32] {
        self.weight_of(id, self.group)
    }

    fn weight_of(&self, id: ParamId, group: usize) -> &[f32] {
        &self.weights.get(self.graph.param(id), group).unwrap_or_else(|e| panic!("{e}")).data
    }

    /// Cross-correlation of the reflect-padded input.
    fn conv(&self, kernel: usize, stride: usize, weight: ParamId, bias: Option<ParamId>) -> Vec<f32> {
        let x = self.inputs[0];
        let (height, width) = (x.dims[1], x.dims[2]);
        let Shape { channels: outputs, height: out_height, width: out_width } = self.node.shape;
        let weight = self.weight(weight);
        let padded: Vec<Vec<f64>> = channels(x).map(|c| reflect_pad(c, height, width, kernel / 2)).collect();
        let padded_width = width + 2 * (kernel / 2);
        let mut out = Vec::with_capacity(self.node.shape.elements());
        for o in 0..outputs {
            let start = bias.map_or(0.0, |b| f64::from(self.weight(b)[o]));
            let mut sums = vec![start; out_height * out_width];
            for (i, source) in padded.iter().enumerate() {
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        let w = f64::from(weight[((o * padded.len() + i) * kernel + ky) * kernel + kx]);
                        for (y, row) in sums.chunks_exact_mut(out_width).enumerate() {
                            let taps = &source[(y * stride + ky) * padded_width + kx..];
                            row.iter_mut().zip(taps.iter().step_by(stride)).for_each(|(sum, v)| *sum += w * v);
                        }
                    }
                }
            }
            out.extend(sums.iter().map(|sum| *sum as f32));
        }
        out
    }

    /// Biased variance, no affine.
    fn instance_norm(&self) -> Vec<f32> {
        let normalise = |channel: &[f32]| -> Vec<f32> {
            let (mean, m2) = moments(channel);
            let deviation = (m2 / channel.len() as f64 + EPSILON).sqrt();
            channel.iter().map(|v| ((f64::from(*v) - mean) / deviation) as f32).collect()
        };
        channels(self.inputs[0]).flat_map(normalise).collect()
    }

    /// Unbiased variances.
    fn layer_instance_norm(&self, rho: &[f32], gamma: &[f32], beta: &[f32]) -> Vec<f32> {
        let x = self.inputs[0];
        let deviation = |m2: f64, n: usize| (m2 / (n as f64 - 1.0) + EPSILON).sqrt();
        let (layer_mean, layer_m2) = moments(&x.data);
        let layer_deviation = deviation(layer_m2, x.data.len());
        let mut out = Vec::with_capacity(x.data.len());
        for (c, channel) in channels(x).enumerate() {
            let [rho, gamma, beta] = [rho[c], gamma[c], beta[c]].map(f64::from);
            let (mean, m2) = moments(channel);
            let instance_deviation = deviation(m2, channel.len());
            for v in channel.iter().map(|v| f64::from(*v)) {
                let instance = (v - mean) / instance_deviation;
                let layer = (v - layer_mean) / layer_deviation;
                out.push(((rho * instance + (1.0 - rho) * layer) * gamma + beta) as f32);
            }
        }
        out
    }

    fn upsample(&self) -> Vec<f32> {
        let Shape { height, width, .. } = self.node.shape;
        let mut out = Vec::with_capacity(self.node.shape.elements());
        for channel in channels(self.inputs[0]) {
            for y in 0..height {
                out.extend((0..width).map(|x| channel[y / 2 * (width / 2) + x / 2]));
            }
        }
        out
    }

    fn average_pool(&self) -> Vec<f32> {
        let Shape { height, width, .. } = self.node.shape;
        let source_width = self.inputs[0].dims[2];
        let mut out = Vec::with_capacity(self.node.shape.elements());
        for channel in channels(self.inputs[0]) {
            for y in 0..height {
                for x in 0..width {
                    let at = |dy: usize, dx: usize| f64::from(channel[(2 * y + dy) * source_width + 2 * x + dx]);
                    out.push(((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4.0) as f32);
                }
            }
        }
        out
    }

    /// Part `p` of the input goes through the maps `p * maps / groups ..`; their results follow each other.
    fn linear(&self, groups: usize, weights: &[ParamId], biases: &[ParamId]) -> Vec<f32> {
        let x = &self.inputs[0].data;
        let columns = x.len() / groups;
        let maps_per_part = weights.len() / groups;
        let mut out = Vec::with_capacity(self.node.shape.channels);
        for (m, (weight, bias)) in weights.iter().zip(biases).enumerate() {
            let part = m / maps_per_part;
            let input = &x[part * columns..(part + 1) * columns];
            let rows = self.weight(*weight).chunks_exact(columns).zip(self.weight(*bias));
            out.extend(rows.map(|(row, bias)| (f64::from(*bias) + dot(row, input)) as f32));
        }
        out
    }

    fn mix(&self, weights: &[ParamId]) -> Vec<f32> {
        let weights = weights.iter().flat_map(|w| self.weight(*w)).map(|w| f64::from(*w));
        let pairs = self.inputs[0].data.iter().zip(&self.inputs[1].data);
        weights.zip(pairs).map(|(w, (a, b))| ((1.0 - w) * f64::from(*a) + w * f64::from(*b)) as f32).collect()
    }

    /// Every group's row on the averages, then every group's row on the maxima.
    fn cam_logits(&self, heads: [(ParamId, ParamId); 2]) -> Vec<f32> {
        let mut out = Vec::new();
        for ((weight, bias), input) in heads.into_iter().zip(&self.inputs) {
            for group in 0..self.graph.groups() {
                let bias = f64::from(self.weight_of(bias, group)[0]);
                out.push((bias + dot(self.weight_of(weight, group), &input.data)) as f32);
            }
        }
        out
    }
}

fn pixels(x: &Tensor) -> usize {
    x.dims[1] * x.dims[2]
}

fn channels(x: &Tensor) -> std::slice::ChunksExact<'_, f32> {
    x.data.chunks_exact(pixels(x))
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64
}

/// Mean and sum of squared differences from it.
fn moments(values: &[f32]) -> (f64, f64) {
    let mean = mean(values);
    let m2 = values.iter().map(|v| (f64::from(*v) - mean) * (f64::from(*v) - mean)).sum();
    (mean, m2)
}

/// The edge sample is not repeated: -1 -> 1, n -> n - 2.
fn reflect(i: isize, n: usize) -> usize {
    let n = n as isize;
    let i = if i < 0 { -i } else { i };
    (if i >= n { 2 * (n - 1) - i } else { i }) as usize
}

fn reflect_pad(channel: &[f32], height: usize, width: usize, pad: usize) -> Vec<f64> {
    let index = |i: usize, n: usize| reflect(i as isize - pad as isize, n);
    let mut out = Vec::with_capacity((height + 2 * pad) * (width + 2 * pad));
    for y in 0..height + 2 * pad {
        let row = &channel[index(y, height) * width..][..width];
        out.extend((0..width + 2 * pad).map(|x| f64::from(row[index(x, width)])));
    }
    out
}
