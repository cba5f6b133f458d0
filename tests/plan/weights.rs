//! Where the weights of a draw lie: inside the texture, and in nobody else's place.

use std::collections::{BTreeMap, BTreeSet};

use bevy_toonface::plan::params::{CoefficientParams, ConvParams, LinearParams, MixParams, ScaleParams};
use bevy_toonface::plan::{Draw, Kernel, LayoutUniform, Pass, Plan, WEIGHT_TEXTURE_WIDTH};

use super::{GROUPS, about, cells, is_empty, item_and_tile, params};

/// Texels of the runs of weights that a convolution walks for one output tile (`WeightRuns`): of A's tiles, then of B's.
fn weight_runs(kernel: &Kernel, p: &ConvParams) -> Vec<usize> {
    let Kernel::Conv { kernel, a, b, out, .. } = kernel else { return Vec::new() };
    let lanes = if out.quad == 3 { 4 } else { out.quad };
    let (steps, rows) = if *kernel > 3 { (kernel.div_ceil(2), 2) } else { (1, *kernel) };
    let operands = std::iter::once((a, p.a.tiles)).chain(b.iter().map(|b| (b, p.b.tiles)));
    let runs = operands.flat_map(|(operand, tiles)| {
        let texels = (rows * kernel * operand.arrangement.quad * lanes).div_ceil(4);
        std::iter::repeat_n(texels, tiles as usize * steps)
    });
    runs.collect()
}

/// Every run of weights of every output tile lies inside one row of the texture, in place of no other; its bias, too.
/// For every group.
fn check_sheet(plan: &Plan, pass: &Pass, draw: &Draw, tiles: &BTreeSet<usize>) {
    let kernel = plan.kernels[draw.kernel];
    let height = plan.weights.height();
    let groups = if draw.params.group_stride > 0 { GROUPS } else { 1 };
    // Row, first column and one past the last of each run. Groups may share their weights, or their bias.
    let mut sheets: BTreeSet<Vec<(i32, usize, usize)>> = BTreeSet::new();
    let mut biases: BTreeSet<(i32, usize, usize)> = BTreeSet::new();
    for group in 0..groups {
        let mut taken = Vec::new();
        let p: ConvParams = bytemuck::pod_read_unaligned(params(plan, draw, group));
        let runs = weight_runs(&kernel, &p);
        for tile in tiles {
            let tile = *tile as i32 - p.first;
            assert!(tile >= 0, "{}: draws a tile before its first", about(plan, pass));
            let column = p.weights[0] + tile % p.tiles_a_row * p.weight_stride;
            let mut row = p.weights[1] + tile / p.tiles_a_row * p.rows_a_tile;
            let mut column = column as usize;
            for texels in &runs {
                if column + texels > WEIGHT_TEXTURE_WIDTH {
                    (column, row) = (0, row + 1);
                }
                let inside = column + texels <= WEIGHT_TEXTURE_WIDTH && (row as usize) < height;
                assert!(inside, "{}: {texels} texels at ({column}, {row}) of {height} rows", about(plan, pass));
                taken.push((row, column, column + texels));
                column += texels;
            }
            let bias = (p.bias + tile) as usize;
            assert!(bias < height * WEIGHT_TEXTURE_WIDTH, "{}: bias at {bias}", about(plan, pass));
            let column = bias % WEIGHT_TEXTURE_WIDTH;
            biases.insert(((bias / WEIGHT_TEXTURE_WIDTH) as i32, column, column + 1));
        }
        sheets.insert(taken);
    }
    let mut taken: Vec<_> = sheets.into_iter().flatten().chain(biases).collect();
    taken.sort_unstable();
    for (one, next) in taken.iter().zip(&taken[1..]) {
        assert!(one.0 < next.0 || one.2 <= next.1, "{}: weights {one:?} and {next:?} overlap", about(plan, pass));
    }
}

/// One past the last weight texel that a draw finds by running index.
fn weights_end(plan: &Plan, draw: &Draw, group: usize, last: usize) -> i32 {
    let bytes = params(plan, draw, group);
    match plan.kernels[draw.kernel] {
        Kernel::Linear => {
            let p: LinearParams = bytemuck::pod_read_unaligned(bytes);
            p.weights + (last as i32 - p.first) * p.row_stride + (p.columns + 3) / 4 + 1
        }
        Kernel::Mix => {
            let p: MixParams = bytemuck::pod_read_unaligned(bytes);
            p.weights + last as i32 - p.first + 1
        }
        Kernel::Scale => {
            let p: ScaleParams = bytemuck::pod_read_unaligned(bytes);
            p.weights + p.out.tiles / 3
        }
        Kernel::Coefficients => {
            let p: CoefficientParams = bytemuck::pod_read_unaligned(bytes);
            match p.kind {
                0 => 0,
                1 => p.rho.max(p.gamma).max(p.beta) + p.a.tiles,
                _ => p.rho + p.a.tiles,
            }
        }
        _ => 0,
    }
}

/// Weights are in range for every tile that is drawn, for every group: out of range, the device reads others.
pub fn check_weight_range(plan: &Plan, pass: &Pass) {
    let texels = plan.weights.height() * WEIGHT_TEXTURE_WIDTH;
    let mut by_params: BTreeMap<(usize, u32), (&Draw, BTreeSet<usize>)> = BTreeMap::new();
    for draw in &pass.draws {
        let cells = cells(plan, pass, draw).into_iter().map(|cell| item_and_tile(plan, pass, cell));
        let tiles = cells.filter(|at| !is_empty(plan, pass, *at)).map(|(_, tile)| tile);
        let entry = by_params.entry((draw.kernel, draw.params.offset)).or_insert_with(|| (draw, BTreeSet::new()));
        entry.1.extend(tiles);
    }
    for (draw, tiles) in by_params.into_values() {
        let groups = if draw.params.group_stride > 0 { GROUPS } else { 1 };
        let last = tiles.last().copied().unwrap_or_default();
        for group in 0..groups {
            let end = weights_end(plan, draw, group, last);
            assert!((0..=texels as i32).contains(&end), "{}: weights to {end} of {texels}", about(plan, pass));
        }
        if matches!(plan.kernels[draw.kernel], Kernel::Conv { .. }) {
            check_sheet(plan, pass, draw, &tiles);
        }
    }
}

/// What a shader reads of the weights, `column` texels from where a layout has any tile and texel.
pub fn neutral_texel(plan: &Plan, layout: LayoutUniform, column: usize) -> [f32; 4] {
    let LayoutUniform { tile, texel, base, .. } = layout;
    assert_eq!((tile, base[1]), ([0, 0], 0), "all tiles are one");
    let u = (base[0] as f32 + 0.5) * texel[0] + column as f32 * texel[0];
    plan.weights.texels[(u * WEIGHT_TEXTURE_WIDTH as f32) as usize]
}
