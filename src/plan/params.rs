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
    /// What is added.
    pub c: LayoutUniform,
    /// What else is added.
    pub d: LayoutUniform,
    /// Coefficients of A: centers, scales, shifts; or its statistics.
    pub coefficients_a: LayoutUniform,
    /// The same of B.
    pub coefficients_b: LayoutUniform,
    /// Column and row of the first weight texel.
    pub weights: [i32; 2],
    /// Output tiles whose weights share a row.
    pub tiles_a_row: i32,
    /// Rows from there to those of the next output tiles.
    pub rows_a_tile: i32,
    /// Weight texels of one output tile.
    pub weight_stride: i32,
    /// First bias texel, one an output tile.
    pub bias: i32,
    /// First output tile.
    pub first: i32,
    /// Output tile that D's tile 0 is added to.
    pub tile_d: i32,
    /// A is clamped from below to this after its coefficients: 0 for ReLU.
    pub floor_a: f32,
    /// The same for B.
    pub floor_b: f32,
    /// The same for the result.
    pub floor_out: f32,
    /// Pixels of a channel of A, for its norm.
    pub pixels_a: f32,
    /// The same of B.
    pub pixels_b: f32,
    /// 1 if the result goes through tanh, in kernels that can.
    pub tanh: i32,
    /// Unused; a uniform struct is a multiple of 16 bytes.
    pub pad: [i32; 2],
}

/// `ops/combine.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct CombineParams {
    /// Result.
    pub out: LayoutUniform,
    /// First operand.
    pub a: LayoutUniform,
    /// Second operand.
    pub b: LayoutUniform,
    /// Third operand.
    pub c: LayoutUniform,
    /// Coefficients of A: centers, scales, shifts; or its statistics.
    pub coefficients_a: LayoutUniform,
    /// The same of B.
    pub coefficients_b: LayoutUniform,
    /// Output tile that A's tile 0 is added to.
    pub tile_a: i32,
    /// The same for B.
    pub tile_b: i32,
    /// The same for C.
    pub tile_c: i32,
    /// A is clamped from below to this after its coefficients.
    pub floor_a: f32,
    /// The same for B.
    pub floor_b: f32,
    /// Pixels of a channel of A, for its norm.
    pub pixels_a: f32,
    /// The same of B.
    pub pixels_b: f32,
    /// Unused.
    pub pad: i32,
}

/// `ops/picture.wgsl` and `ops/channel_sum.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct PlainParams {
    /// Result.
    pub out: LayoutUniform,
    /// The tensor.
    pub a: LayoutUniform,
}

/// `ops/reduce.wgsl`, `ops/norm.wgsl` and `ops/pool.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct ReduceParams {
    /// Statistics or coefficients.
    pub out: LayoutUniform,
    /// The tensor.
    pub a: LayoutUniform,
    /// Rows of texels that a fragment reads.
    pub rows: i32,
    /// Pixels of a texel.
    pub phases: i32,
    /// First value of the result, for a vector.
    pub first: i32,
    /// Channels of a tile.
    pub quad: i32,
}

/// `ops/merge.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct MergeParams {
    /// A vector, a value a channel.
    pub out: LayoutUniform,
    /// Statistics of chunks.
    pub a: LayoutUniform,
    /// Channels of a tile.
    pub quad: i32,
    /// Pixels of a full chunk.
    pub chunk: i32,
    /// Pixels of a channel.
    pub pixels: i32,
    /// Unused.
    pub pad: i32,
}

/// `ops/coefficients.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct CoefficientParams {
    /// Centers, scales, shifts: three texels a tile.
    pub out: LayoutUniform,
    /// Statistics of chunks.
    pub a: LayoutUniform,
    /// The modulation vector.
    pub modulation: LayoutUniform,
    /// Channels of a tile.
    pub quad: i32,
    /// Pixels of a full chunk.
    pub chunk: i32,
    /// Pixels of a channel.
    pub pixels: i32,
    /// Channels.
    pub channels: i32,
    /// First texel of rho, one a tile.
    pub rho: i32,
    /// First texel of gamma, or index of the first gamma in the modulation vector.
    pub gamma: i32,
    /// The same for beta.
    pub beta: i32,
    /// 0: instance norm; 1: LIN, gamma and beta are weights; 2: AdaLIN, they are in the vector.
    pub kind: i32,
}

/// `ops/scale.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct ScaleParams {
    /// Centers, scales, shifts.
    pub out: LayoutUniform,
    /// First weight texel, one a tile.
    pub weights: i32,
    /// Unused.
    pub pad: [i32; 3],
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

/// `lib/gradient.wgsl`: what the kernels of a training step take. What a field means, each kernel's header says.
#[cfg(feature = "few_shot")]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct GradientParams {
    /// Result.
    pub out: LayoutUniform,
    /// First operand.
    pub a: LayoutUniform,
    /// Second operand, or the vector beside the first.
    pub b: LayoutUniform,
    /// Third operand.
    pub c: LayoutUniform,
    /// First channel, value, texel or row.
    pub first: i32,
    /// Channels.
    pub channels: i32,
    /// Columns.
    pub columns: i32,
    /// Rows, or pixels of a channel.
    pub rows: i32,
    /// Step between neighbours.
    pub stride: i32,
    /// What lies before the first.
    pub margin: i32,
    /// Side of a kernel, or number of pictures.
    pub side: i32,
    /// Channels of a quad.
    pub quad: i32,
    /// Factors.
    pub factors: [f32; 4],
}
