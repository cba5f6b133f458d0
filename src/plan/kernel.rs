//! The fragment programs and their variants. A [`Kernel`] is a pipeline key: few small numbers, no shapes.

use std::fmt;

/// Binding of the parameter block, a uniform buffer with a dynamic offset.
pub const BIND_PARAMS: u32 = 0;
/// Binding of the weight texture.
pub const BIND_WEIGHTS: u32 = 1;
/// Binding of the coefficients of operand A, or of a kernel's first vector.
pub const BIND_VECTOR_A: u32 = 2;
/// Binding of the coefficients of operand B, or of a kernel's second vector.
pub const BIND_VECTOR_B: u32 = 3;
/// First binding of operand A's planes.
pub const BIND_A: u32 = 8;
/// First binding of operand B's planes.
pub const BIND_B: u32 = 16;
/// First binding of operand C's planes.
pub const BIND_C: u32 = 24;

/// A tensor operand of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operand {
    /// Number of planes, 1 to 8.
    pub planes: usize,
    /// Whether each channel is scaled and shifted by coefficients when it is read.
    pub affine: bool,
}

/// How the coefficients of a norm are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Norm {
    /// Instance norm, biased variance.
    Instance,
    /// LIN with weights for gamma and beta, unbiased variance.
    Layer,
    /// AdaLIN with gamma and beta from a vector, unbiased variance.
    Adaptive,
}

/// What a reduction over pixels keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reduction {
    /// Mean and sum of squared differences from it.
    Moments,
    /// Maximum.
    Maximum,
}

/// One fragment program with its shader defs. Two passes with the same kernel share a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kernel {
    /// Convolution of A and, behind it, B; plus bias; plus C; floor; tanh.
    Conv {
        /// Side of the kernel.
        kernel: usize,
        /// First channels.
        a: Operand,
        /// Further channels.
        b: Option<Operand>,
        /// Planes of the residual that is added.
        residual: bool,
        /// Whether the result goes through tanh.
        tanh: bool,
        /// Planes of the result.
        out: usize,
    },
    /// Pixel-wise sum of A and B, each lane bound on its own: sums, concatenation, activation.
    Combine {
        /// Whether A has coefficients.
        affine: bool,
        /// The second operand, and whether it has coefficients.
        b: Option<bool>,
        /// Whether A is averaged over 2 x 2 pixels.
        pool: bool,
        /// Whether the result goes through tanh.
        tanh: bool,
        /// Planes of the result and of each operand.
        out: usize,
    },
    /// Statistics of chunks of one plane's channels.
    Reduce(Reduction),
    /// Statistics of chunks to statistics of channels: (mean, M2) in two planes.
    MergeMoments,
    /// Statistics of chunks to a vector: the mean or the maximum of each channel.
    MergeVector(Reduction),
    /// Statistics to the coefficients (center, scale, shift) of a norm.
    Coefficients(Norm),
    /// Weights to coefficients (0, scale, 0).
    Scale,
    /// Linear maps of a vector.
    Linear,
    /// Weighted mean of two vectors.
    Mix,
    /// Sum over channels.
    ChannelSum {
        /// Planes of the input.
        planes: usize,
    },
}

/// A shader def: a name and an integer, or a flag that is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Def {
    /// `#if NAME == value`.
    Int(&'static str, i32),
    /// `#ifdef NAME`.
    Flag(&'static str),
}

impl Kernel {
    /// The WGSL file, relative to `shaders/`.
    pub fn shader(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "ops/conv.wgsl",
            Self::Combine { .. } => "ops/combine.wgsl",
            Self::Reduce(_) => "ops/reduce.wgsl",
            Self::MergeMoments | Self::MergeVector(_) => "ops/merge.wgsl",
            Self::Coefficients(_) => "ops/coefficients.wgsl",
            Self::Scale => "ops/scale.wgsl",
            Self::Linear => "ops/linear.wgsl",
            Self::Mix => "ops/mix.wgsl",
            Self::ChannelSum { .. } => "ops/channel_sum.wgsl",
        }
    }

    /// Number of colour attachments.
    pub fn targets(&self) -> usize {
        match self {
            Self::Conv { out, .. } | Self::Combine { out, .. } => *out,
            Self::Reduce(Reduction::Moments) | Self::MergeMoments => 2,
            _ => 1,
        }
    }

    /// Shader defs. The plane counts are always defined, zero for an operand that is not there.
    pub fn defs(&self) -> Vec<Def> {
        let (mut a, mut b, mut c) = (0, 0, 0);
        let mut defs = Vec::new();
        let mut flag = |on: bool, name| on.then(|| defs.push(Def::Flag(name)));
        match *self {
            Self::Conv { kernel: _, a: first, b: second, residual, tanh, out } => {
                a = first.planes;
                b = second.map_or(0, |o| o.planes);
                c = if residual { out } else { 0 };
                flag(first.affine, "AFFINE_A");
                flag(second.is_some_and(|o| o.affine), "AFFINE_B");
                flag(tanh, "TANH");
            }
            Self::Combine { affine, b: second, pool, tanh, out } => {
                a = out;
                b = if second.is_some() { out } else { 0 };
                flag(affine, "AFFINE_A");
                flag(second == Some(true), "AFFINE_B");
                flag(pool, "POOL");
                flag(tanh, "TANH");
            }
            Self::Reduce(what) => {
                a = 1;
                flag(what == Reduction::Maximum, "MAXIMUM");
            }
            Self::MergeMoments => {
                flag(true, "MOMENTS");
            }
            Self::MergeVector(what) => {
                flag(what == Reduction::Maximum, "MAXIMUM");
            }
            Self::Coefficients(norm) => {
                flag(norm == Norm::Instance, "INSTANCE");
                flag(norm == Norm::Adaptive, "ADAPTIVE");
            }
            Self::ChannelSum { planes } => a = planes,
            Self::Scale | Self::Linear | Self::Mix => {}
        }
        let kernel = if let Self::Conv { kernel, .. } = self { *kernel } else { 1 };
        let ints =
            [("A_PLANES", a), ("B_PLANES", b), ("C_PLANES", c), ("OUT_PLANES", self.targets()), ("KERNEL", kernel)];
        defs.extend(ints.map(|(name, n)| Def::Int(name, n as i32)));
        defs
    }

    /// Bindings of sampled textures, in ascending order.
    pub fn textures(&self) -> Vec<u32> {
        let planes = |first: u32, n: usize| first..first + n as u32;
        match *self {
            Self::Conv { a, b, residual, out, .. } => {
                let mut list = vec![BIND_WEIGHTS];
                list.extend(a.affine.then_some(BIND_VECTOR_A));
                list.extend(b.is_some_and(|b| b.affine).then_some(BIND_VECTOR_B));
                list.extend(planes(BIND_A, a.planes));
                list.extend(planes(BIND_B, b.map_or(0, |b| b.planes)));
                list.extend(planes(BIND_C, if residual { out } else { 0 }));
                list
            }
            Self::Combine { affine, b, out, .. } => {
                let mut list = Vec::new();
                list.extend(affine.then_some(BIND_VECTOR_A));
                list.extend((b == Some(true)).then_some(BIND_VECTOR_B));
                list.extend(planes(BIND_A, out));
                list.extend(planes(BIND_B, if b.is_some() { out } else { 0 }));
                list
            }
            Self::Reduce(_) | Self::MergeVector(Reduction::Maximum) => vec![BIND_A],
            Self::MergeMoments | Self::MergeVector(Reduction::Moments) => vec![BIND_A, BIND_A + 1],
            Self::Coefficients(Norm::Instance) => vec![BIND_A, BIND_A + 1],
            Self::Coefficients(Norm::Layer) => vec![BIND_WEIGHTS, BIND_A, BIND_A + 1],
            Self::Coefficients(Norm::Adaptive) => vec![BIND_WEIGHTS, BIND_VECTOR_A, BIND_A, BIND_A + 1],
            Self::Scale => vec![BIND_WEIGHTS],
            Self::Linear => vec![BIND_WEIGHTS, BIND_VECTOR_A],
            Self::Mix => vec![BIND_WEIGHTS, BIND_VECTOR_A, BIND_VECTOR_B],
            Self::ChannelSum { planes: n } => planes(BIND_A, n).collect(),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conv { kernel, a, b, residual, tanh, out } => {
                write!(f, "conv{kernel}")?;
                let operand = |o: &Operand| format!("{}{}", o.planes, if o.affine { "n" } else { "" });
                write!(f, " {}", operand(a))?;
                b.iter().try_for_each(|b| write!(f, "+{}", operand(b)))?;
                write!(f, ">{out}{}{}", if *residual { " +res" } else { "" }, if *tanh { " tanh" } else { "" })
            }
            Self::Combine { affine, b, pool, tanh, out } => {
                let n = |affine: bool| if affine { "n" } else { "" };
                write!(f, "{} {out}{}", if *pool { "pool" } else { "combine" }, n(*affine))?;
                b.iter().try_for_each(|b| write!(f, "+{out}{}", n(*b)))?;
                write!(f, "{}", if *tanh { " tanh" } else { "" })
            }
            Self::Reduce(what) => write!(f, "reduce {what:?}"),
            Self::MergeMoments => write!(f, "merge Moments"),
            Self::MergeVector(what) => write!(f, "merge {what:?} to vector"),
            Self::Coefficients(norm) => write!(f, "coefficients {norm:?}"),
            Self::Scale => write!(f, "scale"),
            Self::Linear => write!(f, "linear"),
            Self::Mix => write!(f, "mix"),
            Self::ChannelSum { planes } => write!(f, "channel_sum {planes}"),
        }
    }
}
