//! A Bevy app without a window, driven frame by frame: for the tools, the tests and CI.

use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bevy::app::PluginsState;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::gpu_readback::{Readback, ReadbackComplete};
use bevy::render::pipelined_rendering::{PipelinedRenderingPlugin, RenderAppChannels};
use bevy::render::render_resource::{CachedPipelineState, PipelineCache, PollType};
use bevy::render::renderer::RenderDevice;
use bevy::render::settings::{RenderCreation, WgpuLimits, WgpuSettings, WgpuSettingsPriority};
use bevy::tasks::block_on;
use bevy::window::ExitCondition;
use bevy::winit::WinitPlugin;
use bevy_toonface::ToonfacePlugin;
use bevy_toonface::gpu::CartoonPipelines;

/// What to do about a missing GPU.
const NO_GPU: &str = "no GPU: install a Vulkan driver (Debian: mesa-vulkan-drivers for a software one)";

/// A process has one log, however many apps it starts.
static LOGS: AtomicBool = AtomicBool::new(false);

/// What the app is made with.
#[derive(Debug, Clone, Default)]
pub struct Headless {
    /// Ask for no more than WebGL2's limits.
    pub webgl2: bool,
    /// Draw within `App::update` instead of in a thread beside it: then `RenderApp` can be looked into.
    pub unpipelined: bool,
    /// Folder of the assets, where it is not the usual one.
    pub assets: Option<PathBuf>,
    /// Compile pipelines before anything is drawn with them: no frame lacks what is still compiling.
    pub compile_first: bool,
    /// The plugin under test.
    pub plugin: ToonfacePlugin,
    /// Adds further plugins, which have to be there before the renderer starts.
    pub plugins: Option<fn(&mut App)>,
}

impl Headless {
    /// Builds the app and waits for the renderer.
    ///
    /// # Errors
    /// A message, if there is no GPU (not even a software one).
    pub fn start(self) -> Result<HeadlessApp, String> {
        let priority = if self.webgl2 { WgpuSettingsPriority::WebGL2 } else { WgpuSettingsPriority::Functionality };
        let mut settings = WgpuSettings { priority, ..default() };
        if self.webgl2 {
            // The default limits are those of the default priority.
            settings.limits = WgpuLimits::downlevel_webgl2_defaults();
        }
        let mut plugins = DefaultPlugins
            .build()
            .disable::<WinitPlugin>()
            .set(WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() })
            .set(LogPlugin { filter: "error,bevy_toonface=info".into(), ..default() })
            .set(RenderPlugin {
                render_creation: RenderCreation::Automatic(Box::new(settings)),
                synchronous_pipeline_compilation: self.compile_first,
                ..default()
            });
        if let Some(folder) = self.assets {
            plugins = plugins.set(AssetPlugin { file_path: folder.display().to_string(), ..default() });
        }
        if LOGS.swap(true, Ordering::Relaxed) {
            plugins = plugins.disable::<LogPlugin>();
        }
        if self.unpipelined {
            plugins = plugins.disable::<PipelinedRenderingPlugin>();
        }
        let mut app = HeadlessApp(App::new());
        // Without a GPU, Bevy panics.
        let add = |app: &mut HeadlessApp| {
            app.add_plugins((plugins, self.plugin));
            self.plugins.into_iter().for_each(|add| add(app));
        };
        quietly(|| add(&mut app)).map_err(|reason| format!("{NO_GPU}. {reason}"))?;
        let started = Instant::now();
        while app.plugins_state() == PluginsState::Adding {
            if started.elapsed() > Duration::from_secs(60) {
                return Err("the renderer did not start within a minute".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        app.finish();
        app.cleanup();
        if app.world().get_resource::<RenderDevice>().is_none() {
            return Err(NO_GPU.into());
        }
        Ok(app)
    }
}

/// An app that ends in order: the device is dropped here, when no other thread uses it any more. Bevy leaves both to
/// its threads, and drivers crash when those go on while the process ends.
#[derive(Deref, DerefMut)]
pub struct HeadlessApp(App);

impl Drop for HeadlessApp {
    fn drop(&mut self) {
        let channels = self.0.world_mut().remove_resource::<RenderAppChannels>();
        let render_app = channels.and_then(|mut channels| block_on(channels.recv()));
        let Some(mut render_app) = render_app else { return };
        if let Some(mut pipelines) = render_app.world_mut().get_resource_mut::<CartoonPipelines>() {
            pipelines.finish();
        }
        let Some(cache) = render_app.world().get_resource::<PipelineCache>() else { return };
        let compiles =
            |state: &CachedPipelineState| matches!(state, CachedPipelineState::Creating(t) if !t.is_finished());
        while cache.pipelines().any(|pipeline| compiles(&pipeline.state)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Turns a panic into its message.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}

/// Runs frames until `done` yields something.
///
/// # Errors
/// A message, if that takes longer than `limit`.
pub fn run_until<T>(
    app: &mut App,
    limit: Duration,
    mut done: impl FnMut(&mut World) -> Option<T>,
) -> Result<T, String> {
    let started = Instant::now();
    loop {
        app.update();
        if let Some(value) = done(app.world_mut()) {
            return Ok(value);
        }
        if let Some(exit) = app.should_exit() {
            return Err(format!("the app quit: {exit:?}"));
        }
        if started.elapsed() > limit {
            return Err(format!("gave up after {limit:?}"));
        }
        wait_for_gpu(app.world());
    }
}

/// Waits for the GPU instead of spinning: on a software GPU the frames would take the cores from the drawing.
fn wait_for_gpu(world: &World) {
    if let Some(device) = world.get_resource::<RenderDevice>() {
        let timeout = Some(Duration::from_millis(20));
        // A timeout is no error here: assets may still be loading.
        let _ = device.poll(PollType::Wait { submission_index: None, timeout });
    }
    std::thread::sleep(Duration::from_micros(200));
}

/// The pixels of an image that the GPU draws to: RGBA, 8 bit, row by row.
///
/// # Errors
/// A message, if the image is not there.
#[allow(dead_code, reason = "not every user of this module takes pictures")]
pub fn read_image(app: &mut App, handle: &Handle<Image>) -> Result<image::RgbaImage, String> {
    #[derive(Resource, Default)]
    struct Pixels(Option<Vec<u8>>);

    let size = app.world().resource::<Assets<Image>>().get(handle).map(Image::size).ok_or("the image is gone")?;
    app.insert_resource(Pixels::default());
    let reader = app
        .world_mut()
        .spawn(Readback::texture(handle.clone()))
        .observe(|read: On<ReadbackComplete>, mut pixels: ResMut<Pixels>| pixels.0 = Some(read.data.clone()))
        .id();
    let bytes = run_until(app, Duration::from_secs(60), |world| world.resource_mut::<Pixels>().0.take())?;
    app.world_mut().despawn(reader);
    // Rows are padded to 256 bytes.
    let row = (4 * size.x as usize).next_multiple_of(256);
    let pixels = bytes.chunks(row).flat_map(|r| r[..4 * size.x as usize].to_vec()).collect();
    image::RgbaImage::from_raw(size.x, size.y, pixels).ok_or_else(|| "the image was cut short".into())
}
