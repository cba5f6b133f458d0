//! Parameter blocks of the kernels. Each struct is the twin of `struct Params` in the WGSL file it names; a test
//! compares the two field by field.

use bytemuck::{Pod, Zeroable};

use super::layout::LayoutUniform;

/// The lowest value a result is clamped to when there is no ReLU: the most negative f32.
pub const NO_FLOOR: f32 = f32::MIN;

/// `ops/conv.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct ConvParams {
    /// Result.
    pub out: LayoutUniform,
    /// First channels.
    pub a: LayoutUniform,
    /// Further channels.
    pub b: LayoutUniform,
    /// Residual.
    pub c: LayoutUniform,
    /// Coefficients of A: centers, scales, shifts.
    pub coefficients_a: LayoutUniform,
    /// Coefficients of B.
    pub coefficients_b: LayoutUniform,
    /// First weight texel.
    pub weights: i32,
    /// Weight texels of one output tile.
    pub weight_stride: i32,
    /// First bias texel.
    pub bias: i32,
    /// Step of the input for one output pixel.
    pub stride: i32,
    /// 1 if A is up-sampled by two when it is read.
    pub up_a: i32,
    /// 1 if B is up-sampled by two when it is read.
    pub up_b: i32,
    /// A is clamped from below to this after its coefficients: 0 for ReLU.
    pub floor_a: f32,
    /// The same for B.
    pub floor_b: f32,
    /// The same for the result.
    pub floor_out: f32,
    /// Unused; a uniform struct is a multiple of 16 bytes.
    pub pad: [i32; 3],
}

/// `ops/combine.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct CombineParams {
    /// Result.
    pub out: LayoutUniform,
    /// Grid of A's source.
    pub a: LayoutUniform,
    /// Grid of B's source.
    pub b: LayoutUniform,
    /// Coefficients of A: centers, scales, shifts.
    pub coefficients_a: LayoutUniform,
    /// Coefficients of B.
    pub coefficients_b: LayoutUniform,
    /// Source tile of each lane of A, less the output tile; [`EMPTY_LANE`] for none.
    pub tile_a: [i32; 8],
    /// The same for B.
    pub tile_b: [i32; 8],
    /// 1 if A is up-sampled by two when it is read.
    pub up_a: i32,
    /// 1 if B is.
    pub up_b: i32,
    /// A is clamped from below to this after its coefficients.
    pub floor_a: f32,
    /// The same for B.
    pub floor_b: f32,
}

/// Marks a lane without a source in [`CombineParams`]; it reads as zero.
pub const EMPTY_LANE: i32 = -1_000_000;

/// `ops/reduce.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct ReduceParams {
    /// Partial statistics.
    pub out: LayoutUniform,
    /// The tensor.
    pub a: LayoutUniform,
    /// Rows of a chunk.
    pub rows: i32,
    /// Unused.
    pub pad: [i32; 3],
}

/// `ops/merge.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct MergeParams {
    /// A vector, a value a channel.
    pub out: LayoutUniform,
    /// Partial statistics.
    pub a: LayoutUniform,
    /// Planes and tiles of the tensor that the statistics are of.
    pub planes: i32,
    /// See `planes`.
    pub tiles: i32,
    /// Pixels of a full chunk.
    pub chunk: i32,
    /// Pixels of a channel.
    pub pixels: i32,
}

/// `ops/coefficients.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct CoefficientParams {
    /// Centers, scales, shifts: three times the padded channels.
    pub out: LayoutUniform,
    /// Statistics: of chunks for instance norm, of channels otherwise.
    pub a: LayoutUniform,
    /// The modulation vector.
    pub modulation: LayoutUniform,
    /// Planes and tiles of the tensor that the statistics are of.
    pub planes: i32,
    /// See `planes`.
    pub tiles: i32,
    /// Pixels of a full chunk.
    pub chunk: i32,
    /// Pixels of a channel.
    pub pixels: i32,
    /// Channels.
    pub channels: i32,
    /// First texel of rho.
    pub rho: i32,
    /// First texel of gamma, or index of the first gamma in the modulation vector.
    pub gamma: i32,
    /// The same for beta.
    pub beta: i32,
}

/// `ops/scale.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct ScaleParams {
    /// Centers, scales, shifts.
    pub out: LayoutUniform,
    /// First weight texel, one a channel.
    pub weights: i32,
    /// Channels.
    pub channels: i32,
    /// Channels including the empty lanes of the last tile.
    pub padded: i32,
    /// Unused.
    pub pad: i32,
}

/// `ops/linear.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct LinearParams {
    /// Result.
    pub out: LayoutUniform,
    /// The input vector.
    pub a: LayoutUniform,
    /// First texel of the row of output `first`.
    pub weights: i32,
    /// Texels from row to row.
    pub row_stride: i32,
    /// Input values a row takes.
    pub columns: i32,
    /// Outputs that share the same part of the input.
    pub rows_per_part: i32,
    /// Index of the first output of the draw.
    pub first: i32,
    /// Lower clamp of the result: 0 for ReLU.
    pub floor_out: f32,
    /// Unused.
    pub pad: [i32; 2],
}

/// `ops/mix.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct MixParams {
    /// Result.
    pub out: LayoutUniform,
    /// First vector.
    pub a: LayoutUniform,
    /// Second vector.
    pub b: LayoutUniform,
    /// Texel of the weight of output `first`.
    pub weights: i32,
    /// Index of the first output of the draw.
    pub first: i32,
    /// Unused.
    pub pad: [i32; 2],
}

/// `ops/channel_sum.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct ChannelSumParams {
    /// One channel.
    pub out: LayoutUniform,
    /// The tensor.
    pub a: LayoutUniform,
}
