//! A convolution's weights as its kernel walks them.

use std::borrow::Cow;
use std::ops::Range;

use crate::model::{Owner, ParamId};
use crate::plan::layout::Layout;
use crate::plan::source::WeightRuns;
use crate::plan::weights::{SheetRef, Source, WeightRef};

use super::conv::ConvSpec;
use super::{Lowering, Part, PlanError};

/// Where the weights of a convolution come from.
#[derive(Clone, Copy)]
pub(super) enum Weights {
    /// `[out, in, k, k]` and a bias.
    Params { weight: ParamId, bias: Option<ParamId> },
    /// One on the diagonal, of a 1 x 1 kernel: channels are only moved.
    Identity,
    /// `[in, out, k, k]`, flipped: what a gradient is convolved with.
    #[cfg(feature = "few_shot")]
    Transposed { weight: ParamId },
    /// Three 1 x 1 kernels with bias as one: `direct(x) + second(first(x))`.
    Folded { direct: [ParamId; 2], first: [ParamId; 2], second: [ParamId; 2] },
}

impl Weights {
    /// The weight of (output channel, input channel, kernel row, kernel column).
    fn value<'s>(
        self,
        source: &'s Source<'_>,
        in_channels: usize,
        kernel: usize,
    ) -> Result<impl Fn(usize, usize, usize, usize) -> Option<f32> + 's, PlanError> {
        let values = match self {
            Self::Params { weight, .. } => Some(Cow::Borrowed(source.get(weight)?)),
            #[cfg(feature = "few_shot")]
            Self::Transposed { weight } => Some(Cow::Owned(transposed(source.get(weight)?, in_channels, kernel))),
            Self::Identity => None,
            Self::Folded { direct, first, second } => {
                let [direct, first, second] = [source.get(direct[0])?, source.get(first[0])?, source.get(second[0])?];
                Some(Cow::Owned(sum_of_products(direct, second, first, in_channels)))
            }
        };
        Ok(move |o: usize, i: usize, ky: usize, kx: usize| match &values {
            Some(values) => values.get(((o * in_channels + i) * kernel + ky) * kernel + kx).copied(),
            None => Some(if o == i { 1.0 } else { 0.0 }),
        })
    }

    /// A value an output channel; none without a bias.
    fn bias<'s>(self, source: &'s Source<'_>) -> Result<Cow<'s, [f32]>, PlanError> {
        Ok(match self {
            Self::Params { bias: Some(bias), .. } => Cow::Borrowed(source.get(bias)?),
            Self::Params { bias: None, .. } | Self::Identity => Cow::Borrowed(&[]),
            #[cfg(feature = "few_shot")]
            Self::Transposed { .. } => Cow::Borrowed(&[]),
            Self::Folded { direct, first, second } => {
                let product = sum_of_products(source.get(direct[1])?, source.get(second[0])?, source.get(first[1])?, 1);
                Cow::Owned(product.iter().zip(source.get(second[1])?).map(|(a, b)| a + b).collect())
            }
        })
    }
}

/// Which channel of the convolution a lane of an output tile holds.
struct OutputLanes {
    pub first_tile: usize,
    /// Channels of the concatenation before those of the convolution.
    pub before: usize,
    pub channels: usize,
    pub quad: usize,
}

impl OutputLanes {
    fn new(spec: &ConvSpec, out: &Layout, out_channels: usize) -> Self {
        let quad = out.arrangement.quad;
        let stack = spec.epilogue.stack.as_ref();
        let before = stack.map_or(0, |stack| stack.first_tile * quad + stack.lanes);
        Self { first_tile: before / quad, before, channels: out_channels - before, quad }
    }

    fn channel(&self, tile: usize, lane: usize) -> Option<usize> {
        let channel = (tile * self.quad + lane).checked_sub(self.before)?;
        (lane < self.quad && channel < self.channels).then_some(channel)
    }
}

/// A tensor that a convolution reads, and the parts of its input that are this tensor, each with its scale.
pub(super) struct ConvOperand {
    pub part: Part,
    pub members: Vec<(usize, Option<ParamId>)>,
}

pub(super) fn operands(sources: &[Part]) -> Vec<ConvOperand> {
    let mut operands: Vec<ConvOperand> = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let part = Part { scale: None, ..*source };
        match operands.iter_mut().find(|operand| operand.part == part) {
            Some(operand) => operand.members.push((at, source.scale)),
            None => operands.push(ConvOperand { part, members: vec![(at, source.scale)] }),
        }
    }
    operands
}

/// `[in, out, k, k]` to `[out, in, k, k]`, each kernel turned by half.
#[cfg(feature = "few_shot")]
fn transposed(values: &[f32], in_channels: usize, kernel: usize) -> Vec<f32> {
    let taps = kernel * kernel;
    let out_channels = values.len() / (in_channels * taps).max(1);
    let value = |at: usize| {
        let (o, i, tap) = (at / (in_channels * taps), at / taps % in_channels, at % taps);
        values[(i * out_channels + o) * taps + taps - 1 - tap]
    };
    (0..values.len()).map(value).collect()
}

/// `direct + second x first` of matrices; `first` has `columns` columns.
fn sum_of_products(direct: &[f32], second: &[f32], first: &[f32], columns: usize) -> Vec<f32> {
    let inner = first.len() / columns;
    let entry = |(i, direct): (usize, &f32)| {
        let (row, column) = (i / columns, i % columns);
        let terms = (0..inner).map(|k| f64::from(second[row * inner + k]) * f64::from(first[k * columns + column]));
        (f64::from(*direct) + terms.sum::<f64>()) as f32
    };
    direct.iter().enumerate().map(entry).collect()
}

/// One run of weights in texels; `lanes` are the input channels that the tile has room for.
fn run(
    shape: &WeightRuns,
    step: usize,
    kernel: usize,
    lanes: Range<usize>,
    value: impl Fn(usize, usize, usize, usize) -> Option<f32>,
) -> Vec<[f32; 4]> {
    let mut scalars = Vec::with_capacity(4 * shape.texels);
    for ky in step * shape.rows..(step + 1) * shape.rows {
        for kx in 0..kernel {
            for input in lanes.clone() {
                let weight = |o: usize| if ky < kernel { value(o, input, ky, kx).unwrap_or(0.0) } else { 0.0 };
                scalars.extend((0..shape.lanes).map(weight));
            }
        }
    }
    scalars.resize(4 * shape.texels, 0.0);
    scalars.chunks_exact(4).map(|c| [c[0], c[1], c[2], c[3]]).collect()
}

impl Lowering<'_> {
    /// Packs `[out, in, k, k]` as the kernel walks it: output tile, operand, its tile, then [`WeightRuns`].
    pub(super) fn conv_weights(&mut self, spec: &ConvSpec, operands: &[ConvOperand]) -> Result<SheetRef, PlanError> {
        // First channel of each part of the input, and its channels.
        let mut first = 0;
        let mut parts: Vec<(usize, usize)> = Vec::new();
        for part in spec.sources {
            let channels = self.tensors[part.tensor].shape.channels;
            parts.push((first, channels));
            first += channels;
        }
        let inputs: Vec<(&ConvOperand, Layout)> =
            operands.iter().map(|operand| (operand, self.layout(operand.part.tensor))).collect();
        let out = self.layout(spec.out);
        let rows = OutputLanes::new(spec, &out, self.tensors[spec.out].shape.channels);
        let (kernel, weights) = (spec.kernel, spec.weights);
        let owner = self.owner(weights, spec.sources);
        self.packer.push_sheet(owner, |source| {
            let value = weights.value(source, first, kernel)?;
            let scale = |param: Option<ParamId>| param.map(|param| source.get(param)).transpose();
            let scales = inputs
                .iter()
                .map(|(operand, _)| operand.members.iter().map(|(at, param)| Ok((*at, scale(*param)?))).collect())
                .collect::<Result<Vec<Vec<(usize, Option<&[f32]>)>>, PlanError>>()?;
            let tile_runs = |tile: usize| {
                let mut runs = Vec::new();
                for ((_, layout), members) in inputs.iter().zip(&scales) {
                    let shape = WeightRuns::new(kernel, layout.arrangement.quad, out.arrangement.quad);
                    // What an input channel counts for: the sum over the parts that are this tensor.
                    let weight = |o: usize, i: usize, ky: usize, kx: usize| {
                        let channel = rows.channel(tile, o)?;
                        let terms = members.iter().filter(|(at, _)| i < parts[*at].1).map(|(at, scale)| {
                            let factor = scale.map_or(Some(1.0), |scale| scale.get(i).copied())?;
                            Some(factor * value(channel, parts[*at].0 + i, ky, kx)?)
                        });
                        terms.sum::<Option<f32>>()
                    };
                    for in_tile in 0..layout.tiles {
                        let lanes = in_tile * layout.arrangement.quad..(in_tile + 1) * layout.arrangement.quad;
                        runs.extend((0..shape.steps).map(|step| run(&shape, step, kernel, lanes.clone(), weight)));
                    }
                }
                runs
            };
            Ok((rows.first_tile..out.tiles).map(tile_runs).collect())
        })
    }

    /// One texel an output tile; zeros without a bias, so that the kernel has no special case.
    pub(super) fn conv_bias(&mut self, spec: &ConvSpec, owner: Owner) -> Result<WeightRef, PlanError> {
        let out = self.layout(spec.out);
        let rows = OutputLanes::new(spec, &out, self.tensors[spec.out].shape.channels);
        let weights = spec.weights;
        let owner = match weights {
            Weights::Params { bias: Some(bias), .. } => self.graph.param(bias).owner,
            Weights::Folded { .. } => self.owner(weights, &[]),
            _ => owner,
        };
        self.packer.push(owner, |source| {
            let values = weights.bias(source)?;
            let lane = |tile: usize, lane: usize| {
                let channel = rows.channel(tile, lane);
                channel.and_then(|c| values.get(c)).copied().unwrap_or(0.0)
            };
            Ok((rows.first_tile..out.tiles).map(|tile| std::array::from_fn(|l| lane(tile, l))).collect())
        })
    }

    /// Weights that any group has for itself make all of them the group's.
    pub(super) fn owner(&self, weights: Weights, sources: &[Part]) -> Owner {
        let mut params: Vec<ParamId> = sources.iter().filter_map(|part| part.scale).collect();
        match weights {
            Weights::Params { weight, .. } => params.push(weight),
            #[cfg(feature = "few_shot")]
            Weights::Transposed { weight } => params.push(weight),
            Weights::Identity => {}
            Weights::Folded { direct, first, second } => params.extend([direct, first, second].concat()),
        }
        let branch = params.iter().any(|param| self.graph.param(*param).owner == Owner::Branch);
        if branch { Owner::Branch } else { Owner::Trunk }
    }
}
