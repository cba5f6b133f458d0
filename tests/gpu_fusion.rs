//! What becomes one pass: sums with a later term, three 1 x 1 convolutions as one, scales inside weights, norms that are
//! read from statistics, pools that write where they are read. And the same where that must not happen.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/net.rs"]
mod net;

use bevy_toonface::model::{NodeId, Op};
use net::{Net, check_sizes};

/// Blocks of all shapes, twice.
static SIDES: [[usize; 2]; 3] = [[8, 12], [6, 10], [7, 9]];
/// Sides whose rows fall into quarters, at more than 1024 pixels, and such whose rows don't.
static LARGE: [[usize; 2]; 4] = [[48, 32], [64, 40], [32, 48], [46, 38]];

fn pre_activated(net: &mut Net, x: NodeId, out: usize) -> NodeId {
    let y = net.norm(x);
    let y = net.relu(y);
    net.conv(y, out, 3, 1)
}

/// `x` plus parts that are computed one from the other.
fn block(net: &mut Net, x: NodeId, parts: &[usize]) -> NodeId {
    let mut convs: Vec<NodeId> = Vec::new();
    for n in parts {
        let from = convs.last().copied().unwrap_or(x);
        convs.push(pre_activated(net, from, *n));
    }
    let all = net.concat(&convs);
    net.add(x, all)
}

/// A level of an hourglass: the skip is added to what comes up later, before or after it in the sum.
fn level(net: &mut Net, parts: &[usize], skip_first: bool) -> NodeId {
    let x = net.wide(parts.iter().sum());
    let skip = block(net, x, parts);
    let down = net.op(Op::AveragePool2, &[x]);
    let down = block(net, down, parts);
    let up = net.up(down);
    if skip_first { net.add(skip, up) } else { net.add(up, skip) }
}

#[test]
fn a_skip_and_what_comes_up_later() {
    check_sizes(&[[8, 12], [6, 10], [4, 4]], |net| {
        vec![level(net, &[8, 4, 4], true), level(net, &[4, 2, 2], false), level(net, &[6, 2], true)]
    });
}

#[test]
fn a_skip_and_a_later_term_that_is_no_upsampled_tensor() {
    check_sizes(&SIDES, |net| {
        let x = net.wide(16);
        let skip = block(net, x, &[8, 4, 4]);
        let later = pre_activated(net, x, 16);
        let normed = net.norm(later);
        let plain = net.add(skip, later);
        let other = block(net, x, &[8, 4, 4]);
        let rectified = net.relu(normed);
        vec![plain, net.add(rectified, other)]
    });
}

/// The skip is a result of its own, or read twice: it has to exist.
#[test]
fn a_skip_that_is_read_elsewhere() {
    check_sizes(&SIDES, |net| {
        let x = net.wide(16);
        let skip = block(net, x, &[8, 4, 4]);
        let later = net.conv(x, 16, 3, 1);
        let twice = block(net, x, &[8, 4, 4]);
        vec![skip, net.add(skip, later), net.add(twice, twice)]
    });
}

/// `x + from_body(body) + from_head(head(body))`, as the residual hourglass ends; `head_first`: the order of its terms.
fn residual(net: &mut Net, head: usize, head_first: bool) -> (NodeId, NodeId) {
    let x = net.wide(13);
    let body = net.conv(x, 6, 3, 1);
    let body = net.norm(body);
    let body = net.relu(body);
    let head = net.conv(body, head, 1, 1);
    let from_body = net.conv(body, 13, 1, 1);
    let sum = net.add(from_body, x);
    let from_head = net.conv(head, 13, 1, 1);
    let y = if head_first { net.add(from_head, sum) } else { net.add(sum, from_head) };
    (head, y)
}

#[test]
fn three_convolutions_that_are_one() {
    check_sizes(&SIDES, |net| vec![residual(net, 3, true).1, residual(net, 5, false).1]);
}

#[test]
fn a_head_that_is_read_elsewhere_is_no_part_of_another_convolution() {
    check_sizes(&SIDES, |net| {
        let (head, y) = residual(net, 3, true);
        let (other, z) = residual(net, 3, false);
        vec![head, y, z, net.conv(other, 4, 3, 1)]
    });
}

/// Scales of one tensor, as the attention of the network has them: side by side, alone, rectified, and pooled.
#[test]
fn scales_inside_and_outside_of_weights() {
    check_sizes(&SIDES, |net| {
        let x = net.wide(6);
        let mut scaled = || {
            let weight = net.weight("scale", &[6]);
            net.op(Op::ScaleChannels { weight }, &[x])
        };
        let [a, b, c] = [scaled(), scaled(), scaled()];
        let both = net.concat(&[a, b]);
        let mixed = net.concat(&[x, c]);
        let rectified = net.relu(c);
        let up = net.up(b);
        let pooled = net.op(Op::AveragePool2, &[a]);
        let average = net.op(Op::GlobalAveragePool, &[b]);
        vec![
            net.conv(both, 5, 1, 1),
            net.conv(mixed, 7, 3, 1),
            net.conv(rectified, 4, 3, 1),
            net.conv(up, 4, 3, 1),
            net.add(a, c),
            net.norm(b),
            both,
            pooled,
            average,
        ]
    });
}

#[test]
fn one_tensor_beside_itself() {
    check_sizes(&SIDES, |net| {
        let x = net.wide(5);
        let normed = net.norm(x);
        let same = net.concat(&[x, x]);
        let other = net.concat(&[x, normed, x]);
        vec![net.conv(same, 4, 3, 1), net.conv(other, 6, 3, 1), same, other]
    });
}

#[test]
fn norms_of_large_tensors_wherever_they_are_read() {
    check_sizes(&LARGE, |net| {
        let x = net.wide(6);
        let normed = net.norm(x);
        let rectified = net.relu(normed);
        let down = net.conv(rectified, 5, 3, 2);
        let beside = net.concat(&[rectified, x]);
        let pooled = net.op(Op::AveragePool2, &[rectified]);
        let sum = net.add(normed, x);
        let average = net.op(Op::GlobalAveragePool, &[x]);
        let maximum = net.op(Op::GlobalMaxPool, &[rectified]);
        let pools = net.concat(&[average, maximum]);
        vec![down, net.conv(beside, 4, 3, 1), pooled, sum, net.lin(x), net.adalin(rectified), pools]
    });
}

/// Pools that only a concatenation reads write into it; those that others read, too, don't.
#[test]
fn concatenations_of_pools_and_vectors() {
    check_sizes(&SIDES, |net| {
        let (x, y) = (net.wide(6), net.wide(5));
        let [average, maximum] = [Op::GlobalAveragePool, Op::GlobalMaxPool].map(|op| net.op(op, &[x]));
        let shared = net.op(Op::GlobalAveragePool, &[y]);
        let vector = net.vector(3);
        let all = net.concat(&[average, vector, maximum, shared]);
        let twice = net.op(Op::GlobalMaxPool, &[y]);
        let doubled = net.concat(&[twice, twice]);
        vec![all, net.linear(shared, &[4], 1), doubled, net.linear(all, &[2, 5], 1)]
    });
}
