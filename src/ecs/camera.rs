//! Cameras: the picture is what the camera draws, and the cartoon is blended over it in every frame.

use bevy::camera::{CameraUpdateSystems, RenderTarget};
use bevy::ecs::query::QueryData;
use bevy::ecs::system::SystemParam;
use bevy::image::ImageSampler;
use bevy::prelude::*;

use super::picture::output_image;
use super::region::{Eye, NoRegion, locate};
use super::{
    Cartoon, CartoonError, CartoonGroup, CartoonModel, CartoonOutput, CartoonRegion, CartoonRequest, CartoonSource,
    CartoonSystems, DefaultCartoonModel, IdleReason, Progress, RegionArea, RequestSource, ViewRegion,
};

/// What the GPU layer needs to know of a camera with a group. The plugin adds it and keeps it up to date.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct CartoonView {
    /// What the region of the view is filtered down to: the network's square, transparent where the region has nothing.
    pub picture: Handle<Image>,
    /// How much of the cartoon is blended over the view. Range: 0 to 1.
    pub strength: f32,
    /// Whether there is a cartoon that belongs to this region.
    pub is_drawn: bool,
    /// Where the region is in this frame.
    pub place: ViewPlace,
    /// What the picture shows. Another subject gets another picture, so that no cartoon appears in a strange place.
    subject: Subject,
}

/// Where a camera's region is.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewPlace {
    /// The model is not there yet.
    Loading,
    /// Nowhere for the moment, and why.
    Idle(IdleReason),
    /// Nowhere, because of a mistake.
    Fault(CartoonError),
    /// There.
    At(ViewRegion),
}

/// What a region shows, however it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    View,
    Rect,
    Entity(Entity),
}

impl From<RegionArea> for Subject {
    fn from(area: RegionArea) -> Self {
        match area {
            RegionArea::View => Self::View,
            RegionArea::Rect(_) => Self::Rect,
            RegionArea::Follow { entity, .. } => Self::Entity(entity),
        }
    }
}

pub(super) fn plugin(app: &mut App) {
    app.register_type::<CartoonRegion>()
        .add_systems(PostUpdate, place_views.in_set(CartoonSystems::Cameras))
        .configure_sets(
            PostUpdate,
            CartoonSystems::Cameras.after(CameraUpdateSystems).after(TransformSystems::Propagate),
        )
        .add_observer(close_view);
}

#[derive(QueryData)]
#[query_data(mutable)]
struct CameraQuery {
    entity: Entity,
    camera: &'static Camera,
    target: &'static RenderTarget,
    transform: &'static GlobalTransform,
    region: Option<&'static CartoonRegion>,
    cartoon: &'static Cartoon,
    output: &'static CartoonOutput,
    request: &'static CartoonRequest,
    progress: Option<&'static Progress>,
    source: &'static mut CartoonSource,
    view: Option<&'static mut CartoonView>,
}

/// The models that cameras may have.
#[derive(SystemParam)]
struct Models<'w> {
    models: Res<'w, Assets<CartoonModel>>,
    default_model: Option<Res<'w, DefaultCartoonModel>>,
}

impl Models<'_> {
    /// Pixels a side of the picture that a cartoon's model takes; `None` while it loads.
    fn picture_side(&self, cartoon: &Cartoon) -> Option<u32> {
        let default_model = self.default_model.as_ref().map(|m| &m.0);
        let model = self.models.get(cartoon.model.as_ref().or(default_model)?)?;
        model.model.graph.input_shape().map(|shape| shape.width.max(shape.height) as u32)
    }
}

/// Finds every camera's region, and gives the camera a picture for it.
fn place_views(
    mut cameras: Query<CameraQuery, With<CartoonGroup>>,
    places: Query<&GlobalTransform>,
    models: Models,
    mut images: ResMut<Assets<Image>>,
    mut commands: Commands,
) {
    for mut camera in &mut cameras {
        let region = camera.region.copied().unwrap_or_default();
        let mut next = camera.view.as_deref().cloned().unwrap_or_else(|| CartoonView::new(&region));
        next.strength = camera.cartoon.strength.clamp(0.0, 1.0);
        next.place = match models.picture_side(camera.cartoon) {
            Some(side) => {
                next.adopt(&mut camera.source, Subject::from(region.area), side, &mut images);
                next.find(&camera, &region, &places)
            }
            None => ViewPlace::Loading,
        };
        next.is_drawn = next.has_cartoon(camera.request, camera.progress);
        match &mut camera.view {
            Some(view) => {
                view.set_if_neq(next);
            }
            None => {
                commands.entity(camera.entity).try_insert(next);
            }
        }
    }
}

/// Without its group, or without its camera, an entity has no view.
fn close_view(
    removed: On<Remove, (CartoonGroup, Camera)>,
    mut views: Query<(&CartoonView, &mut CartoonSource)>,
    mut commands: Commands,
) {
    if let Ok((view, mut source)) = views.get_mut(removed.entity) {
        if *source == CartoonSource::Image(view.picture.clone()) {
            *source = CartoonSource::None;
        }
        commands.entity(removed.entity).try_remove::<CartoonView>();
    }
}

impl CartoonView {
    fn new(region: &CartoonRegion) -> Self {
        Self {
            picture: Handle::default(),
            strength: 1.0,
            is_drawn: false,
            place: ViewPlace::Loading,
            subject: region.area.into(),
        }
    }

    /// Why the view has no cartoon at the moment, if that is no mistake.
    pub(super) fn idle(&self) -> Option<&IdleReason> {
        if let ViewPlace::Idle(reason) = &self.place { Some(reason) } else { None }
    }

    /// Makes sure of a picture of the right size and subject, and that it is the entity's.
    fn adopt(
        &mut self,
        source: &mut Mut<CartoonSource>,
        subject: Subject,
        side: u32,
        images: &mut ResMut<Assets<Image>>,
    ) {
        let own = CartoonSource::Image(self.picture.clone());
        let is_free = **source == CartoonSource::None || **source == own;
        let fits = images.get(&self.picture).is_some_and(|image| image.size() == UVec2::splat(side));
        if self.picture == Handle::default() || !fits || self.subject != subject {
            self.picture = images.add(output_image(UVec2::splat(side), ImageSampler::Default));
            self.subject = subject;
        }
        if is_free {
            source.set_if_neq(CartoonSource::Image(self.picture.clone()));
        }
    }

    /// Where the region is.
    fn find(&self, camera: &CameraQueryItem, region: &CartoonRegion, places: &Query<&GlobalTransform>) -> ViewPlace {
        if *camera.source != CartoonSource::Image(self.picture.clone()) {
            return ViewPlace::Fault(CartoonError::TwoPictures);
        }
        if !camera.camera.is_active {
            return ViewPlace::Idle(IdleReason::Off);
        }
        let view = match camera.target {
            RenderTarget::None { .. } => None,
            _ => camera.camera.physical_viewport_rect().filter(|_| camera.camera.physical_target_size().is_some()),
        };
        let Some(view) = view else { return ViewPlace::Idle(IdleReason::NoTarget) };
        let eye = Eye {
            view,
            clip_from_view: camera.camera.clip_from_view(),
            view_from_world: camera.transform.affine().inverse(),
        };
        match locate(region, &eye, |entity| places.get(entity).ok().copied()) {
            Ok(region) => ViewPlace::At(region),
            Err(NoRegion::Idle(reason)) => ViewPlace::Idle(reason),
            Err(NoRegion::Fault(error)) => ViewPlace::Fault(error),
        }
    }

    /// Whether a cartoon of the picture has been drawn.
    fn has_cartoon(&self, request: &CartoonRequest, progress: Option<&Progress>) -> bool {
        let own = RequestSource::Image(self.picture.id(), None);
        request.wanted.as_ref().is_some_and(|wanted| wanted.source == own)
            && progress.is_some_and(|p| p.updates > 0 && p.revision >= request.source_revision)
    }
}
