//! The only layer that knows the GPU: extract, prepare, record, report.
//!
//! ```text
//! First             deliver_news       cartoons that are done, in the main world
//! ExtractSchedule   watch              asks the device which work is done
//! ExtractSchedule   exchange           requests in, progress and tensors out
//! PrepareBindGroups prepare_cartoons   chains of passes for the models in use; how much of them fits this frame
//! PrepareBindGroups prepare_views      uniforms and bind groups of cameras' views
//! RenderGraph       toonface           records this frame's share of encode, passes, composite
//! Core2d, Core3d    toonface_view      a camera's view to a picture, its cartoon over the view
//! Cleanup           watch              the same right after the frame; reads what the work took
//! ```

mod attachments;
mod batch;
mod chain;
mod compile;
mod counters;
mod device;
mod exchange;
#[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
mod hot_reload;
mod in_flight;
mod ledger;
mod model;
mod news;
mod picture;
mod pipelines;
mod prepare;
mod profile;
mod program;
mod readback;
mod record;
mod schedule;
mod showable;
mod smoothing;
mod state;
mod timer;
#[cfg(feature = "few_shot")]
mod training;
mod view;
mod watch;

use bevy::core_pipeline::schedule::camera_driver;
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssetPlugin;
use bevy::render::renderer::RenderGraph;
use bevy::render::{ExtractSchedule, Render, RenderApp, RenderStartup, RenderSystems};

pub use counters::CartoonCounters;
pub use device::{DeviceSupport, device_support};
pub use exchange::{CartoonChains, ChainInfo};
#[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
pub use hot_reload::ShaderFolder;
pub use pipelines::{CartoonPipelines, PipelineInfo};
pub use profile::{CartoonProfiling, Section, StepInfo, StepTimes};
pub use showable::is_showable;

use crate::plan::TensorFormat;

/// The GPU half of the plugin. Does nothing in an app without a renderer.
#[derive(Debug, Clone, Default)]
pub struct CartoonRenderPlugin {
    /// Planes a tensor is spread over at most: 4 to 8. The device may have fewer.
    pub max_planes: usize,
    /// Texture format of activations.
    pub format: TensorFormat,
    /// Whether weights are stored in halves on the device.
    pub half_weights: bool,
    /// Most pictures in a batch.
    pub max_batch: usize,
    /// Most bytes of textures that all chains of passes may take. `None`: no limit.
    pub max_memory: Option<usize>,
}

impl Plugin for CartoonRenderPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(RenderAssetPlugin::<model::RenderCartoonModel>::default());
        #[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
        app.init_resource::<ShaderFolder>();
    }

    fn finish(&self, app: &mut App) {
        if app.get_sub_app(RenderApp).is_none() {
            return;
        }
        let support = device_support(app, self.max_planes);
        let news = news::News::default();
        news::plugin(app, news.clone());
        let Some(render_app) = app.get_sub_app_mut(RenderApp) else { return };
        render_app
            .insert_resource(prepare::ChainSettings {
                limits: support.limits,
                format: self.format,
                half_weights: self.half_weights,
                max_batch: self.max_batch.clamp(1, 64),
                max_memory: self.max_memory.unwrap_or(usize::MAX),
                max_planes: self.max_planes,
            })
            .insert_resource(news)
            .init_resource::<exchange::Exchange>()
            .init_resource::<state::Chains>()
            .init_resource::<timer::Timer>()
            .init_resource::<pipelines::CartoonPipelines>()
            .add_systems(
                RenderStartup,
                (pipelines::init_pipelines, state::init_chains, timer::init_timer, prepare::init_settings),
            )
            .add_systems(ExtractSchedule, (watch::watch, exchange::exchange).chain())
            .add_systems(
                Render,
                (
                    timer::make_laps.run_if(timer::laps_are_due).in_set(RenderSystems::PrepareResources),
                    prepare::prepare_cartoons.in_set(RenderSystems::PrepareBindGroups),
                    pipelines::poll_pipelines.in_set(RenderSystems::ExtractCommands),
                    (watch::register, watch::watch).chain().in_set(RenderSystems::Cleanup),
                ),
            )
            .add_systems(RenderGraph, record::toonface.before(camera_driver));
        view::register(render_app);
        #[cfg(feature = "few_shot")]
        training::plugin(render_app);
        #[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
        render_app.init_resource::<hot_reload::ShaderWatch>().add_systems(
            Render,
            (hot_reload::watch_shaders, hot_reload::reload_shaders)
                .chain()
                .before(pipelines::poll_pipelines)
                .in_set(RenderSystems::ExtractCommands),
        );
    }
}
