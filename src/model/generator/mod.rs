//! The two members of the generator family, as graph builders.
//!
//! Both follow N. Zhuang, C. Yang, "Few-shot Knowledge Transfer for Fine-grained Cartoon Face Generation"
//! (arXiv 2007.13332): a trunk shared by all groups and a small branch for each group at both ends.

mod blocks;
mod hourglass;
mod lite;
mod paper;

use serde::{Deserialize, Serialize};

use super::{Graph, ModelError};

/// Most groups of a model.
pub(crate) const MAX_GROUPS: usize = 4096;

/// Which network a package holds. Both take and return RGB in -1..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Generator {
    /// The paper's light generator, exactly; published checkpoints import into it.
    Paper {
        /// Channels `C` at full resolution, a multiple of 4 in 4..=256. The paper's scripts use 32.
        base_channels: usize,
        /// Side `S` of the picture in pixels, a multiple of 64 in 64..=1024.
        image_size: usize,
    },
    /// A lighter member: no hourglasses, skips, and the raw picture reaches the head.
    Lite {
        /// Channels `C` at full resolution, a multiple of 4 in 4..=256.
        base_channels: usize,
        /// Side `S` of the picture in pixels, a multiple of 64 in 64..=1024.
        image_size: usize,
        /// Prefixes of the weights that belong to the branch: modules of [`Generator::LITE_MODULES`], or parts of
        /// them such as `decode4.norm2`. The CAM rows always do.
        branch: Vec<String>,
    },
}

impl Generator {
    /// Modules of `Lite`; each may belong to the branch, as a whole or in parts.
    pub const LITE_MODULES: [&'static str; 17] = [
        "stem", "down1", "down2", "encode1", "encode2", "encode3", "encode4", "cam.conv", "style", "decode1",
        "decode2", "decode3", "decode4", "up1", "up2", "merge", "head",
    ];

    /// Builds the graph for a number of groups.
    ///
    /// Outputs: `output` [3, S, S], `cam_logit` [2 * groups] (averages first), `heatmap` [1, S/4, S/4], and the
    /// taps `encode4`, `decode4` (and for `Paper` `hourglass1`, `up2`).
    ///
    /// # Errors
    /// [`ModelError::Config`] naming the field that is out of range.
    pub fn build(&self, groups: usize) -> Result<Graph, ModelError> {
        self.check()?;
        if !(1..=MAX_GROUPS).contains(&groups) {
            return Err(ModelError::config("groups", format!("must be 1..={MAX_GROUPS}, got {groups}")));
        }
        match self {
            Self::Paper { base_channels, image_size } => paper::build(*base_channels, *image_size, groups),
            Self::Lite { base_channels, image_size, branch } => {
                lite::build(*base_channels, *image_size, groups, branch)
            }
        }
    }

    /// Side of the square picture in pixels.
    pub fn image_size(&self) -> usize {
        match self {
            Self::Paper { image_size, .. } | Self::Lite { image_size, .. } => *image_size,
        }
    }

    /// Checks the ranges of the configuration.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let (Self::Paper { base_channels: c, image_size: s } | Self::Lite { base_channels: c, image_size: s, .. }) =
            self;
        if !(4..=256).contains(c) || !c.is_multiple_of(4) {
            return Err(ModelError::config("base_channels", format!("must be a multiple of 4 in 4..=256, got {c}")));
        }
        if !(64..=1024).contains(s) || !s.is_multiple_of(64) {
            return Err(ModelError::config("image_size", format!("must be a multiple of 64 in 64..=1024, got {s}")));
        }
        let Self::Lite { branch, .. } = self else { return Ok(()) };
        let known = |m: &String| Self::LITE_MODULES.iter().any(|k| m.strip_prefix(k).is_some_and(at_boundary));
        match branch.iter().find(|m| !known(m)) {
            None => Ok(()),
            Some(module) => Err(ModelError::config(
                "branch",
                format!("names the module `{module}`; known are {:?} and parts of them", Self::LITE_MODULES),
            )),
        }
    }
}

/// Whether the rest after a prefix of a dotted path begins a new part of it.
fn at_boundary(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.')
}
