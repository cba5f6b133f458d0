//! Every op on the device against the CPU reference: odd sizes, one channel, channels that do not fill the planes,
//! one picture and a batch with different groups, in every format, native and WebGL2 limits.
//!
//! The measure is the normalised mean square error of each result. The passes compute in f32, the reference in f64:
//! rounding leaves about 1e-14, a wrong texel at the border of the smallest tensor more than 1e-5.

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/net.rs"]
mod net;

use bevy_toonface::model::{NodeId, Op, Owner};
use net::{CHANNELS, Net, check, check_sizes};

/// One result for each width of the input.
fn widths(net: &mut Net, build: fn(&mut Net, NodeId) -> NodeId) -> Vec<NodeId> {
    let widths = CHANNELS.into_iter();
    widths
        .map(|channels| {
            let x = net.wide(channels);
            build(net, x)
        })
        .collect()
}

/// A tensor that is normed and rectified when it is read.
fn normed(net: &mut Net, channels: usize) -> NodeId {
    let x = net.wide(channels);
    let x = net.norm(x);
    net.relu(x)
}

#[test]
fn convolutions_of_all_kernel_sizes() {
    check(|net| widths(net, |net, x| net.conv(x, 5, 1, 1)));
    check(|net| widths(net, |net, x| net.conv(x, 9, 3, 1)));
    check(|net| widths(net, |net, x| net.conv(x, 4, 5, 1)));
    check(|net| widths(net, |net, x| net.conv(x, 3, 7, 1)));
}

#[test]
fn convolutions_with_stride_2_on_odd_and_even_sides() {
    check(|net| widths(net, |net, x| net.conv(x, 6, 1, 2)));
    check(|net| widths(net, |net, x| net.conv(x, 17, 3, 2)));
    check(|net| widths(net, |net, x| net.conv(x, 2, 5, 2)));
    check(|net| widths(net, |net, x| net.conv(x, 1, 7, 2)));
}

#[test]
fn a_convolution_without_bias() {
    check(|net| {
        let weight = net.weight("weight", &[5, 3, 3, 3]);
        vec![net.op(Op::Conv2d { kernel: 3, stride: 1, weight, bias: None }, &[net.picture])]
    });
}

#[test]
fn a_convolution_with_weights_that_all_groups_share() {
    check(|net| {
        net.owner = Owner::Trunk;
        widths(net, |net, x| net.conv(x, 10, 3, 1))
    });
}

#[test]
fn a_convolution_of_few_rows_or_columns() {
    check_sizes(&[[1, 6], [6, 1], [1, 2]], |net| widths(net, |net, x| net.conv(x, 7, 1, 1)));
    check_sizes(&[[2, 2], [2, 9]], |net| widths(net, |net, x| net.conv(x, 7, 3, 2)));
}

#[test]
fn a_convolution_of_a_normed_and_rectified_input() {
    check(|net| {
        widths(net, |net, x| {
            let x = net.norm(x);
            let x = net.relu(x);
            net.conv(x, 9, 3, 1)
        })
    });
}

#[test]
fn a_convolution_of_a_normed_input_with_stride_2() {
    check(|net| {
        widths(net, |net, x| {
            let x = net.norm(x);
            net.conv(x, 6, 3, 2)
        })
    });
}

#[test]
fn a_convolution_of_an_upsampled_input() {
    check(|net| {
        widths(net, |net, x| {
            let x = net.norm(x);
            let x = net.relu(x);
            let x = net.up(x);
            net.conv(x, 5, 3, 1)
        })
    });
}

#[test]
fn a_convolution_of_a_twice_upsampled_input() {
    check(|net| {
        widths(net, |net, x| {
            let x = net.up(x);
            let x = net.up(x);
            net.conv(x, 3, 3, 1)
        })
    });
}

#[test]
fn a_convolution_of_two_concatenated_tensors() {
    check(|net| {
        let pairs = [(5, 3), (8, 8), (4, 13), (1, 1)];
        pairs
            .map(|(a, b)| {
                let (a, b) = (normed(net, a), net.wide(b));
                let both = net.concat(&[a, b]);
                net.conv(both, 7, 3, 1)
            })
            .to_vec()
    });
}

#[test]
fn a_convolution_of_three_concatenated_tensors() {
    check(|net| {
        let triples = [(1, 2, 3), (8, 4, 4), (5, 9, 1)];
        triples
            .map(|(a, b, c)| {
                let parts = [net.wide(a), normed(net, b), net.wide(c)];
                let all = net.concat(&parts);
                net.conv(all, 6, 3, 1)
            })
            .to_vec()
    });
}

#[test]
fn a_convolution_of_an_upsampled_concatenation() {
    check(|net| {
        let parts = [net.wide(5), normed(net, 6)];
        let both = net.concat(&parts);
        let both = net.up(both);
        vec![net.conv(both, 6, 3, 1)]
    });
}

#[test]
fn concatenations_as_they_are() {
    check(|net| {
        let parts = [net.wide(3), normed(net, 10), net.wide(1)];
        let two = net.concat(&parts[..2]);
        let three = net.concat(&parts);
        let rectified = net.relu(three);
        let normed = net.norm(three);
        let pooled = net.op(Op::AveragePool2, &[three]);
        vec![two, three, rectified, normed, pooled]
    });
}

#[test]
fn a_sum_with_a_concatenation() {
    check(|net| {
        let parts = [net.wide(3), normed(net, 4), net.wide(6)];
        let all = net.concat(&parts);
        let x = net.wide(13);
        vec![net.add(x, all), net.add(all, x)]
    });
}

#[test]
fn a_sum_of_two_concatenations_cut_differently() {
    check(|net| {
        let (one, two, three) = (net.wide(3), net.wide(8), net.wide(5));
        let (a, b) = (net.concat(&[one, two, three]), net.concat(&[two, three, one]));
        vec![net.add(a, b)]
    });
}

#[test]
fn sums_of_plain_normed_and_upsampled_tensors() {
    check(|net| {
        widths(net, |net, x| {
            let normed = net.norm(x);
            let rectified = net.relu(x);
            let sum = net.add(normed, rectified);
            let sum = net.add(sum, x);
            let up = net.up(x);
            let sum = net.up(sum);
            net.add(up, sum)
        })
    });
}

#[test]
fn a_convolution_that_adds_a_residual() {
    check(|net| {
        widths(net, |net, x| {
            let n = net.channels(x);
            let y = net.norm(x);
            let y = net.relu(y);
            let y = net.conv(y, n, 3, 1);
            let y = net.add(x, y);
            let z = net.conv(y, n, 3, 1);
            net.add(z, y)
        })
    });
}

#[test]
fn a_convolution_that_adds_a_residual_and_rectifies() {
    check(|net| {
        widths(net, |net, x| {
            let y = net.conv(x, 13, 3, 1);
            let z = net.wide(13);
            let sum = net.add(y, z);
            let sum = net.relu(sum);
            net.conv(sum, 4, 1, 1)
        })
    });
}

#[test]
fn a_convolution_that_rectifies_or_goes_through_tanh() {
    check(|net| {
        widths(net, |net, x| {
            let y = net.conv(x, 9, 3, 1);
            net.relu(y)
        })
    });
    check(|net| {
        widths(net, |net, x| {
            let y = net.conv(x, 3, 3, 1);
            net.op(Op::Tanh, &[y])
        })
    });
}

#[test]
fn tanh_relu_and_upsampling_alone() {
    check(|net| widths(net, |net, x| net.op(Op::Tanh, &[x])));
    check(|net| widths(net, |net, x| net.relu(x)));
    check(|net| widths(net, |net, x| net.up(x)));
}

#[test]
fn tanh_and_relu_of_the_picture_itself() {
    check(|net| {
        let rectified = net.relu(net.picture);
        vec![net.op(Op::Tanh, &[net.picture]), rectified, net.up(net.picture)]
    });
}

#[test]
fn pools_of_plain_normed_and_upsampled_tensors() {
    check(|net| {
        widths(net, |net, x| {
            let plain = net.op(Op::AveragePool2, &[x]);
            let y = net.norm(x);
            let y = net.relu(y);
            let normed = net.op(Op::AveragePool2, &[y]);
            let up = net.up(y);
            let up = net.op(Op::AveragePool2, &[up]);
            let up = net.op(Op::AveragePool2, &[up]);
            let sum = net.add(plain, normed);
            net.add(sum, up)
        })
    });
}

#[test]
fn instance_norm_alone() {
    check(|net| widths(net, |net, x| net.norm(x)));
}

#[test]
fn instance_norm_of_a_rectified_and_of_an_upsampled_tensor() {
    check(|net| {
        widths(net, |net, x| {
            let rectified = net.relu(x);
            let first = net.norm(rectified);
            let first = net.up(first);
            let up = net.up(x);
            let second = net.norm(up);
            net.add(first, second)
        })
    });
}

#[test]
fn lin_alone_and_before_a_convolution() {
    check(|net| widths(net, |net, x| net.lin(x)));
    check(|net| {
        widths(net, |net, x| {
            let x = net.lin(x);
            let x = net.relu(x);
            net.conv(x, 5, 3, 1)
        })
    });
}

#[test]
fn adalin_alone_and_before_a_convolution() {
    check(|net| widths(net, |net, x| net.adalin(x)));
    check(|net| {
        widths(net, |net, x| {
            let x = net.adalin(x);
            let x = net.relu(x);
            net.conv(x, 5, 3, 1)
        })
    });
}

/// Larger than a chunk of the reductions in both directions, and not a multiple of it.
#[test]
fn norms_and_pools_of_a_larger_picture() {
    check_sizes(&[[67, 45], [33, 130]], |net| {
        let x = net.wide(6);
        let average = net.op(Op::GlobalAveragePool, &[x]);
        let maximum = net.op(Op::GlobalMaxPool, &[x]);
        vec![net.norm(x), net.lin(x), net.adalin(x), average, maximum]
    });
}

#[test]
fn global_pools() {
    check(|net| widths(net, |net, x| net.op(Op::GlobalAveragePool, &[x])));
    check(|net| widths(net, |net, x| net.op(Op::GlobalMaxPool, &[x])));
}

#[test]
fn global_pools_of_normed_and_rectified_tensors() {
    check(|net| {
        widths(net, |net, x| {
            let x = net.norm(x);
            let x = net.relu(x);
            let average = net.op(Op::GlobalAveragePool, &[x]);
            let maximum = net.op(Op::GlobalMaxPool, &[x]);
            net.concat(&[average, maximum])
        })
    });
}

#[test]
fn linear_maps_of_mixed_owners() {
    check(|net| {
        let x = net.vector(12);
        let mut stacked = |groups: usize, maps: &[(Owner, usize)]| {
            let (mut weights, mut biases) = (Vec::new(), Vec::new());
            for (owner, rows) in maps {
                net.owner = *owner;
                weights.push(net.weight("weight", &[*rows, 12 / groups]));
                biases.push(net.weight("bias", &[*rows]));
            }
            net.op(Op::Linear { groups, weights, biases }, &[x])
        };
        let (trunk, branch) = (Owner::Trunk, Owner::Branch);
        vec![
            stacked(1, &[(trunk, 5), (branch, 2), (branch, 5), (trunk, 1)]),
            stacked(2, &[(trunk, 5), (branch, 2), (branch, 5), (trunk, 2)]),
            stacked(3, &[(branch, 5), (trunk, 5), (branch, 5)]),
        ]
    });
}

#[test]
fn a_rectified_linear_map() {
    check(|net| {
        let x = net.vector(13);
        let y = net.linear(x, &[9, 1], 1);
        let y = net.relu(y);
        vec![net.linear(y, &[3, 4, 6, 1], 2)]
    });
}

#[test]
fn mixes_of_mixed_owners() {
    check(|net| {
        let (a, b) = (net.vector(13), net.vector(13));
        let mut weights = Vec::new();
        for (owner, n) in [(Owner::Branch, 4), (Owner::Trunk, 1), (Owner::Branch, 8)] {
            net.owner = owner;
            weights.push(net.weight("mix_gamma", &[n]));
        }
        vec![net.op(Op::Mix { weights }, &[a, b])]
    });
}

#[test]
fn cam_logits_of_all_groups() {
    check(|net| {
        let x = normed(net, 13);
        let average = net.op(Op::GlobalAveragePool, &[x]);
        let maximum = net.op(Op::GlobalMaxPool, &[x]);
        let [gap_weight, gmp_weight] = [(); 2].map(|()| net.weight("cam", &[13]));
        let [gap_bias, gmp_bias] = [(); 2].map(|()| net.weight("bias", &[1]));
        vec![net.op(Op::CamLogits { gap_weight, gap_bias, gmp_weight, gmp_bias }, &[average, maximum])]
    });
}

#[test]
fn scaled_channels() {
    check(|net| {
        widths(net, |net, x| {
            let weight = net.weight("scale", &[net.channels(x)]);
            let y = net.op(Op::ScaleChannels { weight }, &[x]);
            let y = net.relu(y);
            let z = net.conv(y, 5, 3, 1);
            let sum = net.op(Op::ChannelSum, &[y]);
            net.concat(&[y, z, sum])
        })
    });
}

#[test]
fn sums_over_channels() {
    check(|net| {
        let parts = [net.wide(5), normed(net, 4)];
        let both = net.concat(&parts);
        let mut results = widths(net, |net, x| net.op(Op::ChannelSum, &[x]));
        results.push(net.op(Op::ChannelSum, &[both]));
        results
    });
}
