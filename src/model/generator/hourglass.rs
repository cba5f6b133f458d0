//! The hourglass of the paper's generator: a four-level encoder-decoder at full resolution.

use super::blocks::{Conv, Net};
use crate::model::{ModelError, NodeId, Op};

type Built = Result<NodeId, ModelError>;

/// Pre-activation block: three stacked 3x3 convolutions whose raw results are concatenated (C/2, C/4, C/4) and
/// added to the input.
fn conv_block(net: &mut Net, name: &str, x: NodeId) -> Built {
    let channels = net.graph.shape(x).channels;
    let mut parts = Vec::new();
    let mut y = x;
    for (k, out) in [channels / 2, channels / 4, channels / 4].into_iter().enumerate() {
        let conv = format!("{name}.conv{}", k + 1);
        y = net.instance_norm(&conv, y)?;
        y = net.relu(&conv, y)?;
        y = net.conv(&conv, y, out, Conv::plain(3))?;
        parts.push(y);
    }
    let both = net.op(&format!("{name}.concat"), Op::Concat, &parts)?;
    net.op(name, Op::Add, &[x, both])
}

/// The result before the head (`ll` in the paper's code): C channels at the input's size.
fn body(net: &mut Net, name: &str, x: NodeId) -> Built {
    let channels = net.graph.shape(x).channels;
    let mut skips = Vec::new();
    let mut y = x;
    for level in 1..=4 {
        skips.push(conv_block(net, &format!("{name}.skip{level}"), y)?);
        y = net.op(&format!("{name}.pool{level}"), Op::AveragePool2, &[y])?;
        y = conv_block(net, &format!("{name}.down{level}"), y)?;
    }
    y = conv_block(net, &format!("{name}.bottom1"), y)?;
    y = conv_block(net, &format!("{name}.bottom2"), y)?;
    for level in (1..=4).rev() {
        let up = net.op(&format!("{name}.up{level}"), Op::UpsampleNearest2, &[y])?;
        y = net.op(&format!("{name}.sum{level}"), Op::Add, &[up, skips[level - 1]])?;
        // The top level goes straight on to the neck.
        if level > 1 {
            y = conv_block(net, &format!("{name}.refine{level}"), y)?;
        }
    }
    y = conv_block(net, &format!("{name}.neck"), y)?;
    let out = format!("{name}.out");
    y = net.conv(&out, y, channels, Conv::plain(1))?;
    y = net.instance_norm(&out, y)?;
    net.relu(&out, y)
}

/// `x + from_body(body) + from_head(head)`, where `head` is the three-channel result.
pub(super) fn residual(net: &mut Net, name: &str, x: NodeId) -> Built {
    let channels = net.graph.shape(x).channels;
    let body = body(net, name, x)?;
    let head = net.conv(&format!("{name}.head"), body, 3, Conv::biased(1))?;
    let from_body = net.conv(&format!("{name}.from_body"), body, channels, Conv::biased(1))?;
    let sum = net.op(&format!("{name}.sum0"), Op::Add, &[from_body, x])?;
    let from_head = net.conv(&format!("{name}.from_head"), head, channels, Conv::biased(1))?;
    net.op(name, Op::Add, &[from_head, sum])
}

/// The three-channel head alone.
pub(super) fn head(net: &mut Net, name: &str, x: NodeId) -> Built {
    let body = body(net, name, x)?;
    net.conv(&format!("{name}.head"), body, 3, Conv::biased(1))
}
