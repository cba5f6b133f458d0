//! The ops that only a training graph has: adjoints of the generator's ops, the loss, and Adam.

use std::ops::Range;

use crate::model::{ParamId, Shape};

/// An op of a training graph. `dy` is the gradient of the loss to an op's result; a tensor has the same shape as its
/// gradient.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum GradientOp {
    /// A tensor of each picture of the batch that is picked from examples: a cached feature, or a target.
    Example(Shape),
    /// A vector that outlives a step: trained weights, or what the optimiser remembers. All pictures share it.
    State(usize),
    /// `dy` of a convolution to its input of `height` x `width`: the adjoint, reflect padding included.
    ConvInput {
        /// Side of the kernel.
        kernel: usize,
        /// 1 or 2.
        stride: usize,
        /// The convolution's own weights.
        weight: ParamId,
        /// Rows of the convolution's input.
        height: usize,
        /// Columns of it.
        width: usize,
    },
    /// `dy` and the input `x` of a convolution to the gradient of its weights, `[out, in, kernel * kernel]`.
    ConvWeight {
        /// Side of the kernel.
        kernel: usize,
        /// 1 or 2.
        stride: usize,
    },
    /// `dy` of a linear op to its input.
    LinearInput {
        /// As in the op.
        groups: usize,
        /// As in the op.
        weights: Vec<ParamId>,
    },
    /// `dy[row] * x[column]`: the gradient of one linear map's weights, `[rows, 1, columns]`.
    Outer {
        /// The map's outputs in `dy`.
        rows: Range<usize>,
        /// The map's inputs in `x`.
        columns: Range<usize>,
    },
    /// `dy` of a mix to one of its inputs: `w * dy` if `second`, else `(1 - w) * dy`.
    MixInput {
        /// As in the op.
        weights: Vec<ParamId>,
        /// Which input.
        second: bool,
    },
    /// Value by value.
    Pointwise(Pointwise),
    /// Channel `c` of the result is channel `c + shift` of the input, zero where there is none: slices and their adjoint.
    Shift {
        /// Channels of the result.
        channels: usize,
        /// May be negative.
        shift: isize,
    },
    /// The adjoint of the average pool: a quarter of a pixel to each of four; zero where the pool dropped a row or column.
    Spread {
        /// Rows of the pool's input.
        height: usize,
        /// Columns of it.
        width: usize,
    },
    /// A vector to maps whose pixels are all `scale * x`.
    Broadcast {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Factor.
        scale: f32,
    },
    /// A tensor of one channel to so many channels, all the same: the adjoint of the sum over channels.
    Repeat(usize),
    /// Sum over height and width: a vector.
    Total,
    /// Of `dy` and a norm's input `x`, for each channel: mean of `x`, sum of `(x - mean)^2`, sum of `dy`, sum of
    /// `dy * (x - mean)`. Shape `[channels, 1, 4]`.
    NormSums,
    /// Those sums (and the modulation vector) to `a, b, c, mean` of `dx = a * dy + b * (x - mean) + c`.
    NormSlopes(Norm, usize),
    /// `dy`, `x` and the slopes to `dx`.
    NormApply,
    /// The sums (and the modulation vector) to the gradients of gamma, beta and rho, one behind the other.
    NormParams(Norm, usize),
    /// Of a difference `d`: the gradient of `x * sum |d(.., x + 1) - d(.., x)| + y * sum |d(y + 1, ..) - d(y, ..)|`.
    EdgeSlope(Edge),
    /// The terms of that sum, at the pixel that they begin at.
    EdgeSize(Edge),
    /// All inputs' values one behind the other, averaged over the batch: a vector that all pictures share.
    Gather,
    /// `[b1^t, b2^t, t, 0]` one step later.
    Clock {
        /// Adam's decays.
        decay: [f32; 2],
    },
    /// Weights, first moments, second moments and the clock to the weights after the step.
    Step(Adam),
}

/// A norm and where its affine comes from, with the number of pixels a channel as second field of the op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Biased instance norm.
    Instance,
    /// LIN.
    Layer {
        /// As in the op.
        rho: ParamId,
        /// As in the op.
        gamma: ParamId,
    },
    /// AdaLIN.
    Adaptive {
        /// As in the op.
        rho: ParamId,
        /// As in the op.
        gamma_at: usize,
    },
}

/// What is done with each value `x` (and `y` of a second tensor of the same shape).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pointwise {
    /// `a * x + b * y`.
    Weighted(f32, f32),
    /// `a * x`.
    Scaled(f32),
    /// `x * y`.
    Multiply,
    /// `x / y`.
    Divide,
    /// 1 where `x` is `y`, else 0.
    Equal,
    /// `a * x + (1 - a) * y^2`.
    BlendSquare(f32),
    /// `x` where `y > 0`, else 0.
    ReluGate,
    /// `x * (1 - y^2)`.
    TanhGate,
    /// `a * sign(x)`, 0 at 0.
    Sign(f32),
    /// `a * |x|`.
    Abs(f32),
}

impl Pointwise {
    /// Number of inputs.
    pub fn arity(self) -> usize {
        if matches!(self, Self::Scaled(_) | Self::Sign(_) | Self::Abs(_)) { 1 } else { 2 }
    }

    /// The two factors.
    pub fn factors(self) -> [f32; 2] {
        match self {
            Self::Weighted(a, b) => [a, b],
            Self::Scaled(a) | Self::BlendSquare(a) | Self::Sign(a) | Self::Abs(a) => [a, 0.0],
            Self::Multiply | Self::Divide | Self::Equal | Self::ReluGate | Self::TanhGate => [0.0; 2],
        }
    }
}

/// Factors of the differences along both axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// The optimiser (D. Kingma, J. Ba, arXiv 1412.6980), as `torch.optim.Adam`.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// Step size. It falls linearly to 0 over the second half of `steps`.
    pub learning_rate: f32,
    /// Steps of the whole training.
    pub steps: usize,
    /// Added to the denominator.
    pub epsilon: f32,
    /// Weights that are kept in 0..1: mixing weights and rho.
    pub unit: Vec<Range<usize>>,
}

impl Adam {
    /// Step size of step `t`, counted from 1.
    pub fn rate(&self, t: f32) -> f32 {
        let steps = self.steps.max(1) as f32;
        self.learning_rate * (2.0 * (steps - t + 1.0) / steps).clamp(0.0, 1.0)
    }
}

impl GradientOp {
    /// Short lower-case name for tables and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Example(_) => "example",
            Self::State(_) => "state",
            Self::ConvInput { .. } => "conv_input",
            Self::ConvWeight { .. } => "conv_weight",
            Self::LinearInput { .. } => "linear_input",
            Self::Outer { .. } => "outer",
            Self::MixInput { .. } => "mix_input",
            Self::Pointwise(_) => "pointwise",
            Self::Shift { .. } => "shift",
            Self::Spread { .. } => "spread",
            Self::Broadcast { .. } => "broadcast",
            Self::Repeat(_) => "repeat",
            Self::Total => "total",
            Self::NormSums => "norm_sums",
            Self::NormSlopes(..) => "norm_slopes",
            Self::NormApply => "norm_apply",
            Self::NormParams(..) => "norm_params",
            Self::EdgeSlope(_) => "edge_slope",
            Self::EdgeSize(_) => "edge_size",
            Self::Gather => "gather",
            Self::Clock { .. } => "clock",
            Self::Step(_) => "step",
        }
    }

    /// Number of inputs; `given` where any number will do.
    pub(in crate::model) fn arity(&self, given: usize) -> usize {
        match self {
            Self::Example(_) | Self::State(_) => 0,
            Self::ConvWeight { .. } | Self::Outer { .. } | Self::NormSums => 2,
            Self::Pointwise(op) => op.arity(),
            Self::NormSlopes(norm, _) | Self::NormParams(norm, _) => {
                1 + usize::from(matches!(norm, Norm::Adaptive { .. }))
            }
            Self::NormApply => 3,
            Self::Gather => given.max(1),
            Self::Step(_) => 4,
            _ => 1,
        }
    }
}
