//! Passes of one kernel that another can draw as well, with operands that change nothing: one pipeline less.
//!
//! Each pipeline is a shader that the device compiles before the first cartoon, which takes about as long as five passes take
//! in all. A kernel that few pixels need is not worth that if a larger variant is there anyway.

use std::collections::BTreeMap;

use super::kernel::{
    Affine, BIND_A, BIND_B, BIND_SQUARES_A, BIND_SQUARES_B, BIND_VECTOR_A, BIND_VECTOR_B, Kernel, Operand, Read,
};
use super::layout::LayoutUniform;
use super::lower::TensorSpec;
use super::params::{CombineParams, NO_FLOOR};
use super::pass::{DrawSpec, PassSpec, Region, SourceSpec};

/// A kernel is given up if its passes draw less than this part of what all passes draw: a tenth.
const SMALL: usize = 10;

/// What makes a kernel compute what another one does.
struct Change {
    /// Whether the only operand of a sum becomes the second one, and nothing the first.
    second: bool,
    /// Layouts of the block of parameters, by number, and what takes their places.
    neutral: Vec<(usize, LayoutUniform)>,
}

/// Draws what few passes need with kernels of others.
pub(super) fn share(tensors: &[TensorSpec], passes: &mut [PassSpec]) {
    let mut texels: BTreeMap<Kernel, usize> = BTreeMap::new();
    for pass in passes.iter() {
        for draw in &pass.draws {
            *texels.entry(draw.kernel).or_default() += drawn(draw, &tensors[pass.target]);
        }
    }
    let most = texels.values().sum::<usize>() / SMALL;
    let mut guests: Vec<Kernel> = texels.iter().filter(|(_, n)| **n < most).map(|(kernel, _)| *kernel).collect();
    guests.sort_by_key(|kernel| texels[kernel]);
    for guest in guests {
        let hosts = texels.keys().filter(|host| **host != guest);
        let hosts = hosts.filter_map(|host| Some((*host, change(host, &guest)?)));
        let Some((host, change)) = hosts.min_by_key(|(_, change)| change.neutral.len()) else { continue };
        let draws = passes.iter_mut().flat_map(|pass| &mut pass.draws);
        draws.filter(|draw| draw.kernel == guest).for_each(|draw| hand_over(draw, host, &change));
        texels.remove(&guest);
    }
}

/// Texels that a draw covers.
fn drawn(draw: &DrawSpec, target: &TensorSpec) -> usize {
    let layout = &target.layout;
    let tiles = match &draw.region {
        Region::Whole => layout.tiles,
        Region::Tiles(tiles) => tiles.len(),
    };
    tiles * layout.tile_width * layout.tile_height
}

/// What makes `host` compute what `guest` does, if anything can.
fn change(host: &Kernel, guest: &Kernel) -> Option<Change> {
    match (host, guest) {
        (Kernel::Conv { .. }, Kernel::Conv { .. }) => of_conv(host, guest),
        (Kernel::Combine { .. }, Kernel::Combine { .. }) => of_sum(host, guest),
        _ => None,
    }
}

/// A convolution that can add more, or norm what it reads.
fn of_conv(host: &Kernel, guest: &Kernel) -> Option<Change> {
    let (
        Kernel::Conv { kernel, stride, a, b, c, d, tanh, out },
        Kernel::Conv { kernel: kernel_, stride: stride_, a: a_, b: b_, c: c_, d: d_, tanh: tanh_, out: out_ },
    ) = (host, guest)
    else {
        return None;
    };
    let same = (kernel, stride, b, tanh, out) == (kernel_, stride_, b_, tanh_, out_);
    let fits = same && normed_as(a, a_) && (*c || !c_) && (d == d_ || d_.is_none());
    let operands = [
        (*c && !c_, 3, LayoutUniform::NOTHING),
        (d.is_some() && d_.is_none(), 4, LayoutUniform::NOTHING),
        (a != a_, 5, LayoutUniform::IDENTITY),
    ];
    let neutral = operands.into_iter().filter(|(is_new, ..)| *is_new).map(|(_, at, layout)| (at, layout)).collect();
    fits.then_some(Change { second: false, neutral })
}

/// Whether an operand is read as another one, but for a norm that the other one has not.
fn normed_as(host: &Operand, guest: &Operand) -> bool {
    host == guest || *host == Operand { affine: Affine::Coefficients, ..*guest } && guest.affine == Affine::None
}

/// A sum whose second operand is the only one of a copy.
fn of_sum(host: &Kernel, guest: &Kernel) -> Option<Change> {
    let (
        Kernel::Combine { a: (plain, Read::Same), b: Some(b), c: None, tanh, out },
        Kernel::Combine { a, b: None, c: None, tanh: tanh_, out: out_ },
    ) = (host, guest)
    else {
        return None;
    };
    let fits = (b, tanh, out) == (a, tanh_, out_) && plain.affine == Affine::None;
    fits.then(|| Change { second: true, neutral: vec![(1, LayoutUniform::NOTHING)] })
}

/// Draws with another kernel. What it reads besides, it finds in the weights.
fn hand_over(draw: &mut DrawSpec, host: Kernel, change: &Change) {
    draw.kernel = host;
    if change.second {
        make_second(draw);
    }
    let is_bound = |binding: &u32| draw.textures.iter().any(|(bound, _)| bound == binding);
    let added: Vec<u32> = host.textures().into_iter().filter(|binding| !is_bound(binding)).collect();
    draw.textures.extend(added.into_iter().map(|binding| (binding, SourceSpec::Weights)));
    draw.textures.sort_by_key(|(binding, _)| *binding);
    let size = size_of::<LayoutUniform>();
    for (at, layout) in &change.neutral {
        draw.params.bytes[at * size..(at + 1) * size].copy_from_slice(bytemuck::bytes_of(layout));
    }
}

/// Makes the only operand of a copy the second one of a sum.
fn make_second(draw: &mut DrawSpec) {
    let Ok(params) = bytemuck::try_pod_read_unaligned::<CombineParams>(&draw.params.bytes) else { return };
    let second = CombineParams {
        tile_a: 0,
        tile_b: params.tile_a,
        floor_a: NO_FLOOR,
        floor_b: params.floor_a,
        pixels_b: params.pixels_a,
        ..params
    };
    draw.params.bytes = bytemuck::bytes_of(&second).to_vec();
    // Result, A, B, C, and the norms of A and B.
    draw.params.layouts.resize(6, None);
    draw.params.layouts.swap(1, 2);
    draw.params.layouts.swap(4, 5);
    for (binding, _) in &mut draw.textures {
        *binding = match *binding {
            BIND_VECTOR_A => BIND_VECTOR_B,
            BIND_SQUARES_A => BIND_SQUARES_B,
            plane => plane + BIND_B - BIND_A,
        };
    }
}
