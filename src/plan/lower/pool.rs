//! Global pools, and concatenations of vectors, which most often are of pools.

use crate::model::{NodeId, Op};
use crate::plan::kernel::{BIND_A, Kernel, Reduction};
use crate::plan::params::ReduceParams;
use crate::plan::pass::{DrawSpec, ParamBlock, Region};

use super::combine::Term;
use super::norm::SMALL_PIXELS;
use super::{Lowering, PlanError, View};

impl Lowering<'_> {
    /// A vector of means or maxima. That of a small tensor waits for its reader: a concatenation draws it in place.
    pub(super) fn global_pool(&mut self, id: NodeId) -> Result<Option<View>, PlanError> {
        let node = self.graph.node(id);
        let tensor = self.plain(node.inputs[0])?;
        let what = reduction(&node.op);
        if self.tensors[tensor].shape.pixels() <= SMALL_PIXELS {
            self.pools.insert(id.0, (tensor, what));
            return Ok(None);
        }
        let statistics = if what == Reduction::Maximum { self.maxima(tensor)? } else { self.moments(tensor)? };
        Ok(Some(View::plain(self.merge(&node.name, tensor, statistics, Kernel::MergeVector(what))?)))
    }

    /// The pass of a pool that waited.
    pub(super) fn pool(&mut self, id: NodeId, (tensor, what): (usize, Reduction)) -> Result<usize, PlanError> {
        let node = self.graph.node(id);
        let out = self.tensor(&node.name, node.shape)?;
        let draw = self.pool_draw(out, 0, (tensor, what), Region::Whole);
        self.emit(&node.name, out, vec![draw]);
        Ok(out)
    }

    /// Writes the means or maxima of a tensor's channels from value `first` of a vector on.
    pub(super) fn pool_draw(
        &self,
        out: usize,
        first: usize,
        (tensor, what): (usize, Reduction),
        region: Region,
    ) -> DrawSpec {
        let params = ReduceParams { first: first as i32, ..self.reduce_params(out, tensor) };
        let params = ParamBlock::new(&params, &[Some(out), Some(tensor)]);
        let kernel = Kernel::Pool { a: self.layout(tensor).arrangement, what };
        DrawSpec { kernel, textures: self.planes(BIND_A, tensor), region, params }
    }

    /// Vectors one behind the other.
    pub(super) fn concat_vectors(&mut self, id: NodeId) -> Result<usize, PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let mut sources = Vec::new();
        for input in &node.inputs {
            // Drawn here even if another reader has it, too: that is one pass less than moving it.
            let pool = self.pools.get(&input.0).copied();
            let part = if pool.is_none() { Some(self.single(*input)?) } else { None };
            sources.push((graph.node(*input).shape.channels, pool, part));
        }
        let out = self.tensor(&node.name, node.shape)?;
        let mut first = 0;
        let mut draws = Vec::new();
        for (channels, pool, part) in sources {
            let region = Region::Tiles(first..first + channels);
            draws.extend(pool.map(|pool| self.pool_draw(out, first, pool, region.clone())));
            draws.extend(part.map(|part| self.combine_draw(out, (Term::new(part, first), None, None), false, region)));
            first += channels;
        }
        self.emit(&node.name, out, draws);
        Ok(out)
    }
}

fn reduction(op: &Op) -> Reduction {
    if *op == Op::GlobalMaxPool { Reduction::Maximum } else { Reduction::Moments }
}
