//! Small models that are trained whole, and examples for them.

use std::collections::BTreeMap;

use bevy_toonface::model::autodiff::{Scope, TARGET, Training, TrainingOptions};
use bevy_toonface::model::{GraphBuilder, Model, NodeId, Op, Owner, ParamId, Tensor, TensorFile};

use super::reference::{Given, evaluate};
use super::{Random, fixture, model_of, random_weights};

/// A graph as it grows; all weights belong to the branch.
pub struct Net {
    graph: GraphBuilder,
    picture: NodeId,
    names: usize,
}

impl Net {
    pub fn weight(&mut self, leaf: &str, dims: &[usize]) -> ParamId {
        self.names += 1;
        self.graph.param(format!("w{}.{leaf}", self.names), dims, Owner::Branch)
    }

    pub fn op(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.names += 1;
        let name = format!("{}{}", op.name(), self.names);
        self.graph.add(&name, op, inputs).unwrap_or_else(|e| panic!("{e}"))
    }

    fn channels(&self, x: NodeId) -> usize {
        self.graph.shape(x).channels
    }

    pub fn conv(&mut self, x: NodeId, out: usize, kernel: usize, stride: usize) -> NodeId {
        let weight = self.weight("weight", &[out, self.channels(x), kernel, kernel]);
        let bias = Some(self.weight("bias", &[out]));
        self.op(Op::Conv2d { kernel, stride, weight, bias }, &[x])
    }

    pub fn linear(&mut self, x: NodeId, rows: &[usize], groups: usize) -> NodeId {
        let columns = self.channels(x) / groups;
        let weights = rows.iter().map(|n| self.weight("weight", &[*n, columns])).collect();
        let biases = rows.iter().map(|n| self.weight("bias", &[*n])).collect();
        self.op(Op::Linear { groups, weights, biases }, &[x])
    }
}

/// A model of what `build` makes of a picture of this size.
pub fn model([height, width]: [usize; 2], build: impl FnOnce(&mut Net, NodeId) -> NodeId) -> Model {
    let mut graph = GraphBuilder::new(1);
    let picture = graph.input(3, height, width).expect("an input");
    let mut net = Net { graph, picture, names: 0 };
    let x = net.picture;
    let y = build(&mut net, x);
    net.graph.output("output", y);
    let graph = net.graph.finish();
    let weights = random_weights(&graph, 7);
    model_of(graph, weights)
}

/// Convolutions of all kernels and strides, on odd and even sides; reflections that meet in the middle.
pub fn convolutions() -> Vec<Model> {
    let mut models = Vec::new();
    for (kernel, stride) in [(1, 1), (3, 1), (5, 1), (7, 1), (3, 2), (5, 2), (1, 2)] {
        for size in [[9, 11], [8, 10]] {
            models.push(model(size, |net, x| {
                let x = net.conv(x, 5, 1, 1);
                let x = net.conv(x, 3, kernel, stride);
                net.op(Op::Tanh, &[x])
            }));
        }
    }
    models.push(model([4, 5], |net, x| {
        let x = net.conv(x, 2, 3, 1);
        net.conv(x, 3, 7, 1)
    }));
    models
}

/// Instance norm with the biased variance, LIN with the unbiased one.
pub fn norms() -> Vec<Model> {
    let instance = model([6, 7], |net, x| {
        let x = net.conv(x, 5, 3, 1);
        let x = net.op(Op::InstanceNorm, &[x]);
        let x = net.op(Op::Relu, &[x]);
        net.conv(x, 3, 3, 1)
    });
    let lin = model([6, 7], |net, x| {
        let x = net.conv(x, 5, 3, 1);
        let [rho, gamma, beta] = ["rho", "gamma", "beta"].map(|leaf| net.weight(leaf, &[5]));
        let x = net.op(Op::LayerInstanceNorm { rho, gamma, beta }, &[x]);
        let x = net.op(Op::Relu, &[x]);
        net.conv(x, 3, 3, 1)
    });
    vec![instance, lin]
}

/// AdaLIN, with a modulation of linear maps and mixes; maps that are stacked, and in parts.
pub fn modulations() -> Vec<Model> {
    let mixed = model([6, 7], |net, x| {
        let content = net.op(Op::GlobalAveragePool, &[x]);
        let (a, b) = (net.linear(content, &[6, 7], 1), net.linear(content, &[6, 7], 1));
        let weights = vec![net.weight("mix_gamma", &[6]), net.weight("mix_beta", &[7])];
        let modulation = net.op(Op::Mix { weights }, &[a, b]);
        let x = net.conv(x, 5, 3, 1);
        let rho = net.weight("rho", &[5]);
        let x = net.op(Op::AdaptiveLayerInstanceNorm { rho, gamma_at: 7, beta_at: 1 }, &[x, modulation]);
        let x = net.op(Op::Relu, &[x]);
        net.conv(x, 3, 3, 1)
    });
    let maps = model([5, 6], |net, x| {
        let x = net.conv(x, 4, 3, 1);
        let v = net.op(Op::GlobalAveragePool, &[x]);
        let v = net.linear(v, &[5, 3, 4], 1);
        let v = net.op(Op::Relu, &[v]);
        let v = net.linear(v, &[2, 2, 1, 3], 2);
        let v = net.linear(v, &[4, 4], 1);
        let rho = net.weight("rho", &[4]);
        let x = net.op(Op::AdaptiveLayerInstanceNorm { rho, gamma_at: 0, beta_at: 4 }, &[x, v]);
        net.conv(x, 3, 1, 1)
    });
    vec![mixed, maps]
}

/// Scales, concatenations, sums, pools and up-sampling of odd sides.
pub fn shapes() -> Vec<Model> {
    let small = model([7, 9], |net, x| {
        let x = net.conv(x, 4, 3, 1);
        let weight = net.weight("scale", &[4]);
        let scaled = net.op(Op::ScaleChannels { weight }, &[x]);
        let both = net.op(Op::Concat, &[x, scaled, x]);
        let pooled = net.op(Op::AveragePool2, &[both]);
        let up = net.op(Op::UpsampleNearest2, &[pooled]);
        let y = net.conv(up, 3, 3, 1);
        let z = net.conv(up, 3, 5, 1);
        let sum = net.op(Op::Add, &[y, z]);
        net.op(Op::Add, &[sum, sum])
    });
    // Larger than a chunk of the reductions, and parts that do not begin at a quad.
    let large = model([37, 45], |net, x| {
        let y = net.conv(x, 6, 3, 1);
        let z = net.conv(x, 3, 3, 1);
        let both = net.op(Op::Concat, &[z, y, x]);
        let both = net.op(Op::InstanceNorm, &[both]);
        net.conv(both, 3, 3, 1)
    });
    vec![small, large]
}

/// More pixels than a software GPU's loops may have steps, for both sums over pixels: of a norm, and of a weight.
pub fn large() -> Model {
    model([259, 254], |net, x| {
        let x = net.conv(x, 2, 1, 1);
        let [rho, gamma, beta] = ["rho", "gamma", "beta"].map(|leaf| net.weight(leaf, &[2]));
        let x = net.op(Op::LayerInstanceNorm { rho, gamma, beta }, &[x]);
        net.conv(x, 3, 3, 1)
    })
}

/// The CAM's parts: maxima of up-sampled maps, each of which is there four times; logits; a sum over channels. Its second
/// map is larger than a chunk of the reductions. Weights have names of their own: PyTorch has them, too.
pub fn attention([height, width]: [usize; 2]) -> Model {
    model([height, width], |net, x| {
        let mut weight = |path: &str, dims: &[usize]| net.graph.param(path, dims, Owner::Branch);
        let [weight1, bias1] = [("conv1.weight", &[5, 3, 3, 3][..]), ("conv1.bias", &[5])].map(|(p, d)| weight(p, d));
        let [gap_weight, gap_bias] = [("gap.weight", &[5][..]), ("gap.bias", &[1])].map(|(p, d)| weight(p, d));
        let [gmp_weight, gmp_bias] = [("gmp.weight", &[5][..]), ("gmp.bias", &[1])].map(|(p, d)| weight(p, d));
        let [linear, shift] = [("linear.weight", &[8, 7][..]), ("linear.bias", &[8])].map(|(p, d)| weight(p, d));
        let [weight2, bias2] = [("conv2.weight", &[4, 6, 3, 3][..]), ("conv2.bias", &[4])].map(|(p, d)| weight(p, d));
        let rho = weight("rho", &[4]);
        let [weight3, bias3] = [("conv3.weight", &[3, 4, 1, 1][..]), ("conv3.bias", &[3])].map(|(p, d)| weight(p, d));
        let conv = |kernel, weight, bias| Op::Conv2d { kernel, stride: 1, weight, bias: Some(bias) };

        let x = net.op(conv(3, weight1, bias1), &[x]);
        let x = net.op(Op::UpsampleNearest2, &[x]);
        let average = net.op(Op::GlobalAveragePool, &[x]);
        let maximum = net.op(Op::GlobalMaxPool, &[x]);
        let logits = net.op(Op::CamLogits { gap_weight, gap_bias, gmp_weight, gmp_bias }, &[average, maximum]);
        let v = net.op(Op::Concat, &[maximum, logits]);
        let v = net.op(Op::Linear { groups: 1, weights: vec![linear], biases: vec![shift] }, &[v]);
        let sum = net.op(Op::ChannelSum, &[x]);
        let y = net.op(Op::Concat, &[x, sum]);
        let y = net.op(conv(3, weight2, bias2), &[y]);
        let y = net.op(Op::AdaptiveLayerInstanceNorm { rho, gamma_at: 0, beta_at: 4 }, &[y, v]);
        let y = net.op(conv(1, weight3, bias3), &[y]);
        net.op(Op::Tanh, &[y])
    })
}

/// Small, and larger than a chunk of the reductions.
pub fn attentions() -> Vec<Model> {
    vec![attention([6, 7]), attention([19, 23])]
}

/// [`attention`] with PyTorch's weights and examples: the training of all its weights, both examples, and what PyTorch
/// makes of them.
pub fn torch_attention() -> (Training, Vec<BTreeMap<String, Tensor>>, Torch) {
    let mut torch = torch("attention");
    let examples = (0..2).map(|k| {
        let mut take = |name: &str| torch.after.tensors.remove(&format!("{name}{k}")).expect("an example");
        [("input".to_owned(), take("photo")), (TARGET.to_owned(), take("target"))].into_iter().collect()
    });
    let mut examples: Vec<BTreeMap<String, Tensor>> = examples.collect();
    let mut model = attention([9, 11]);
    for (path, weight) in &mut model.weights.branches[0].tensors {
        *weight = torch.after.tensors.remove(&format!("before.{path}")).expect("a weight");
    }
    let options = TrainingOptions { scope: Scope::Branch, ..TrainingOptions::default() };
    let training = Training::new(&model, 0, &options).expect("a training");
    examples.iter_mut().for_each(|example| training.complete(example));
    (training, examples, torch)
}

/// So many random examples.
pub fn examples(training: &Training, count: usize, seed: u64) -> Vec<BTreeMap<String, Tensor>> {
    let graph = &training.model.graph;
    let mut random = Random::new(seed);
    let mut example = || {
        let leaves = training.examples.iter().map(|name| {
            let shape = graph.nodes().iter().find(|node| node.name == *name).expect("an example").shape;
            (name.clone(), random.tensor(&[shape.channels, shape.height, shape.width], -1.0, 1.0))
        });
        let mut example = leaves.collect();
        training.complete(&mut example);
        example
    };
    (0..count).map(|_| example()).collect()
}

/// Those examples, and the states of a training as it begins, for the reference.
pub fn given(training: &Training, examples: &[&BTreeMap<String, Tensor>]) -> Given {
    let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    let item = |example: &&BTreeMap<String, Tensor>| {
        example.iter().map(|(name, tensor)| (name.clone(), wide(&tensor.data))).collect()
    };
    let shared = training.states.iter().map(|s| (s.node.clone(), wide(&s.start))).collect();
    Given { items: examples.iter().map(item).collect(), shared, ..Given::default() }
}

/// Two examples for photographs, with the targets of training/toonface/steps.py.
pub fn fixture_examples(training: &Training, model: &Model, photos: [Tensor; 2]) -> Vec<BTreeMap<String, Tensor>> {
    let example = |(target, photo): (usize, Tensor)| {
        let values = evaluate(&model.graph, &model.weights, 0, &photo);
        let mut example: BTreeMap<String, Tensor> =
            training.features().map(|name| (name.clone(), values.nodes[name].clone())).collect();
        example.insert(TARGET.to_owned(), waves(target));
        training.complete(&mut example);
        example
    };
    photos.into_iter().enumerate().map(example).collect()
}

/// Nothing in it is flat: where neighbours are equal, the sign of L1's gradient is rounding's.
pub fn waves(k: usize) -> Tensor {
    let value = |i: usize| {
        let (c, y, x) = ((i / 4096) as f64, (i / 64 % 64) as f64, (i % 64) as f64);
        (0.8 * (0.7 * x * (c + 1.0) + 1.3 * y + k as f64).sin()) as f32
    };
    Tensor { dims: vec![3, 64, 64], data: (0..3 * 4096).map(value).collect() }
}

/// What PyTorch has: the loss, the branch after a step, and the gradient in its place.
pub struct Torch {
    pub loss: f32,
    pub after: TensorFile,
    pub gradient: TensorFile,
}

/// The fixture's loss, weights and gradients.
pub fn torch(name: &str) -> Torch {
    let mut after = fixture(&format!("few_shot/{name}.safetensors"));
    let loss = after.tensors.remove("loss").expect("a loss").data[0];
    let mut gradient = TensorFile { file: name.to_owned(), ..TensorFile::default() };
    after.tensors.retain(|path, tensor| match path.strip_prefix("gradient.") {
        Some(path) => {
            gradient.tensors.insert(path.to_owned(), tensor.clone());
            false
        }
        None => true,
    });
    Torch { loss, after, gradient }
}
