//! Norms that convolutions compute by themselves.

use std::collections::BTreeSet;

use bevy_toonface::plan::kernel::Affine;
use bevy_toonface::plan::params::ConvParams;
use bevy_toonface::plan::{Kernel, Plan};

use super::{common, for_every_plan, params};

/// Pixels of operands whose norm a convolution computes by itself, over all passes of the plan.
fn own_norms(plan: &Plan) -> Vec<f32> {
    let mut pixels = Vec::new();
    for draw in plan.passes.iter().flat_map(|pass| &pass.draws) {
        let Kernel::Conv { a, b, .. } = plan.kernels[draw.kernel] else { continue };
        let p: ConvParams = bytemuck::pod_read_unaligned(params(plan, draw, 0));
        pixels.extend((a.affine == Affine::Own).then_some(p.pixels_a));
        pixels.extend(b.is_some_and(|b| b.affine == Affine::Own).then_some(p.pixels_b));
    }
    pixels
}

#[test]
fn norms_of_very_small_tensors_take_no_pass() {
    for image_size in common::plans::SIZES {
        let mut smallest = BTreeSet::new();
        for_every_plan(image_size, |_, plan| {
            let pixels = own_norms(plan);
            assert!(pixels.iter().all(|n| *n <= 256.0), "{}: norms of {pixels:?} pixels", plan.model);
            smallest.extend(pixels.into_iter().map(|n| n as usize));
        });
        let side = image_size / 16;
        assert!(smallest.contains(&(side * side)), "{image_size}: {smallest:?}");
    }
}
