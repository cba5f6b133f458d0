//! Pixel-wise passes: sums, pooling, activations, and concatenations that have to exist.
//!
//! Every lane of the result is bound on its own: binding `A + lane` is the plane of the source channel that belongs
//! there. So any concatenation is a matter of bindings and tile numbers, and the kernel knows nothing of it.

use crate::model::{NodeId, Op, Shape};
use crate::plan::Layout;
use crate::plan::kernel::{BIND_A, BIND_B, BIND_VECTOR_A, BIND_VECTOR_B, Kernel};
use crate::plan::layout::LayoutUniform;
use crate::plan::params::{CombineParams, EMPTY_LANE, NO_FLOOR};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};

use super::{Lowering, PlanError, View};

/// Columns of the layout that stands for single texels, in which a tile number is `y * columns + x`.
const TEXEL_COLUMNS: usize = 1 << 14;

/// Where a lane of one output tile comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lane {
    tensor: usize,
    plane: usize,
    tile: usize,
}

/// The lanes of an output tile.
type Lanes = Vec<Option<Lane>>;

/// What the kernel does besides adding.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    pool: bool,
    tanh: bool,
}

impl Lowering<'_> {
    /// A view's value in a tensor of its own.
    pub(super) fn materialise(&mut self, name: &str, shape: Shape, view: &View) -> Result<usize, PlanError> {
        self.combine(name, shape, view.clone(), None, Options::default())
    }

    /// Add, tanh and average pooling as passes of their own.
    pub(super) fn combine_node(&mut self, id: NodeId) -> Result<usize, PlanError> {
        let node = self.graph.node(id);
        let a = self.view(node.inputs[0])?;
        let b = node.inputs.get(1).map(|b| self.view(*b)).transpose()?;
        let options = Options { pool: node.op == Op::AveragePool2, tanh: node.op == Op::Tanh };
        if options.pool && a.parts.iter().any(|part| part.up) {
            let a = View::plain(self.plain(node.inputs[0])?);
            return self.combine(&node.name, node.shape, a, b, options);
        }
        self.combine(&node.name, node.shape, a, b, options)
    }

    fn combine(
        &mut self,
        name: &str,
        shape: Shape,
        a: View,
        b: Option<View>,
        options: Options,
    ) -> Result<usize, PlanError> {
        let a = self.uniform_parts(name, a)?;
        let b = b.map(|b| self.uniform_parts(name, b)).transpose()?;
        let out = self.tensor(name, shape)?;
        let mut draws = Vec::new();
        let tiles = self.layout(out).tiles;
        let mut first = 0;
        while first < tiles {
            let lanes_a = self.lanes(&a, out, first);
            let lanes_b = b.as_ref().map(|b| self.lanes(b, out, first));
            let last = (first + 1..tiles)
                .find(|tile| {
                    let continues =
                        |view: &View, lanes: &Lanes| continued(lanes, tile - first) == self.lanes(view, out, *tile);
                    !(continues(&a, &lanes_a)
                        && b.as_ref().zip(lanes_b.as_ref()).is_none_or(|(b, lanes)| continues(b, lanes)))
                })
                .unwrap_or(tiles);
            let run = Run { first, last, out, options };
            self.combine_run(&run, (&a, &lanes_a), b.as_ref().zip(lanes_b.as_ref()), &mut draws);
            first = last;
        }
        self.emit(name, out, draws);
        Ok(out)
    }

    /// One operand has one set of coefficients, one floor and one scale: parts that differ get their own tensors.
    fn uniform_parts(&mut self, name: &str, mut view: View) -> Result<View, PlanError> {
        if view.parts.len() < 2 {
            return Ok(view);
        }
        let first = view.parts[0];
        let same = view.parts.iter().all(|p| p.affine.is_none() && p.relu == first.relu && p.up == first.up);
        if same {
            return Ok(view);
        }
        for (i, part) in view.parts.iter_mut().enumerate().filter(|(_, part)| !part.is_plain()) {
            let mut shape = self.tensors[part.tensor].shape;
            if part.up {
                (shape.height, shape.width) = (2 * shape.height, 2 * shape.width);
            }
            let tensor = self.materialise(&format!("{name}.part{i}"), shape, &View::part(*part))?;
            *part = View::plain(tensor).parts[0];
        }
        Ok(view)
    }

    /// The source of each lane of an output tile.
    fn lanes(&self, view: &View, out: usize, tile: usize) -> Lanes {
        let planes = self.layout(out).planes;
        (0..planes)
            .map(|lane| {
                let mut channel = tile * planes + lane;
                for part in &view.parts {
                    let channels = self.tensors[part.tensor].shape.channels;
                    if channel < channels {
                        let source = self.layout(part.tensor).planes;
                        return Some(Lane { tensor: part.tensor, plane: channel % source, tile: channel / source });
                    }
                    channel -= channels;
                }
                None
            })
            .collect()
    }

    /// The draws of a run of output tiles whose lanes go on in step.
    fn combine_run(&self, run: &Run, a: (&View, &Lanes), b: Option<(&View, &Lanes)>, draws: &mut Vec<DrawSpec>) {
        let grids = [self.grid(a.1), b.and_then(|(_, lanes)| self.grid(lanes))];
        let whole = run.first == 0 && run.last == self.layout(run.out).tiles;
        if grids[0].is_some() && (b.is_none() || grids[1].is_some()) {
            let region = if whole { Region::Whole } else { Region::Tiles(run.first..run.last) };
            draws.push(self.combine_draw(run, a, b, region, |lane| lane.tile as i32 - run.first as i32, grids));
            return;
        }
        // Sources in different grids: every tile of every picture is drawn with its sources' texels given outright.
        for tile in run.first..run.last {
            for item in 0..self.batch {
                let texel = |lane: &Lane| {
                    let (x, y) = self.layout(lane.tensor).origin(item, lane.tile + tile - run.first);
                    (y * TEXEL_COLUMNS + x) as i32 - tile as i32
                };
                let texels = Some(texel_grid());
                draws.push(self.combine_draw(run, a, b, Region::Tile { item, tile }, texel, [texels; 2]));
            }
        }
    }

    fn combine_draw(
        &self,
        run: &Run,
        a: (&View, &Lanes),
        b: Option<(&View, &Lanes)>,
        region: Region,
        tile: impl Fn(&Lane) -> i32,
        grids: [Option<LayoutUniform>; 2],
    ) -> DrawSpec {
        let affine = |view: &View| view.single().and_then(|part| part.affine);
        let tiles = |lanes: &Lanes| -> [i32; 8] {
            std::array::from_fn(|i| lanes.get(i).and_then(|l| l.as_ref()).map_or(EMPTY_LANE, &tile))
        };
        let coefficients = |view: &View| affine(view).map_or_else(LayoutUniform::default, |t| self.layout(t).uniform());
        let floor = |view: &View| if view.parts[0].relu { 0.0 } else { NO_FLOOR };
        let params = CombineParams {
            out: self.layout(run.out).uniform(),
            a: grids[0].unwrap_or_default(),
            b: grids[1].unwrap_or_default(),
            coefficients_a: coefficients(a.0),
            coefficients_b: b.map_or_else(LayoutUniform::default, |(view, _)| coefficients(view)),
            tile_a: tiles(a.1),
            tile_b: b.map_or([EMPTY_LANE; 8], |(_, lanes)| tiles(lanes)),
            up_a: a.0.parts[0].up.into(),
            up_b: b.is_some_and(|(view, _)| view.parts[0].up).into(),
            floor_a: floor(a.0),
            floor_b: b.map_or(NO_FLOOR, |(view, _)| floor(view)),
        };
        let mut textures = Vec::new();
        for ((view, lanes), (vector, first)) in
            std::iter::once(a).chain(b).zip([(BIND_VECTOR_A, BIND_A), (BIND_VECTOR_B, BIND_B)])
        {
            textures.extend(affine(view).map(|t| (vector, SourceSpec::Plane(t, 0))));
            textures.extend(self.lane_textures(first, view, lanes));
        }
        textures.sort_by_key(|(binding, _)| *binding);
        let kernel = Kernel::Combine {
            affine: affine(a.0).is_some(),
            b: b.map(|(view, _)| affine(view).is_some()),
            pool: run.options.pool,
            tanh: run.options.tanh,
            out: self.layout(run.out).planes,
        };
        DrawSpec { kernel, textures, region, params: ParamBlock::new(&params) }
    }

    /// An empty lane is bound to some plane of the operand; it is never read.
    fn lane_textures(&self, first: u32, view: &View, lanes: &Lanes) -> Vec<(u32, SourceSpec)> {
        let textures = lanes.iter().enumerate().map(|(i, lane)| {
            let (tensor, plane) = lane.map_or((view.parts[0].tensor, 0), |lane| (lane.tensor, lane.plane));
            (first + i as u32, SourceSpec::Plane(tensor, plane))
        });
        textures.collect()
    }

    /// The grid that all lanes lie in, if it is the same.
    fn grid(&self, lanes: &Lanes) -> Option<LayoutUniform> {
        let mut grids = lanes.iter().flatten().map(|lane| grid_of(&self.layout(lane.tensor)));
        let first = grids.next()?;
        grids.all(|grid| LayoutUniform { planes: first.planes, tiles: first.tiles, ..grid } == first).then_some(first)
    }
}

/// Output tiles `first..last` of `out`.
struct Run {
    first: usize,
    last: usize,
    out: usize,
    options: Options,
}

/// The lanes `step` tiles further on.
fn continued(lanes: &Lanes, step: usize) -> Lanes {
    lanes.iter().map(|lane| lane.map(|l| Lane { tile: l.tile + step, ..l })).collect()
}

fn grid_of(layout: &Layout) -> LayoutUniform {
    layout.uniform()
}

/// A layout in which tile `y * TEXEL_COLUMNS + x` of any picture begins at texel `(x, y)`.
fn texel_grid() -> LayoutUniform {
    LayoutUniform { tile: [1, 1], grid_x: TEXEL_COLUMNS as i32, tiles: 1, block: [0, 0], blocks_x: 1, planes: 1 }
}
