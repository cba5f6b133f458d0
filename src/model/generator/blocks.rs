//! What both generators are made of: convolutions, residual blocks, the CAM and the SoftAdaLIN decoder.

use crate::model::{GraphBuilder, ModelError, NodeId, Op, Owner};

/// A graph builder that knows which module prefixes belong to the branch.
pub(super) struct Net<'a> {
    pub graph: GraphBuilder,
    /// Prefixes of branch-owned modules.
    pub branch: &'a [String],
}

type Built = Result<NodeId, ModelError>;

/// Kernel, stride and bias of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Conv {
    pub kernel: usize,
    pub stride: usize,
    pub bias: bool,
}

impl Conv {
    /// Stride 1, no bias.
    pub const fn plain(kernel: usize) -> Self {
        Self { kernel, stride: 1, bias: false }
    }

    /// Stride 1 with bias.
    pub const fn biased(kernel: usize) -> Self {
        Self { kernel, stride: 1, bias: true }
    }

    /// The same with stride 2.
    pub const fn halved(self) -> Self {
        Self { stride: 2, ..self }
    }
}

/// Whether a dotted path lies in the module `prefix`.
pub(super) fn inside(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
}

impl Net<'_> {
    /// The owner of the module that `path` lies in.
    pub fn owner(&self, path: &str) -> Owner {
        if self.branch.iter().any(|prefix| inside(path, prefix)) { Owner::Branch } else { Owner::Trunk }
    }

    pub fn op(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Built {
        self.graph.add(name, op, inputs)
    }

    /// Convolution `name` with weights `name.weight` and `name.bias`.
    pub fn conv(&mut self, name: &str, x: NodeId, out: usize, conv: Conv) -> Built {
        let channels = self.graph.shape(x).channels;
        let Conv { kernel, stride, bias } = conv;
        let weight = self.tensor(name, "weight", &[out, channels, kernel, kernel]);
        let bias = bias.then(|| self.tensor(name, "bias", &[out]));
        self.op(name, Op::Conv2d { kernel, stride, weight, bias }, &[x])
    }

    pub fn relu(&mut self, name: &str, x: NodeId) -> Built {
        self.op(&format!("{name}.relu"), Op::Relu, &[x])
    }

    pub fn instance_norm(&mut self, name: &str, x: NodeId) -> Built {
        self.op(&format!("{name}.norm"), Op::InstanceNorm, &[x])
    }

    fn tensor(&mut self, module: &str, leaf: &str, dims: &[usize]) -> crate::model::ParamId {
        let path = format!("{module}.{leaf}");
        let owner = self.owner(&path);
        self.graph.param(path, dims, owner)
    }

    /// Four residual blocks; returns the result and the content vectors (global averages) of each block.
    pub fn encoder(&mut self, mut x: NodeId) -> Result<(NodeId, Vec<NodeId>), ModelError> {
        let channels = self.graph.shape(x).channels;
        let mut contents = Vec::new();
        for k in 1..=4 {
            let name = format!("encode{k}");
            let y = self.conv(&format!("{name}.conv1"), x, channels, Conv::plain(3))?;
            let y = self.instance_norm(&format!("{name}.conv1"), y)?;
            let y = self.relu(&format!("{name}.conv1"), y)?;
            let y = self.conv(&format!("{name}.conv2"), y, channels, Conv::plain(3))?;
            let y = self.instance_norm(&format!("{name}.conv2"), y)?;
            x = self.op(&name, Op::Add, &[x, y])?;
            contents.push(self.op(&format!("{name}.content"), Op::GlobalAveragePool, &[x])?);
        }
        Ok((x, contents))
    }

    /// Class attention: `x` scaled by the group's two rows, 1x1 convolution, ReLU. Names `cam_logit` and `heatmap`.
    pub fn cam(&mut self, x: NodeId, average: NodeId) -> Built {
        let channels = self.graph.shape(x).channels;
        let mut row = |leaf: &str, n: usize| self.graph.param(format!("cam.{leaf}"), &[n], Owner::Branch);
        let (gap_weight, gap_bias) = (row("gap.weight", channels), row("gap.bias", 1));
        let (gmp_weight, gmp_bias) = (row("gmp.weight", channels), row("gmp.bias", 1));
        let maximum = self.op("cam.max", Op::GlobalMaxPool, &[x])?;
        let logits =
            self.op("cam.logits", Op::CamLogits { gap_weight, gap_bias, gmp_weight, gmp_bias }, &[average, maximum])?;
        let gap = self.op("cam.gap", Op::ScaleChannels { weight: gap_weight }, &[x])?;
        let gmp = self.op("cam.gmp", Op::ScaleChannels { weight: gmp_weight }, &[x])?;
        let both = self.op("cam.concat", Op::Concat, &[gap, gmp])?;
        let y = self.conv("cam.conv", both, channels, Conv::biased(1))?;
        let y = self.relu("cam.conv", y)?;
        let heatmap = self.op("cam.heatmap", Op::ChannelSum, &[y])?;
        self.graph.output("cam_logit", logits);
        self.graph.output("heatmap", heatmap);
        Ok(y)
    }

    /// The style vector: global average, then two linear maps with ReLU.
    pub fn style(&mut self, x: NodeId) -> Built {
        let channels = self.graph.shape(x).channels;
        let mut v = self.op("style.average", Op::GlobalAveragePool, &[x])?;
        for fc in ["style.fc1", "style.fc2"] {
            v = self.linear(fc, &[fc.to_owned()], 1, v, channels)?;
            v = self.relu(fc, v)?;
        }
        Ok(v)
    }

    /// Stacked linear maps `module.{weight, bias}` of `rows` outputs each.
    fn linear(&mut self, name: &str, modules: &[String], groups: usize, x: NodeId, rows: usize) -> Built {
        let columns = self.graph.shape(x).channels / groups;
        let weights = modules.iter().map(|m| self.tensor(m, "weight", &[rows, columns])).collect();
        let biases = modules.iter().map(|m| self.tensor(m, "bias", &[rows])).collect();
        self.op(name, Op::Linear { groups, weights, biases }, &[x])
    }

    /// All gammas and betas of the SoftAdaLIN decoder in one vector of 16 parts: block, norm, then gamma or beta.
    ///
    /// The 48 linear maps depend on content and style only, so they are computed in three stacked steps:
    /// style -> 16 parts; contents -> 16 hidden parts (block k takes content 5 - k) -> 16 parts; then the mix
    /// `(1 - w) * style + w * content`.
    fn modulation(&mut self, contents: &[NodeId], style: NodeId) -> Built {
        let channels = self.graph.shape(style).channels;
        let parts: Vec<(String, &str)> = (1..=4)
            .flat_map(|block| (1..=2).map(move |norm| format!("decode{block}.norm{norm}")))
            .flat_map(|norm| ["gamma", "beta"].map(|part| (norm.clone(), part)))
            .collect();
        let modules = |kind: &str, leaf: &str| -> Vec<String> {
            parts.iter().map(|(norm, part)| format!("{norm}.{kind}_{part}{leaf}")).collect()
        };
        let from_style = self.linear("decode.style", &modules("style", ""), 1, style, channels)?;
        let reversed: Vec<NodeId> = contents.iter().rev().copied().collect();
        let content = self.op("decode.contents", Op::Concat, &reversed)?;
        let hidden = self.linear("decode.content1", &modules("content", ".fc1"), 4, content, channels)?;
        let hidden = self.relu("decode.content1", hidden)?;
        let from_content = self.linear("decode.content2", &modules("content", ".fc2"), 16, hidden, channels)?;
        let weights = parts.iter().map(|(norm, part)| self.tensor(norm, &format!("mix_{part}"), &[channels])).collect();
        self.op("decode.modulation", Op::Mix { weights }, &[from_style, from_content])
    }

    /// Four residual blocks with SoftAdaLIN.
    pub fn decoder(&mut self, mut x: NodeId, contents: &[NodeId], style: NodeId) -> Built {
        let channels = self.graph.shape(x).channels;
        let modulation = self.modulation(contents, style)?;
        for k in 1..=4 {
            let name = format!("decode{k}");
            let mut y = x;
            for n in 1..=2 {
                let (conv, norm) = (format!("{name}.conv{n}"), format!("{name}.norm{n}"));
                y = self.conv(&conv, y, channels, Conv::plain(3))?;
                let rho = self.tensor(&norm, "rho", &[channels]);
                let gamma_at = ((k - 1) * 2 + (n - 1)) * 2 * channels;
                let op = Op::AdaptiveLayerInstanceNorm { rho, gamma_at, beta_at: gamma_at + channels };
                y = self.op(&norm, op, &[y, modulation])?;
                if n == 1 {
                    y = self.relu(&norm, y)?;
                }
            }
            x = self.op(&name, Op::Add, &[x, y])?;
        }
        Ok(x)
    }

    /// `rho`, `gamma` and `beta` of a LIN with its own affine.
    pub fn lin(&mut self, name: &str, x: NodeId) -> Built {
        let channels = self.graph.shape(x).channels;
        let [rho, gamma, beta] = ["rho", "gamma", "beta"].map(|leaf| self.tensor(name, leaf, &[channels]));
        self.op(&format!("{name}.norm"), Op::LayerInstanceNorm { rho, gamma, beta }, &[x])
    }
}
