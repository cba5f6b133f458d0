//! Trains a new group from pairs of pictures, headless, through the plugin itself.
//!
//! `cargo run --release --features few_shot --example few_shot -- --pairs DIR --from woman --name robot --out DIR`
//! takes the pairs `photo/NAME.png` and `cartoon/NAME.png` (or .jpg) of a folder; the last few are held out, to tell what
//! has been learned. Writes the package with its new group, the curve of the loss and a sheet: photograph, cartoon, what
//! the old group made of it, what the new one makes.

mod chart;
mod pairs;
mod sheet;

#[path = "../shared/headless.rs"]
mod headless;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonModel, CartoonSettings, CartoonTaps, CartoonTensors, DefaultCartoonModel};
use bevy_toonface::few_shot::{FewShotProgress, Scope, TrainingOptions};
use bevy_toonface::model::{Model, Tensor};
use bevy_toonface::prelude::*;
use clap::{Parser, ValueEnum};

use headless::{Headless, run_until};
use pairs::Pair;

/// Longest time without anything new.
const LIMIT: Duration = Duration::from_secs(600);

/// Trains a new group from pairs of pictures.
#[derive(Parser, Debug)]
struct Args {
    /// Folder with `photo/NAME.png` and `cartoon/NAME.png` (or .jpg).
    #[arg(long)]
    pairs: PathBuf,
    /// The group to start from.
    #[arg(long)]
    from: String,
    /// The new group's name.
    #[arg(long)]
    name: String,
    /// Manifest of a model package. Default: the bundled model.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Steps of training.
    #[arg(long, default_value_t = TrainingOptions::default().steps)]
    steps: usize,
    /// Pairs, the last by name, that are not trained on.
    #[arg(long, default_value_t = 4)]
    holdout: usize,
    /// Which weights are trained: those behind the trunk, or the whole branch.
    #[arg(long, value_enum, default_value_t = ScopeArg::Output)]
    scope: ScopeArg,
    /// Pairs in a step.
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Step size of Adam.
    #[arg(long, default_value_t = TrainingOptions::default().learning_rate)]
    learning_rate: f32,
    /// Folder for the package and the pictures.
    #[arg(long)]
    out: PathBuf,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum ScopeArg {
    Output,
    Branch,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let model = args.model.as_ref().map(|path| Model::load(path)).transpose().map_err(|e| e.to_string())?;
    let pairs = pairs::read(&args.pairs)?;
    let trained = pairs.len().saturating_sub(args.holdout);
    let (train, test) = pairs.split_at(trained);
    let mut app = Headless::default().start()?;
    app.insert_resource(CartoonBudget::UNLIMITED);
    if let Some(fault) = &app.world().resource::<CartoonSettings>().device_fault {
        return Err(fault.clone());
    }
    if let Some(model) = model {
        let handle =
            app.world_mut().resource_mut::<Assets<CartoonModel>>().add(CartoonModel { model: Arc::new(model) });
        app.insert_resource(DefaultCartoonModel(handle));
    }
    let model = run_until(&mut app, LIMIT, |world| {
        let handle = world.get_resource::<DefaultCartoonModel>()?;
        Some(world.resource::<Assets<CartoonModel>>().get(&handle.0)?.model.clone())
    })?;
    model.group_index(&args.from).map_err(|e| e.to_string())?;
    let before = draw(&mut app, &args.from, test)?;
    let (losses, result) = learn(&mut app, args, train)?;
    let after = draw(&mut app, &args.name, test)?;

    std::fs::create_dir_all(&args.out).map_err(|e| format!("cannot make the folder `{}`: {e}", args.out.display()))?;
    let manifest = model.save(&args.out).map_err(|e| e.to_string())?;
    result.save(&manifest).map_err(|e| e.to_string())?;
    println!("package with the group `{}`: {}", args.name, manifest.display());
    let curve = args.out.join("loss.png");
    sheet::save(&chart::curve(&losses), &curve)?;
    if !test.is_empty() {
        let [old, new] = [&before, &after].map(|drawn| drawn.iter().map(|(_, l1)| l1).sum::<f32>() / test.len() as f32);
        println!("L1 of {} held-out pairs, of values in -1..1: {old:.4} before, {new:.4} after", test.len());
        let rows: Vec<_> = test.iter().zip(before.iter().zip(&after)).map(|(p, (b, a))| (p, &b.0, &a.0)).collect();
        sheet::save(&sheet::before_and_after(&rows), &args.out.join("sheet.png"))?;
    }
    Ok(())
}

/// Runs the session, with a bar.
fn learn(app: &mut App, args: &Args, pairs: &[Pair]) -> Result<(Vec<f32>, FewShotResult), String> {
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    let pairs: Vec<FewShotPair> = pairs
        .iter()
        .map(|pair| FewShotPair { photo: images.add(pair.photo()), cartoon: images.add(pair.cartoon()) })
        .collect();
    let mut session = FewShotSession::new(&args.from, &args.name, pairs);
    let scope = match args.scope {
        ScopeArg::Output => Scope::Output,
        ScopeArg::Branch => Scope::Branch,
    };
    session.options = TrainingOptions { scope, steps: args.steps, learning_rate: args.learning_rate, ..default() };
    session.batch = args.batch;
    let entity = app.world_mut().spawn(session).id();
    let (mut shown, started) = (0, Instant::now());
    loop {
        let at = shown;
        let over = run_until(app, LIMIT, |world| {
            let over = world.get::<FewShotStatus>(entity)?.is_over();
            let progress = world.get::<FewShotProgress>(entity)?;
            (over || progress.step > at).then_some(over)
        })?;
        let progress = app.world().get::<FewShotProgress>(entity).cloned().unwrap_or_default();
        shown = progress.step;
        chart::bar(&progress, started.elapsed());
        if over {
            eprintln!();
            let world = app.world();
            if let Some(error) = world.get::<FewShotStatus>(entity).and_then(FewShotStatus::error) {
                return Err(error.to_string());
            }
            let result = world.get::<FewShotResult>(entity).cloned().ok_or("the session has no result")?;
            println!("{shown} steps in {:.1} s", started.elapsed().as_secs_f32());
            return Ok((progress.losses, result));
        }
    }
}

/// The cartoons of pictures, each with its L1 from what it should be.
fn draw(app: &mut App, group: &str, pairs: &[Pair]) -> Result<Vec<(Tensor, f32)>, String> {
    let mut tap = |image: Image, name: &str| {
        let picture = app.world_mut().resource_mut::<Assets<Image>>().add(image);
        let taps = CartoonTaps { names: vec![name.to_owned()] };
        app.world_mut().spawn((CartoonSource::Image(picture), taps, CartoonGroup::new(group))).id()
    };
    let entities: Vec<[Entity; 2]> =
        pairs.iter().map(|pair| [tap(pair.photo(), "output"), tap(pair.cartoon(), "input")]).collect();
    let tensor = |world: &World, entity: Entity, name: &str| {
        let CartoonTensors(all) = world.get(entity)?;
        all.iter().find(|(n, _)| n == name).map(|(_, tensor)| tensor.clone())
    };
    let mut results = Vec::new();
    for [photo, cartoon] in entities {
        let (drawn, wanted) = run_until(app, LIMIT, |world| {
            for entity in [photo, cartoon] {
                if let Some(error) = world.get::<CartoonStatus>(entity)?.error() {
                    return Some(Err(error.to_string()));
                }
            }
            Some(Ok((tensor(world, photo, "output")?, tensor(world, cartoon, "input")?)))
        })??;
        let sum: f32 = drawn.data.iter().zip(&wanted.data).map(|(a, b)| (a - b).abs()).sum();
        let l1 = sum / drawn.data.len() as f32;
        results.push((drawn, l1));
        [photo, cartoon].into_iter().for_each(|entity| {
            app.world_mut().despawn(entity);
        });
    }
    Ok(results)
}
