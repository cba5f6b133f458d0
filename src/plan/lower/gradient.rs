//! The ops of a training step as passes. None is fused with another.

use std::mem::offset_of;

use crate::model::autodiff::{Adam, Edge, GradientOp, Norm, Pointwise};
use crate::model::{NodeId, Op, Owner, ParamId, Shape};
use crate::plan::kernel::{BIND_A, BIND_B, BIND_C, BIND_VECTOR_A, BIND_WEIGHTS, Kernel, Reduction};
use crate::plan::kernel_gradient::{self, GradientKernel, Value};
use crate::plan::layout::{Layout, LayoutUniform};
use crate::plan::params::{GradientParams, NO_FLOOR};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};
use crate::plan::weights::quads;
use crate::plan::{Arrangement, TensorFormat};

use super::conv::ConvSpec;
use super::conv_weights::Weights;
use super::epilogue::Epilogue;
use super::norm::SMALL_PIXELS;
use super::{Lowering, Part, PlanError, View};

/// Values of a vector up to which the shaders' divisions are exact.
const MAX_VECTOR: usize = 1 << 21;

/// A draw as it is put together.
pub(super) struct Draft {
    pub kernel: GradientKernel,
    pub out: usize,
    /// Operands A, B and C.
    pub operands: [Option<usize>; 3],
    /// A vector beside them.
    pub vector: Option<usize>,
    pub region: Region,
    pub params: GradientParams,
    /// Words of the parameters that weight texels are counted in, with their owners.
    pub weights: Vec<(usize, Owner)>,
}

impl Draft {
    pub fn new(kernel: GradientKernel, out: usize, operands: &[usize]) -> Self {
        let operand = |i: usize| operands.get(i).copied();
        Self {
            kernel,
            out,
            operands: [operand(0), operand(1), operand(2)],
            vector: None,
            region: Region::Whole,
            params: GradientParams::default(),
            weights: Vec::new(),
        }
    }

    pub fn with(mut self, set: impl FnOnce(&mut GradientParams)) -> Self {
        set(&mut self.params);
        self
    }
}

impl Lowering<'_> {
    pub(super) fn gradient(&mut self, id: NodeId) -> Result<(), PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let Op::Gradient(op) = &node.op else { return Err(self.unsupported(id, "not a gradient")) };
        let mut x = Vec::new();
        for input in &node.inputs {
            x.push(self.plain(*input)?);
        }
        let (name, shape) = (node.name.as_str(), node.shape);
        let tensor = match op {
            GradientOp::Example(_) => self.example(name, shape)?,
            GradientOp::State(_) => self.state(name, shape)?,
            GradientOp::ConvInput { kernel, stride, weight, .. } => {
                self.conv_input(name, shape, x[0], [*kernel, *stride], *weight)?
            }
            GradientOp::ConvWeight { kernel, stride } => self.conv_weight(id, [x[0], x[1]], [*kernel, *stride])?,
            GradientOp::LinearInput { groups, weights } => self.linear_input(name, shape, x[0], *groups, weights)?,
            GradientOp::Outer { rows, columns } => {
                let out = self.tensor_arranged(name, shape, Arrangement::VECTOR)?;
                let draft = Draft::new(GradientKernel::Outer, out, &x);
                let set = |p: &mut GradientParams| (p.first, p.margin) = (rows.start as i32, columns.start as i32);
                self.emit_draft(name, draft.with(set))
            }
            GradientOp::MixInput { weights, second } => self.mix_input(name, shape, x[0], weights, *second)?,
            GradientOp::Pointwise(op) => self.pointwise(name, shape, *op, &x)?,
            GradientOp::Shift { shift, .. } => {
                let out = self.tensor(name, shape)?;
                let (a, to) = (self.layout(x[0]).arrangement, self.layout(out).arrangement);
                let channels = self.tensors[x[0]].shape.channels as i32;
                let draft = Draft::new(GradientKernel::Shift { a, out: to }, out, &x).with(|p| {
                    (p.first, p.channels, p.rows) = (*shift as i32, channels, shape.channels as i32);
                    (p.quad, p.columns) = (a.quad as i32, to.quad as i32);
                });
                self.emit_draft(name, draft)
            }
            GradientOp::Spread { .. } => {
                self.spread(name, shape, x[0], Spread { stride: 2, factor: 0.25, ..Spread::ALL })?
            }
            GradientOp::Broadcast { height, width, scale } => {
                let stride = *height.max(width);
                self.spread(name, shape, x[0], Spread { stride, factor: *scale, ..Spread::ALL })?
            }
            GradientOp::Repeat(channels) => {
                let out = self.tensor(name, shape)?;
                let (a, to) = (self.layout(x[0]).arrangement, self.layout(out).arrangement);
                let draft = Draft::new(GradientKernel::Repeat { a, out: to }, out, &x);
                self.emit_draft(name, draft.with(|p| (p.channels, p.quad) = (*channels as i32, to.quad as i32)))
            }
            GradientOp::Total => self.total(name, shape, x[0])?,
            GradientOp::NormSums => self.norm_sums(name, shape, [x[0], x[1]])?,
            GradientOp::NormSlopes(norm, pixels) => self.norm_slopes(id, (*norm, *pixels), &x, false)?,
            GradientOp::NormParams(norm, pixels) => self.norm_slopes(id, (*norm, *pixels), &x, true)?,
            GradientOp::NormApply => {
                let out = self.tensor(name, shape)?;
                let a = self.layout(x[0]).arrangement;
                let draft = Draft::new(GradientKernel::NormApply { a }, out, &x);
                self.emit_draft(name, draft.with(|p| (p.channels, p.quad) = (shape.channels as i32, a.quad as i32)))
            }
            GradientOp::EdgeSlope(edge) => self.edge(name, shape, x[0], *edge, false)?,
            GradientOp::EdgeSize(edge) => self.edge(name, shape, x[0], *edge, true)?,
            GradientOp::Gather => self.gather(id, &x)?,
            GradientOp::Clock { decay } => {
                let out = self.shared(name, shape)?;
                let draft = Draft::new(GradientKernel::Clock, out, &x);
                self.emit_draft(name, draft.with(|p| p.factors = [decay[0], decay[1], 0.0, 0.0]))
            }
            GradientOp::Step(adam) => self.adam(name, shape, &x, adam)?,
        };
        self.values[id.0] = Some(View::plain(tensor));
        Ok(())
    }

    /// A draw of its own pass; returns the tensor it yields.
    pub(super) fn emit_draft(&mut self, name: &str, draft: Draft) -> usize {
        let out = draft.out;
        let draw = self.draft(draft);
        self.emit(name, out, vec![draw]);
        out
    }

    pub(super) fn draft(&self, draft: Draft) -> DrawSpec {
        let Draft { kernel, out, operands, vector, region, mut params, weights } = draft;
        let uniform = |tensor: Option<usize>| tensor.map_or_else(LayoutUniform::default, |t| self.layout(t).uniform());
        // A vector beside A takes the place of B's layout.
        let layouts = [Some(out), operands[0], operands[1].or(vector), operands[2]];
        [params.out, params.a, params.b, params.c] = layouts.map(uniform);
        let mut textures = Vec::new();
        let key = Kernel::Gradient(kernel);
        let wanted = key.textures();
        if wanted.contains(&BIND_WEIGHTS) {
            textures.push((BIND_WEIGHTS, SourceSpec::Weights));
        }
        textures.extend(vector.map(|vector| (BIND_VECTOR_A, SourceSpec::Plane(vector, 0))));
        for (operand, first) in operands.into_iter().zip([BIND_A, BIND_B, BIND_C]) {
            textures.extend(operand.into_iter().flat_map(|operand| self.planes(first, operand)));
        }
        let block = ParamBlock::new(&params, &layouts);
        let params = weights.into_iter().fold(block, |block, (at, owner)| block.weight(at, owner));
        DrawSpec { kernel: key, textures, region, params }
    }

    /// A tensor that all pictures share.
    pub(super) fn shared(&mut self, name: &str, shape: Shape) -> Result<usize, PlanError> {
        if shape.channels > MAX_VECTOR {
            return Err(PlanError::Unsupported {
                node: name.to_owned(),
                op: "state",
                reason: format!("{} weights are more than the {MAX_VECTOR} that can be trained", shape.channels),
            });
        }
        let layout = Layout::tensor(shape, Arrangement::VECTOR, 1, self.limits.max_texture_size);
        self.tensor_in(name, shape, layout)
    }

    /// A result for operands of this batch.
    fn like(&mut self, name: &str, shape: Shape, operand: usize) -> Result<usize, PlanError> {
        let Layout { arrangement, batch, .. } = self.layout(operand);
        let layout = Layout::tensor(shape, arrangement, batch, self.limits.max_texture_size);
        self.tensor_in(name, shape, layout)
    }

    pub(super) fn pointwise(
        &mut self,
        name: &str,
        shape: Shape,
        op: Pointwise,
        x: &[usize],
    ) -> Result<usize, PlanError> {
        let out = self.like(name, shape, x[0])?;
        let value = match op {
            Pointwise::Weighted(..) | Pointwise::Scaled(_) => Value::Weighted,
            Pointwise::Multiply => Value::Multiply,
            Pointwise::Divide => Value::Divide,
            Pointwise::Equal => Value::Equal,
            Pointwise::BlendSquare(_) => Value::BlendSquare,
            Pointwise::ReluGate => Value::Relu,
            Pointwise::TanhGate => Value::Tanh,
            Pointwise::Sign(_) => Value::Sign,
            Pointwise::Abs(_) => Value::Abs,
        };
        let kernel = GradientKernel::Pointwise { op: value, a: self.layout(x[0]).arrangement };
        let [a, b] = op.factors();
        let both = [x[0], x.get(1).copied().unwrap_or(x[0])];
        let draft = Draft::new(kernel, out, &both);
        Ok(self.emit_draft(name, draft.with(|p| p.factors = [a, b, 0.0, 0.0])))
    }

    fn spread(&mut self, name: &str, shape: Shape, x: usize, spread: Spread) -> Result<usize, PlanError> {
        let out = self.tensor(name, shape)?;
        let (a, to) = (self.layout(x).arrangement, self.layout(out).arrangement);
        let kernel = GradientKernel::Spread { a, out: to, dilated: spread.dilated };
        let channels = shape.channels as i32;
        let draft = Draft::new(kernel, out, &[x]).with(|p| {
            (p.channels, p.quad, p.columns) = (channels, a.quad as i32, to.quad as i32);
            (p.stride, p.margin, p.factors[0]) = (spread.stride as i32, spread.margin as i32, spread.factor);
        });
        Ok(self.emit_draft(name, draft))
    }

    /// A sum is a mean of known length.
    fn total(&mut self, name: &str, shape: Shape, x: usize) -> Result<usize, PlanError> {
        let pixels = self.tensors[x].shape.pixels();
        if pixels == 1 {
            return Ok(x);
        }
        let label = format!("{name}.mean");
        let mean = if pixels <= SMALL_PIXELS {
            let out = self.tensor(&label, shape)?;
            let draw = self.pool_draw(out, 0, (x, Reduction::Moments), Region::Whole);
            self.emit(&label, out, vec![draw]);
            out
        } else {
            let moments = self.moments(x)?;
            self.merge(&label, x, moments, Kernel::MergeVector(Reduction::Moments))?
        };
        self.pointwise(name, shape, Pointwise::Scaled(pixels as f32), &[mean])
    }

    /// `dy` between zeros, correlated with the flipped kernel, and what fell on the padding folded back.
    fn conv_input(
        &mut self,
        name: &str,
        shape: Shape,
        dy: usize,
        [kernel, stride]: [usize; 2],
        weight: ParamId,
    ) -> Result<usize, PlanError> {
        let pad = kernel / 2;
        let Shape { channels, height, width } = shape;
        let padded = (pad, stride) != (0, 1);
        // So many zeros that no reflected tap meets anything else.
        let larger = |channels| Shape { channels, height: height + 2 * pad + 2, width: width + 2 * pad + 2 };
        let source = if padded {
            let spread = Spread { stride, margin: pad + 1, factor: 1.0, dilated: true };
            self.spread(&format!("{name}.zeros"), larger(self.tensors[dy].shape.channels), dy, spread)?
        } else {
            dy
        };
        let out =
            if padded { self.tensor(&format!("{name}.padded"), larger(channels))? } else { self.tensor(name, shape)? };
        let (parts, epilogue) = ([Part::new(source)], Epilogue::default());
        let weights = Weights::Transposed { weight };
        let spec = ConvSpec { sources: &parts, out, kernel, stride: 1, weights, epilogue: &epilogue };
        let draws = self.conv_draws(&spec)?;
        let label = self.tensors[out].name.clone();
        self.emit(&label, out, draws);
        if !padded {
            return Ok(out);
        }
        let result = self.tensor(name, shape)?;
        let unpad = GradientKernel::Unpad { a: self.layout(result).arrangement };
        let draft = Draft::new(unpad, result, &[out]);
        Ok(self.emit_draft(name, draft.with(|p| (p.first, p.margin) = (1, pad as i32))))
    }

    fn linear_input(
        &mut self,
        name: &str,
        shape: Shape,
        dy: usize,
        groups: usize,
        weights: &[ParamId],
    ) -> Result<usize, PlanError> {
        let columns = shape.channels / groups;
        let place = self.packer.push(self.any_owner(weights), |source| {
            let mut texels = Vec::new();
            for weight in weights {
                source.get(*weight)?.chunks(columns).for_each(|row| texels.extend(quads(row)));
            }
            Ok(texels)
        })?;
        let rows = self.tensors[dy].shape.channels / groups;
        let out = self.tensor(name, shape)?;
        let mut draft = Draft::new(GradientKernel::LinearInput, out, &[dy]).with(|p| {
            (p.first, p.stride) = (place.offset as i32, columns.div_ceil(4) as i32);
            (p.columns, p.rows) = (columns as i32, rows as i32);
        });
        draft.weights.push((offset_of!(GradientParams, first), place.owner));
        Ok(self.emit_draft(name, draft))
    }

    fn mix_input(
        &mut self,
        name: &str,
        shape: Shape,
        dy: usize,
        weights: &[ParamId],
        second: bool,
    ) -> Result<usize, PlanError> {
        let place = self.packer.push(self.any_owner(weights), |source| {
            let mut texels = Vec::new();
            for weight in weights {
                texels.extend(source.get(*weight)?.iter().map(|w| [*w, 0.0, 0.0, 0.0]));
            }
            Ok(texels)
        })?;
        let out = self.tensor(name, shape)?;
        let draft = Draft::new(GradientKernel::MixInput { second }, out, &[dy]);
        let mut draft = draft.with(|p| p.margin = place.offset as i32);
        draft.weights.push((offset_of!(GradientParams, margin), place.owner));
        Ok(self.emit_draft(name, draft))
    }

    /// Weights of which some group has one for itself are the group's.
    fn any_owner(&self, weights: &[ParamId]) -> Owner {
        let branch = weights.iter().any(|weight| self.graph.param(*weight).owner == Owner::Branch);
        if branch { Owner::Branch } else { Owner::Trunk }
    }

    fn norm_slopes(
        &mut self,
        id: NodeId,
        (norm, pixels): (Norm, usize),
        x: &[usize],
        of_params: bool,
    ) -> Result<usize, PlanError> {
        let node = self.graph.node(id);
        let channels = self.tensors[x[0]].shape.channels;
        let key = match norm {
            Norm::Instance => kernel_gradient::Norm::Instance,
            Norm::Layer { .. } => kernel_gradient::Norm::Layer,
            Norm::Adaptive { .. } => kernel_gradient::Norm::Adaptive,
        };
        let (kernel, arrangement) = if of_params {
            (GradientKernel::NormParams(key), Arrangement::VECTOR)
        } else {
            (GradientKernel::NormSlopes(key), Arrangement::SUMS)
        };
        let out = self.tensor_arranged(&node.name, node.shape, arrangement)?;
        let mut draft = Draft::new(kernel, out, &x[..1]);
        draft.vector = x.get(1).copied();
        draft.params.channels = channels as i32;
        draft.params.rows = pixels as i32;
        draft.params.quad = 4;
        let mut params = Vec::new();
        match norm {
            Norm::Instance => {}
            Norm::Layer { rho, gamma } => {
                params.push((rho, offset_of!(GradientParams, first)));
                params.push((gamma, offset_of!(GradientParams, margin)));
            }
            Norm::Adaptive { rho, gamma_at } => {
                params.push((rho, offset_of!(GradientParams, first)));
                draft.params.margin = gamma_at as i32;
            }
        }
        for (param, at) in params {
            let place = self.packer.push(self.graph.param(param).owner, |source| Ok(quads(source.get(param)?)))?;
            if at == offset_of!(GradientParams, first) {
                draft.params.first = place.offset as i32;
            } else {
                draft.params.margin = place.offset as i32;
            }
            draft.weights.push((at, place.owner));
        }
        Ok(self.emit_draft(&node.name, draft))
    }

    fn edge(&mut self, name: &str, shape: Shape, d: usize, edge: Edge, size: bool) -> Result<usize, PlanError> {
        let out = self.like(name, shape, d)?;
        let kernel = GradientKernel::Edge { a: self.layout(d).arrangement, size };
        let draft = Draft::new(kernel, out, &[d]);
        Ok(self.emit_draft(name, draft.with(|p| p.factors = [edge.x, edge.y, 0.0, 0.0])))
    }

    fn gather(&mut self, id: NodeId, x: &[usize]) -> Result<usize, PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let out = self.shared(&node.name, node.shape)?;
        let mut first = 0;
        let mut draws = Vec::new();
        for (tensor, input) in x.iter().zip(&node.inputs) {
            let shape = graph.node(*input).shape;
            let Layout { arrangement, batch, .. } = self.layout(*tensor);
            let mut draft = Draft::new(GradientKernel::Gather { a: arrangement }, out, &[*tensor]).with(|p| {
                (p.first, p.columns, p.rows) = (first as i32, shape.width as i32, shape.height as i32);
                (p.quad, p.stride) = (arrangement.quad as i32, arrangement.phases[1] as i32);
                p.side = batch as i32;
            });
            draft.region = Region::Tiles(first..first + shape.elements());
            first += shape.elements();
            draws.push(self.draft(draft));
        }
        self.emit(&node.name, out, draws);
        Ok(out)
    }

    /// Draws for the weights that are kept in 0..1, and for the others.
    fn adam(&mut self, name: &str, shape: Shape, x: &[usize], adam: &Adam) -> Result<usize, PlanError> {
        let out = self.shared(name, shape)?;
        let mut runs = Vec::new();
        let mut at = 0;
        for unit in &adam.unit {
            runs.push((at..unit.start, [NO_FLOOR, -NO_FLOOR]));
            runs.push((unit.clone(), [0.0, 1.0]));
            at = unit.end;
        }
        runs.push((at..shape.channels, [NO_FLOOR, -NO_FLOOR]));
        let mut draws = Vec::new();
        for (range, [low, high]) in runs.into_iter().filter(|(range, _)| !range.is_empty()) {
            let mut draft = Draft::new(GradientKernel::Adam, out, &x[..3]);
            draft.vector = Some(x[3]);
            draft.params.rows = adam.steps as i32;
            draft.params.factors = [adam.learning_rate, adam.epsilon, low, high];
            draft.region = Region::Tiles(range);
            draws.push(self.draft(draft));
        }
        self.emit(name, out, draws);
        Ok(out)
    }
}

/// How a tensor's pixels are dealt out.
struct Spread {
    stride: usize,
    margin: usize,
    factor: f32,
    dilated: bool,
}

impl Spread {
    /// Every pixel of the result gets something.
    const ALL: Self = Self { stride: 1, margin: 0, factor: 1.0, dilated: false };
}

/// How maps lie in a training step: a pixel a texel, so that every kernel finds any pixel in the same planes.
pub(super) fn arrangement(format: TensorFormat) -> Arrangement {
    let format = if format == TensorFormat::R32Float { format } else { TensorFormat::Rgba32Float };
    Arrangement { format, quad: 4, phases: [1, 1] }
}
