//! Turns components into requests and progress into status.

use bevy::asset::{AssetEventSystems, LoadState};
use bevy::ecs::query::QueryData;
use bevy::platform::collections::HashSet;
use bevy::prelude::*;

use super::asset::reason;
use super::picture::{output_image, picture_size};
use super::reload::{log_failed_reloads, update_warnings};
use super::request::{Progress, RequestSource, Wanted};
use super::shows::Told;
use super::{
    Cartoon, CartoonBudget, CartoonError, CartoonGroup, CartoonModel, CartoonModelLoader, CartoonOutput, CartoonReady,
    CartoonRequest, CartoonSmoothing, CartoonSource, CartoonStatus, CartoonTaps, CartoonTensors, CartoonView,
    CartoonWarning, ModelFiles, PictureLimits, ShaderReloads, UpdateRate, ViewPlace,
};
use crate::model::{Model, Tensor};
use crate::plan::PlanOptions;

/// Order of the plugin's work in `PostUpdate`.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub enum CartoonSystems {
    /// Sprites, UI nodes and materials tell their picture, and show their cartoon once it is ready.
    Pictures,
    /// Cartoons get an image to be drawn to.
    Outputs,
    /// Cameras tell where their region is.
    Cameras,
    /// Components become requests to the GPU.
    Request,
    /// Progress becomes [`CartoonStatus`].
    Status,
}

/// The model of all cartoons that name none.
#[derive(Resource, Debug, Clone)]
pub struct DefaultCartoonModel(pub Handle<CartoonModel>);

/// Settings of the plugin.
#[derive(Resource, Debug, Clone)]
pub struct CartoonSettings {
    /// Asset path of the default model's manifest.
    pub model: String,
    /// Why this device cannot draw cartoons, if it cannot.
    pub device_fault: Option<String>,
}

/// The ECS half of the plugin: components, requests, status.
#[derive(Debug, Clone)]
pub struct CartoonPlugin {
    /// See [`CartoonSettings`].
    pub settings: CartoonSettings,
}

impl Plugin for CartoonPlugin {
    fn build(&self, app: &mut App) {
        app.init_asset::<CartoonModel>()
            .register_type::<CartoonGroup>()
            .register_type::<Cartoon>()
            .register_type::<CartoonOutput>()
            .register_type::<CartoonBudget>()
            .register_type::<CartoonSmoothing>()
            .init_resource::<CartoonBudget>()
            .init_resource::<PictureLimits>()
            .init_resource::<ModelFiles>()
            .init_resource::<ShaderReloads>()
            .insert_resource(self.settings.clone())
            .configure_sets(
                PostUpdate,
                (CartoonSystems::Pictures, CartoonSystems::Cameras, CartoonSystems::Request, CartoonSystems::Status)
                    .chain(),
            )
            // What was made for a cartoon, a material or an image, is on the device in the same frame, and a picture that has
            // changed is asked for in the frame of its change.
            .configure_sets(
                PostUpdate,
                (
                    CartoonSystems::Outputs.after(CartoonSystems::Pictures).before(AssetEventSystems),
                    CartoonSystems::Request.after(AssetEventSystems),
                ),
            )
            .add_systems(PreStartup, load_default_model)
            .add_systems(
                PostUpdate,
                (
                    make_outputs.in_set(CartoonSystems::Outputs),
                    update_requests.in_set(CartoonSystems::Request),
                    (update_status, update_warnings, log_failed_reloads).in_set(CartoonSystems::Status),
                ),
            )
            .add_observer(untag)
            .add_observer(super::redraw::redraw)
            .add_plugins(super::camera::plugin);
        #[cfg(all(feature = "hot_reload", not(target_arch = "wasm32")))]
        app.add_plugins(super::hot_reload::plugin);
        super::shows::plugin(app);
        #[cfg(any(feature = "sprite", feature = "ui"))]
        super::look::plugin(app);
        #[cfg(any(feature = "mesh2d", feature = "pbr"))]
        super::material::plugin(app);
    }
}

/// What is known once the renderer is there: the device that models have to fit, and what it lacks. Models that wait for the
/// loader go on loading.
pub fn adopt_device(app: &mut App, options: PlanOptions, fault: Option<String>) {
    if let Some(fault) = &fault {
        error!("bevy_toonface: {fault}");
    }
    let files = app.world().get_resource::<ModelFiles>().cloned().unwrap_or_default();
    app.insert_resource(PictureLimits { max_side: options.limits.max_texture_size as u32 });
    app.register_asset_loader(CartoonModelLoader { options, files });
    if let Some(mut settings) = app.world_mut().get_resource_mut::<CartoonSettings>() {
        settings.device_fault = fault;
    }
}

/// A game that has set the resource itself keeps its own model.
fn load_default_model(
    mut commands: Commands,
    assets: Res<AssetServer>,
    settings: Res<CartoonSettings>,
    chosen: Option<Res<DefaultCartoonModel>>,
) {
    if chosen.is_none() {
        commands.insert_resource(DefaultCartoonModel(assets.load(settings.model.clone())));
    }
}

/// Without the tag, nothing of the cartoon stays but the settings in [`Cartoon`] and [`CartoonTaps`].
fn untag(removed: On<Remove, CartoonGroup>, mut commands: Commands) {
    commands.entity(removed.entity).try_remove::<(
        CartoonSource,
        CartoonOutput,
        CartoonStatus,
        CartoonWarning,
        CartoonRequest,
        CartoonTensors,
        Progress,
        Told,
    )>();
}

#[derive(QueryData)]
#[query_data(mutable)]
struct CartoonQuery {
    entity: Entity,
    group: &'static CartoonGroup,
    cartoon: &'static Cartoon,
    source: Ref<'static, CartoonSource>,
    output: &'static mut CartoonOutput,
    request: &'static mut CartoonRequest,
    status: &'static mut CartoonStatus,
    told: &'static Told,
    taps: Option<&'static CartoonTaps>,
    smoothing: Option<&'static CartoonSmoothing>,
    progress: Option<&'static Progress>,
    view: Option<&'static CartoonView>,
}

/// The assets that requests are resolved against.
#[derive(bevy::ecs::system::SystemParam)]
struct Resolver<'w> {
    assets: Res<'w, AssetServer>,
    models: Res<'w, Assets<CartoonModel>>,
    default_model: Option<Res<'w, DefaultCartoonModel>>,
    settings: Res<'w, CartoonSettings>,
    limits: Res<'w, PictureLimits>,
}

/// What has changed behind the components, and the clock.
#[derive(bevy::ecs::system::SystemParam)]
struct Changes<'w, 's> {
    images: MessageReader<'w, 's, AssetEvent<Image>>,
    models: MessageReader<'w, 's, AssetEvent<CartoonModel>>,
    shaders: Res<'w, ShaderReloads>,
    drawn_with: Local<'s, u64>,
    time: Option<Res<'w, Time>>,
}

impl Changes<'_, '_> {
    fn images(&mut self) -> HashSet<AssetId<Image>> {
        self.images.read().filter_map(modified).collect()
    }

    fn models(&mut self) -> HashSet<AssetId<CartoonModel>> {
        self.models.read().filter_map(modified).collect()
    }

    /// Whether changed shaders have been taken into use.
    fn shaders(&mut self) -> bool {
        let revision = self.shaders.revision;
        std::mem::replace(&mut *self.drawn_with, revision) != revision
    }
}

fn modified<A: Asset>(event: &AssetEvent<A>) -> Option<AssetId<A>> {
    if let AssetEvent::Modified { id } = event { Some(*id) } else { None }
}

impl CartoonQueryItem<'_, '_> {
    /// Whether it was to be drawn once, and has been.
    fn is_done(&self) -> bool {
        self.cartoon.update == UpdateRate::Once
            && !self.request.redraw
            && self.progress.is_some_and(|progress| progress.updates > 0)
    }
}

/// Outputs of new cartoons and of new pictures. One that is made after the frame's changes of images have been told is on
/// the device a frame later, and the cartoon is, too.
fn make_outputs(mut cartoons: Query<CartoonQuery>, resolver: Resolver, mut images: ResMut<Assets<Image>>) {
    for mut cartoon in &mut cartoons {
        let is_new = cartoon.output.image == Handle::default() || cartoon.source.is_changed();
        if !is_new || cartoon.is_done() {
            continue;
        }
        if let Ok(Some((wanted, size))) = resolve(&cartoon, &resolver, &images) {
            sized_output(&mut cartoon.output, size, &wanted.source, &mut images);
        }
    }
}

fn update_requests(
    mut cartoons: Query<CartoonQuery>,
    resolver: Resolver,
    mut images: ResMut<Assets<Image>>,
    mut changes: Changes,
    mut latest_revision: Local<u64>,
    mut commands: Commands,
) {
    let now = changes.time.as_ref().map_or(0.0, |time| time.elapsed_secs_f64());
    let (changed_images, changed_models, changed_shaders) = (changes.images(), changes.models(), changes.shaders());
    for mut cartoon in &mut cartoons {
        if cartoon.progress.is_none() {
            commands.entity(cartoon.entity).try_insert(Progress::default());
        }
        let update = cartoon.cartoon.update;
        let is_done = cartoon.is_done();
        let redraw = std::mem::take(&mut cartoon.request.bypass_change_detection().redraw);
        if is_done {
            // It may have had another rate before.
            if let Some(wanted) = &mut cartoon.request.bypass_change_detection().wanted {
                wanted.always = false;
            }
            continue;
        }
        let wanted = match resolve(&cartoon, &resolver, &images) {
            Ok(Some((mut wanted, size))) => {
                wanted.output = sized_output(&mut cartoon.output, size, &wanted.source, &mut images);
                Some(wanted)
            }
            Ok(None) => {
                let idle = cartoon.view.and_then(CartoonView::idle);
                cartoon.status.set_if_neq(idle.map_or(CartoonStatus::Loading, |reason| CartoonStatus::Idle(*reason)));
                None
            }
            Err(error) => {
                fail(cartoon.entity, &mut cartoon.status, error);
                None
            }
        };
        let stale = wanted.as_ref().is_some_and(|w| {
            changed_shaders
                || changed_models.contains(&w.model)
                || matches!(&w.source, RequestSource::Image(id, _) if changed_images.contains(id))
        });
        let renew = match update {
            // Until everything is there, no update is due.
            UpdateRate::PerSecond(rate) if wanted.is_some() => {
                let request = cartoon.request.bypass_change_detection();
                redraw || request.pacer.due(now, rate) || request.is_of_another(wanted.as_ref())
            }
            _ => redraw || stale || wanted != cartoon.request.wanted,
        };
        if renew {
            *latest_revision += 1;
            cartoon.request.revise(wanted, *latest_revision);
        }
    }
}

/// Looks everything up. `None` while something loads.
fn resolve(
    cartoon: &CartoonQueryItem<'_, '_>,
    resolver: &Resolver,
    images: &Assets<Image>,
) -> Result<Option<(Wanted, UVec2)>, CartoonError> {
    if let Some(reason) = &resolver.settings.device_fault {
        return Err(CartoonError::Device { reason: reason.clone() });
    }
    let default_model = resolver.default_model.as_ref().map(|m| &m.0);
    let Some(handle) = cartoon.cartoon.model.as_ref().or(default_model) else { return Ok(None) };
    let Some(model) = resolver.models.get(handle) else {
        return match resolver.assets.get_load_state(handle) {
            Some(LoadState::Failed(error)) => Err(CartoonError::ModelFailed {
                path: handle.path().map_or_else(|| "(no path)".to_owned(), ToString::to_string),
                reason: reason(&error),
            }),
            _ => Ok(None),
        };
    };
    let model = &model.model;
    let group = model.group_index(&cartoon.group.0).map_err(|_| CartoonError::UnknownGroup {
        group: cartoon.group.0.clone(),
        model: model.manifest.name.clone(),
        known: model.manifest.group_names(),
    })?;
    match cartoon.view.map(|view| &view.place) {
        Some(ViewPlace::Fault(error)) => return Err(error.clone()),
        Some(ViewPlace::Idle(_) | ViewPlace::Loading) => return Ok(None),
        Some(ViewPlace::At(_)) | None => {}
    }
    let is_view = cartoon.view.is_some();
    let wanted = |source| Wanted {
        model: handle.id(),
        group,
        source,
        output: AssetId::default(),
        // Over a camera's view, the cartoon is blended anew in every frame.
        strength: if is_view { 1.0 } else { cartoon.cartoon.strength.clamp(0.0, 1.0) },
        taps: cartoon.taps.map_or_else(Vec::new, |t| t.names.clone()),
        smoothing: cartoon.smoothing.and_then(|smoothing| smoothing.effective()),
        // What a camera sees changes unseen.
        always: cartoon.cartoon.update == UpdateRate::Always
            || is_view && cartoon.cartoon.update == UpdateRate::OnChange,
    };
    cartoon.told.check(&resolver.assets)?;
    let (image, part) = match &*cartoon.source {
        CartoonSource::None if cartoon.told.is_waiting() => return Ok(None),
        CartoonSource::None => return Err(CartoonError::NoPicture),
        CartoonSource::Image(image) => (image, None),
        CartoonSource::Part(image, part) => (image, Some(*part)),
        CartoonSource::Tensor(tensor) => {
            let size = check_tensor(model, tensor)?;
            return Ok(Some((wanted(RequestSource::Tensor(tensor.clone())), size)));
        }
    };
    if *image == cartoon.output.image && *image != Handle::default() {
        return Err(CartoonError::OwnOutput);
    }
    let size = picture_size(image, part, images, &resolver.assets, *resolver.limits)?;
    Ok(size.map(|size| (wanted(RequestSource::Image(image.id(), part)), size)))
}

/// The size of the cartoon of a tensor, which has to have the shape that the model takes.
fn check_tensor(model: &Model, tensor: &Tensor) -> Result<UVec2, CartoonError> {
    let shape = model.graph.input_shape();
    let expected = shape.map_or_else(Vec::new, |s| vec![s.channels, s.height, s.width]);
    let dims = if let [1, dims @ ..] = tensor.dims.as_slice() { dims } else { &tensor.dims };
    match shape {
        Some(shape) if dims == expected && tensor.data.len() == shape.elements() => {
            Ok(UVec2::new(shape.width as u32, shape.height as u32))
        }
        _ => {
            let model = model.manifest.name.clone();
            Err(CartoonError::TensorShape { model, found: tensor.dims.clone(), expected })
        }
    }
}

/// The output image, made anew only when the picture has another size or sampler. Neither the component nor the images
/// count as changed otherwise.
fn sized_output(
    output: &mut Mut<CartoonOutput>,
    size: UVec2,
    source: &RequestSource,
    images: &mut ResMut<Assets<Image>>,
) -> AssetId<Image> {
    let picture = if let RequestSource::Image(id, _) = source { images.get(*id) } else { None };
    let sampler = picture.map(|picture| picture.sampler.clone()).unwrap_or_default();
    let fits = images.get(&output.image).is_some_and(|image| image.size() == size && image.sampler == sampler);
    if !fits || output.image == Handle::default() {
        output.image = images.add(output_image(size, sampler));
    }
    output.image.id()
}

/// What the status is told from.
type StatusQuery<'a> = (Entity, &'a CartoonRequest, &'a Progress, &'a CartoonOutput, &'a mut CartoonStatus);

fn update_status(mut cartoons: Query<StatusQuery, With<CartoonGroup>>, mut commands: Commands) {
    for (entity, request, progress, output, mut status) in &mut cartoons {
        if request.wanted.is_none() {
            continue;
        }
        // What stopped an earlier revision may be mended.
        if let Some((revision, error)) = &progress.error
            && *revision >= request.revision
        {
            fail(entity, &mut status, error.clone());
        } else if progress.updates > 0 && progress.revision >= request.source_revision {
            if !status.is_running() {
                commands.trigger(CartoonReady { entity, image: output.image.clone() });
            }
            let (updates, milliseconds) = (progress.updates, progress.milliseconds);
            status.set_if_neq(CartoonStatus::Running { updates, milliseconds });
        } else {
            status.set_if_neq(CartoonStatus::Ready);
        }
    }
}

/// Sets the status and logs the error once.
fn fail(entity: Entity, status: &mut Mut<CartoonStatus>, error: CartoonError) {
    if status.error() != Some(&error) {
        error!("cartoon of {entity}: {error}");
        **status = CartoonStatus::Failed(error);
    }
}
