//! The plugin on a real device. An app lives in a thread of its own, serves one test at a time, and is shared by the
//! tests of a binary: starting a device takes longer than most tests.
#![allow(dead_code, reason = "every GPU test binary compiles this module and uses its own part of it")]

#[path = "../../examples/shared/headless.rs"]
pub mod headless;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy_toonface::ecs::{CartoonTaps, CartoonTensors};
use bevy_toonface::model::{Model, Tensor};
use bevy_toonface::prelude::*;
use headless::{Headless, HeadlessApp, run_until};

/// Long enough for a software GPU on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// As many planes as the device has.
pub static EIGHT_PLANES: Lab = Lab::new(TensorFormat::R32Float);
/// The device's own limits, but four planes.
pub static FOUR_PLANES: Lab = Lab::new(TensorFormat::R32Float).planes(4);
/// WebGL2's limits, which leave four planes.
pub static WEBGL2: Lab = Lab::new(TensorFormat::R32Float).webgl2();
/// Four channels a texel, eight planes.
pub static RGBA: Lab = Lab::new(TensorFormat::Rgba32Float);
/// WebGL2's limits leave two planes of four channels a texel.
pub static WEBGL2_RGBA: Lab = Lab::new(TensorFormat::Rgba32Float).webgl2();
/// Half precision, eight planes.
pub static HALF: Lab = Lab::new(TensorFormat::Rgba16Float);
/// Half precision under WebGL2's limits: four planes.
pub static WEBGL2_HALF: Lab = Lab::new(TensorFormat::Rgba16Float).webgl2();
/// Devices with the render world within reach.
pub static OPEN_NATIVE: Lab = Lab::new(TensorFormat::R32Float).open();
/// See [`OPEN_NATIVE`].
pub static OPEN_WEBGL2: Lab = Lab::new(TensorFormat::R32Float).webgl2().open();
/// See [`OPEN_NATIVE`].
pub static OPEN_RGBA: Lab = Lab::new(TensorFormat::Rgba32Float).open();
/// See [`OPEN_NATIVE`].
pub static OPEN_WEBGL2_RGBA: Lab = Lab::new(TensorFormat::Rgba32Float).webgl2().open();
/// See [`OPEN_NATIVE`].
pub static OPEN_WEBGL2_HALF: Lab = Lab::new(TensorFormat::Rgba16Float).webgl2().open();

/// Work for an app.
type Job = Box<dyn FnOnce(&mut App) -> Result<(), String> + Send>;

/// One app at a time works, so that the tests of a binary do not fight for the cores.
static TURN: Mutex<()> = Mutex::new(());

/// A device in one configuration.
pub struct Lab {
    format: TensorFormat,
    webgl2: bool,
    planes: usize,
    unpipelined: bool,
    plugins: Option<fn(&mut App)>,
    /// Name of the folder of its assets.
    assets: Option<&'static str>,
    /// See `ToonfacePlugin::max_memory`.
    memory: Option<usize>,
    jobs: OnceLock<Result<Sender<Job>, String>>,
}

impl Lab {
    /// Any number of planes, the device's own limits.
    pub const fn new(format: TensorFormat) -> Self {
        let (plugins, assets, memory) = (None, None, None);
        Self { format, webgl2: false, planes: 8, unpipelined: false, plugins, assets, memory, jobs: OnceLock::new() }
    }

    const fn planes(mut self, planes: usize) -> Self {
        self.planes = planes;
        self
    }

    const fn webgl2(mut self) -> Self {
        self.webgl2 = true;
        self
    }

    /// Reads its assets from [`asset_folder`].
    pub const fn assets(mut self, folder: &'static str) -> Self {
        self.assets = Some(folder);
        self
    }

    /// No more than this on the device.
    pub const fn memory(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// The render world is within reach.
    pub const fn open(mut self) -> Self {
        self.unpipelined = true;
        self
    }

    /// With further plugins.
    pub const fn with(mut self, plugins: fn(&mut App)) -> Self {
        self.plugins = Some(plugins);
        self
    }

    /// Whether the device's own limits hold.
    pub fn native(&self) -> bool {
        !self.webgl2
    }

    /// A name for messages.
    pub fn name(&self) -> String {
        let Self { format, webgl2, planes, .. } = self;
        format!(
            "{format:?}, {}, up to {planes} planes",
            if *webgl2 { "WebGL2's limits" } else { "the device's limits" }
        )
    }

    /// Lets the app do something. `None`, after a message, on a machine without a GPU.
    ///
    /// # Panics
    /// With the work's own message, or if there is no GPU in CI.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut App) -> T + Send + 'static) -> Option<T> {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let Self { format, webgl2, planes, unpipelined, plugins, assets, memory, .. } = *self;
        let start = move || {
            let mut plugin = ToonfacePlugin { max_planes: planes, format, ..default() };
            plugin.max_memory = memory.or(plugin.max_memory);
            let assets = assets.map(asset_folder);
            Headless { webgl2, unpipelined, assets, plugin, plugins, ..default() }.start()
        };
        let jobs = match self.jobs.get_or_init(|| worker(start)) {
            Ok(jobs) => jobs,
            Err(reason) => {
                skip(reason);
                return None;
            }
        };
        let (reply, answer) = channel();
        let job = move |app: &mut App| {
            let result = catch_unwind(AssertUnwindSafe(|| work(app))).map_err(|panic| words(panic.as_ref()));
            let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
            reply.send(result).map_err(|e| e.to_string()).and(outcome)
        };
        jobs.send(Box::new(job)).expect("the app's thread");
        match answer.recv().expect("the app's answer") {
            Ok(value) => Some(value),
            Err(message) => panic!("{message}"),
        }
    }
}

/// A folder for files that a test writes; empty when the test begins.
pub fn asset_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may not be there.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    folder
}

/// Says that a test did not run; in CI, that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no GPU: {reason}");
    eprintln!("SKIPPED: no GPU ({reason})");
}

/// A thread that makes an app and does what it is sent; after a failure it makes a new one.
fn worker(start: impl Fn() -> Result<HeadlessApp, String> + Send + 'static) -> Result<Sender<Job>, String> {
    let (jobs, inbox) = channel::<Job>();
    let (ready, started) = channel();
    thread::spawn(move || {
        let mut app = match start() {
            Ok(app) => app,
            Err(reason) => return ready.send(Err(reason)).unwrap_or_default(),
        };
        ready.send(Ok(())).unwrap_or_default();
        for job in inbox {
            if job(&mut app).is_err() {
                match start() {
                    Ok(fresh) => app = fresh,
                    Err(_) => return,
                }
            }
            let mut cartoons = app.world_mut().query_filtered::<Entity, With<Cartoon>>();
            for entity in cartoons.iter(app.world()).collect::<Vec<_>>() {
                app.world_mut().despawn(entity);
            }
        }
    });
    started.recv().map_err(|e| e.to_string())??;
    Ok(jobs)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_else(|| "a panic".into())
}

/// Makes a model an asset.
pub fn add_model(app: &mut App, model: Model) -> Handle<CartoonModel> {
    app.world_mut().resource_mut::<Assets<CartoonModel>>().add(CartoonModel::new(model))
}

/// An entity whose tensors are all read back.
pub fn spawn_tensor(app: &mut App, model: &Handle<CartoonModel>, group: usize, input: &Tensor) -> Entity {
    let known = app.world().resource::<Assets<CartoonModel>>().get(model).expect("the model").model.clone();
    let names = known.graph.outputs().iter().map(|(name, _)| name.clone()).collect();
    let tag = CartoonGroup::new(known.manifest.groups[group].name.clone());
    let cartoon = Cartoon { model: Some(model.clone()), ..default() };
    app.world_mut().spawn((CartoonSource::Tensor(Arc::new(input.clone())), cartoon, CartoonTaps { names }, tag)).id()
}

/// An entity with a picture.
pub fn spawn_picture(app: &mut App, model: &Handle<CartoonModel>, group: &str, image: &Handle<Image>) -> Entity {
    let cartoon = Cartoon { model: Some(model.clone()), ..default() };
    app.world_mut().spawn((CartoonSource::Image(image.clone()), cartoon, CartoonGroup::new(group))).id()
}

/// A picture with a different colour at every pixel.
pub fn gradient(width: u32, height: u32) -> Image {
    let pixel = |i: u32| [(i % width * 255 / width) as u8, (i / width * 255 / height) as u8, (i * 7 % 256) as u8, 255];
    let size = Extent3d { width, height, depth_or_array_layers: 1 };
    let data = (0..width * height).flat_map(pixel).collect();
    Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::default())
}

/// Runs frames until an entity's cartoon cannot be drawn.
pub fn wait_for_error(app: &mut App, entity: Entity) -> CartoonError {
    run_until(app, LIMIT, |world| world.get::<CartoonStatus>(entity)?.error().cloned()).expect("an error")
}

/// Runs frames until an entity's cartoon is on its output.
pub fn wait_until_running(app: &mut App, entity: Entity) {
    run_until(app, LIMIT, |world| match world.get::<CartoonStatus>(entity) {
        Some(CartoonStatus::Failed(error)) => panic!("{error}"),
        Some(CartoonStatus::Running { .. }) => Some(()),
        _ => None,
    })
    .expect("a cartoon");
}

/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// Runs frames until the tensors of all entities are there, and removes the entities.
pub fn read_tensors(app: &mut App, entities: &[Entity]) -> Vec<Tensors> {
    let all = run_until(app, LIMIT, |world| {
        entities.iter().for_each(|e| {
            if let Some(CartoonStatus::Failed(error)) = world.get::<CartoonStatus>(*e) {
                panic!("{error}");
            }
        });
        entities.iter().map(|e| world.get::<CartoonTensors>(*e).cloned()).collect::<Option<Vec<_>>>()
    })
    .expect("tensors");
    entities.iter().for_each(|e| {
        app.world_mut().despawn(*e);
    });
    all.into_iter().map(|t| t.0.into_iter().collect()).collect()
}

/// The tensors of a batch: a group and an input for each picture.
pub fn draw_tensors(app: &mut App, model: &Handle<CartoonModel>, batch: &[(usize, &Tensor)]) -> Vec<Tensors> {
    let entities: Vec<Entity> = batch.iter().map(|(group, input)| spawn_tensor(app, model, *group, input)).collect();
    read_tensors(app, &entities)
}
