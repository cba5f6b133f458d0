//! Passes of one kernel that another can draw as well, with operands that change nothing: one pipeline less.
//!
//! Each pipeline is a shader that the device compiles before the first cartoon, 11 ms in a browser (benches/NOTES.md, step 19). A
//! kernel that few pixels need is not worth that if a larger variant is there anyway.

use std::collections::BTreeMap;

use super::kernel::{Affine, Kernel, Operand, Read};
use super::layout::LayoutUniform;
use super::lower::TensorSpec;
use super::pass::{DrawSpec, PassSpec, Region, SourceSpec};

/// A kernel is given up if its passes draw less than this part of what all passes draw: 1 / 16.
const SMALL: usize = 16;

/// A layout of the block of parameters, by number, and what takes its place.
type Neutral = (usize, LayoutUniform);

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
        let hosts = hosts.filter_map(|host| Some((*host, neutral(host, &guest)?)));
        let Some((host, neutral)) = hosts.min_by_key(|(_, neutral)| neutral.len()) else { continue };
        let draws = passes.iter_mut().flat_map(|pass| &mut pass.draws);
        draws.filter(|draw| draw.kernel == guest).for_each(|draw| hand_over(draw, host, &neutral));
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
fn neutral(host: &Kernel, guest: &Kernel) -> Option<Vec<Neutral>> {
    let candidates = match (host, guest) {
        (
            Kernel::Conv { kernel, stride, a, b, c, d, tanh, out },
            Kernel::Conv { kernel: kernel_, stride: stride_, a: a_, b: b_, c: c_, d: d_, tanh: tanh_, out: out_ },
        ) => {
            let same = (kernel, stride, b, tanh, out) == (kernel_, stride_, b_, tanh_, out_);
            let fits = same && normed_as(a, a_) && (*c || !c_) && (d == d_ || d_.is_none());
            fits.then(|| {
                vec![
                    (*c && !c_, 3, LayoutUniform::NOTHING),
                    (d.is_some() && d_.is_none(), 4, LayoutUniform::NOTHING),
                    (a != a_, 5, LayoutUniform::IDENTITY),
                ]
            })
        }
        (
            Kernel::Combine { a: (a, read), b, c, tanh, out },
            Kernel::Combine { a: (a_, read_), b: b_, c: c_, tanh: tanh_, out: out_ },
        ) => {
            let same = (read, c, tanh, out) == (read_, c_, tanh_, out_);
            let adds_nothing = |(b, _): &(Operand, Read)| b.affine == Affine::None;
            let fits = same && normed_as(a, a_) && (b == b_ || b_.is_none() && b.iter().all(adds_nothing));
            fits.then(|| {
                vec![(b.is_some() && b_.is_none(), 2, LayoutUniform::NOTHING), (a != a_, 4, LayoutUniform::IDENTITY)]
            })
        }
        _ => None,
    };
    let needed = candidates?.into_iter().filter(|(is_new, ..)| *is_new);
    Some(needed.map(|(_, at, layout)| (at, layout)).collect())
}

/// Whether an operand is read as another one, but for a norm that the other one has not.
fn normed_as(host: &Operand, guest: &Operand) -> bool {
    host == guest || *host == Operand { affine: Affine::Coefficients, ..*guest } && guest.affine == Affine::None
}

/// Draws with another kernel. What it reads besides, it finds in the weights.
fn hand_over(draw: &mut DrawSpec, host: Kernel, neutral: &[Neutral]) {
    draw.kernel = host;
    let is_bound = |binding: &u32| draw.textures.iter().any(|(bound, _)| bound == binding);
    let added: Vec<u32> = host.textures().into_iter().filter(|binding| !is_bound(binding)).collect();
    draw.textures.extend(added.into_iter().map(|binding| (binding, SourceSpec::Weights)));
    draw.textures.sort_by_key(|(binding, _)| *binding);
    let size = size_of::<LayoutUniform>();
    for (at, layout) in neutral {
        draw.params.bytes[at * size..(at + 1) * size].copy_from_slice(bytemuck::bytes_of(layout));
    }
}
