//! Stylises pictures from the command line, headless, through the plugin itself.
//!
//! `cargo run --release --example stylize -- [INPUT ...] [--model M.cartoon.ron] [--group NAME|all] [--out DIR]
//! [--tensors FILE.safetensors] [--bench N]`. Without arguments: the bundled portraits through all groups, and a
//! contact sheet.

mod args;
mod bench;
mod input;
mod run;
mod sheet;
mod tensors;

#[path = "../shared/format.rs"]
mod format;
#[path = "../shared/headless.rs"]
mod headless;

use std::process::ExitCode;
use std::sync::Arc;

use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonModel, CartoonSettings, DefaultCartoonModel, PictureLimits};
use bevy_toonface::model::Model;
use bevy_toonface::prelude::*;
use clap::Parser;

use args::Args;
use headless::Headless;

fn main() -> ExitCode {
    match stylize(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn stylize(args: &Args) -> Result<(), String> {
    // A wrong model is told before a GPU is looked for.
    let model = args.model.as_ref().map(|path| Model::load(path)).transpose().map_err(|e| e.to_string())?;
    let batch = args.faces.unwrap_or(ToonfacePlugin::default().max_batch).max(1);
    let plugin = ToonfacePlugin {
        max_batch: batch,
        max_planes: args.planes,
        format: args.format.into(),
        half_weights: args.half_weights,
        ..default()
    };
    let mut app = Headless { webgl2: args.webgl2, plugin, ..default() }.start()?;
    // Cartoons and nothing else; and one update at a time, so that the times are those of single updates.
    app.insert_resource(CartoonBudget { frames_in_flight: 1, ..CartoonBudget::UNLIMITED });
    if let Some(fault) = &app.world().resource::<CartoonSettings>().device_fault {
        return Err(CartoonError::Device { reason: fault.clone() }.to_string());
    }
    let limits = *app.world().resource::<PictureLimits>();
    let inputs = args.inputs()?.iter().map(|path| input::load(path, limits)).collect::<Result<Vec<_>, _>>()?;
    let started = std::time::Instant::now();
    let model = match model {
        Some(model) => {
            let handle = app.world_mut().resource_mut::<Assets<CartoonModel>>().add(CartoonModel::new(model));
            app.insert_resource(DefaultCartoonModel(handle.clone()));
            handle
        }
        None => run::bundled_model(&mut app)?,
    };
    let model: Arc<Model> = run::loaded(&app, &model).ok_or("the model is gone")?;
    let groups = args.groups(&model)?;

    if let Some(updates) = args.bench {
        return bench::bench(&mut app, &inputs, &groups, args.faces.unwrap_or(1), updates, started);
    }
    if let Some(file) = &args.tensors {
        return tensors::write(&mut app, &model, &inputs[0], &groups, file);
    }
    let cartoons = run::draw(&mut app, &inputs, &groups)?;
    sheet::save(&args.out, &inputs, &groups, &cartoons)
}
