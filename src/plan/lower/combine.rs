//! Pixel-wise passes: sums, pooling, activations, and concatenations that have to exist.

use crate::model::{NodeId, Op, Shape};
use crate::plan::Arrangement;
use crate::plan::kernel::{
    BIND_A, BIND_B, BIND_C, BIND_SQUARES_A, BIND_SQUARES_B, BIND_VECTOR_A, BIND_VECTOR_B, Kernel, Operand, Read,
};
use crate::plan::layout::LayoutUniform;
use crate::plan::params::{CombineParams, NO_FLOOR};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};

use super::{Lowering, NormSource, Part, PlanError, View};

/// Bindings of the norms of operands A and B: coefficients, or means and squares.
pub(super) const NORM_A: [u32; 2] = [BIND_VECTOR_A, BIND_SQUARES_A];
pub(super) const NORM_B: [u32; 2] = [BIND_VECTOR_B, BIND_SQUARES_B];

/// An operand of a pixel-wise draw: a part, how its pixels are read, and the output tile that its first tile goes to.
#[derive(Clone, Copy)]
pub(super) struct Term {
    pub part: Part,
    pub read: Read,
    pub tile: usize,
}

impl Term {
    /// The part as it is, from output tile `tile` on.
    pub fn new(part: Part, tile: usize) -> Self {
        Self { part, read: if part.up { Read::Up } else { Read::Same }, tile }
    }
}

impl Lowering<'_> {
    /// A view's value in a tensor of its own.
    pub(super) fn materialise(&mut self, name: &str, shape: Shape, view: &View) -> Result<usize, PlanError> {
        let arrangement = self.arrangement(shape);
        self.materialise_in(name, shape, arrangement, view)
    }

    /// The same in a given arrangement.
    pub(super) fn materialise_in(
        &mut self,
        name: &str,
        shape: Shape,
        arrangement: Arrangement,
        view: &View,
    ) -> Result<usize, PlanError> {
        let Some(tiles) = self.aligned(view, arrangement) else { return self.place(name, shape, view) };
        let out = self.tensor_arranged(name, shape, arrangement)?;
        let draws = view.parts.iter().zip(&tiles).map(|(part, (first, tiles))| {
            let region = if view.parts.len() == 1 { Region::Whole } else { Region::Tiles(*first..first + tiles) };
            (Term::new(*part, *first), region)
        });
        let terms: Vec<(Term, Region)> = draws.collect();
        let mut draws = Vec::new();
        for (mut term, region) in terms {
            term.part = self.with_coefficients(term.part)?;
            term.part = self.scaled(name, term.part)?;
            draws.push(self.combine_draw(out, (term, None, None), false, region));
        }
        self.emit(name, out, draws);
        Ok(out)
    }

    /// First output tile and number of tiles of each part, if every part begins at a tile.
    fn aligned(&self, view: &View, arrangement: Arrangement) -> Option<Vec<(usize, usize)>> {
        let mut channel = 0;
        let tile_of = |part: &Part| {
            let first = channel;
            channel += self.tensors[part.tensor].shape.channels;
            let tiles = self.layout(part.tensor).tiles;
            first.is_multiple_of(arrangement.quad).then_some((first / arrangement.quad, tiles))
        };
        view.parts.iter().map(tile_of).collect()
    }

    /// Add, tanh and average pooling as passes of their own.
    pub(super) fn combine_node(&mut self, id: NodeId) -> Result<usize, PlanError> {
        let node = self.graph.node(id);
        if let Some(conv) = self.delayed.remove(&id.0) {
            return self.delayed_conv(conv, id);
        }
        let mut a = self.single(node.inputs[0])?;
        let mut b = node.inputs.get(1).map(|b| self.single(*b)).transpose()?;
        if let Some(other) = &mut b {
            // One variant of the kernel, with the norm at A, serves all sums of two.
            if a.norm.is_some() && other.norm.is_some() {
                a = Part::new(self.plain(node.inputs[0])?);
            }
            if other.norm.is_some() {
                std::mem::swap(&mut a, other);
            }
        }
        let mut a = Term::new(a, 0);
        if node.op == Op::AveragePool2 {
            if a.part.up {
                a.part = Part::new(self.plain(node.inputs[0])?);
            }
            a.read = Read::Pool;
        }
        if node.shape.is_vector() && a.read == Read::Pool {
            return self.pool_to_pixel(id, a);
        }
        let out = self.tensor(&node.name, node.shape)?;
        let b = b.map(|b| Term::new(b, 0));
        let draw = self.combine_draw(out, (a, b, None), node.op == Op::Tanh, Region::Whole);
        self.emit(&node.name, out, vec![draw]);
        Ok(out)
    }

    /// The last square of pixels to one, which lies as a vector does: pooled in quads, then a value a tile.
    fn pool_to_pixel(&mut self, id: NodeId, a: Term) -> Result<usize, PlanError> {
        let node = self.graph.node(id);
        let arrangement = Arrangement { phases: [1, 1], ..self.layout(a.part.tensor).arrangement };
        let name = format!("{}.quads", node.name);
        let pooled = self.tensor_arranged(&name, node.shape, arrangement)?;
        let draw = self.combine_draw(pooled, (a, None, None), false, Region::Whole);
        self.emit(&name, pooled, vec![draw]);
        self.place(&node.name, node.shape, &View::plain(pooled))
    }

    /// The one part of a node's value; several are put together first.
    pub(super) fn single(&mut self, id: NodeId) -> Result<Part, PlanError> {
        if let Some(part) = self.view(id)?.single()
            && part.scale.is_none()
        {
            return self.with_coefficients(part);
        }
        Ok(Part::new(self.plain(id)?))
    }

    /// A part whose scale is in its coefficients, for readers that have no weights of their own.
    fn scaled(&mut self, name: &str, part: Part) -> Result<Part, PlanError> {
        let Some(weight) = part.scale else { return Ok(part) };
        let coefficients = self.scale_coefficients(name, part.tensor, weight)?;
        Ok(Part { norm: Some(NormSource::Coefficients(coefficients)), scale: None, ..part })
    }

    /// A draw of the sum of up to three terms; the third has no norm and no ReLU.
    pub(super) fn combine_draw(
        &self,
        out: usize,
        (a, b, c): (Term, Option<Term>, Option<Term>),
        tanh: bool,
        region: Region,
    ) -> DrawSpec {
        let arrangement = |term: &Term| self.layout(term.part.tensor).arrangement;
        let operand = |term: &Term| {
            (Operand { arrangement: arrangement(term), affine: term.part.affine(), up: false }, term.read)
        };
        let layout = |tensor: Option<usize>| tensor.map_or_else(LayoutUniform::default, |t| self.layout(t).uniform());
        let norm = |term: &Term| term.part.norm.and_then(NormSource::tensor);
        let floor = |term: &Term| if term.part.relu { 0.0 } else { NO_FLOOR };
        let pixels = |term: &Term| self.tensors[term.part.tensor].shape.pixels() as f32;
        let params = CombineParams {
            out: self.layout(out).uniform(),
            a: layout(Some(a.part.tensor)),
            b: layout(b.map(|b| b.part.tensor)),
            c: layout(c.map(|c| c.part.tensor)),
            coefficients_a: layout(norm(&a)),
            coefficients_b: layout(b.as_ref().and_then(norm)),
            tile_a: a.tile as i32,
            tile_b: b.map_or(0, |b| b.tile as i32),
            tile_c: c.map_or(0, |c| c.tile as i32),
            floor_a: floor(&a),
            floor_b: b.as_ref().map_or(NO_FLOOR, floor),
            pixels_a: pixels(&a),
            pixels_b: b.as_ref().map_or(0.0, pixels),
            pad: 0,
        };
        let mut textures = Vec::new();
        for (term, norm, first) in std::iter::once((a, NORM_A, BIND_A)).chain(b.map(|b| (b, NORM_B, BIND_B))) {
            textures.extend(self.norm_textures(norm, &term.part));
            textures.extend(self.planes(first, term.part.tensor));
        }
        textures.extend(c.into_iter().flat_map(|c| self.planes(BIND_C, c.part.tensor)));
        textures.sort_by_key(|(binding, _)| *binding);
        let kernel = Kernel::Combine {
            a: operand(&a),
            b: b.as_ref().map(operand),
            c: c.map(|c| (arrangement(&c), c.read)),
            tanh,
            out: self.layout(out).arrangement,
        };
        let tensor = |term: Option<Term>| term.map(|term| term.part.tensor);
        let layouts = [Some(out), tensor(Some(a)), tensor(b), tensor(c), norm(&a), b.as_ref().and_then(norm)];
        DrawSpec { kernel, textures, region, params: ParamBlock::new(&params, &layouts) }
    }

    /// Bindings of what a part's norm is read from.
    pub(super) fn norm_textures(&self, bindings: [u32; 2], part: &Part) -> Vec<(u32, SourceSpec)> {
        let Some(tensor) = part.norm.and_then(NormSource::tensor) else { return Vec::new() };
        let planes = self.layout(tensor).planes();
        bindings.into_iter().zip(0..planes).map(|(b, plane)| (b, SourceSpec::Plane(tensor, plane))).collect()
    }

    /// The result `output` with a pixel a texel, for whoever shows it.
    pub(super) fn picture(&mut self, tensor: usize) -> Result<usize, PlanError> {
        let shape = self.tensors[tensor].shape;
        if shape.channels != 3 || shape.height != shape.width {
            return Err(PlanError::Unsupported {
                node: self.tensors[tensor].name.clone(),
                op: "output",
                reason: format!("a cartoon has three channels and is square, this is {shape}"),
            });
        }
        let plain = Arrangement { phases: [1, 1], ..self.layout(tensor).arrangement };
        let name = format!("{}.picture", self.tensors[tensor].name);
        self.materialise_in(&name, shape, plain, &View::plain(tensor))
    }
}
