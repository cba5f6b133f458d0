//! Odd moments in a camera's life, and what its cartoon costs at rest.
#![cfg(feature = "sprite")]

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;
#[path = "common/studio.rs"]
mod studio;

use bevy::camera::{RenderTarget, Viewport};
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy_toonface::ecs::CartoonView;
use bevy_toonface::prelude::*;
use gpu::{EIGHT_PLANES, OPEN_NATIVE, add_model, gradient, wait_for_error};
use stage::small_model;
use studio::{Shot, Studio, aligned, coverage, distance, known_cartoon, known_model, new_target, rgb};

/// A camera that shows the cartoon of its whole view, and the view without it.
fn running<'a>(app: &'a mut App, shot: &Shot) -> (Studio<'a>, Entity, image::RgbaImage) {
    let mut studio = Studio::new(app, shot);
    let camera = studio.camera(shot);
    let plain = studio.first_photo();
    studio.tag(camera, "g0", None);
    studio.wait(camera);
    assert_ne!(studio.photo(), plain, "a cartoon");
    (studio, camera, plain)
}

fn insert(studio: &mut Studio, entity: Entity, bundle: impl Bundle) {
    studio.stage.app.world_mut().entity_mut(entity).insert(bundle);
}

fn frames(studio: &mut Studio, count: usize) {
    (0..count).for_each(|_| studio.stage.frame());
}

#[test]
fn a_camera_draws_its_view_until_the_first_cartoon_is_ready() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot::default();
        let mut studio = Studio::new(app, &shot);
        let camera = studio.camera(&shot);
        let plain = studio.first_photo();
        studio.stage.passes_a_frame(0);
        studio.tag(camera, "g0", None);
        frames(&mut studio, 20);
        assert_eq!(studio.status(camera), CartoonStatus::Ready);
        assert_eq!(studio.photo(), plain);
        studio.stage.passes_a_frame(1);
        studio.wait(camera);
        assert_ne!(studio.photo(), plain);
        studio.close();
    });
}

#[test]
fn a_camera_is_live_without_another_line() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot::default();
        let (mut studio, camera, _) = running(app, &shot);
        // Nothing tells the plugin that the scene has changed.
        let grey = Image::new_fill(
            bevy::render::render_resource::Extent3d { width: 96, height: 64, depth_or_array_layers: 1 },
            bevy::render::render_resource::TextureDimension::D2,
            &[90, 160, 40, 255],
            TextureFormat::Rgba8UnormSrgb,
            default(),
        );
        let image = studio.stage.app.world_mut().resource_mut::<Assets<Image>>().add(grey);
        let pattern = studio.pattern;
        insert(&mut studio, pattern, Sprite::from_image(image));
        frames(&mut studio, 6);
        let expected = known_cartoon([90.0, 160.0, 40.0], 0);
        let photo = studio.photo();
        assert!(distance(rgb(&photo, 50, 30), expected) <= 2.0, "{:?} instead of {expected:?}", rgb(&photo, 50, 30));
        // Once is once, and a rate is a rate.
        let before = studio.stage.updates(camera);
        studio.stage.settings(camera).update = UpdateRate::Once;
        frames(&mut studio, 10);
        let once = studio.stage.updates(camera);
        assert!(once - before <= 3, "{} updates that were under way", once - before);
        studio.stage.settings(camera).update = UpdateRate::PerSecond(4.0);
        frames(&mut studio, 40);
        // A frame is 50 ms.
        let drawn = studio.stage.updates(camera) - once;
        assert!((7..=10).contains(&drawn), "{drawn} updates in two seconds at four a second");
        studio.close();
    });
}

#[test]
fn a_region_that_cannot_be_drawn_leaves_the_view_and_says_why() {
    EIGHT_PLANES.run(|app| {
        let (mut studio, camera, plain) = running(app, &Shot::default());
        let nobody = studio.prop(());
        let idle = [
            (CartoonRegion::rect(1.2, 0.0, 1.9, 1.0), IdleReason::OutsideView),
            (CartoonRegion::rect(0.0, 0.0, 0.1, 1.0), IdleReason::TooSmall),
            (CartoonRegion::follow(nobody, 40.0), IdleReason::Gone),
        ];
        for (region, reason) in idle {
            insert(&mut studio, camera, region);
            frames(&mut studio, 4);
            assert_eq!(studio.status(camera), CartoonStatus::Idle(reason));
            assert_eq!(studio.photo(), plain, "{reason}");
        }
        for region in [CartoonRegion::rect(0.5, 0.5, 0.5, 0.9), CartoonRegion::follow(nobody, -1.0)] {
            insert(&mut studio, camera, region);
            let error = wait_for_error(studio.stage.app, camera);
            assert!(matches!(error, CartoonError::Region { .. }), "{error}");
            assert_eq!(studio.photo(), plain, "{error}");
        }
        insert(&mut studio, camera, CartoonRegion::default());
        studio.wait(camera);
        assert_ne!(studio.photo(), plain, "the cartoon comes back");
        studio.close();
    });
}

#[test]
fn a_followed_entity_may_go_out_of_sight_and_away() {
    EIGHT_PLANES.run(|app| {
        let (mut studio, camera, plain) = running(app, &Shot::default());
        let head = studio.prop(Transform::IDENTITY);
        insert(&mut studio, camera, CartoonRegion::follow(head, 40.0));
        studio.wait(camera);
        // Out of sight and back: a cartoon of what was seen then is not shown.
        insert(&mut studio, head, Transform::from_xyz(500.0, 0.0, 0.0));
        frames(&mut studio, 4);
        assert_eq!(studio.status(camera), CartoonStatus::Idle(IdleReason::OutsideView));
        assert_eq!(studio.photo(), plain);
        studio.stage.passes_a_frame(0);
        insert(&mut studio, head, Transform::from_xyz(5.0, 3.0, 0.0));
        frames(&mut studio, 4);
        assert_eq!(studio.photo(), plain, "no cartoon until there is a new one");
        studio.stage.budget(CartoonBudget::UNLIMITED);
        studio.wait(camera);
        assert_ne!(studio.photo(), plain);
        insert(&mut studio, head, Transform::from_xyz(0.0, 0.0, 5000.0));
        frames(&mut studio, 4);
        assert_eq!(studio.status(camera), CartoonStatus::Idle(IdleReason::Behind));
        studio.stage.app.world_mut().despawn(head);
        frames(&mut studio, 4);
        assert_eq!(studio.status(camera), CartoonStatus::Idle(IdleReason::Gone));
        assert_eq!(studio.photo(), plain);
        studio.close();
    });
}

#[test]
fn the_cartoon_moves_with_the_entity_in_every_frame() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot { target: UVec2::new(128, 96), ..default() };
        let mut studio = Studio::new(app, &shot);
        studio.model = add_model(studio.stage.app, known_model([0.0; 3], [[9.0, 9.0, -9.0], [0.0; 3]]));
        let camera = studio.camera(&shot);
        let head = studio.prop(Transform::IDENTITY);
        studio.tag(camera, "g0", Some(CartoonRegion::follow(head, 40.0).with_roundness(1.0)));
        studio.wait(camera);
        // No new cartoon from here on.
        studio.stage.passes_a_frame(0);
        for (x, y, roll) in [(0.0, 0.0, 0.0), (13.5, -7.25, 0.3), (-30.0, 20.0, -2.0), (55.0, 40.0, 1.0)] {
            insert(&mut studio, head, Transform::from_xyz(x, y, 0.0).with_rotation(Quat::from_rotation_z(roll)));
            let photo = studio.photo();
            let region = studio.place(camera);
            assert!(region.center.distance(Vec2::new(64.0 + x, 48.0 - y)) < 1e-3, "{}", region.center);
            for (px, py, _) in photo.enumerate_pixels() {
                let yellow = distance(rgb(&photo, px, py), [255.0, 255.0, 0.0]) <= 2.0;
                let covered = coverage(&region, px, py);
                assert!(yellow || covered < 1.0, "pixel {px}, {py} at {x}, {y}: covered {covered}");
                // The pattern itself has no yellow.
                assert!(!yellow || covered > 0.97, "pixel {px}, {py} at {x}, {y}: covered {covered}");
            }
        }
        studio.close();
    });
}

#[test]
fn what_comes_to_where_nothing_was_shows_itself_until_the_next_cartoon() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot { clear: Color::NONE, ..default() };
        let mut studio = Studio::new(app, &shot);
        let camera = studio.camera(&shot);
        studio.stage.app.world_mut().despawn(studio.pattern);
        let image = studio.stage.app.world_mut().resource_mut::<Assets<Image>>().add(gradient(40, 40));
        let figure = studio.prop((Sprite::from_image(image), Transform::from_xyz(-12.0, 0.0, 0.0)));
        let old = studio.first_photo();
        studio.tag(camera, "g0", Some(aligned(shot.target, 40, 16)));
        studio.wait(camera);
        studio.stage.passes_a_frame(0);
        frames(&mut studio, 4);
        insert(&mut studio, figure, Transform::from_xyz(12.0, 0.0, 0.0));
        let late = studio.photo();
        studio.untag(camera);
        let new = studio.photo();
        let (mut own, mut drawn) = (0, 0);
        for (x, y, pixel) in late.enumerate_pixels().filter(|(x, y, _)| (40..72).contains(x) && (16..48).contains(y)) {
            match old.get_pixel(x, y).0[3] {
                0 => {
                    assert_eq!(pixel, new.get_pixel(x, y), "pixel {x}, {y}");
                    own += 1;
                }
                _ => drawn += u32::from(pixel != new.get_pixel(x, y)),
            }
        }
        assert!(own > 400 && drawn > 400, "{own} pixels show themselves, {drawn} the cartoon");
        studio.close();
    });
}

#[test]
fn a_camera_without_a_target_or_switched_off_is_idle() {
    EIGHT_PLANES.run(|app| {
        let (mut studio, camera, plain) = running(app, &Shot::default());
        let target = studio.stage.app.world().get::<RenderTarget>(camera).expect("a target").clone();
        insert(&mut studio, camera, RenderTarget::None { size: UVec2::new(96, 64) });
        frames(&mut studio, 4);
        assert_eq!(studio.status(camera), CartoonStatus::Idle(IdleReason::NoTarget));
        insert(&mut studio, camera, target);
        studio.wait(camera);
        studio.stage.app.world_mut().get_mut::<Camera>(camera).expect("a camera").is_active = false;
        frames(&mut studio, 4);
        assert_eq!(studio.status(camera), CartoonStatus::Idle(IdleReason::Off));
        studio.stage.app.world_mut().get_mut::<Camera>(camera).expect("a camera").is_active = true;
        studio.wait(camera);
        assert_ne!(studio.photo(), plain);
        // A window that does not exist (there is none in this app).
        let model = studio.model.clone();
        let cartoon = Cartoon { model: Some(model), ..default() };
        let lost = studio.prop((Camera2d, cartoon, CartoonGroup::new("g0")));
        frames(&mut studio, 4);
        assert_eq!(studio.status(lost), CartoonStatus::Idle(IdleReason::NoTarget));
        studio.close();
    });
}

#[test]
fn a_view_of_one_pixel_stays_as_it_is() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot { target: UVec2::ONE, ..default() };
        let mut studio = Studio::new(app, &shot);
        let camera = studio.camera(&shot);
        let plain = studio.first_photo();
        studio.tag(camera, "g0", None);
        frames(&mut studio, 6);
        assert_eq!(studio.status(camera), CartoonStatus::Idle(IdleReason::TooSmall));
        assert_eq!(studio.photo(), plain);
        // A viewport that the target has no room for, in a camera that was fine before.
        let (target, wide) = (studio.target.clone(), UVec2::new(96, 64));
        let image = new_target(&mut studio.stage, wide, TextureFormat::Rgba8UnormSrgb);
        let mut images = studio.stage.app.world_mut().resource_mut::<Assets<Image>>();
        let image = images.remove(&image).expect("an image");
        *images.get_mut(&target).expect("the target") = image;
        studio.wait(camera);
        let far = Viewport { physical_position: UVec2::new(95, 63), physical_size: UVec2::new(50, 50), ..default() };
        studio.stage.app.world_mut().get_mut::<Camera>(camera).expect("a camera").viewport = Some(far);
        frames(&mut studio, 6);
        assert_eq!(studio.status(camera), CartoonStatus::Idle(IdleReason::TooSmall));
        studio.close();
    });
}

#[test]
fn a_group_that_is_taken_away_in_the_middle_of_a_plan_leaves_the_view() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot::default();
        let mut studio = Studio::new(app, &shot);
        studio.model = add_model(studio.stage.app, small_model(6, 2, 3));
        let camera = studio.camera(&shot);
        let plain = studio.first_photo();
        studio.tag(camera, "g0", None);
        studio.wait(camera);
        studio.stage.passes_a_frame(2);
        studio.stage.frames_until(|stage| stage.is_under_way());
        studio.untag(camera);
        assert_eq!(studio.photo(), plain);
        let entity = studio.stage.app.world().entity(camera);
        assert!(!entity.contains::<CartoonView>() && !entity.contains::<CartoonSource>());
        assert!(!studio.stage.is_under_way(), "nobody waits for the batch");
        // And again, with another group, in the middle of the next.
        studio.tag(camera, "g1", None);
        studio.stage.frames_until(|stage| stage.is_under_way());
        assert_eq!(studio.photo(), plain);
        studio.wait(camera);
        assert_ne!(studio.photo(), plain);
        // The camera itself goes in the middle of a plan.
        studio.stage.frames_until(|stage| stage.is_under_way());
        studio.stage.app.world_mut().despawn(camera);
        frames(&mut studio, 5);
        studio.close();
    });
}

#[test]
fn an_entity_that_is_camera_and_sprite_is_told_so() {
    EIGHT_PLANES.run(|app| {
        let (mut studio, camera, plain) = running(app, &Shot::default());
        let image = studio.stage.app.world_mut().resource_mut::<Assets<Image>>().add(gradient(40, 40));
        studio.untag(camera);
        // Far away, so that the camera does not see itself.
        insert(
            &mut studio,
            camera,
            (Sprite::from_image(image.clone()), bevy::camera::visibility::RenderLayers::layer(0)),
        );
        let with_sprite = studio.photo();
        studio.tag(camera, "g0", None);
        assert_eq!(wait_for_error(studio.stage.app, camera), CartoonError::TwoPictures);
        assert_eq!(studio.photo(), with_sprite);
        assert_eq!(studio.stage.app.world().get::<Sprite>(camera).expect("a sprite").image, image);
        studio.stage.app.world_mut().entity_mut(camera).remove::<Sprite>();
        insert(&mut studio, camera, CartoonSource::None);
        studio.wait(camera);
        assert_ne!(studio.photo(), plain);
        studio.close();
    });
}

#[test]
fn a_sprite_and_the_camera_that_sees_it_each_have_their_group() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot { target: UVec2::splat(64), ..default() };
        let mut studio = Studio::new(app, &shot);
        let camera = studio.camera(&shot);
        let plain = studio.first_photo();
        let cartoon = Cartoon { model: Some(studio.model.clone()), ..default() };
        let pattern = studio.pattern;
        insert(&mut studio, pattern, (cartoon, CartoonGroup::new("g1")));
        studio.wait(pattern);
        let sprite_only = studio.photo();
        assert_ne!(sprite_only, plain);
        studio.tag(camera, "g0", None);
        studio.wait(camera);
        frames(&mut studio, 4);
        let both = studio.photo();
        // The cartoon of the view has half the view's pixels: look at its mean.
        let mean = |image: &image::RgbaImage, of: &dyn Fn([f32; 3]) -> [f32; 3]| -> [f32; 3] {
            let mut sum = [0.0; 3];
            image.pixels().for_each(|p| {
                let value = of([0, 1, 2].map(|c| f32::from(p.0[c])));
                (0..3).for_each(|c| sum[c] += value[c] / 4096.0);
            });
            sum
        };
        let red_and_green = |v: [f32; 3]| [v[0], v[1], 0.0];
        let expected = red_and_green(mean(&sprite_only, &|v| known_cartoon(v, 0)));
        let got = red_and_green(mean(&both, &|v| v));
        assert!(distance(expected, got) < 4.0, "{got:?} instead of {expected:?}");
        studio.untag(camera);
        assert_eq!(studio.photo(), sprite_only);
        studio.untag(pattern);
        assert_eq!(studio.photo(), plain);
        studio.close();
    });
}

#[test]
fn ui_stays_above_the_cartoon_and_out_of_its_picture() {
    for (hdr, msaa) in [(false, Msaa::Off), (true, Msaa::Sample4)] {
        EIGHT_PLANES.run(move |app| {
            let shot = Shot { hdr, msaa, ..default() };
            let (mut studio, camera, _) = running(app, &shot);
            let before = studio.capture(camera);
            let node = Node { width: px(48), height: px(64), position_type: PositionType::Absolute, ..default() };
            studio.prop((node, BackgroundColor(Color::srgb(0.0, 1.0, 0.0)), UiTargetCamera(camera)));
            frames(&mut studio, 6);
            let photo = studio.photo();
            for (x, y, _) in photo.enumerate_pixels() {
                let green = distance(rgb(&photo, x, y), [0.0, 255.0, 0.0]) <= 1.0;
                assert_eq!(green, x < 48, "pixel {x}, {y} is {:?}", rgb(&photo, x, y));
            }
            assert_eq!(studio.capture(camera), before);
            studio.close();
        });
    }
}

#[test]
fn moving_cameras_make_nothing_new_and_capture_only_what_is_drawn() {
    OPEN_NATIVE.run(|app| {
        let shot = Shot::default();
        let mut studio = Studio::new(app, &shot);
        studio.model = add_model(studio.stage.app, small_model(6, 2, 3));
        let head = studio.prop(Transform::IDENTITY);
        let mut cameras = Vec::new();
        for (k, viewport) in [URect::new(0, 0, 48, 64), URect::new(48, 0, 96, 64)].into_iter().enumerate() {
            let camera = studio.camera(&Shot { viewport: Some(viewport), hdr: k == 1, ..default() });
            studio.tag(camera, &format!("g{k}"), Some(CartoonRegion::follow(head, 30.0)));
            cameras.push(camera);
        }
        cameras.iter().for_each(|camera| studio.wait(*camera));
        let count = |studio: &mut Studio, frames: u64| {
            let images = studio.stage.app.world().resource::<Assets<Image>>().len();
            let (before, start) = (studio.stage.held(), studio.stage.counters());
            for frame in 0..frames {
                let angle = 0.1 * frame as f32;
                let place = Transform::from_xyz(9.0 * angle.cos(), 9.0 * angle.sin(), 0.0);
                insert(studio, head, place.with_rotation(Quat::from_rotation_z(angle)));
                let group = format!("g{}", frame % 2);
                studio.stage.set_group(cameras[0], &group);
                studio.stage.frame();
                assert_eq!(studio.stage.held(), before, "frame {frame}: {:?}", studio.stage.counters());
            }
            assert_eq!(studio.stage.app.world().resource::<Assets<Image>>().len(), images);
            let end = studio.stage.counters();
            assert_eq!(end.overlays - start.overlays, 2 * frames, "each camera in every frame");
            (end.captures - start.captures, end.cartoons - start.cartoons)
        };
        let (captures, cartoons) = count(&mut studio, 200);
        // One frame captures, the next one draws: each camera may have captured before the first of these frames.
        assert!(captures + 2 >= cartoons && cartoons >= 150, "{captures} captures, {cartoons} cartoons");
        assert!(captures <= 400);
        studio.stage.passes_a_frame(3);
        frames(&mut studio, 30);
        let (captures, cartoons) = count(&mut studio, 300);
        assert!(cartoons >= 20, "{cartoons} cartoons");
        // Between batches, one more picture may be captured than is drawn.
        assert!(captures <= cartoons + cartoons / 2 + 4, "{captures} captures for {cartoons} cartoons");
        studio.stage.passes_a_frame(0);
        frames(&mut studio, 10);
        cameras.iter().for_each(|camera| studio.stage.settings(*camera).update = UpdateRate::PerSecond(0.0));
        studio.stage.budget(CartoonBudget::UNLIMITED);
        frames(&mut studio, 10);
        let (captures, cartoons) = count(&mut studio, 20);
        assert_eq!((captures, cartoons), (0, 0), "nobody asks for anything");
        studio.close();
    });
}
