//! What depends on how pixels are dealt out to planes: sides that 4, 2 and 1 divide, in all combinations, between
//! tensors with other sides, with sums that a convolution draws along, and tensors smaller than a block.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/net.rs"]
mod net;

use bevy_toonface::model::{NodeId, Op, Owner};
use net::{Net, check_sizes};

/// Height and width: blocks of 4 x 2, 2 x 2, 4 x 1, 2 x 1, 1 x 2 and 1 x 1 pixels, where the format has them.
static BLOCKS: [[usize; 2]; 6] = [[10, 12], [6, 10], [9, 8], [7, 6], [8, 9], [7, 9]];
/// The same in fours, so that blocks stay whole when sides are halved, and not.
static HALVES: [[usize; 2]; 4] = [[8, 16], [12, 12], [6, 8], [4, 10]];
/// Sides that can be halved twice.
static QUARTERS: [[usize; 2]; 4] = [[8, 16], [12, 12], [4, 8], [16, 4]];
/// Smaller than a block, or not much larger.
static TINY: [[usize; 2]; 5] = [[4, 4], [2, 2], [2, 4], [4, 2], [8, 2]];
/// The same without one that a half of is a single pixel.
static HARDLY_HALVED: [[usize; 2]; 4] = [[4, 4], [2, 4], [4, 2], [8, 2]];

fn normed(net: &mut Net, channels: usize) -> NodeId {
    let x = net.wide(channels);
    let x = net.norm(x);
    net.relu(x)
}

/// One convolution of a plain and of a normed tensor.
fn convolved(net: &mut Net, out: usize, kernel: usize, stride: usize) -> Vec<NodeId> {
    [net.wide(6), normed(net, 5)].map(|x| net.conv(x, out, kernel, stride)).to_vec()
}

#[test]
fn convolutions_of_all_blocks() {
    check_sizes(&BLOCKS, |net| convolved(net, 5, 3, 1));
    check_sizes(&BLOCKS, |net| convolved(net, 3, 5, 1));
    check_sizes(&BLOCKS, |net| convolved(net, 6, 7, 1));
}

#[test]
fn convolutions_with_stride_2_of_all_blocks() {
    check_sizes(&BLOCKS, |net| convolved(net, 2, 1, 2));
    check_sizes(&BLOCKS, |net| convolved(net, 7, 3, 2));
    check_sizes(&BLOCKS, |net| convolved(net, 4, 5, 2));
    check_sizes(&BLOCKS, |net| convolved(net, 1, 7, 2));
}

#[test]
fn convolutions_with_stride_2_one_after_the_other() {
    check_sizes(&HALVES, |net| {
        let x = net.wide(6);
        let half = net.conv(x, 9, 3, 2);
        let half = net.norm(half);
        vec![net.conv(half, 6, 3, 2)]
    });
}

#[test]
fn pools_of_all_blocks() {
    check_sizes(&BLOCKS, |net| {
        let (plain, normed) = (net.wide(6), normed(net, 5));
        let pooled = [plain, normed].map(|x| net.op(Op::AveragePool2, &[x]));
        vec![pooled[0], pooled[1], net.conv(pooled[0], 4, 3, 1)]
    });
}

#[test]
fn upsampling_of_all_blocks() {
    check_sizes(&BLOCKS, |net| {
        let (plain, normed) = (net.wide(6), normed(net, 5));
        let up = [plain, normed].map(|x| net.up(x));
        vec![up[0], up[1], net.conv(up[1], 4, 3, 1), net.conv(up[0], 4, 3, 2)]
    });
}

/// Down and up again, with the sums that an hourglass makes at every size.
#[test]
fn sums_over_pooled_and_upsampled_tensors_of_all_blocks() {
    check_sizes(&QUARTERS, |net| {
        let x = net.wide(6);
        let half = net.op(Op::AveragePool2, &[x]);
        let half = net.conv(half, 6, 3, 1);
        let quarter = net.op(Op::AveragePool2, &[half]);
        let quarter = net.norm(quarter);
        let up = net.up(quarter);
        let sum = net.add(up, half);
        let up = net.up(sum);
        vec![net.add(x, up), quarter]
    });
}

/// The residual block of the networks: each convolution reads the one before; `x` plus all of them one after the other.
fn block(net: &mut Net, parts: &[usize]) -> NodeId {
    let x = net.wide(parts.iter().sum());
    let mut convs: Vec<NodeId> = Vec::new();
    for n in parts {
        let y = net.norm(convs.last().copied().unwrap_or(x));
        let y = net.relu(y);
        convs.push(net.conv(y, *n, 3, 1));
    }
    let all = net.concat(&convs);
    net.add(x, all)
}

#[test]
fn blocks_whose_parts_begin_at_tiles() {
    check_sizes(&BLOCKS, |net| vec![block(net, &[8, 4, 4]), block(net, &[4, 2, 2])]);
}

#[test]
fn blocks_whose_parts_share_tiles() {
    check_sizes(&BLOCKS, |net| vec![block(net, &[2, 1, 1]), block(net, &[6, 3, 3]), block(net, &[8, 3, 1])]);
}

#[test]
fn blocks_of_two_parts() {
    check_sizes(&BLOCKS, |net| {
        vec![block(net, &[6, 2]), block(net, &[3, 1]), block(net, &[1, 1]), block(net, &[3, 5])]
    });
}

/// The last convolution is rectified, normed or read twice: then it does not end the sum, or not alone.
#[test]
fn blocks_whose_last_part_is_read_elsewhere() {
    check_sizes(&BLOCKS, |net| {
        let x = net.wide(8);
        let first = net.conv(x, 4, 3, 1);
        let last = net.conv(first, 4, 3, 1);
        let all = net.concat(&[first, last]);
        let sum = net.add(all, x);
        let rectified = net.relu(last);
        let both = net.concat(&[first, rectified]);
        let both = net.add(x, both);
        vec![sum, both, net.conv(last, 3, 3, 1)]
    });
}

/// The sum's own reader is a tanh or a ReLU, which the pass of the stack must not swallow.
#[test]
fn blocks_that_go_through_tanh_or_relu() {
    check_sizes(&BLOCKS[..3], |net| {
        let sum = block(net, &[4, 2, 2]);
        let other = block(net, &[4, 2, 2]);
        let rectified = net.relu(other);
        vec![net.op(Op::Tanh, &[sum]), net.conv(rectified, 3, 1, 1)]
    });
}

#[test]
fn concatenations_of_three_parts_in_all_blocks() {
    check_sizes(&BLOCKS, |net| {
        let triples = [(4, 8, 3), (2, 2, 4), (1, 3, 5)];
        triples
            .map(|(a, b, c)| {
                let parts = [net.wide(a), normed(net, b), net.wide(c)];
                let all = net.concat(&parts);
                net.conv(all, 6, 3, 1)
            })
            .to_vec()
    });
}

/// Parts of other sides than each other's: one comes from above, one from below.
#[test]
fn concatenations_of_pooled_and_upsampled_tensors() {
    check_sizes(&QUARTERS, |net| {
        let x = net.wide(5);
        let half = net.conv(x, 6, 3, 2);
        let pooled = net.op(Op::AveragePool2, &[x]);
        let quarter = net.op(Op::AveragePool2, &[half]);
        let up = net.up(quarter);
        let all = net.concat(&[pooled, up, half]);
        let large = net.up(half);
        let both = net.concat(&[x, large]);
        vec![net.conv(all, 6, 3, 1), net.conv(both, 6, 3, 1), net.op(Op::ChannelSum, &[both])]
    });
}

#[test]
fn norms_and_pools_of_all_blocks() {
    check_sizes(&BLOCKS, |net| {
        let x = net.wide(6);
        let average = net.op(Op::GlobalAveragePool, &[x]);
        let maximum = net.op(Op::GlobalMaxPool, &[x]);
        let weight = net.weight("scale", &[6]);
        let scaled = net.op(Op::ScaleChannels { weight }, &[x]);
        let sum = net.op(Op::ChannelSum, &[scaled]);
        vec![net.norm(x), net.lin(x), net.adalin(x), average, maximum, scaled, sum]
    });
}

/// The residual block and a convolution of as many channels as a hourglass has at its bottom.
fn bottom(net: &mut Net) -> [NodeId; 2] {
    net.owner = Owner::Trunk;
    let x = net.wide(16);
    let y = net.conv(x, 16, 3, 1);
    let y = net.norm(y);
    let y = net.relu(y);
    [y, block(net, &[8, 4, 4])]
}

#[test]
fn sixteen_channels_on_pictures_that_are_hardly_a_block() {
    check_sizes(&TINY, |net| {
        let [x, y] = bottom(net);
        let sum = net.add(x, y);
        vec![sum, y, net.conv(sum, 16, 1, 1)]
    });
}

#[test]
fn sixteen_channels_pooled_and_upsampled_on_pictures_that_are_hardly_a_block() {
    check_sizes(&HARDLY_HALVED, |net| {
        let [x, y] = bottom(net);
        let half = net.conv(y, 16, 3, 2);
        let up = net.up(half);
        let pooled = net.op(Op::AveragePool2, &[x]);
        let sum = net.add(pooled, half);
        vec![net.add(x, up), sum, net.conv(sum, 6, 1, 1)]
    });
}

/// One pixel of many channels has the shape of a vector, but is pooled, added and up-sampled as any other tensor.
#[test]
fn sixteen_channels_of_one_pixel_are_still_a_picture() {
    check_sizes(&[[2, 2]], |net| {
        let x = net.wide(16);
        let pooled = net.op(Op::AveragePool2, &[x]);
        let half = net.conv(x, 16, 3, 2);
        let sum = net.add(pooled, half);
        let up = net.up(sum);
        vec![pooled, half, sum, net.add(x, up), net.conv(up, 6, 3, 1)]
    });
}
