//! `Paper`: the light generator of few_shot_face2cartoon, exactly.

use super::blocks::{Conv, Net};
use super::hourglass;
use crate::model::{Graph, GraphBuilder, ModelError, Op};

/// The modules that each group has for itself (`ConvBlock1`, `HourGlass1`, `HourGlass4`, `ConvBlock2` in the
/// published code).
const BRANCH: [&str; 4] = ["stem", "hourglass1", "hourglass4", "head"];

/// Builds the graph for base channels `c` and image side `s`.
pub(super) fn build(c: usize, s: usize, groups: usize) -> Result<Graph, ModelError> {
    let branch = BRANCH.map(String::from);
    let mut net = Net { graph: GraphBuilder::new(groups), branch: &branch };
    let input = net.graph.input(3, s, s)?;

    let x = net.conv("stem", input, c, Conv::plain(7))?;
    let x = net.instance_norm("stem", x)?;
    let x = net.relu("stem", x)?;
    let hourglass1 = hourglass::residual(&mut net, "hourglass1", x)?;
    let mut x = hourglass::residual(&mut net, "hourglass2", hourglass1)?;
    for (name, out) in [("down1", 2 * c), ("down2", 4 * c)] {
        x = net.conv(name, x, out, Conv::plain(3).halved())?;
        x = net.instance_norm(name, x)?;
        x = net.relu(name, x)?;
    }

    let (encoded, contents) = net.encoder(x)?;
    let attended = net.cam(encoded, contents[3])?;
    let style = net.style(attended)?;
    let decoded = net.decoder(attended, &contents, style)?;

    let mut x = decoded;
    for (name, out) in [("up1", 2 * c), ("up2", c)] {
        x = net.op(&format!("{name}.up"), Op::UpsampleNearest2, &[x])?;
        x = net.conv(name, x, out, Conv::plain(3))?;
        x = net.lin(name, x)?;
        x = net.relu(name, x)?;
    }
    let up2 = x;
    let x = hourglass::residual(&mut net, "hourglass3", x)?;
    let x = hourglass::head(&mut net, "hourglass4", x)?;
    let x = net.conv("head", x, 3, Conv::plain(7))?;
    let output = net.op("output", Op::Tanh, &[x])?;

    for (name, node) in
        [("output", output), ("hourglass1", hourglass1), ("encode4", encoded), ("decode4", decoded), ("up2", up2)]
    {
        net.graph.output(name, node);
    }
    Ok(net.graph.finish())
}
