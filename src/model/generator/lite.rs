//! `Lite`: the multi-branch idea, trunk, CAM and SoftAdaLIN decoder without hourglasses, with skips.

use super::blocks::{Conv, Net, inside};
use crate::model::{Graph, GraphBuilder, ModelError, Op};

/// Builds the graph for base channels `c` and image side `s`; `branch` lists the branch-owned modules.
pub(super) fn build(c: usize, s: usize, groups: usize, branch: &[String]) -> Result<Graph, ModelError> {
    let mut net = Net { graph: GraphBuilder::new(groups), branch };
    let input = net.graph.input(3, s, s)?;

    let x = net.conv("stem", input, c, Conv::biased(7))?;
    let stem = net.relu("stem", x)?;
    let x = net.conv("down1", stem, 2 * c, Conv::biased(3).halved())?;
    let skip = net.relu("down1", x)?;
    let x = net.conv("down2", skip, 4 * c, Conv::biased(3).halved())?;
    let x = net.relu("down2", x)?;

    let (encoded, contents) = net.encoder(x)?;
    let attended = net.cam(encoded, contents[3])?;
    let style = net.style(attended)?;
    let decoded = net.decoder(attended, &contents, style)?;

    let mut x = decoded;
    for (name, skip, out) in [("up1", skip, 2 * c), ("up2", stem, c)] {
        let up = net.op(&format!("{name}.up"), Op::UpsampleNearest2, &[x])?;
        let both = net.op(&format!("{name}.concat"), Op::Concat, &[up, skip])?;
        let y = net.conv(name, both, out, Conv::biased(3))?;
        x = net.relu(name, y)?;
    }
    let both = net.op("merge.concat", Op::Concat, &[x, input])?;
    let y = net.conv("merge", both, c, Conv::biased(3))?;
    let y = net.relu("merge", y)?;
    let y = net.conv("head", y, 3, Conv::biased(5))?;
    let output = net.op("output", Op::Tanh, &[y])?;

    net.graph.output("output", output);
    net.graph.output("encode4", encoded);
    net.graph.output("decode4", decoded);
    let graph = net.graph.finish();
    match branch.iter().find(|prefix| !graph.params().iter().any(|p| inside(&p.path, prefix))) {
        None => Ok(graph),
        Some(prefix) => Err(ModelError::config("branch", format!("names `{prefix}`, which holds no weights"))),
    }
}
