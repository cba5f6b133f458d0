//! The passes of convolutions.

use std::mem::offset_of;

use crate::model::{NodeId, Op, Shape};
use crate::plan::Arrangement;
use crate::plan::kernel::{BIND_A, BIND_B, BIND_C, BIND_D, BIND_WEIGHTS, Kernel, Operand};
use crate::plan::layout::LayoutUniform;
use crate::plan::params::{ConvParams, NO_FLOOR};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};
use crate::plan::source::UNROLLED;

use super::combine::{NORM_A, NORM_B, Term};
use super::conv_weights::{ConvOperand, Weights, operands};
use super::epilogue::Epilogue;
use super::sources::Geometry;
use super::{Lowering, NormSource, Part, PlanError, View};

/// A convolution draw with everything that is known of it.
pub(super) struct ConvSpec<'a> {
    pub sources: &'a [Part],
    pub out: usize,
    pub kernel: usize,
    pub stride: usize,
    pub weights: Weights,
    pub epilogue: &'a Epilogue,
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
        let (conv, added) = (Geometry { kernel, stride }, epilogue.planes(&arrangement));
        let mut sources = self.sources(node.inputs[0], conv, &arrangement, added)?;
        let out = self.tensor(&last.name, last.shape)?;
        for part in &mut sources {
            *part = match epilogue.other {
                Some(_) => self.with_coefficients(*part)?,
                None => self.settled_unless_cheap(*part, self.fragments(out, &epilogue))?,
            };
        }
        let weights = epilogue.fold.unwrap_or(Weights::Params { weight, bias });
        let spec = ConvSpec { sources: &sources, out, kernel, stride, weights, epilogue: &epilogue };
        let draws = self.conv_draws(&spec)?;
        self.emit(&last.name, out, draws);
        // Nobody reads those before the last: they only count as done.
        epilogue.nodes.iter().for_each(|node| self.values[*node] = Some(View::plain(out)));
        Ok(out)
    }

    /// Fragments of a convolution's own draw.
    fn fragments(&self, out: usize, epilogue: &Epilogue) -> usize {
        let layout = self.layout(out);
        let first = epilogue.stack.as_ref().map_or(0, |stack| stack.first_tile);
        layout.tile_width * layout.tile_height * (layout.tiles - first)
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
            *part = self.settled(*part)?;
        }
        let out = self.tensor_arranged(name, shape, arrangement)?;
        let epilogue = Epilogue::default();
        let weights = Weights::Identity;
        let spec = ConvSpec { sources: &parts, out, kernel: 1, stride: 1, weights, epilogue: &epilogue };
        let draws = self.conv_draws(&spec)?;
        self.emit(name, out, draws);
        Ok(out)
    }

    /// The draws of a convolution's pass: its own tiles, and those of the stack that it ends.
    pub(super) fn conv_draws(&mut self, spec: &ConvSpec) -> Result<Vec<DrawSpec>, PlanError> {
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
        let shared = shared.map(|(tensor, tiles)| Term::new(Part::new(*tensor), tiles.start));
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
            // The large ones at both ends are one pipeline.
            tanh: epilogue.tanh || kernel > UNROLLED,
            out: out_layout.arrangement,
        };
        let layout = |tensor: Option<usize>| tensor.map_or_else(LayoutUniform::default, |t| self.layout(t).uniform());
        let norm = |part: Option<Part>| part.and_then(|p| p.norm).and_then(NormSource::tensor);
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
            tanh: i32::from(epilogue.tanh),
            pad: [0; 2],
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
