//! The training without a window, and what it writes.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonModel, CartoonSettings, CartoonTaps, CartoonTensors, DefaultCartoonModel};
use bevy_toonface::few_shot::{FewShotProgress, TrainingOptions};
use bevy_toonface::model::{Model, Tensor};
use bevy_toonface::prelude::*;

use crate::args::Args;
use crate::headless::{Headless, run_until};
use crate::pairs::{self, Pair};
use crate::{chart, sheet};

/// Longest time without anything new.
const LIMIT: Duration = Duration::from_secs(600);

/// Trains the group `name` from the group `from`, and writes the package, the loss and the sheet into a folder.
pub fn main(args: &Args, folder: &Path) -> ExitCode {
    match run(args, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, folder: &Path) -> Result<(), String> {
    let (Some(pairs), Some(from), Some(name)) = (&args.pairs, &args.from, &args.name) else {
        return Err("without a window, say what to train: `--pairs DIR --from GROUP --name NAME`".into());
    };
    let model = args.model.as_ref().map(|path| Model::load(path)).transpose().map_err(|e| e.to_string())?;
    let pairs = pairs::read(pairs)?;
    let test = &pairs[pairs.len().saturating_sub(args.holdout)..];
    let mut app = Headless::default().start()?;
    app.insert_resource(CartoonBudget::UNLIMITED);
    if let Some(fault) = &app.world().resource::<CartoonSettings>().device_fault {
        return Err(fault.clone());
    }
    if let Some(model) = model {
        let handle = app.world_mut().resource_mut::<Assets<CartoonModel>>().add(CartoonModel::new(model));
        app.insert_resource(DefaultCartoonModel(handle));
    }
    let model = run_until(&mut app, LIMIT, |world| {
        let handle = world.get_resource::<DefaultCartoonModel>()?;
        Some(world.resource::<Assets<CartoonModel>>().get(&handle.0)?.model.clone())
    })?;
    model.group_index(from).map_err(|e| e.to_string())?;
    let before = draw(&mut app, from, test)?;
    let (progress, result) = learn(&mut app, args, [from, name], &pairs)?;
    let after = draw(&mut app, name, test)?;

    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make the folder `{}`: {e}", folder.display()))?;
    let manifest = model.save(folder).map_err(|e| e.to_string())?;
    result.save(&manifest).map_err(|e| e.to_string())?;
    println!("package with the group `{name}`: {}", manifest.display());
    let curve = folder.join("loss.png");
    sheet::save(&chart::curve(&progress), &curve)?;
    if !test.is_empty() {
        println!("kept: what was learned by step {}, which draws the held-out pairs best", result.step);
        let [old, new] = [&before, &after].map(|drawn| drawn.iter().map(|(_, l1)| l1).sum::<f32>() / test.len() as f32);
        println!("L1 of {} held-out pairs, of values in -1..1: {old:.4} before, {new:.4} after", test.len());
        let rows: Vec<_> = test.iter().zip(before.iter().zip(&after)).map(|(p, (b, a))| (p, &b.0, &a.0)).collect();
        sheet::save(&sheet::before_and_after(&rows), &folder.join("sheet.png"))?;
    }
    Ok(())
}

/// Runs the session, with a bar.
fn learn(
    app: &mut App,
    args: &Args,
    [from, name]: [&String; 2],
    pairs: &[Pair],
) -> Result<(FewShotProgress, FewShotResult), String> {
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    let pairs: Vec<FewShotPair> = pairs
        .iter()
        .map(|pair| FewShotPair { photo: images.add(pair.photo()), cartoon: images.add(pair.cartoon()) })
        .collect();
    let mut session = FewShotSession::new(from, name, pairs);
    session.options =
        TrainingOptions { scope: args.scope.into(), steps: args.steps, learning_rate: args.learning_rate, ..default() };
    session.batch = args.batch;
    session.mirror = !args.no_mirror;
    (session.holdout, session.patience) = (args.holdout, args.patience);
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
            return Ok((progress, result));
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
