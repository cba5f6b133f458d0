//! The boundary between the worlds: requests come in, progress and tensors go out.

use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::*;
use bevy::render::MainWorld;

use super::counters::CartoonCounters;
use super::news::News;
use super::profile::{CartoonProfiling, StepInfo, StepTimes};
#[cfg(feature = "few_shot")]
use crate::ecs::TrainingRun;
use crate::ecs::{
    CartoonBudget, CartoonError, CartoonGroup, CartoonRequest, CartoonSettings, CartoonTensors, Progress,
    ShaderReloads, Wanted,
};
use crate::model::Tensor;

/// Why nothing is drawn while Bevy does not render.
const STOPPED: &str = "rendering has stopped after an error of the graphics device, which the log names; it goes on if \
                       the game's `RenderErrorHandler` recovers";

/// A request as the render world has it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub entity: Entity,
    pub revision: u64,
    pub wanted: Wanted,
}

/// News for an entity.
#[derive(Debug)]
pub(super) enum Report {
    /// A revision is on the output image.
    Drawn { revision: u64, milliseconds: f32 },
    /// Tensors were read back.
    Tensors(Vec<(String, Tensor)>),
    /// Tensors of a training were read back.
    #[cfg(feature = "few_shot")]
    Trained { run: TrainingRun, tensors: Vec<(String, Tensor)> },
    /// A training cannot go on.
    #[cfg(feature = "few_shot")]
    TrainingFailed(CartoonError),
    /// A revision cannot be drawn.
    Failed { revision: u64, error: CartoonError },
}

/// What passes between the worlds.
#[derive(Resource, Debug, Default)]
pub(super) struct Exchange {
    pub requests: Vec<Request>,
    pub reports: Vec<(Entity, Report)>,
    pub chains: Vec<ChainInfo>,
    /// Of this frame.
    pub budget: CartoonBudget,
    /// How long the frame before took.
    frame: Duration,
    pub counters: CartoonCounters,
    /// Whether every pass is to be timed.
    pub profiling: bool,
    /// What has become of changed shaders.
    pub shaders: ShaderReloads,
    #[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
    pub shader_folder: Option<super::hot_reload::ShaderFolder>,
    /// What the device lacks, in words.
    pub device_fault: Option<String>,
    /// Nothing has been rendered since the last exchange.
    pub idle: bool,
    /// The main world knows that rendering has stopped.
    stopped: bool,
}

/// Figures of a chain of passes, for tools and panels.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainInfo {
    /// The model's name.
    pub model: String,
    /// Pictures in a batch.
    pub batch: usize,
    /// Render passes of an update, without the two of each picture.
    pub passes: usize,
    /// Draws of an update.
    pub draws: usize,
    /// Pipelines that the passes use.
    pub pipelines: usize,
    /// Pipelines of all models together.
    pub all_pipelines: usize,
    /// Bind groups that were made.
    pub bind_groups: usize,
    /// Bytes of all texture slots.
    pub slot_bytes: usize,
    /// Bytes of the largest set of tensors alive at once.
    pub live_bytes: usize,
    /// Bytes of the weight texture.
    pub weight_bytes: usize,
    /// CPU milliseconds that recording the latest update took, over all its frames.
    pub record_ms: f32,
    /// CPU milliseconds in which wgpu made the driver's commands of it.
    pub encode_ms: f32,
    /// The pass table, ready to print.
    pub table: Arc<str>,
    /// Differs from that of any other chain.
    pub number: u64,
    /// Tensors that are kept to be read back, beside the cartoon: the input first; a chain that draws cartoons alone has
    /// none.
    pub taps: Arc<[String]>,
    /// The steps of an update: encode, the passes, and a composite for each picture of a full batch.
    pub steps: Arc<[StepInfo]>,
    /// Whether the device has timestamps.
    pub has_timestamps: bool,
    /// GPU times of the latest update that was measured, see [`CartoonProfiling`].
    pub times: Option<Arc<StepTimes>>,
}

/// The chains that exist, in the main world; brought up to date every frame.
#[derive(Resource, Debug, Clone, Default)]
pub struct CartoonChains(pub Vec<ChainInfo>);

/// Runs in `ExtractSchedule`, where both worlds are at hand.
pub(super) fn exchange(mut main: ResMut<MainWorld>, mut exchange: ResMut<Exchange>, news: Res<News>) {
    for (entity, report) in news.take().into_iter().chain(std::mem::take(&mut exchange.reports)) {
        deliver(&mut main, entity, report);
    }
    let chains = std::mem::take(&mut exchange.chains);
    if !chains.is_empty() || main.get_resource::<CartoonChains>().is_some_and(|known| !known.0.is_empty()) {
        main.insert_resource(CartoonChains(chains));
    }
    if main.get_resource() != Some(&exchange.counters) {
        main.insert_resource(exchange.counters);
    }
    if main.get_resource() != Some(&exchange.shaders) {
        main.insert_resource(exchange.shaders.clone());
    }
    #[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
    {
        exchange.shader_folder = main.get_resource().cloned();
    }
    watch_renderer(&mut main, &mut exchange);
    let length = main.get_resource::<Time<Real>>().map(Time::delta).unwrap_or_default();
    let last = std::mem::replace(&mut exchange.frame, length);
    let budget = main.get_resource::<CartoonBudget>().copied().unwrap_or_default();
    exchange.budget = budget.in_a_frame_of(length.min(last));
    exchange.profiling = main.get_resource::<CartoonProfiling>().is_some_and(|profiling| profiling.enabled);
    exchange.requests.clear();
    let mut query = main.query_filtered::<(Entity, &CartoonRequest), With<CartoonGroup>>();
    for (entity, request) in query.iter(&main) {
        if let Some(wanted) = &request.wanted {
            exchange.requests.push(Request { entity, revision: request.revision, wanted: wanted.clone() });
        }
    }
}

/// Tells the main world when rendering stops, and when it goes on. Bevy goes on exchanging while it does not render: after
/// an error of the device, until a new one is there.
fn watch_renderer(main: &mut World, exchange: &mut Exchange) {
    let stopped = std::mem::replace(&mut exchange.idle, true);
    if std::mem::replace(&mut exchange.stopped, stopped) == stopped {
        return;
    }
    let fault = if stopped { Some(STOPPED.to_owned()) } else { exchange.device_fault.clone() };
    match &fault {
        Some(reason) => error!("bevy_toonface: {reason}"),
        None => info!("bevy_toonface: rendering goes on, all cartoons are drawn anew"),
    }
    if let Some(mut settings) = main.get_resource_mut::<CartoonSettings>() {
        settings.device_fault = fault;
    }
}

/// An entity may be gone, or may have lost its tag; then nobody waits for the news.
pub(super) fn deliver(main: &mut World, entity: Entity, report: Report) {
    let Ok(mut entity) = main.get_entity_mut(entity) else { return };
    #[cfg(feature = "few_shot")]
    let Some(report) = super::training::deliver(&mut entity, report) else { return };
    let Some(mut progress) = entity.get_mut::<Progress>() else { return };
    match report {
        Report::Drawn { revision, milliseconds } => {
            progress.revision = revision;
            progress.milliseconds = milliseconds;
            progress.updates += 1;
            progress.error.take_if(|(failed, _)| *failed <= revision);
        }
        Report::Failed { revision, error } => progress.error = Some((revision, error)),
        Report::Tensors(tensors) => {
            entity.insert(CartoonTensors(tensors));
        }
        #[cfg(feature = "few_shot")]
        Report::Trained { .. } | Report::TrainingFailed(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use bevy::prelude::*;

    use super::{Progress, Report, deliver};
    use crate::ecs::CartoonError;

    #[test]
    fn a_cartoon_takes_back_what_was_wrong_with_it_or_those_before_it() {
        let mut world = World::new();
        let entity = world.spawn(Progress::default()).id();
        for (drawn, is_mended) in [(6, false), (7, true), (8, true)] {
            deliver(&mut world, entity, Report::Failed { revision: 7, error: CartoonError::NoPicture });
            deliver(&mut world, entity, Report::Drawn { revision: drawn, milliseconds: 1.0 });
            let progress = world.get::<Progress>(entity).expect("progress");
            assert_eq!((progress.revision, progress.error.is_none()), (drawn, is_mended));
        }
    }
}
