//! The command line.

use std::path::PathBuf;

use bevy_toonface::few_shot::{Scope, TrainingOptions};
use clap::{Parser, ValueEnum};

/// Trains a new group from pairs of pictures: in a window, or with `--out` without one.
#[derive(Parser, Debug)]
pub struct Args {
    /// Folder with `photo/NAME.png` and `cartoon/NAME.png` (or .jpg). In the window, more can be dropped in.
    #[arg(long)]
    pub pairs: Option<PathBuf>,
    /// The group to start from. In the window: the model's first one, unless another is chosen.
    #[arg(long)]
    pub from: Option<String>,
    /// The new group's name.
    #[arg(long)]
    pub name: Option<String>,
    /// Manifest of a model package. Default: the bundled model.
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Steps of training.
    #[arg(long, default_value_t = TrainingOptions::default().steps)]
    pub steps: usize,
    /// Pairs, the last ones by name, that are not trained on. The group becomes what draws them best. In the window, two
    /// pairs at least are trained on.
    #[arg(long, default_value_t = 4)]
    pub holdout: usize,
    /// Stop when the pairs that are held out have not been drawn better for so many steps.
    #[arg(long, value_name = "STEPS")]
    pub patience: Option<usize>,
    /// Which weights are trained: those behind the trunk, or the whole branch.
    #[arg(long, value_enum, default_value_t = ScopeArg::Output)]
    pub scope: ScopeArg,
    /// Examples in a step.
    #[arg(long, default_value_t = 4)]
    pub batch: usize,
    /// Learn from the pairs as they are only, not as in a mirror, too: for letters and the like.
    #[arg(long)]
    pub no_mirror: bool,
    /// Step size of Adam.
    #[arg(long, default_value_t = TrainingOptions::default().learning_rate)]
    pub learning_rate: f32,
    /// Train without a window; folder for the package and the pictures.
    #[arg(long, requires = "pairs", requires = "from", requires = "name")]
    pub out: Option<PathBuf>,
    /// Begin as soon as the window has the pairs.
    #[arg(long, requires = "pairs")]
    pub train: bool,
    /// Train without a window, and draw what it would show at the end into this picture.
    #[arg(long, value_name = "PNG", requires = "pairs", conflicts_with = "out")]
    pub shot: Option<PathBuf>,
}

/// [`Scope`] as an argument.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub enum ScopeArg {
    Output,
    Branch,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Output => Self::Output,
            ScopeArg::Branch => Self::Branch,
        }
    }
}
