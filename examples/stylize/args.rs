//! Command-line arguments.

use std::path::{Path, PathBuf};

use bevy_toonface::model::Model;
use clap::Parser;

use crate::format::Format;

/// Where the bundled portraits lie.
const PORTRAITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/portraits");

/// Draws pictures of people as cartoons, without a window.
#[derive(Parser, Debug)]
pub struct Args {
    /// Pictures (PNG, JPEG), or a .safetensors file with a tensor `input` [3, S, S] in -1..1. Default: the bundled
    /// portraits.
    input: Vec<PathBuf>,
    /// Manifest of a model package. Default: the bundled model.
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// A group's name, or `all`.
    #[arg(long, default_value = "all")]
    group: String,
    /// Folder for the pictures.
    #[arg(long, default_value = "out")]
    pub out: PathBuf,
    /// Write the network's tensors of the first input and group to this .safetensors file instead.
    #[arg(long, conflicts_with = "bench")]
    pub tensors: Option<PathBuf>,
    /// Draw N updates and print one line of JSON with times and sizes instead.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub bench: Option<u64>,
    /// Pictures in a batch.
    #[arg(long, value_name = "K")]
    pub faces: Option<usize>,
    /// Planes a tensor is spread over at most: 4 or 8.
    #[arg(long, default_value_t = 8)]
    pub planes: usize,
    /// Texture format of activations.
    #[arg(long, value_enum, default_value_t = Format::R32float)]
    pub format: Format,
    /// Store weights in halves on the GPU.
    #[arg(long)]
    pub half_weights: bool,
    /// Ask the device for no more than WebGL2's limits.
    #[arg(long)]
    pub webgl2: bool,
}

impl Args {
    /// The inputs, or all bundled portraits in the order of their names.
    pub fn inputs(&self) -> Result<Vec<PathBuf>, String> {
        if !self.input.is_empty() {
            return Ok(self.input.clone());
        }
        let folder = Path::new(PORTRAITS);
        let entries = std::fs::read_dir(folder).map_err(|e| format!("cannot read `{}`: {e}", folder.display()))?;
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == "jpg" || e == "png"));
        files.sort();
        if files.is_empty() {
            return Err(format!("there are no portraits in `{}`", folder.display()));
        }
        Ok(files)
    }

    /// The groups that are asked for.
    pub fn groups(&self, model: &Model) -> Result<Vec<String>, String> {
        if self.group == "all" {
            return Ok(model.manifest.group_names());
        }
        model.group_index(&self.group).map_err(|e| e.to_string())?;
        Ok(vec![self.group.clone()])
    }
}
