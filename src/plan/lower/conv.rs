//! Convolutions: sources with their prologues, weights, and what of the readers fits in the epilogue.

use std::borrow::Cow;
use std::mem::offset_of;
use std::ops::Range;

use crate::model::{NodeId, Op, Owner, ParamId, Shape};
use crate::plan::Arrangement;
use crate::plan::kernel::{BIND_A, BIND_B, BIND_C, BIND_D, BIND_WEIGHTS, Kernel, Operand};
use crate::plan::layout::{Layout, LayoutUniform};
use crate::plan::params::{ConvParams, NO_FLOOR};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};
use crate::plan::source::WeightRuns;
use crate::plan::weights::{SheetRef, Source, WeightRef};

use super::combine::{NORM_A, NORM_B, Term};
use super::{Lowering, NormSource, Part, PlanError, View};

/// Where the weights of a convolution come from.
#[derive(Clone, Copy)]
enum Weights {
    /// `[out, in, k, k]` and a bias.
    Params { weight: ParamId, bias: Option<ParamId> },
    /// One on the diagonal, of a 1 x 1 kernel: channels are only moved.
    Identity,
    /// Three 1 x 1 kernels with bias as one: `direct(x) + second(first(x))`.
    Folded { direct: [ParamId; 2], first: [ParamId; 2], second: [ParamId; 2] },
}

/// What decides which input pixels a convolution reads.
#[derive(Clone, Copy)]
struct Geometry {
    kernel: usize,
    stride: usize,
}

/// What is done with the sums before they are written.
#[derive(Default)]
struct Epilogue {
    /// A tensor that is added.
    sum: Option<usize>,
    /// The convolution ends a stack of parts that is added to `sum`.
    stack: Option<Stack>,
    /// Another one, up-sampled as it is read or not.
    other: Option<Part>,
    /// The branch beside the convolution that is added to it, if the two are one convolution.
    fold: Option<Weights>,
    relu: bool,
    tanh: bool,
    /// The nodes that the pass computes; it yields the value of the last.
    nodes: Vec<usize>,
}

/// Tensors whose channels precede those of a convolution in a concatenation.
struct Stack {
    /// Tensor and first output tile of each, with the tiles that it fills alone.
    parts: Vec<(usize, Range<usize>)>,
    /// The first output tile of the convolution.
    first_tile: usize,
    /// Lanes of that tile that the last part takes.
    lanes: usize,
}

/// See [`Lowering::fold`].
struct Fold {
    weights: Weights,
    absorbed: [NodeId; 2],
    /// The node that has the value.
    end: NodeId,
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
        out.planes() * (usize::from(self.sum.is_some()) + usize::from(shared || self.other.is_some()))
    }
}

impl Lowering<'_> {
    pub(super) fn conv(&mut self, id: NodeId) -> Result<(), PlanError> {
        if self.is_folded(id) {
            self.absorbed.insert(id.0);
            return Ok(());
        }
        let epilogue = self.epilogue(id)?;
        if let Some(sum) = self.later_sum(&epilogue) {
            self.absorbed.extend(&epilogue.nodes);
            self.delayed.insert(sum.0, id);
            return Ok(());
        }
        self.conv_with(id, epilogue)?;
        Ok(())
    }

    /// The pass of a convolution that waited for the sum `sum`.
    pub(super) fn delayed_conv(&mut self, conv: NodeId, sum: NodeId) -> Result<usize, PlanError> {
        let mut epilogue = self.epilogue(conv)?;
        let node = self.graph.node(sum);
        let other = node.inputs.iter().copied().find(|input| input.0 != epilogue.last());
        let view = other.map(|other| self.view(other)).transpose()?;
        let part = view.and_then(|view| view.single()).filter(|part| Part { up: false, ..*part }.is_plain());
        epilogue.other = match (part, other) {
            (Some(part), _) => Some(part),
            (None, Some(other)) => Some(Part::new(self.plain(other)?)),
            (None, None) => None,
        };
        epilogue.nodes.push(sum.0);
        self.conv_with(conv, epilogue)
    }

    fn conv_with(&mut self, id: NodeId, epilogue: Epilogue) -> Result<usize, PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let Op::Conv2d { kernel, stride, weight, bias } = node.op else {
            return Err(self.unsupported(id, "not a convolution"));
        };
        let last = &graph.nodes()[epilogue.last()];
        let arrangement = self.arrangement(last.shape);
        let sources =
            self.sources(node.inputs[0], Geometry { kernel, stride }, &arrangement, epilogue.planes(&arrangement))?;
        let out = self.tensor(&last.name, last.shape)?;
        let weights = epilogue.fold.unwrap_or(Weights::Params { weight, bias });
        let spec = ConvSpec { sources: &sources, out, kernel, stride, weights, epilogue: &epilogue };
        let draws = self.conv_draws(&spec)?;
        self.emit(&last.name, out, draws);
        // Nobody reads those before the last: they only count as done.
        epilogue.nodes.iter().for_each(|node| self.values[*node] = Some(View::plain(out)));
        Ok(out)
    }

    /// The sum that a stack is part of, if its other term is not there yet and the device can sample all of it at once.
    fn later_sum(&self, epilogue: &Epilogue) -> Option<NodeId> {
        let stack = epilogue.stack.as_ref()?;
        let graph = self.graph;
        let sum = self.only_user(NodeId(epilogue.last())).filter(|user| graph.node(*user).op == Op::Add)?;
        let node = graph.node(sum);
        let later = node.inputs.iter().any(|input| input.0 > epilogue.last());
        let planes = self.arrangement(node.shape).planes();
        let fits = 3 * planes + 3 <= self.limits.max_sampled_textures;
        (later && fits && stack.lanes == 0 && node.inputs[0] != node.inputs[1]).then_some(sum)
    }

    /// `head` and `from_head` of `x + from_body(body) + from_head(head(body))`, by `from_body`: one convolution does it all.
    fn fold(&self, from_body: NodeId) -> Option<Fold> {
        let graph = self.graph;
        let one = |id: NodeId| match graph.node(id).op {
            Op::Conv2d { kernel: 1, stride: 1, weight, bias: Some(bias) } => Some([weight, bias]),
            _ => None,
        };
        let direct = one(from_body)?;
        let body = graph.node(from_body).inputs[0];
        let sum = self.only_user(from_body).filter(|user| graph.node(*user).op == Op::Add)?;
        let x = graph.node(sum).inputs.iter().find(|input| **input != from_body)?;
        self.addable(*x, graph.node(sum).shape)?;
        let end = self.only_user(sum).filter(|user| graph.node(*user).op == Op::Add)?;
        let from_head = *graph.node(end).inputs.iter().find(|input| **input != sum)?;
        let second = one(from_head).filter(|_| self.only_user(from_head) == Some(end))?;
        let head = graph.node(from_head).inputs[0];
        let first =
            one(head).filter(|_| self.only_user(head) == Some(from_head) && graph.node(head).inputs[0] == body)?;
        Some(Fold { weights: Weights::Folded { direct, first, second }, absorbed: [head, from_head], end })
    }

    /// Whether another convolution does the work of this one.
    fn is_folded(&self, id: NodeId) -> bool {
        let mut around = vec![self.graph.node(id).inputs[0]];
        around.extend(self.graph.node(around[0]).inputs.first());
        let readers = around.iter().flat_map(|node| &self.users[node.0]);
        readers.into_iter().any(|reader| self.fold(*reader).is_some_and(|fold| fold.absorbed.contains(&id)))
    }

    /// Parts that do not begin at a tile, in a tensor of their own: a convolution that moves channels.
    pub(super) fn place(&mut self, name: &str, shape: Shape, view: &View) -> Result<usize, PlanError> {
        self.place_in(name, shape, self.arrangement(shape), view)
    }

    /// The same in a given arrangement; quads may be of other sizes than the parts'.
    pub(super) fn place_in(
        &mut self,
        name: &str,
        shape: Shape,
        arrangement: Arrangement,
        view: &View,
    ) -> Result<usize, PlanError> {
        let mut parts = view.parts.clone();
        while parts.len() > 2 {
            let pair = View { parts: parts.drain(..2).collect() };
            let channels = pair.parts.iter().map(|p| self.tensors[p.tensor].shape.channels).sum();
            let joined = self.materialise(&format!("{name}.{}", parts.len()), Shape { channels, ..shape }, &pair)?;
            parts.insert(0, Part::new(joined));
        }
        for part in &mut parts {
            *part = self.readable(*part, Geometry { kernel: 1, stride: 1 }, &arrangement)?;
        }
        let out = self.tensor_arranged(name, shape, arrangement)?;
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
                    let Some(tensor) = other.and_then(|other| self.addable(*other, node.shape)) else { break };
                    epilogue.sum = Some(tensor);
                    if let Some(fold) = self.fold(id) {
                        epilogue.fold = Some(fold.weights);
                        epilogue.nodes.extend([user.0, fold.end.0]);
                        break;
                    }
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

    /// The tensor of a node that exists as it is, in the arrangement that a result of `shape` has.
    fn addable(&self, id: NodeId, shape: Shape) -> Option<usize> {
        let tensor = self.values[id.0].as_ref()?.as_plain()?;
        (self.layout(tensor).arrangement == self.arrangement(shape)).then_some(tensor)
    }

    /// A sum with a concatenation of tensors that exist and, last, the convolution `conv`: the whole sum is drawn in the
    /// convolution's pass, its other tiles pixel by pixel.
    fn stack(&self, conv: NodeId, concat: NodeId) -> Option<(Stack, usize, NodeId)> {
        let graph = self.graph;
        let inputs = &graph.node(concat).inputs;
        let add = self.only_user(concat).filter(|user| graph.node(*user).op == Op::Add)?;
        let other = graph.node(add).inputs.iter().find(|input| **input != concat)?;
        let sum = self.addable(*other, graph.node(add).shape)?;
        let arrangement = self.arrangement(graph.node(add).shape);
        if *inputs.last()? != conv || inputs.iter().filter(|i| **i == conv).count() > 1 {
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
        conv: Geometry,
        out: &Arrangement,
        other_planes: usize,
    ) -> Result<Vec<Part>, PlanError> {
        let parts = self.view(input)?.parts;
        // Parts of the same tensor are one operand: what each is multiplied by is in the weights.
        let mut tensors: Vec<Part> = Vec::new();
        for part in &parts {
            let same = |known: &Part| Part { scale: part.scale, ..*known } == *part;
            if !tensors.iter().any(same) {
                tensors.push(*part);
            }
        }
        let norm = |p: &Part| p.norm.map_or(0, |norm| self.layout(norm.tensor()).planes());
        let textures: usize = tensors.iter().map(|p| self.layout(p.tensor).planes() + norm(p)).sum();
        let fits = tensors.len() <= 2 && textures + other_planes < self.limits.max_sampled_textures;
        let parts = if fits { parts } else { View::plain(self.plain(input)?).parts };
        parts.into_iter().map(|part| self.readable(part, conv, out)).collect()
    }

    /// A part as the blocks of `out` can read it, in a tensor of its own if its phases differ.
    ///
    /// An up-sampled one lies in half the phases, so that a block reads the same phases everywhere.
    fn readable(&mut self, part: Part, conv: Geometry, out: &Arrangement) -> Result<Part, PlanError> {
        let arrangement = self.layout(part.tensor).arrangement;
        let shape = self.tensors[part.tensor].shape;
        let meets =
            |phases: [usize; 2], step: usize| (0..2).all(|axis| (step * out.phases[axis]).is_multiple_of(phases[axis]));
        if !part.up {
            if meets(arrangement.phases, conv.stride) {
                return Ok(part);
            }
            let apart = Arrangement { phases: [1, 1], ..arrangement };
            return self.rearranged(part, shape, apart, "apart");
        }
        if conv.stride == 1 && WeightRuns::new(conv.kernel, 1, 1).steps == 1 {
            let halved = Arrangement { phases: out.phases.map(|n| n.div_ceil(2)), ..arrangement };
            let divides = shape.width.is_multiple_of(halved.phases[0]) && shape.height.is_multiple_of(halved.phases[1]);
            if divides && arrangement == halved {
                return Ok(part);
            }
            if divides {
                let plain = self.rearranged(Part { up: false, ..part }, shape, halved, "halved")?;
                return Ok(Part { up: true, ..plain });
            }
        }
        let shape = Shape { height: 2 * shape.height, width: 2 * shape.width, ..shape };
        let whole = self.arrangement(shape);
        let target = if meets(whole.phases, conv.stride) { whole } else { Arrangement { phases: [1, 1], ..whole } };
        self.rearranged(part, shape, target, "up")
    }

    /// What a part reads as, but for its scale, in a tensor of its own.
    fn rearranged(
        &mut self,
        part: Part,
        shape: Shape,
        arrangement: Arrangement,
        suffix: &str,
    ) -> Result<Part, PlanError> {
        let name = format!("{}.{suffix}", self.tensors[part.tensor].name);
        let view = View::part(Part { scale: None, ..part });
        let tensor = self.materialise_in(&name, shape, arrangement, &view)?;
        Ok(Part { scale: part.scale, ..Part::new(tensor) })
    }

    /// The draws of a convolution's pass: its own tiles, and those of the stack that it ends.
    fn conv_draws(&mut self, spec: &ConvSpec) -> Result<Vec<DrawSpec>, PlanError> {
        let mut draws = Vec::new();
        if let (Some(stack), Some(sum)) = (&spec.epilogue.stack, spec.epilogue.sum) {
            for (tensor, tiles) in stack.parts.iter().filter(|(_, tiles)| !tiles.is_empty()) {
                let terms = (
                    Term::new(Part::new(*tensor), tiles.start),
                    Some(Term::new(Part::new(sum), 0)),
                    spec.epilogue.other.map(|other| Term::new(other, 0)),
                );
                draws.push(self.combine_draw(spec.out, terms, false, Region::Tiles(tiles.clone())));
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
        let operands = operands(sources);
        let sheet = self.conv_weights(spec, &operands)?;
        let bias = self.conv_bias(spec, sheet.owner)?;
        let shared = shared.map(|(tensor, tiles)| (Term::new(Part::new(*tensor), tiles.start)));
        let d = shared.or_else(|| epilogue.other.map(|other| Term::new(other, 0)));

        let part = |i: usize| operands.get(i).map(|operand| operand.part);
        let arrangement = |tensor: usize| self.layout(tensor).arrangement;
        let operand =
            |part: Part| Operand { arrangement: arrangement(part.tensor), affine: part.affine(), up: part.up };
        let a = operands[0].part;
        let key = Kernel::Conv {
            kernel,
            stride,
            a: operand(a),
            b: part(1).map(operand),
            c: epilogue.sum.is_some(),
            d: d.map(|d| (arrangement(d.part.tensor), d.read)),
            tanh: epilogue.tanh,
            out: out_layout.arrangement,
        };
        let layout = |tensor: Option<usize>| tensor.map_or_else(LayoutUniform::default, |t| self.layout(t).uniform());
        let norm = |part: Option<Part>| part.and_then(|p| p.norm).map(NormSource::tensor);
        let pixels = |part: Part| self.tensors[part.tensor].shape.pixels() as f32;
        let floor = |relu: bool| if relu { 0.0 } else { NO_FLOOR };
        let params = ConvParams {
            out: out_layout.uniform(),
            a: layout(Some(a.tensor)),
            b: layout(part(1).map(|p| p.tensor)),
            c: layout(epilogue.sum),
            d: layout(d.map(|d| d.part.tensor)),
            coefficients_a: layout(norm(Some(a))),
            coefficients_b: layout(norm(part(1))),
            weights: [sheet.column as i32, sheet.row as i32],
            tiles_a_row: sheet.tiles_a_row as i32,
            rows_a_tile: sheet.rows_a_tile as i32,
            weight_stride: sheet.stride as i32,
            bias: bias.offset as i32,
            first: first as i32,
            tile_d: d.map_or(0, |d| d.tile as i32),
            floor_a: floor(a.relu),
            floor_b: floor(part(1).is_some_and(|p| p.relu)),
            floor_out: floor(epilogue.relu),
            pixels_a: pixels(a),
            pixels_b: part(1).map_or(0.0, pixels),
            pad: [0; 3],
        };
        let layouts = [
            Some(out),
            Some(a.tensor),
            part(1).map(|p| p.tensor),
            epilogue.sum,
            d.map(|d| d.part.tensor),
            norm(Some(a)),
            norm(part(1)),
        ];
        let params = ParamBlock::new(&params, &layouts)
            .weight_row(offset_of!(ConvParams, weights) + size_of::<i32>(), sheet.owner)
            .weight(offset_of!(ConvParams, bias), bias.owner);
        let mut textures = self.source_textures(&operands);
        textures.extend(epilogue.sum.into_iter().flat_map(|t| self.planes(BIND_C, t)));
        textures.extend(d.into_iter().flat_map(|d| self.planes(BIND_D, d.part.tensor)));
        let region = if first == 0 { Region::Whole } else { Region::Tiles(first..out_layout.tiles) };
        Ok(DrawSpec { kernel: key, textures, region, params })
    }

    /// Packs `[out, in, k, k]` as the kernel walks it: output tile, operand, its tile, then [`WeightRuns`].
    fn conv_weights(&mut self, spec: &ConvSpec, operands: &[ConvOperand]) -> Result<SheetRef, PlanError> {
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
    fn conv_bias(&mut self, spec: &ConvSpec, owner: Owner) -> Result<WeightRef, PlanError> {
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
    fn owner(&self, weights: Weights, sources: &[Part]) -> Owner {
        let mut params: Vec<ParamId> = sources.iter().filter_map(|part| part.scale).collect();
        match weights {
            Weights::Params { weight, .. } => params.push(weight),
            Weights::Identity => {}
            Weights::Folded { direct, first, second } => params.extend([direct, first, second].concat()),
        }
        let branch = params.iter().any(|param| self.graph.param(*param).owner == Owner::Branch);
        if branch { Owner::Branch } else { Owner::Trunk }
    }

    fn source_textures(&self, operands: &[ConvOperand]) -> Vec<(u32, SourceSpec)> {
        let mut textures = vec![(BIND_WEIGHTS, SourceSpec::Weights)];
        for (operand, (norm, planes)) in operands.iter().zip([(NORM_A, BIND_A), (NORM_B, BIND_B)]) {
            textures.extend(self.norm_textures(norm, &operand.part));
            textures.extend(self.planes(planes, operand.part.tensor));
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

/// A tensor that a convolution reads, and the parts of its input that are this tensor, each with its scale.
struct ConvOperand {
    part: Part,
    members: Vec<(usize, Option<ParamId>)>,
}

fn operands(sources: &[Part]) -> Vec<ConvOperand> {
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
            Self::Folded { direct, first, second } => {
                let product = sum_of_products(source.get(direct[1])?, source.get(second[0])?, source.get(first[1])?, 1);
                Cow::Owned(product.iter().zip(source.get(second[1])?).map(|(a, b)| a + b).collect())
            }
        })
    }
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
