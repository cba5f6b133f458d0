//! Packs the weights of trunk and branches into the texels of one RGBA32F texture.
//!
//! The trunk comes first, then one region of equal length a group. A parameter block holds offsets inside its
//! region; the region's base is added when the plan is finished, for branch weights once a group. So another group is
//! another parameter offset: no upload, no new binding.

use std::ops::Range;

use crate::model::{Graph, Owner, ParamId, Weights};

use super::PlanError;

/// Width of the weight texture. A power of two: the shaders address it with a mask and a shift.
pub const WEIGHT_TEXTURE_WIDTH: usize = 2048;

/// What the texture begins with: a center, a scale and a shift that change nothing, of which the first is nothing at all.
const NEUTRAL: [[f32; 4]; 3] = [[0.0; 4], [1.0; 4], [0.0; 4]];

/// Weights as the shaders read them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PackedWeights {
    /// RGBA texels, row by row, [`WEIGHT_TEXTURE_WIDTH`] a row, the last row filled with zeros.
    pub texels: Vec<[f32; 4]>,
}

impl PackedWeights {
    /// Rows of the texture.
    pub fn height(&self) -> usize {
        self.texels.len() / WEIGHT_TEXTURE_WIDTH
    }

    /// Rows that differ from those of `other`, a texture of the same size, in runs of neighbours.
    pub fn changed_rows(&self, other: &Self) -> Vec<Range<usize>> {
        let (new, old) = (self.texels.chunks(WEIGHT_TEXTURE_WIDTH), other.texels.chunks(WEIGHT_TEXTURE_WIDTH));
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (row, _) in new.zip(old).enumerate().filter(|(_, (new, old))| new != old) {
            match runs.last_mut().filter(|run| run.end == row) {
                Some(run) => run.end += 1,
                None => runs.push(row..row + 1),
            }
        }
        runs
    }

    /// The texels of some rows.
    pub fn rows(&self, rows: Range<usize>) -> &[[f32; 4]] {
        self.texels.get(rows.start * WEIGHT_TEXTURE_WIDTH..rows.end * WEIGHT_TEXTURE_WIDTH).unwrap_or_default()
    }

    /// Bytes of the texels in f32.
    pub fn bytes(&self) -> usize {
        std::mem::size_of_val(self.texels.as_slice())
    }
}

/// A place in the weight texture, relative to its owner's region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WeightRef {
    pub owner: Owner,
    pub offset: usize,
}

/// Where the weights of a convolution lie, relative to their owner's region: a run of `stride` texels for each output
/// tile, `tiles_a_row` of them in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SheetRef {
    pub owner: Owner,
    pub column: usize,
    pub row: usize,
    pub tiles_a_row: usize,
    /// Rows from one group of tiles to the next.
    pub rows_a_tile: usize,
    pub stride: usize,
}

/// Collects texels while the graph is lowered.
pub(super) struct WeightPacker<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    trunk: Vec<[f32; 4]>,
    branches: Vec<Vec<[f32; 4]>>,
}

impl<'a> WeightPacker<'a> {
    pub fn new(graph: &'a Graph, weights: &'a Weights) -> Self {
        Self { graph, weights, trunk: NEUTRAL.to_vec(), branches: vec![Vec::new(); graph.groups()] }
    }

    /// Appends what `pack` makes of each group's weights (once, for the trunk) to the owner's region.
    pub fn push(
        &mut self,
        owner: Owner,
        pack: impl Fn(&Source<'_>) -> Result<Vec<[f32; 4]>, PlanError>,
    ) -> Result<WeightRef, PlanError> {
        let Self { graph, weights, trunk, branches } = self;
        let source = |group| Source { graph, weights, group };
        let offset = match owner {
            Owner::Trunk => append(trunk, pack(&source(0))?),
            Owner::Branch => {
                let mut offset = 0;
                for (group, region) in branches.iter_mut().enumerate() {
                    offset = append(region, pack(&source(group))?);
                }
                offset
            }
        };
        Ok(WeightRef { owner, offset })
    }

    /// Appends what `pack` makes of each group's weights as a sheet: for every output tile the runs of texels that its
    /// kernel takes in turn. No run breaks off at the end of a row.
    pub fn push_sheet(
        &mut self,
        owner: Owner,
        pack: impl Fn(&Source<'_>) -> Result<Vec<Vec<Vec<[f32; 4]>>>, PlanError>,
    ) -> Result<SheetRef, PlanError> {
        let Self { graph, weights, trunk, branches } = self;
        let source = |group| Source { graph, weights, group };
        match owner {
            Owner::Trunk => Ok(append_sheet(trunk, owner, &pack(&source(0))?)),
            Owner::Branch => {
                let mut place = SheetRef { owner, column: 0, row: 0, tiles_a_row: 1, rows_a_tile: 1, stride: 0 };
                for (group, region) in branches.iter_mut().enumerate() {
                    place = append_sheet(region, owner, &pack(&source(group))?);
                }
                Ok(place)
            }
        }
    }

    /// Texel of the first group's region, once all is packed: regions begin at the start of a row.
    pub fn branch_base(&self) -> usize {
        self.trunk.len().next_multiple_of(WEIGHT_TEXTURE_WIDTH)
    }

    /// Texels of one group's region.
    pub fn branch_length(&self) -> usize {
        self.branches[0].len().next_multiple_of(WEIGHT_TEXTURE_WIDTH)
    }

    /// Rows of the texture, once all is packed.
    #[cfg(feature = "few_shot")]
    pub fn height(&self) -> usize {
        ((self.branch_base() + self.branches.len() * self.branch_length()) / WEIGHT_TEXTURE_WIDTH).max(1)
    }

    pub fn finish(self, max_size: usize) -> Result<PackedWeights, PlanError> {
        let mut texels = Vec::new();
        for region in std::iter::once(self.trunk).chain(self.branches) {
            texels.extend(region);
            end_row(&mut texels);
        }
        let height = texels.len().div_ceil(WEIGHT_TEXTURE_WIDTH).max(1);
        if height > max_size {
            return Err(PlanError::WeightsTooLarge { width: WEIGHT_TEXTURE_WIDTH, height, limit: max_size });
        }
        texels.resize(height * WEIGHT_TEXTURE_WIDTH, [0.0; 4]);
        Ok(PackedWeights { texels })
    }
}

fn end_row(region: &mut Vec<[f32; 4]>) {
    region.resize(region.len().next_multiple_of(WEIGHT_TEXTURE_WIDTH), [0.0; 4]);
}

/// Puts the runs of every output tile where [`SheetRef`] finds them: side by side in the row that has room for all, else
/// from the next row on.
fn append_sheet(region: &mut Vec<[f32; 4]>, owner: Owner, tiles: &[Vec<Vec<[f32; 4]>>]) -> SheetRef {
    let stride: usize = tiles.first().map_or(0, |runs| runs.iter().map(Vec::len).sum());
    let room = WEIGHT_TEXTURE_WIDTH - region.len() % WEIGHT_TEXTURE_WIDTH;
    if stride * tiles.len() > room {
        end_row(region);
    }
    let start = region.len();
    let tiles_a_row = if stride * tiles.len() <= room { tiles.len() } else { (WEIGHT_TEXTURE_WIDTH / stride).max(1) };
    let mut rows_a_tile = 1;
    for group in tiles.chunks(tiles_a_row) {
        let first = region.len();
        for run in group.iter().flatten() {
            if region.len() % WEIGHT_TEXTURE_WIDTH + run.len() > WEIGHT_TEXTURE_WIDTH {
                end_row(region);
            }
            region.extend(run);
        }
        if tiles.len() > tiles_a_row {
            end_row(region);
            rows_a_tile = (region.len() - first) / WEIGHT_TEXTURE_WIDTH;
        }
    }
    let (column, row) = (start % WEIGHT_TEXTURE_WIDTH, start / WEIGHT_TEXTURE_WIDTH);
    SheetRef { owner, column, row, tiles_a_row, rows_a_tile, stride }
}

fn append(region: &mut Vec<[f32; 4]>, texels: Vec<[f32; 4]>) -> usize {
    let offset = region.len();
    region.extend(texels);
    offset
}

/// The weights of one group, by parameter.
pub(super) struct Source<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    group: usize,
}

impl Source<'_> {
    pub fn get(&self, id: ParamId) -> Result<&[f32], PlanError> {
        Ok(&self.weights.get(self.graph.param(id), self.group)?.data)
    }
}

/// One texel a value, in its first component.
pub(super) fn scalars(values: &[f32]) -> Vec<[f32; 4]> {
    values.iter().map(|v| [*v, 0.0, 0.0, 0.0]).collect()
}

/// Values in groups of four, the last filled with zeros.
pub(super) fn quads(values: &[f32]) -> Vec<[f32; 4]> {
    values.chunks(4).map(|c| std::array::from_fn(|i| c.get(i).copied().unwrap_or(0.0))).collect()
}

#[cfg(test)]
mod tests {
    use super::{PackedWeights, WEIGHT_TEXTURE_WIDTH};

    #[test]
    fn changed_rows_come_in_runs() {
        let old = PackedWeights { texels: vec![[0.0; 4]; 9 * WEIGHT_TEXTURE_WIDTH] };
        assert!(old.changed_rows(&old).is_empty());
        let mut new = old.clone();
        for row in [0, 3, 4, 8] {
            new.texels[(row + 1) * WEIGHT_TEXTURE_WIDTH - 1][3] = 1.0;
        }
        assert_eq!(new.changed_rows(&old), [0..1, 3..5, 8..9]);
        assert_eq!(new.rows(3..5).len(), 2 * WEIGHT_TEXTURE_WIDTH);
        assert_eq!(new.rows(3..5).iter().flatten().sum::<f32>(), 2.0);
        assert!(new.rows(8..10).is_empty(), "past the end");
    }
}
