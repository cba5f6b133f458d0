//! Convolutions: sources with their prologues, weights, and what of the readers fits in the epilogue.

use std::mem::offset_of;

use crate::model::{NodeId, Op, Owner, ParamId, Shape};
use crate::plan::Arrangement;
use crate::plan::kernel::{
    BIND_A, BIND_B, BIND_C, BIND_D, BIND_VECTOR_A, BIND_VECTOR_B, BIND_WEIGHTS, Kernel, Operand,
};
use crate::plan::layout::{Layout, LayoutUniform};
use crate::plan::params::{ConvParams, NO_FLOOR};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};
use crate::plan::source::WeightRuns;
use crate::plan::weights::{SheetRef, Source, WeightRef};

use super::combine::Term;
use super::{Lowering, Part, PlanError, View};

/// Where the weights of a convolution come from.
#[derive(Clone, Copy)]
enum Weights {
    /// `[out, in, k, k]` and a bias.
    Params { weight: ParamId, bias: Option<ParamId> },
    /// One on the diagonal, of a 1 x 1 kernel: channels are only moved.
    Identity,
}

/// What is done with the sums before they are written.
#[derive(Default)]
struct Epilogue {
    /// A tensor that is added.
    sum: Option<usize>,
    /// The convolution ends a stack of parts that is added to `sum`.
    stack: Option<Stack>,
    relu: bool,
    tanh: bool,
    /// The nodes that the pass computes; it yields the value of the last.
    nodes: Vec<usize>,
}

/// Tensors whose channels precede those of a convolution in a concatenation.
struct Stack {
    /// Tensor and first output tile of each, with the tiles that it fills alone.
    parts: Vec<(usize, std::ops::Range<usize>)>,
    /// The first output tile of the convolution.
    first_tile: usize,
    /// Lanes of that tile that the last part takes.
    lanes: usize,
}

/// A convolution draw with everything that is known of it.
struct ConvSpec<'a> {
    sources: &'a [Part],
    out: usize,
    kernel: usize,
    stride: usize,
    weights: Weights,
    epilogue: &'a Epilogue,
}

impl Epilogue {
    fn last(&self) -> usize {
        self.nodes[self.nodes.len() - 1]
    }

    /// Planes that are bound for what is added.
    fn planes(&self, out: &Arrangement) -> usize {
        let shared = self.stack.as_ref().is_some_and(|stack| stack.lanes > 0);
        out.planes() * (usize::from(self.sum.is_some()) + usize::from(shared))
    }
}

impl Lowering<'_> {
    pub(super) fn conv(&mut self, id: NodeId) -> Result<(), PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let Op::Conv2d { kernel, stride, weight, bias } = node.op else {
            return Err(self.unsupported(id, "not a convolution"));
        };
        let epilogue = self.epilogue(id)?;
        let last = &graph.nodes()[epilogue.last()];
        let arrangement = self.arrangement(last.shape);
        let sources = self.sources(node.inputs[0], stride, &arrangement, epilogue.planes(&arrangement))?;
        let out = self.tensor(&last.name, last.shape)?;
        let weights = Weights::Params { weight, bias };
        let spec = ConvSpec { sources: &sources, out, kernel, stride, weights, epilogue: &epilogue };
        let draws = self.conv_draws(&spec)?;
        self.emit(&last.name, out, draws);
        // Nobody reads those before the last: they only count as done.
        epilogue.nodes.iter().for_each(|node| self.values[*node] = Some(View::plain(out)));
        Ok(())
    }

    /// Parts that do not begin at a tile, in a tensor of their own: a convolution that moves channels.
    pub(super) fn place(&mut self, name: &str, shape: Shape, view: &View) -> Result<usize, PlanError> {
        let mut parts = view.parts.clone();
        let arrangement = self.arrangement(shape);
        while parts.len() > 2 {
            let pair = View { parts: parts.drain(..2).collect() };
            let channels = pair.parts.iter().map(|p| self.tensors[p.tensor].shape.channels).sum();
            let joined = self.materialise(&format!("{name}.{}", parts.len()), Shape { channels, ..shape }, &pair)?;
            parts.insert(0, View::plain(joined).parts[0]);
        }
        for part in &mut parts {
            *part = self.readable(*part, 1, &arrangement)?;
        }
        let out = self.tensor(name, shape)?;
        let epilogue = Epilogue::default();
        let weights = Weights::Identity;
        let spec = ConvSpec { sources: &parts, out, kernel: 1, stride: 1, weights, epilogue: &epilogue };
        let draws = self.conv_draws(&spec)?;
        self.emit(name, out, draws);
        Ok(out)
    }

    /// Follows the chain of only readers: a sum with a value that exists (perhaps of a concatenation that ends in this
    /// convolution), then ReLU or tanh.
    fn epilogue(&mut self, id: NodeId) -> Result<Epilogue, PlanError> {
        let graph = self.graph;
        let mut epilogue = Epilogue { nodes: vec![id.0], ..Epilogue::default() };
        while let Some(user) = self.only_user(NodeId(epilogue.last())) {
            let node = graph.node(user);
            match node.op {
                Op::Concat if epilogue.sum.is_none() => {
                    let Some((stack, sum, add)) = self.stack(id, user) else { break };
                    epilogue.stack = Some(stack);
                    epilogue.sum = Some(sum);
                    epilogue.nodes.push(user.0);
                    epilogue.nodes.push(add.0);
                    break;
                }
                Op::Add if epilogue.sum.is_none() => {
                    let other = node.inputs.iter().find(|input| input.0 != epilogue.last());
                    let tensor = other.and_then(|other| self.values[other.0].as_ref()?.as_plain());
                    // The sum is read in the arrangement of the result.
                    let Some(tensor) = tensor else { break };
                    if self.layout(tensor).arrangement != self.arrangement(node.shape) {
                        break;
                    }
                    epilogue.sum = Some(tensor);
                }
                Op::Relu => epilogue.relu = true,
                Op::Tanh => epilogue.tanh = true,
                _ => break,
            }
            epilogue.nodes.push(user.0);
            if epilogue.relu || epilogue.tanh {
                break;
            }
        }
        Ok(epilogue)
    }

    /// A sum with a concatenation of tensors that exist and, last, the convolution `conv`: the whole sum is drawn in the
    /// convolution's pass, its other tiles pixel by pixel.
    fn stack(&self, conv: NodeId, concat: NodeId) -> Option<(Stack, usize, NodeId)> {
        let graph = self.graph;
        let inputs = &graph.node(concat).inputs;
        let add = self.only_user(concat).filter(|user| graph.node(*user).op == Op::Add)?;
        let other = graph.node(add).inputs.iter().find(|input| **input != concat)?;
        let sum = self.values[other.0].as_ref()?.as_plain()?;
        let arrangement = self.arrangement(graph.node(add).shape);
        if self.layout(sum).arrangement != arrangement
            || *inputs.last()? != conv
            || inputs.iter().filter(|i| **i == conv).count() > 1
        {
            return None;
        }
        let quad = arrangement.quad;
        let mut parts = Vec::new();
        let mut channel = 0usize;
        for input in &inputs[..inputs.len() - 1] {
            let tensor = self.values[input.0].as_ref()?.as_plain()?;
            let channels = graph.node(*input).shape.channels;
            if !channel.is_multiple_of(quad) || self.layout(tensor).arrangement.phases != arrangement.phases {
                return None;
            }
            let first = channel / quad;
            channel += channels;
            parts.push((tensor, first..channel / quad));
        }
        let (first_tile, lanes) = (channel / quad, channel % quad);
        // A tile that is shared is the convolution's only one.
        let own = graph.node(conv).shape.channels;
        let fits = lanes == 0 || lanes + own <= quad;
        fits.then_some((Stack { parts, first_tile, lanes }, sum, add))
    }

    /// The parts that the convolution reads: at most two, as many textures as the device samples.
    fn sources(
        &mut self,
        input: NodeId,
        stride: usize,
        out: &Arrangement,
        other_planes: usize,
    ) -> Result<Vec<Part>, PlanError> {
        let parts = self.view(input)?.parts;
        let textures: usize =
            parts.iter().map(|p| self.layout(p.tensor).planes() + usize::from(p.affine.is_some())).sum();
        let fits = parts.len() <= 2 && textures + other_planes < self.limits.max_sampled_textures;
        let parts = if fits { parts } else { View::plain(self.plain(input)?).parts };
        parts.into_iter().map(|part| self.readable(part, stride, out)).collect()
    }

    /// A part whose phases the blocks of `out` meet: else, and if it is up-sampled, in a tensor of its own.
    fn readable(&mut self, part: Part, stride: usize, out: &Arrangement) -> Result<Part, PlanError> {
        let arrangement = self.layout(part.tensor).arrangement;
        let mut shape = self.tensors[part.tensor].shape;
        if part.up {
            (shape.height, shape.width) = (2 * shape.height, 2 * shape.width);
        }
        let wanted = if part.up { self.arrangement(shape) } else { arrangement };
        let met = (0..2).all(|axis| (stride * out.phases[axis]).is_multiple_of(wanted.phases[axis]));
        if met && !part.up {
            return Ok(part);
        }
        let target = if met { wanted } else { Arrangement { phases: [1, 1], ..wanted } };
        let name = format!("{}.{}", self.tensors[part.tensor].name, if part.up { "up" } else { "apart" });
        let tensor = self.materialise_in(&name, shape, target, &View::part(part))?;
        Ok(View::plain(tensor).parts[0])
    }

    /// The draws of a convolution's pass: its own tiles, and those of the stack that it ends.
    fn conv_draws(&mut self, spec: &ConvSpec) -> Result<Vec<DrawSpec>, PlanError> {
        let mut draws = Vec::new();
        if let (Some(stack), Some(sum)) = (&spec.epilogue.stack, spec.epilogue.sum) {
            for (tensor, tiles) in stack.parts.iter().filter(|(_, tiles)| !tiles.is_empty()) {
                let part = Term::new(View::plain(*tensor).parts[0], tiles.start);
                let sum = Term::new(View::plain(sum).parts[0], 0);
                draws.push(self.combine_draw(spec.out, part, Some(sum), false, Region::Tiles(tiles.clone())));
            }
        }
        draws.push(self.conv_draw(spec)?);
        Ok(draws)
    }

    fn conv_draw(&mut self, spec: &ConvSpec) -> Result<DrawSpec, PlanError> {
        let ConvSpec { sources, out, kernel, stride, epilogue, .. } = *spec;
        let out_layout = self.layout(out);
        let stack = epilogue.stack.as_ref();
        let first = stack.map_or(0, |stack| stack.first_tile);
        let shared = stack.filter(|stack| stack.lanes > 0).and_then(|stack| stack.parts.last());
        let sheet = self.conv_weights(spec)?;
        let bias = self.conv_bias(spec, sheet.owner)?;

        let part = |i: usize| sources.get(i).copied();
        let operand =
            |part: Part| Operand { arrangement: self.layout(part.tensor).arrangement, affine: part.affine.is_some() };
        let key = Kernel::Conv {
            kernel,
            stride,
            a: operand(sources[0]),
            b: part(1).map(operand),
            c: epilogue.sum.is_some(),
            d: shared.map(|(tensor, _)| self.layout(*tensor).arrangement),
            tanh: epilogue.tanh,
            out: out_layout.arrangement,
        };
        let layout = |tensor: Option<usize>| tensor.map_or_else(LayoutUniform::default, |t| self.layout(t).uniform());
        let floor = |relu: bool| if relu { 0.0 } else { NO_FLOOR };
        let params = ConvParams {
            out: out_layout.uniform(),
            a: layout(Some(sources[0].tensor)),
            b: layout(part(1).map(|p| p.tensor)),
            c: layout(epilogue.sum),
            d: layout(shared.map(|(tensor, _)| *tensor)),
            coefficients_a: layout(sources[0].affine),
            coefficients_b: layout(part(1).and_then(|p| p.affine)),
            weights: [sheet.column as i32, sheet.row as i32],
            tiles_a_row: sheet.tiles_a_row as i32,
            rows_a_tile: sheet.rows_a_tile as i32,
            weight_stride: sheet.stride as i32,
            bias: bias.offset as i32,
            first: first as i32,
            tile_d: shared.map_or(0, |(_, tiles)| tiles.start as i32),
            floor_a: floor(sources[0].relu),
            floor_b: floor(part(1).is_some_and(|p| p.relu)),
            floor_out: floor(epilogue.relu),
            pad: 0,
        };
        let params = ParamBlock::new(&params)
            .weight_row(offset_of!(ConvParams, weights) + size_of::<i32>(), sheet.owner)
            .weight(offset_of!(ConvParams, bias), bias.owner);
        let mut textures = self.source_textures(sources);
        textures.extend(epilogue.sum.into_iter().flat_map(|t| self.planes(BIND_C, t)));
        textures.extend(shared.into_iter().flat_map(|(t, _)| self.planes(BIND_D, *t)));
        let region = if first == 0 { Region::Whole } else { Region::Tiles(first..out_layout.tiles) };
        Ok(DrawSpec { kernel: key, textures, region, params })
    }

    /// Packs `[out, in, k, k]` as the kernel walks it: output tile, operand, its tile, then [`WeightRuns`].
    fn conv_weights(&mut self, spec: &ConvSpec) -> Result<SheetRef, PlanError> {
        let inputs: Vec<(usize, Layout)> =
            spec.sources.iter().map(|p| (self.tensors[p.tensor].shape.channels, self.layout(p.tensor))).collect();
        let in_channels: usize = inputs.iter().map(|(n, _)| n).sum();
        let out = self.layout(spec.out);
        let rows = OutputLanes::new(spec, &out, self.tensors[spec.out].shape.channels);
        let (kernel, weights) = (spec.kernel, spec.weights);
        let owner = self.owner(weights);
        self.packer.push_sheet(owner, |source| {
            let value = weights.value(source, in_channels, kernel)?;
            let tile_runs = |tile: usize| {
                let mut first = 0;
                let mut runs = Vec::new();
                for (channels, layout) in &inputs {
                    let shape = WeightRuns::new(kernel, layout.arrangement.quad, out.arrangement.quad);
                    for in_tile in 0..layout.tiles {
                        let lanes: Vec<Option<usize>> = (0..layout.arrangement.quad)
                            .map(|l| in_tile * layout.arrangement.quad + l)
                            .map(|channel| (channel < *channels).then_some(first + channel))
                            .collect();
                        runs.extend((0..shape.steps).map(|step| {
                            run(&shape, step, kernel, &lanes, |o, i, ky, kx| value(rows.channel(tile, o)?, i, ky, kx))
                        }));
                    }
                    first += channels;
                }
                runs
            };
            Ok((rows.first_tile..out.tiles).map(tile_runs).collect())
        })
    }

    /// One texel an output tile; zeros without a bias, so that the kernel has no special case.
    fn conv_bias(&mut self, spec: &ConvSpec, owner: Owner) -> Result<WeightRef, PlanError> {
        let out = self.layout(spec.out);
        let rows = OutputLanes::new(spec, &out, self.tensors[spec.out].shape.channels);
        let bias = match spec.weights {
            Weights::Params { bias, .. } => bias,
            Weights::Identity => None,
        };
        let owner = bias.map_or(owner, |b| self.graph.param(b).owner);
        self.packer.push(owner, |source| {
            let values = bias.map_or(Ok(&[][..]), |bias| source.get(bias))?;
            let lane = |tile: usize, lane: usize| {
                let channel = rows.channel(tile, lane);
                channel.and_then(|c| values.get(c)).copied().unwrap_or(0.0)
            };
            Ok((rows.first_tile..out.tiles).map(|tile| std::array::from_fn(|l| lane(tile, l))).collect())
        })
    }

    fn owner(&self, weights: Weights) -> Owner {
        match weights {
            Weights::Params { weight, .. } => self.graph.param(weight).owner,
            Weights::Identity => Owner::Trunk,
        }
    }

    fn source_textures(&self, sources: &[Part]) -> Vec<(u32, SourceSpec)> {
        let mut textures = vec![(BIND_WEIGHTS, SourceSpec::Weights)];
        let bindings = [(BIND_VECTOR_A, BIND_A), (BIND_VECTOR_B, BIND_B)];
        for (part, (vector, planes)) in sources.iter().zip(bindings) {
            textures.extend(part.affine.map(|t| (vector, SourceSpec::Plane(t, 0))));
            textures.extend(self.planes(planes, part.tensor));
        }
        textures.sort_by_key(|(binding, _)| *binding);
        textures
    }

    /// Bindings of all planes of a tensor.
    pub(super) fn planes(&self, first: u32, tensor: usize) -> Vec<(u32, SourceSpec)> {
        (0..self.layout(tensor).planes()).map(|p| (first + p as u32, SourceSpec::Plane(tensor, p))).collect()
    }
}

/// Which channel of the convolution a lane of an output tile holds.
struct OutputLanes {
    first_tile: usize,
    /// Channels of the concatenation before those of the convolution.
    before: usize,
    channels: usize,
    quad: usize,
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

impl Weights {
    /// The weight of (output channel, input channel, kernel row, kernel column).
    fn value<'s>(
        self,
        source: &'s Source<'_>,
        in_channels: usize,
        kernel: usize,
    ) -> Result<impl Fn(usize, usize, usize, usize) -> Option<f32> + 's, PlanError> {
        let values = match self {
            Self::Params { weight, .. } => Some(source.get(weight)?),
            Self::Identity => None,
        };
        Ok(move |o: usize, i: usize, ky: usize, kx: usize| match values {
            Some(values) => values.get(((o * in_channels + i) * kernel + ky) * kernel + kx).copied(),
            None => Some(if o == i { 1.0 } else { 0.0 }),
        })
    }
}

/// One run of weights in texels; `lanes` are the input channels of the tile's lanes.
fn run(
    shape: &WeightRuns,
    step: usize,
    kernel: usize,
    lanes: &[Option<usize>],
    value: impl Fn(usize, usize, usize, usize) -> Option<f32>,
) -> Vec<[f32; 4]> {
    let mut scalars = Vec::with_capacity(4 * shape.texels);
    for ky in step * shape.rows..(step + 1) * shape.rows {
        for kx in 0..kernel {
            for input in lanes {
                let inside = input.filter(|_| ky < kernel);
                let weight = |o: usize| inside.and_then(|i| value(o, i, ky, kx)).unwrap_or(0.0);
                scalars.extend((0..shape.lanes).map(weight));
            }
        }
    }
    scalars.resize(4 * shape.texels, 0.0);
    scalars.chunks_exact(4).map(|c| [c[0], c[1], c[2], c[3]]).collect()
}
