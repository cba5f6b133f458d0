//! The fragment programs and their variants. A [`Kernel`] is a pipeline key: few small numbers, no shapes.

use std::fmt;

use super::format::{Arrangement, TensorFormat};

/// Binding of the parameter block, a uniform buffer with a dynamic offset.
pub const BIND_PARAMS: u32 = 0;
/// Binding of the weight texture.
pub const BIND_WEIGHTS: u32 = 1;
/// Binding of the coefficients of operand A, or of a kernel's first vector.
pub const BIND_VECTOR_A: u32 = 2;
/// Binding of the coefficients of operand B, or of a kernel's second vector.
pub const BIND_VECTOR_B: u32 = 3;
/// Binding of the sampler that reads every texture: nearest texel, clamped to the edge.
pub const BIND_SAMPLER: u32 = 4;
/// Binding of M2 beside the means in [`BIND_VECTOR_A`], where A's norm is read from statistics.
pub const BIND_SQUARES_A: u32 = 5;
/// The same for B.
pub const BIND_SQUARES_B: u32 = 6;
/// First binding of operand A's planes.
pub const BIND_A: u32 = 8;
/// First binding of operand B's planes.
pub const BIND_B: u32 = 16;
/// First binding of operand C's planes: a sum that the result is added to.
pub const BIND_C: u32 = 24;
/// First binding of operand D's planes: another one.
pub const BIND_D: u32 = 32;

/// A tensor operand of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operand {
    /// How its planes hold it.
    pub arrangement: Arrangement,
    /// How each channel is scaled and shifted when it is read.
    pub affine: Affine,
    /// Whether a convolution reads it up-sampled by two: nearest neighbour, as `torch.nn.Upsample`.
    pub up: bool,
}

/// Where the norm that a reader applies comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Affine {
    /// There is none.
    None,
    /// Centers, scales and shifts.
    Coefficients,
    /// Statistics of [`QUARTERS`] chunks: an instance norm, without a pass that merges them.
    Quarters,
    /// The operand itself: an instance norm, whose statistics every fragment computes, without any pass for them.
    Own,
}

/// Chunks of equal size that a reader of statistics merges by itself.
pub const QUARTERS: usize = 4;

impl Affine {
    /// Bindings of what it is read from.
    fn bindings(self, vector: u32, squares: u32) -> Vec<u32> {
        match self {
            Self::None | Self::Own => Vec::new(),
            Self::Coefficients => vec![vector],
            Self::Quarters => vec![vector, squares],
        }
    }
}

/// Which pixels of an operand a pixel of the result is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Read {
    /// The same one.
    Same,
    /// The mean of a square of 2 x 2.
    Pool,
    /// The one that a square of 2 x 2 repeats.
    Up,
}

/// What a reduction over pixels keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reduction {
    /// Mean and sum of squared differences from it.
    Moments,
    /// Maximum.
    Maximum,
}

/// One fragment program. Two passes with the same kernel share a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kernel {
    /// Convolution of A and, behind it, B; plus bias; plus C and D; floor; tanh.
    Conv {
        /// Side of the kernel.
        kernel: usize,
        /// Step of the input for one pixel of the result.
        stride: usize,
        /// First channels.
        a: Operand,
        /// Further channels.
        b: Option<Operand>,
        /// Whether C, arranged as the result, is added.
        c: bool,
        /// Whether D is added, how it is arranged and read.
        d: Option<(Arrangement, Read)>,
        /// Whether the result goes through tanh where the parameters say so.
        tanh: bool,
        /// The result.
        out: Arrangement,
    },
    /// Pixel-wise: A, plus B, plus C, perhaps tanh; each may be normed, rectified, pooled or up-sampled as it is read, but
    /// C has no norm.
    Combine {
        /// First operand.
        a: (Operand, Read),
        /// Second operand.
        b: Option<(Operand, Read)>,
        /// Third operand.
        c: Option<(Arrangement, Read)>,
        /// Whether the result goes through tanh.
        tanh: bool,
        /// The result.
        out: Arrangement,
    },
    /// Statistics of chunks of each channel.
    Reduce {
        /// The tensor.
        a: Arrangement,
        /// What is kept.
        what: Reduction,
    },
    /// A small tensor to the coefficients of its instance norm, in one pass.
    Norm {
        /// The tensor.
        a: Arrangement,
    },
    /// A small tensor to a vector, the mean or the maximum of each channel, in one pass.
    Pool {
        /// The tensor.
        a: Arrangement,
        /// What is kept.
        what: Reduction,
    },
    /// Statistics of chunks to a vector: the mean or the maximum of each channel.
    MergeVector(Reduction),
    /// Statistics of chunks to the coefficients (center, scale, shift) of a norm.
    Coefficients,
    /// Weights to coefficients (0, scale, 0).
    Scale,
    /// Linear maps of a vector.
    Linear,
    /// Weighted mean of two vectors.
    Mix,
    /// Sum over channels.
    ChannelSum {
        /// The input.
        a: Arrangement,
        /// The result.
        out: Arrangement,
    },
    /// What only a training step has.
    #[cfg(feature = "few_shot")]
    Gradient(super::kernel_gradient::GradientKernel),
}

impl Kernel {
    /// The WGSL template, relative to `shaders/`.
    pub fn shader(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "ops/conv.wgsl",
            Self::Combine { .. } => "ops/combine.wgsl",
            Self::Reduce { .. } => "ops/reduce.wgsl",
            Self::Norm { .. } => "ops/norm.wgsl",
            Self::Pool { .. } => "ops/pool.wgsl",
            Self::MergeVector(_) => "ops/merge.wgsl",
            Self::Coefficients => "ops/coefficients.wgsl",
            Self::Scale => "ops/scale.wgsl",
            Self::Linear => "ops/linear.wgsl",
            Self::Mix => "ops/mix.wgsl",
            Self::ChannelSum { .. } => "ops/channel_sum.wgsl",
            #[cfg(feature = "few_shot")]
            Self::Gradient(kernel) => kernel.shader(),
        }
    }

    /// Formats of the colour attachments.
    pub fn targets(&self) -> Vec<TensorFormat> {
        match self {
            Self::Conv { out, .. } | Self::Combine { out, .. } | Self::ChannelSum { out, .. } => {
                vec![out.format; out.planes()]
            }
            Self::Reduce { what: Reduction::Moments, .. } => vec![TensorFormat::Rgba32Float; 2],
            Self::Reduce { .. } | Self::Norm { .. } | Self::Coefficients | Self::Scale => {
                vec![TensorFormat::Rgba32Float]
            }
            Self::Pool { .. } | Self::MergeVector(_) | Self::Linear | Self::Mix => vec![TensorFormat::R32Float],
            #[cfg(feature = "few_shot")]
            Self::Gradient(kernel) => vec![kernel.out().format; kernel.out().planes()],
        }
    }

    /// Flags that the template's `#ifdef`s test.
    pub fn defs(&self) -> Vec<&'static str> {
        #[cfg(feature = "few_shot")]
        if let Self::Gradient(kernel) = self {
            return kernel.defs();
        }
        let flags: &[(bool, &'static str)] = match self {
            Self::Conv { tanh, .. } | Self::Combine { tanh, .. } => &[(*tanh, "TANH")],
            Self::Reduce { what, .. } | Self::Pool { what, .. } | Self::MergeVector(what) => {
                &[(*what == Reduction::Maximum, "MAXIMUM")]
            }
            _ => &[],
        };
        flags.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect()
    }

    /// Bindings of sampled textures, in ascending order.
    pub fn textures(&self) -> Vec<u32> {
        let planes = |first: u32, arrangement: &Arrangement| first..first + arrangement.planes() as u32;
        match self {
            Self::Conv { a, b, c, d, out, .. } => {
                let mut list = vec![BIND_WEIGHTS];
                list.extend(a.affine.bindings(BIND_VECTOR_A, BIND_SQUARES_A));
                list.extend(b.iter().flat_map(|b| b.affine.bindings(BIND_VECTOR_B, BIND_SQUARES_B)));
                list.extend(planes(BIND_A, &a.arrangement));
                list.extend(b.iter().flat_map(|b| planes(BIND_B, &b.arrangement)));
                list.extend(c.then(|| planes(BIND_C, out)).into_iter().flatten());
                list.extend(d.iter().flat_map(|(d, _)| planes(BIND_D, d)));
                list.sort_unstable();
                list
            }
            Self::Combine { a: (a, _), b, c, .. } => {
                let mut list = a.affine.bindings(BIND_VECTOR_A, BIND_SQUARES_A);
                list.extend(b.iter().flat_map(|(b, _)| b.affine.bindings(BIND_VECTOR_B, BIND_SQUARES_B)));
                list.extend(planes(BIND_A, &a.arrangement));
                list.extend(b.iter().flat_map(|(b, _)| planes(BIND_B, &b.arrangement)));
                list.extend(c.iter().flat_map(|(c, _)| planes(BIND_C, c)));
                list.sort_unstable();
                list
            }
            Self::Reduce { a, .. } | Self::Norm { a } | Self::Pool { a, .. } | Self::ChannelSum { a, .. } => {
                planes(BIND_A, a).collect()
            }
            Self::MergeVector(Reduction::Maximum) => vec![BIND_A],
            Self::MergeVector(Reduction::Moments) => vec![BIND_A, BIND_A + 1],
            Self::Coefficients => vec![BIND_WEIGHTS, BIND_VECTOR_A, BIND_A, BIND_A + 1],
            Self::Scale => vec![BIND_WEIGHTS],
            Self::Linear => vec![BIND_WEIGHTS, BIND_VECTOR_A],
            Self::Mix => vec![BIND_WEIGHTS, BIND_VECTOR_A, BIND_VECTOR_B],
            #[cfg(feature = "few_shot")]
            Self::Gradient(kernel) => kernel.textures(),
        }
    }
}

impl fmt::Display for Arrangement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y] = self.phases;
        write!(f, "{}@{x}x{y}", self.quad)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let norm = match self.affine {
            Affine::None => "",
            Affine::Coefficients => "n",
            Affine::Quarters => "q",
            Affine::Own => "o",
        };
        write!(f, "{}{}{norm}", if self.up { "up " } else { "" }, self.arrangement)
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "",
            Self::Pool => "pool ",
            Self::Up => "up ",
        })
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conv { kernel, stride, a, b, c, d, tanh, out } => {
                write!(f, "conv{kernel}{} {a}", if *stride > 1 { "/2" } else { "" })?;
                b.iter().try_for_each(|b| write!(f, "+{b}"))?;
                write!(f, ">{out}{}", if *c { " +c" } else { "" })?;
                d.iter().try_for_each(|(d, read)| write!(f, " +{read}{d}"))?;
                write!(f, "{}", if *tanh { " tanh" } else { "" })
            }
            Self::Combine { a, b, c, tanh, out } => {
                write!(f, "combine {}{}", a.1, a.0)?;
                b.iter().try_for_each(|(b, read)| write!(f, "+{read}{b}"))?;
                c.iter().try_for_each(|(c, read)| write!(f, "+{read}{c}"))?;
                write!(f, ">{out}{}", if *tanh { " tanh" } else { "" })
            }
            Self::Reduce { a, what } => write!(f, "reduce {a} {what:?}"),
            Self::Norm { a } => write!(f, "norm {a}"),
            Self::Pool { a, what } => write!(f, "pool {a} {what:?}"),
            Self::MergeVector(what) => write!(f, "merge {what:?}"),
            Self::Coefficients => write!(f, "coefficients"),
            Self::Scale => write!(f, "scale"),
            Self::Linear => write!(f, "linear"),
            Self::Mix => write!(f, "mix"),
            Self::ChannelSum { a, .. } => write!(f, "channel_sum {a}"),
            #[cfg(feature = "few_shot")]
            Self::Gradient(kernel) => write!(f, "{kernel}"),
        }
    }
}
