//! Which part of a camera's view becomes the cartoon. Pure: a camera and a place come in, pixels come out.

use bevy::math::Affine3A;
use bevy::prelude::*;

use super::{CartoonError, IdleReason, MIN_PICTURE_SIDE};

/// The part of a camera's view that becomes the cartoon, beside a [`CartoonGroup`](super::CartoonGroup) on the camera.
/// Without it, that is the whole view.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_toonface::prelude::*;
/// # fn setup(mut commands: Commands, head: Entity) {
/// // A square of 0.35 world units around a head bone; it moves and turns with the head.
/// commands.spawn((Camera3d::default(), CartoonGroup::new("kid"), CartoonRegion::follow(head, 0.35)));
/// # }
/// ```
#[derive(Component, Debug, Clone, Copy, PartialEq, Reflect)]
#[reflect(Component)]
pub struct CartoonRegion {
    /// Where it is. Default: [`RegionArea::View`].
    pub area: RegionArea,
    /// Width of the soft edge inside the region, as a part of the region's shorter side. Range: `0.0` (a sharp edge) to
    /// `0.5` (soft up to the middle); values outside are clamped. Default: `0.0`, and `0.12` for a followed entity.
    pub feather: f32,
    /// How round the corners are. Range: `0.0` (square) to `1.0` (the shorter sides are half circles, so a square becomes
    /// a disc); values outside are clamped. Default: `0.0`, and `0.6` for a followed entity.
    pub roundness: f32,
}

/// Where a [`CartoonRegion`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Reflect)]
pub enum RegionArea {
    /// The whole view. The default.
    #[default]
    View,
    /// A rectangle in parts of the view: `(0, 0)` is its upper left corner, `(1, 1)` its lower right one. It may reach
    /// over the view's edge. Zero size, or a number that is none, is [`CartoonError::Region`].
    Rect(Rect),
    /// A square around an entity, turned with it: its upper edge points to where the entity's own Y axis points on screen.
    Follow {
        /// The entity, such as a head or its bone.
        entity: Entity,
        /// Side of the square in world units, at the entity's distance. Zero, below, or no number is
        /// [`CartoonError::Region`].
        size: f32,
        /// From the entity's origin to the square's centre, in the entity's own axes and units.
        offset: Vec3,
    },
}

impl Default for CartoonRegion {
    fn default() -> Self {
        Self { area: RegionArea::View, feather: 0.0, roundness: 0.0 }
    }
}

impl CartoonRegion {
    /// A rectangle with sharp edges, in parts of the view: `(0, 0)` is the view's upper left corner, `(1, 1)` its lower
    /// right one.
    pub fn rect(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { area: RegionArea::Rect(Rect::new(left, top, right, bottom)), ..default() }
    }

    /// A square with soft edges around an entity, its side in world units.
    pub fn follow(entity: Entity, size: f32) -> Self {
        Self { area: RegionArea::Follow { entity, size, offset: Vec3::ZERO }, feather: 0.12, roundness: 0.6 }
    }

    /// The same with the square's centre elsewhere: from the entity's origin, in its own axes and units. Nothing changes
    /// where no entity is followed.
    pub fn with_offset(mut self, to: Vec3) -> Self {
        if let RegionArea::Follow { offset, .. } = &mut self.area {
            *offset = to;
        }
        self
    }

    /// The same with another [`feather`](Self::feather).
    pub fn with_feather(self, feather: f32) -> Self {
        Self { feather, ..self }
    }

    /// The same with another [`roundness`](Self::roundness).
    pub fn with_roundness(self, roundness: f32) -> Self {
        Self { roundness, ..self }
    }
}

/// A region on the texture that a camera draws to, in its pixels, y downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ViewRegion {
    /// The camera's viewport.
    pub view: URect,
    /// Middle of the region.
    pub center: Vec2,
    /// Direction of the region's x axis, of length 1. Its y axis is a quarter turn further, downwards.
    pub axis: Vec2,
    /// Half of its width and height.
    pub half_size: Vec2,
    /// Width of the soft edge.
    pub feather: f32,
    /// Radius of the corners.
    pub radius: f32,
}

impl ViewRegion {
    /// The pixels of the view that the region touches, if there are any.
    pub fn bounds(&self) -> Option<URect> {
        let extent = self.axis.abs() * self.half_size.x + self.axis.perp().abs() * self.half_size.y;
        let low = (self.center - extent).floor().max(self.view.min.as_vec2());
        let high = (self.center + extent).ceil().min(self.view.max.as_vec2());
        low.cmplt(high).all().then(|| URect { min: low.as_uvec2(), max: high.as_uvec2() })
    }
}

/// A camera as far as regions are concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Eye {
    /// Viewport on the target, in pixels.
    pub view: URect,
    pub clip_from_view: Mat4,
    pub view_from_world: Affine3A,
}

/// Why there is no region.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NoRegion {
    /// That may change by itself.
    Idle(IdleReason),
    /// Somebody has to change something.
    Fault(CartoonError),
}

/// Where a region is on screen. `place` looks an entity up.
pub(super) fn locate(
    region: &CartoonRegion,
    eye: &Eye,
    place: impl FnOnce(Entity) -> Option<GlobalTransform>,
) -> Result<ViewRegion, NoRegion> {
    let (center, axis, half_size) = match region.area {
        RegionArea::View => (eye.size() / 2.0, Vec2::X, eye.size() / 2.0),
        RegionArea::Rect(rect) => {
            let half_size = rect.half_size() * eye.size();
            if !(half_size.cmpgt(Vec2::ZERO).all() && half_size.is_finite() && rect.center().is_finite()) {
                return Err(fault(format!("the rectangle from {} to {} has no size", rect.min, rect.max)));
            }
            (rect.center() * eye.size(), Vec2::X, half_size)
        }
        RegionArea::Follow { entity, size, offset } => {
            if !(size > 0.0 && size.is_finite() && offset.is_finite()) {
                return Err(fault(format!("a square of {size} world units, {offset} beside its entity, has no place")));
            }
            let place = place(entity).ok_or(NoRegion::Idle(IdleReason::Gone))?;
            eye.square(&place, size, offset)?
        }
    };
    let shorter = 2.0 * half_size.min_element();
    let region = ViewRegion {
        view: eye.view,
        center: center + eye.view.min.as_vec2(),
        axis,
        half_size,
        feather: part(region.feather, 0.5) * shorter,
        radius: part(region.roundness, 1.0) * shorter / 2.0,
    };
    if region.bounds().is_none() {
        return Err(NoRegion::Idle(IdleReason::OutsideView));
    }
    if shorter < MIN_PICTURE_SIDE as f32 {
        return Err(NoRegion::Idle(IdleReason::TooSmall));
    }
    Ok(region)
}

fn fault(reason: String) -> NoRegion {
    NoRegion::Fault(CartoonError::Region { reason })
}

/// A setting in its range; what is no number is zero.
fn part(value: f32, most: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, most) }
}

impl Eye {
    /// Size of the view in pixels.
    fn size(&self) -> Vec2 {
        self.view.size().as_vec2()
    }

    /// A point in the camera's space on screen, in pixels from the view's upper left corner; and its depth, 0 to 1 where
    /// it is seen.
    fn project(&self, point: Vec3) -> (Vec2, f32) {
        let ndc = self.clip_from_view.project_point3(point);
        ((ndc.xy() * Vec2::new(0.5, -0.5) + 0.5) * self.size(), ndc.z)
    }

    /// Centre, x axis and half size of a square around a place.
    fn square(&self, place: &GlobalTransform, size: f32, offset: Vec3) -> Result<(Vec2, Vec2, Vec2), NoRegion> {
        let point = self.view_from_world.transform_point3(place.transform_point(offset));
        let (center, depth) = self.project(point);
        if !((0.0..=1.0).contains(&depth) && center.is_finite()) {
            return Err(NoRegion::Idle(IdleReason::Behind));
        }
        // The square faces the camera, so its distance is the same everywhere.
        let half = (self.project(point + Vec3::Y * (size / 2.0)).0 - center).length();
        if !(half.is_finite() && half > 0.0) {
            return Err(NoRegion::Idle(IdleReason::Behind));
        }
        let up = self.view_from_world.transform_vector3(place.affine().transform_vector3(Vec3::Y)).normalize_or_zero();
        let down = center - self.project(point + up * (size / 4.0)).0;
        // Seen along its own Y axis, an entity has no upright.
        let down = if down.is_finite() && down.length() > 0.05 * half { down.normalize() } else { Vec2::Y };
        Ok((center, Vec2::new(down.y, -down.x), Vec2::splat(half)))
    }
}

#[cfg(test)]
mod tests {
    use bevy::prelude::*;

    use super::{CartoonRegion, Eye, NoRegion, ViewRegion, locate};
    use crate::ecs::{CartoonError, IdleReason};

    /// A perspective camera at `z` that looks at the origin, with a viewport that begins at (100, 40).
    fn eye(width: u32, height: u32, z: f32) -> Eye {
        let view = URect::new(100, 40, 100 + width, 40 + height);
        let aspect = width as f32 / height as f32;
        let clip_from_view = Mat4::perspective_infinite_reverse_rh(1.0, aspect, 0.1);
        let transform = GlobalTransform::from(Transform::from_xyz(0.0, 0.0, z));
        Eye { view, clip_from_view, view_from_world: transform.affine().inverse() }
    }

    fn located(region: CartoonRegion, place: Transform) -> Result<ViewRegion, NoRegion> {
        locate(&region, &eye(400, 200, 5.0), |_| Some(GlobalTransform::from(place)))
    }

    fn followed(place: Transform) -> ViewRegion {
        located(CartoonRegion::follow(Entity::PLACEHOLDER, 1.0), place).expect("a region")
    }

    /// Pixels of a world unit at a distance of 5: half the height is tan(0.5) * 5 units.
    fn unit() -> f32 {
        100.0 / (0.5_f32.tan() * 5.0)
    }

    fn near(a: Vec2, b: Vec2) {
        assert!(a.distance(b) < 1e-2, "{a} instead of {b}");
    }

    #[test]
    fn the_whole_view_is_its_viewport() {
        let region = located(CartoonRegion::default(), Transform::IDENTITY).expect("a region");
        assert_eq!(region.bounds(), Some(URect::new(100, 40, 500, 240)));
        assert_eq!((region.center, region.half_size), (Vec2::new(300.0, 140.0), Vec2::new(200.0, 100.0)));
        assert_eq!((region.axis, region.feather, region.radius), (Vec2::X, 0.0, 0.0));
    }

    #[test]
    fn a_rectangle_is_in_parts_of_the_view_with_y_downwards() {
        let region = CartoonRegion::rect(0.25, 0.5, 0.5, 1.0).with_feather(0.1).with_roundness(0.5);
        let region = located(region, Transform::IDENTITY).expect("a region");
        assert_eq!(region.bounds(), Some(URect::new(200, 140, 300, 240)));
        assert_eq!((region.feather, region.radius), (10.0, 25.0));
    }

    #[test]
    fn a_followed_square_has_the_size_and_the_place_of_its_entity() {
        let region = followed(Transform::from_xyz(1.0, 0.5, 0.0));
        near(region.center, Vec2::new(300.0 + unit(), 140.0 - 0.5 * unit()));
        near(region.half_size, Vec2::splat(0.5 * unit()));
        near(region.axis, Vec2::X);
        let far = followed(Transform::from_xyz(0.0, 0.0, -5.0));
        near(far.half_size, Vec2::splat(0.25 * unit()));
        let offset = CartoonRegion::follow(Entity::PLACEHOLDER, 1.0).with_offset(Vec3::Y);
        let scaled = located(offset, Transform::from_scale(Vec3::splat(0.5))).expect("a region");
        near(scaled.center, Vec2::new(300.0, 140.0 - 0.5 * unit()));
        near(scaled.half_size, Vec2::splat(0.5 * unit()));
    }

    #[test]
    fn a_followed_square_rolls_with_its_entity_whichever_way_that_looks() {
        for turn in [0.0, 1.0, 3.0] {
            // Positive angles turn counterclockwise; on screen, y points downwards.
            let roll = Quat::from_rotation_z(0.5) * Quat::from_rotation_y(turn);
            let region = followed(Transform::from_rotation(roll));
            near(region.axis, Vec2::new(0.5_f32.cos(), -0.5_f32.sin()));
        }
        let from_above = followed(Transform::from_rotation(Quat::from_rotation_x(std::f32::consts::FRAC_PI_2)));
        near(from_above.axis, Vec2::X);
        let flat = followed(Transform::from_scale(Vec3::ZERO));
        near(flat.axis, Vec2::X);
    }

    #[test]
    fn an_orthographic_camera_follows_too() {
        let mut eye = eye(400, 200, 0.0);
        eye.clip_from_view = Mat4::orthographic_rh(-200.0, 200.0, -100.0, 100.0, 1000.0, -1000.0);
        let place = GlobalTransform::from(Transform::from_xyz(-50.0, 30.0, 3.0));
        let region =
            locate(&CartoonRegion::follow(Entity::PLACEHOLDER, 40.0), &eye, |_| Some(place)).expect("a region");
        near(region.center, Vec2::new(250.0, 110.0));
        near(region.half_size, Vec2::splat(20.0));
    }

    #[test]
    fn what_cannot_be_seen_is_idle() {
        let idle = |region: CartoonRegion, place: Transform| match located(region, place) {
            Err(NoRegion::Idle(reason)) => reason,
            other => panic!("{other:?}"),
        };
        let follow = CartoonRegion::follow(Entity::PLACEHOLDER, 1.0);
        for z in [4.95, 5.0, 5.05, 9.0] {
            assert_eq!(idle(follow, Transform::from_xyz(0.0, 0.0, z)), IdleReason::Behind, "z = {z}");
        }
        assert_eq!(idle(follow, Transform::from_xyz(f32::NAN, 0.0, 0.0)), IdleReason::Behind);
        assert_eq!(idle(follow, Transform::from_xyz(50.0, 0.0, 0.0)), IdleReason::OutsideView);
        assert_eq!(idle(follow, Transform::from_xyz(0.0, 0.0, -50.0)), IdleReason::TooSmall);
        assert_eq!(idle(CartoonRegion::rect(1.0, 0.0, 1.5, 1.0), Transform::IDENTITY), IdleReason::OutsideView);
        assert_eq!(idle(CartoonRegion::rect(0.0, 0.0, 0.03, 1.0), Transform::IDENTITY), IdleReason::TooSmall);
        let tiny = locate(&CartoonRegion::default(), &eye(1, 1, 5.0), |_| None);
        assert_eq!(tiny, Err(NoRegion::Idle(IdleReason::TooSmall)));
        let gone = locate(&follow, &eye(400, 200, 5.0), |_| None);
        assert_eq!(gone, Err(NoRegion::Idle(IdleReason::Gone)));
    }

    #[test]
    fn a_region_without_a_size_is_a_fault_in_words() {
        let rects =
            [(0.5, 0.0, 0.5, 1.0), (0.1, 0.1, 0.1, 0.1), (f32::NAN, 0.0, 1.0, 1.0), (0.0, 0.0, f32::INFINITY, 1.0)];
        let rects = rects.map(|(l, t, r, b)| CartoonRegion::rect(l, t, r, b));
        let sizes = [0.0, -1.0, f32::NAN, f32::INFINITY].map(|size| CartoonRegion::follow(Entity::PLACEHOLDER, size));
        for region in rects.into_iter().chain(sizes) {
            match located(region, Transform::IDENTITY) {
                Err(NoRegion::Fault(CartoonError::Region { reason })) => assert!(reason.contains("has no"), "{reason}"),
                other => panic!("{region:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn settings_out_of_range_are_clamped() {
        let region = CartoonRegion::rect(0.0, 0.0, 0.5, 1.0).with_feather(7.0).with_roundness(f32::NAN);
        let region = located(region, Transform::IDENTITY).expect("a region");
        assert_eq!((region.feather, region.radius), (100.0, 0.0));
    }
}
