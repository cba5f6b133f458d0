//! The ops a generator is made of. Each says what it computes; shapes are inferred in `graph.rs`.

use super::ParamId;

/// One operation. Inputs are listed in the node; `x` is the first.
///
/// Statistics run over height and width of a channel ("instance") or over all channels of a picture
/// ("layer"); both use epsilon 1e-5.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// The picture, RGB in -1..1.
    Input,
    /// Cross-correlation with reflect padding of `kernel / 2` (the edge sample is not repeated);
    /// output pixel `o` reads from `stride * o - kernel / 2` on.
    Conv2d {
        /// Side of the square kernel, odd.
        kernel: usize,
        /// 1 or 2.
        stride: usize,
        /// `[out, in, kernel, kernel]`.
        weight: ParamId,
        /// `[out]`.
        bias: Option<ParamId>,
    },
    /// `(x - mean) / sqrt(var + eps)` with the biased instance variance, no affine
    /// (Ulyanov et al., arXiv 1607.08022).
    InstanceNorm,
    /// `(rho * IN(x) + (1 - rho) * LN(x)) * gamma + beta`, unbiased variances, its own affine
    /// (LIN of U-GAT-IT, arXiv 1907.10830).
    LayerInstanceNorm {
        /// `[channels]`, in 0..1.
        rho: ParamId,
        /// `[channels]`.
        gamma: ParamId,
        /// `[channels]`.
        beta: ParamId,
    },
    /// The same mix with gamma and beta taken from the second input, a vector (AdaLIN, arXiv 1907.10830).
    AdaptiveLayerInstanceNorm {
        /// `[channels]`, in 0..1.
        rho: ParamId,
        /// Index of the first gamma in the second input.
        gamma_at: usize,
        /// Index of the first beta in the second input.
        beta_at: usize,
    },
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// Sum of two equal shapes.
    Add,
    /// Channels of all inputs, in order.
    Concat,
    /// Each pixel becomes 2 x 2 equal ones.
    UpsampleNearest2,
    /// Mean of 2 x 2 pixels; an odd last row or column is dropped.
    AveragePool2,
    /// Mean over height and width: a vector.
    GlobalAveragePool,
    /// Maximum over height and width: a vector.
    GlobalMaxPool,
    /// `W x + b` on a vector. With `groups > 1`, input and output are cut in equal parts and each part has
    /// its own map; the maps are stacked in order, one (weight, bias) pair a part or several pairs for it.
    Linear {
        /// Number of independent parts.
        groups: usize,
        /// Stacked `[out_i, in / groups]` maps.
        weights: Vec<ParamId>,
        /// Stacked `[out_i]` biases, one for each weight.
        biases: Vec<ParamId>,
    },
    /// `(1 - w) * a + w * b` of two vectors, with stacked weights `w` in 0..1.
    Mix {
        /// Stacked `[n_i]` weights.
        weights: Vec<ParamId>,
    },
    /// Channel `c` of `x` times `weight[c]`.
    ScaleChannels {
        /// `[channels]`.
        weight: ParamId,
    },
    /// Sum over channels: one channel.
    ChannelSum,
    /// Class logits of the CAM head for **every** group: rows `gap[g] . avg + gap_bias[g]`, then
    /// `gmp[g] . max + gmp_bias[g]`; inputs are the averages and the maxima. A vector of `2 * groups`.
    CamLogits {
        /// Branch-owned `[channels]`.
        gap_weight: ParamId,
        /// Branch-owned `[1]`.
        gap_bias: ParamId,
        /// Branch-owned `[channels]`.
        gmp_weight: ParamId,
        /// Branch-owned `[1]`.
        gmp_bias: ParamId,
    },
    /// An op that only a training graph has.
    #[cfg(feature = "few_shot")]
    Gradient(super::autodiff::GradientOp),
}

impl Op {
    /// Short lower-case name for tables and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv2d { .. } => "conv2d",
            Self::InstanceNorm => "instance_norm",
            Self::LayerInstanceNorm { .. } => "lin",
            Self::AdaptiveLayerInstanceNorm { .. } => "adalin",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Add => "add",
            Self::Concat => "concat",
            Self::UpsampleNearest2 => "upsample2",
            Self::AveragePool2 => "avg_pool2",
            Self::GlobalAveragePool => "global_avg_pool",
            Self::GlobalMaxPool => "global_max_pool",
            Self::Linear { .. } => "linear",
            Self::Mix { .. } => "mix",
            Self::ScaleChannels { .. } => "scale_channels",
            Self::ChannelSum => "channel_sum",
            Self::CamLogits { .. } => "cam_logits",
            #[cfg(feature = "few_shot")]
            Self::Gradient(op) => op.name(),
        }
    }

    /// The weights that it reads.
    #[cfg(feature = "few_shot")]
    pub(super) fn params(&self) -> Vec<ParamId> {
        match self {
            Self::Conv2d { weight, bias, .. } => std::iter::once(*weight).chain(*bias).collect(),
            Self::LayerInstanceNorm { rho, gamma, beta } => vec![*rho, *gamma, *beta],
            Self::AdaptiveLayerInstanceNorm { rho, .. } => vec![*rho],
            Self::Linear { weights, biases, .. } => [weights.as_slice(), biases].concat(),
            Self::Mix { weights } => weights.clone(),
            Self::ScaleChannels { weight } => vec![*weight],
            Self::CamLogits { gap_weight, gap_bias, gmp_weight, gmp_bias } => {
                vec![*gap_weight, *gap_bias, *gmp_weight, *gmp_bias]
            }
            _ => Vec::new(),
        }
    }
}
