//! Whole networks on the GPU, through the plugin: first cartoon, steady state, recording.
//!
//! ```text
//! cargo bench --bench net                              a table
//! cargo bench --bench net -- n8s64 --faces 1 --json    some of it, one line of JSON a row
//! ```
//!
//! | column | medians of | what |
//! |---|---|---|
//! | first | repeats | from the model in memory to its first cartoon on the output image: plan, upload, compile, draw. Drivers keep compiled shaders on disk, so all but the very first run on a machine find them there |
//! | update | updates | a whole update in one frame, from the beginning of recording to completion on the GPU, nothing else under way |
//! | best | | the quickest of those |
//! | record | updates | CPU time in which the plugin records the passes |
//! | encode | updates | CPU time in which wgpu turns them into commands of the driver; on the render thread, too |
//!
//! All in milliseconds. Every repeat is an app and a device of its own; the driver's name stands above the table. A
//! picture of noise is encoded and composited, as in a game. Numbers of different machines, or of a machine with other
//! work, do not compare: run both sides of a comparison in turn.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../examples/shared/format.rs"]
mod format;
#[path = "../examples/shared/headless.rs"]
mod headless;
mod nets;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;
use bevy_toonface::ecs::Progress;
use bevy_toonface::gpu::{CartoonChains, ChainInfo};
use bevy_toonface::model::Model;
use bevy_toonface::prelude::*;
use clap::Parser;
use format::Format;
use headless::{Headless, HeadlessApp, run_until};
use nets::{Net, nets};
use serde_json::json;

/// Longer than any update takes on a software GPU.
const LIMIT: Duration = Duration::from_secs(600);

#[derive(Parser)]
struct Args {
    /// Only networks with this in their name.
    filter: Option<String>,
    /// Faces in a batch.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8])]
    faces: Vec<usize>,
    /// Texture formats of activations.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Format::R32float, Format::Rgba32float, Format::Rgba16float])]
    formats: Vec<Format>,
    /// Apps that are started for each row.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Updates of each app in steady state.
    #[arg(long, default_value_t = 5)]
    updates: usize,
    /// WebGL2's limits.
    #[arg(long)]
    webgl2: bool,
    /// One line of JSON a row instead of the table.
    #[arg(long)]
    json: bool,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What was measured of a network, in milliseconds.
#[derive(Default)]
struct Times {
    first: Vec<f32>,
    update: Vec<f32>,
    record: Vec<f32>,
    encode: Vec<f32>,
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
    let mut head = true;
    for net in nets() {
        if args.filter.as_ref().is_some_and(|filter| !net.name.contains(filter.as_str())) {
            continue;
        }
        let model = (net.model)();
        let rows = args.faces.iter().flat_map(|faces| args.formats.iter().map(move |format| (faces, format)));
        for (faces, format) in rows {
            let mut times = Times::default();
            let mut last = None;
            for _ in 0..args.repeats.max(1) {
                last = Some(measure(&model, (*faces, (*format).into()), args, &mut times)?);
            }
            let Some((chain, adapter)) = last else { continue };
            if !args.json && std::mem::take(&mut head) {
                println!(
                    "{adapter}\n\n| network | format | faces | passes | first | update | best | record | encode |"
                );
                println!("|---|---|---|---|---|---|---|---|---|");
            }
            print(&net, (*faces, (*format).into()), args, times, &chain, &adapter);
        }
    }
    Ok(())
}

/// One app: its first cartoon, then updates.
fn measure(
    model: &Model,
    (faces, format): (usize, TensorFormat),
    args: &Args,
    times: &mut Times,
) -> Result<(ChainInfo, String), String> {
    let plugin = ToonfacePlugin { max_batch: faces, format, ..default() };
    let mut app = Headless { webgl2: args.webgl2, plugin, ..default() }.start()?;
    app.insert_resource(CartoonBudget { frames_in_flight: 1, ..CartoonBudget::UNLIMITED });
    let adapter = app.world().resource::<RenderAdapterInfo>().name.clone();
    let noise = noise(model, faces);
    let started = Instant::now();
    let entities = spawn(&mut app, model, noise);
    let mut seen = 0;
    for update in 0..=args.updates {
        let progress = next(&mut app, &entities, seen)?;
        seen = progress.updates;
        if update == 0 {
            times.first.push(started.elapsed().as_secs_f32() * 1e3);
        } else {
            times.update.push(progress.milliseconds);
            let chain = chain(&app)?;
            times.record.push(chain.record_ms);
            times.encode.push(chain.encode_ms);
        }
    }
    Ok((chain(&app)?, adapter))
}

/// Pictures of the size that the model takes.
fn noise(model: &Model, faces: usize) -> Vec<Image> {
    use bevy::asset::RenderAssetUsages;
    use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
    let side = model.manifest.generator.image_size() as u32;
    let size = Extent3d { width: side, height: side, depth_or_array_layers: 1 };
    let mut random = common::Random::new(1);
    let mut picture = || {
        let data = (0..4 * side * side).map(|i| if i % 4 == 3 { 255 } else { random.bits() as u8 }).collect();
        Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::default())
    };
    (0..faces).map(|_| picture()).collect()
}

fn spawn(app: &mut App, model: &Model, pictures: Vec<Image>) -> Vec<Entity> {
    let groups = model.manifest.group_names();
    let handle = app.world_mut().resource_mut::<Assets<CartoonModel>>().add(CartoonModel::new(model.clone()));
    let cartoon = Cartoon { model: Some(handle), update: UpdateRate::Always, ..default() };
    let pictures = pictures.into_iter().zip(groups.iter().cycle());
    pictures
        .map(|(picture, group)| {
            let source = app.world_mut().resource_mut::<Assets<Image>>().add(picture);
            app.world_mut().spawn((CartoonSource::Image(source), cartoon.clone(), CartoonGroup::new(group))).id()
        })
        .collect()
}

/// Runs frames until all entities have had more than `seen` cartoons.
fn next(app: &mut HeadlessApp, entities: &[Entity], seen: u64) -> Result<Progress, String> {
    run_until(app, LIMIT, |world| {
        if let Some(error) = entities.iter().find_map(|e| world.get::<CartoonStatus>(*e)?.error()) {
            return Some(Err(error.to_string()));
        }
        let done = entities.iter().all(|e| world.get::<Progress>(*e).is_some_and(|p| p.updates > seen));
        done.then(|| world.get::<Progress>(entities[0]).cloned().ok_or_else(|| "no cartoon".to_owned()))
    })?
}

fn chain(app: &App) -> Result<ChainInfo, String> {
    app.world().resource::<CartoonChains>().0.first().cloned().ok_or_else(|| "no chain of passes was made".into())
}

fn print(
    net: &Net,
    (faces, format): (usize, TensorFormat),
    args: &Args,
    mut times: Times,
    chain: &ChainInfo,
    adapter: &str,
) {
    let median = |list: &mut Vec<f32>| {
        list.sort_by(f32::total_cmp);
        list.get(list.len() / 2).copied().unwrap_or_default()
    };
    let [first, update, record, encode] =
        [&mut times.first, &mut times.update, &mut times.record, &mut times.encode].map(median);
    let best = times.update.first().copied().unwrap_or_default();
    let passes = chain.passes + 1 + faces;
    if args.json {
        let line = json!({
            "network": net.name, "format": format!("{format:?}"), "faces": faces, "adapter": adapter, "webgl2": args.webgl2, "passes": passes,
            "pipelines": chain.pipelines, "slot_bytes": chain.slot_bytes, "weight_bytes": chain.weight_bytes,
            "first_ms": first, "update_ms": update, "best_ms": best, "record_ms": record, "encode_ms": encode,
        });
        println!("{line}");
    } else {
        println!(
            "| {} | {format:?} | {faces} | {passes} | {first:.0} | {update:.1} | {best:.1} | {record:.2} | {encode:.2} |",
            net.name
        );
    }
}
