//! Pixel-wise passes: sums, pooling, activations, and concatenations that have to exist.

use crate::model::{NodeId, Op, Shape};
use crate::plan::Arrangement;
use crate::plan::kernel::{BIND_A, BIND_B, BIND_VECTOR_A, BIND_VECTOR_B, Kernel, Operand, Read};
use crate::plan::layout::LayoutUniform;
use crate::plan::params::{CombineParams, NO_FLOOR, PlainParams};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};

use super::{Lowering, Part, PlanError, View};

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
            self.combine_draw(out, Term::new(*part, *first), None, false, region)
        });
        let draws = draws.collect();
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
        let a = self.single(node.inputs[0])?;
        let b = node.inputs.get(1).map(|b| self.single(*b)).transpose()?;
        let mut a = Term::new(a, 0);
        if node.op == Op::AveragePool2 {
            if a.part.up {
                a.part = View::plain(self.plain(node.inputs[0])?).parts[0];
            }
            a.read = Read::Pool;
        }
        let out = self.tensor(&node.name, node.shape)?;
        let b = b.map(|b| Term::new(b, 0));
        let draw = self.combine_draw(out, a, b, node.op == Op::Tanh, Region::Whole);
        self.emit(&node.name, out, vec![draw]);
        Ok(out)
    }

    /// The one part of a node's value; several are put together first.
    fn single(&mut self, id: NodeId) -> Result<Part, PlanError> {
        if let Some(part) = self.view(id)?.single() {
            return Ok(part);
        }
        Ok(View::plain(self.plain(id)?).parts[0])
    }

    pub(super) fn combine_draw(&self, out: usize, a: Term, b: Option<Term>, tanh: bool, region: Region) -> DrawSpec {
        let operand = |term: &Term| {
            (
                Operand { arrangement: self.layout(term.part.tensor).arrangement, affine: term.part.affine.is_some() },
                term.read,
            )
        };
        let layout = |tensor: Option<usize>| tensor.map_or_else(LayoutUniform::default, |t| self.layout(t).uniform());
        let floor = |term: &Term| if term.part.relu { 0.0 } else { NO_FLOOR };
        let params = CombineParams {
            out: self.layout(out).uniform(),
            a: layout(Some(a.part.tensor)),
            b: layout(b.map(|b| b.part.tensor)),
            coefficients_a: layout(a.part.affine),
            coefficients_b: layout(b.and_then(|b| b.part.affine)),
            tile_a: a.tile as i32,
            tile_b: b.map_or(0, |b| b.tile as i32),
            floor_a: floor(&a),
            floor_b: b.as_ref().map_or(NO_FLOOR, floor),
        };
        let mut textures = Vec::new();
        for (term, vector, first) in
            std::iter::once((a, BIND_VECTOR_A, BIND_A)).chain(b.map(|b| (b, BIND_VECTOR_B, BIND_B)))
        {
            textures.extend(term.part.affine.map(|t| (vector, SourceSpec::Plane(t, 0))));
            textures.extend(self.planes(first, term.part.tensor));
        }
        textures.sort_by_key(|(binding, _)| *binding);
        let kernel =
            Kernel::Combine { a: operand(&a), b: b.as_ref().map(operand), tanh, out: self.layout(out).arrangement };
        DrawSpec { kernel, textures, region, params: ParamBlock::new(&params) }
    }

    /// The result `output` as texels that whoever shows it samples.
    pub(super) fn picture(&mut self, tensor: usize) -> Result<usize, PlanError> {
        let shape = self.tensors[tensor].shape;
        if shape.channels != 3 || shape.height != shape.width {
            return Err(PlanError::Unsupported {
                node: self.tensors[tensor].name.clone(),
                op: "output",
                reason: format!("a cartoon has three channels and is square, this is {shape}"),
            });
        }
        let a = self.layout(tensor).arrangement;
        let format = crate::plan::kernel::picture_format(a.format);
        let arrangement = Arrangement { format, ..Arrangement::QUADS };
        let name = format!("{}.picture", self.tensors[tensor].name);
        let out = self.tensor_arranged(&name, shape, arrangement)?;
        let params = PlainParams { out: self.layout(out).uniform(), a: self.layout(tensor).uniform() };
        let textures = self.planes(BIND_A, tensor);
        let params = ParamBlock::new(&params);
        self.emit(
            &name,
            out,
            vec![DrawSpec { kernel: Kernel::Picture { a }, textures, region: Region::Whole, params }],
        );
        Ok(out)
    }
}
