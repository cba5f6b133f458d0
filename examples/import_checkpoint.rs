//! Imports a published checkpoint of few_shot_face2cartoon or photo2cartoon, saved as .safetensors with its official names:
//! `cargo run --release --example import_checkpoint -- OFFICIAL.safetensors --image-size S --out DIR`

use std::path::PathBuf;
use std::process::ExitCode;

use bevy_toonface::model::{Checkpoint, ModelError, import_checkpoint};
use clap::Parser;

/// Turns a published checkpoint into a model package.
#[derive(Parser, Debug)]
struct Args {
    /// The checkpoint, a .safetensors file with the official state-dict names.
    checkpoint: PathBuf,
    /// Channels at full resolution (`--ch` or `ngf` in the published scripts); else told from the tensors.
    #[arg(long)]
    base_channels: Option<usize>,
    /// Side of the picture in pixels (`--img_size` there): no tensor tells it.
    #[arg(long, default_value_t = 256)]
    image_size: usize,
    /// Folder for the package.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> ExitCode {
    match import(&Args::parse()) {
        Ok(manifest) => {
            println!("{}", manifest.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn import(args: &Args) -> Result<PathBuf, ModelError> {
    let file = args.checkpoint.display().to_string();
    let bytes =
        std::fs::read(&args.checkpoint).map_err(|e| ModelError::File { file: file.clone(), reason: e.to_string() })?;
    let tensors = Checkpoint::read(&file, &bytes)?;
    let checkpoint = Checkpoint::recognise(&tensors)?;
    eprintln!("{}, {} base channels", checkpoint.form, checkpoint.base_channels);
    let base_channels = args.base_channels.unwrap_or(checkpoint.base_channels);
    import_checkpoint(&tensors, base_channels, args.image_size)?.save(&args.out)
}
