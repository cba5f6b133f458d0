//! Trains a new group from pairs of pictures, through the plugin itself: in a window, or as a tool.
//!
//! `cargo run --release --all-features --example few_shot` opens a window: drop pictures in, train, and see it learn.
//!
//! With `-- --pairs DIR --from woman --name robot --out DIR` there is no window: it takes the pairs `photo/NAME.png` and
//! `cartoon/NAME.png` (or .jpg) of a folder; the last few are held out, to tell what has been learned. Writes the package
//! with its new group, the curve of the loss and a sheet: photograph, cartoon, what the old group made of it, what the new
//! one makes.

mod args;
mod chart;
mod inbox;
mod pairs;
mod panel;
mod sheet;
mod studio;
mod tool;
mod window;

#[path = "../shared/headless.rs"]
mod headless;
#[path = "../shared/scene.rs"]
mod scene;

use std::process::ExitCode;

use clap::Parser;

use args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.out {
        Some(folder) => tool::main(&args, folder),
        None => window::main(&args),
    }
}
