//! Imports a published few_shot_face2cartoon checkpoint, saved as .safetensors with its official names:
//! `cargo run --release --example import_checkpoint -- OFFICIAL.safetensors --base-channels C --image-size S --out DIR`

use std::path::PathBuf;
use std::process::ExitCode;

use bevy_toonface::model::{ModelError, TensorFile, import_checkpoint};
use clap::Parser;

/// Turns a published checkpoint into a model package.
#[derive(Parser, Debug)]
struct Args {
    /// The checkpoint, a .safetensors file with the official state-dict names.
    checkpoint: PathBuf,
    /// Channels at full resolution (`--ch` in the published scripts).
    #[arg(long)]
    base_channels: usize,
    /// Side of the picture in pixels (`--img_size` there).
    #[arg(long)]
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
    let checkpoint = TensorFile::parse(&file, &bytes)?;
    import_checkpoint(&checkpoint, args.base_channels, args.image_size)?.save(&args.out)
}
