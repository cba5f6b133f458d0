//! Sums over all pixels of a channel, in bands of rows where a picture is large.

use std::ops::Range;

use crate::model::autodiff::Pointwise;
use crate::model::{NodeId, Shape};
use crate::plan::Arrangement;
use crate::plan::kernel_gradient::GradientKernel;
use crate::plan::params::GradientParams;
use crate::plan::pass::Region;

use super::gradient::Draft;
use super::{Lowering, PlanError};

/// Steps that the loops of a fragment take at most, all together. Mesa's lavapipe leaves loops after 65,535, and says
/// nothing.
const MAX_STEPS: usize = 60_000;

/// The rows of a picture in as few bands as keep `loops` loops over their pixels short enough; the last may be smaller.
fn bands(height: usize, width: usize, loops: usize) -> Vec<Range<usize>> {
    // A row is a step, too.
    let steps = loops * height * (width + 1);
    let rows = height.div_ceil(steps.div_ceil(MAX_STEPS).clamp(1, height.max(1))).max(1);
    (0..height).step_by(rows).map(|first| first..(first + rows).min(height)).collect()
}

impl Lowering<'_> {
    /// The gradient of a convolution's weights.
    pub(super) fn conv_weight(
        &mut self,
        id: NodeId,
        [dy, x]: [usize; 2],
        [kernel, stride]: [usize; 2],
    ) -> Result<usize, PlanError> {
        let (a, b) = (self.layout(dy).arrangement, self.layout(x).arrangement);
        if (a.quad, b.quad) != (4, 4) {
            return Err(self.unsupported(id, "it needs tensors of more than one pixel"));
        }
        let node = self.graph.node(id);
        // As many inputs side by side as there are targets.
        let targets = self.limits.max_attachments.min(self.limits.max_attachment_bytes / 16);
        let inputs = if targets >= 4 { 4 } else { 2 };
        let out = Arrangement { phases: [1, inputs], ..Arrangement::QUADS };
        let shape = Shape { height: node.shape.height.next_multiple_of(inputs), ..node.shape };
        let Shape { height, width, .. } = self.tensors[dy].shape;
        let mut sum = None;
        for band in bands(height, width, 1) {
            let label = if band.len() == height { node.name.clone() } else { format!("{}.{}", node.name, band.start) };
            let tensor = self.tensor_arranged(&label, shape, out)?;
            let draft = Draft::new(GradientKernel::ConvWeight { a, b, out }, tensor, &[dy, x]).with(|p| {
                (p.side, p.stride, p.margin) = (kernel as i32, stride as i32, kernel as i32 / 2);
                (p.rows, p.first, p.columns) = (inputs as i32, band.start as i32, band.len() as i32);
            });
            let part = self.emit_draft(&label, draft);
            sum = Some(match sum {
                Some(before) => {
                    let label = format!("{label}.sum");
                    self.pointwise(&label, shape, Pointwise::Weighted(1.0, 1.0), &[before, part])?
                }
                None => part,
            });
        }
        sum.ok_or_else(|| self.unsupported(id, "it needs tensors of more than one pixel"))
    }

    /// What the gradient of a norm is made of: of each band, and then of all of them.
    pub(super) fn norm_sums(&mut self, name: &str, shape: Shape, [dy, x]: [usize; 2]) -> Result<usize, PlanError> {
        let a = self.layout(dy).arrangement;
        let Shape { channels, height, width } = self.tensors[x].shape;
        let bands = bands(height, width, 2);
        let label = if bands.len() == 1 { name.to_owned() } else { format!("{name}.bands") };
        let all = Shape { channels: channels * bands.len(), ..shape };
        let parts = self.tensor_arranged(&label, all, Arrangement::SUMS)?;
        let mut draws = Vec::new();
        for (k, band) in bands.iter().enumerate() {
            let set = |p: &mut GradientParams| {
                (p.first, p.channels, p.quad) = ((k * channels) as i32, channels as i32, a.quad as i32);
                (p.margin, p.side, p.rows) = (band.start as i32, band.len() as i32, (band.len() * width) as i32);
            };
            let mut draft = Draft::new(GradientKernel::NormSums { a }, parts, &[dy, x]).with(set);
            draft.region = Region::Tiles(k * channels..(k + 1) * channels);
            draws.push(self.draft(draft));
        }
        self.emit(&label, parts, draws);
        let first = match &bands[..] {
            [first, _, ..] => first.len(),
            _ => return Ok(parts),
        };
        let out = self.tensor_arranged(name, shape, Arrangement::SUMS)?;
        let draft = Draft::new(GradientKernel::NormMerge, out, &[parts]).with(|p| {
            (p.channels, p.side) = (channels as i32, bands.len() as i32);
            (p.rows, p.stride) = ((height * width) as i32, (first * width) as i32);
        });
        Ok(self.emit_draft(name, draft))
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_STEPS, bands};

    #[test]
    fn bands_cover_all_rows_once_and_are_short_enough() {
        for (height, width, loops) in
            [(1, 1, 1), (128, 128, 2), (181, 181, 2), (256, 256, 1), (1000, 999, 2), (3, 59_999, 1)]
        {
            let bands = bands(height, width, loops);
            assert_eq!((bands[0].start, bands[bands.len() - 1].end), (0, height));
            assert!(bands.windows(2).all(|pair| pair[0].end == pair[1].start && pair[0].len() >= pair[1].len()));
            let longest = loops * bands[0].len() * (width + 1);
            assert!(longest <= MAX_STEPS, "{height} x {width}: {longest} steps");
        }
        assert_eq!(bands(128, 128, 2).len(), 1, "small pictures are one band");
        assert_eq!(bands(256, 256, 1).len(), 2);
    }
}
