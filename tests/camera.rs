//! A camera with a group: what it draws becomes the cartoon, at the right pixels, however the camera draws.
#![cfg(feature = "sprite")]

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;
#[path = "common/studio.rs"]
mod studio;

use bevy::camera::CompositingSpace;
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy_toonface::prelude::*;
use gpu::{EIGHT_PLANES, Lab, WEBGL2, add_model, gradient, wait_until_running};
use image::RgbaImage;
use studio::{
    SIDE, Shot, Studio, aligned, coverage, distance, encoded, filtered, known_cartoon, known_model, linear, new_target,
    rgb,
};

/// Rounding to 8 bits, twice.
const TOLERANCE: f32 = 2.0;

/// Fails unless the photograph is the known cartoon within `inside`, and the plain view everywhere else.
fn assert_drawn(what: &str, plain: &RgbaImage, photo: &RgbaImage, inside: URect, group: usize) {
    let mut worst = 0.0_f32;
    for (x, y, pixel) in photo.enumerate_pixels() {
        if inside.contains(UVec2::new(x, y)) && x < inside.max.x && y < inside.max.y {
            let expected = known_cartoon(rgb(plain, x, y), group);
            worst = worst.max(distance(rgb(photo, x, y), expected));
            assert!(worst <= TOLERANCE, "{what}: pixel {x}, {y} is {pixel:?}, not {expected:?}");
            assert_eq!(pixel.0[3], plain.get_pixel(x, y).0[3], "{what}: alpha of {x}, {y}");
        } else {
            assert_eq!(pixel, plain.get_pixel(x, y), "{what}: pixel {x}, {y} is outside of the region");
        }
    }
}

/// Draws the known cartoon of an aligned region, and looks at every pixel of the target.
fn check(app: &mut App, what: &str, shot: &Shot) {
    let view = shot.viewport.unwrap_or(URect { min: UVec2::ZERO, max: shot.target });
    let mut studio = Studio::new(app, shot);
    let camera = studio.camera(shot);
    let plain = studio.first_photo();
    studio.tag(camera, "g0", Some(aligned(view.size(), 21, 13)));
    studio.wait(camera);
    let corner = view.min + UVec2::new(21, 13);
    let inside = URect { min: corner, max: corner + SIDE as u32 };
    assert_drawn(what, &plain, &studio.photo(), inside, 0);
    studio.untag(camera);
    assert_eq!(studio.photo(), plain, "{what}: without its group, the camera draws what it drew before");
    studio.close();
}

fn viewport() -> Option<URect> {
    Some(URect::new(17, 9, 17 + 70, 9 + 50))
}

/// Every way to draw that a camera has.
fn shots() -> Vec<(&'static str, Shot)> {
    let plain = Shot::default;
    let srgb = Some(CompositingSpace::Srgb);
    vec![
        ("plain", plain()),
        ("viewport", Shot { viewport: viewport(), ..plain() }),
        ("HDR", Shot { hdr: true, ..plain() }),
        ("MSAA", Shot { msaa: Msaa::Sample4, ..plain() }),
        ("HDR, MSAA, viewport", Shot { hdr: true, msaa: Msaa::Sample4, viewport: viewport(), ..plain() }),
        ("blended in sRGB", Shot { space: srgb, ..plain() }),
        ("HDR blended in Oklab", Shot { space: Some(CompositingSpace::Oklab), hdr: true, ..plain() }),
    ]
}

fn check_all(lab: &Lab) {
    lab.run(|app| shots().iter().for_each(|(what, shot)| check(app, what, shot)));
}

#[test]
fn the_cartoon_lies_on_its_pixels_however_the_camera_draws() {
    check_all(&EIGHT_PLANES);
}

#[test]
fn the_cartoon_lies_on_its_pixels_under_webgl2_limits() {
    check_all(&WEBGL2);
}

/// Other sizes than the network's: the capture and the overlay against their twins on the CPU.
fn compare(studio: &mut Studio, camera: Entity, plain: &RgbaImage, what: &str) {
    let region = studio.place(camera);
    let capture = studio.capture(camera);
    for (x, y, pixel) in capture.enumerate_pixels() {
        match filtered(plain, &region, x as f32 + 0.5, y as f32 + 0.5) {
            Some(expected) => {
                let off = distance(rgb(&capture, x, y), expected);
                assert!(off <= TOLERANCE, "{what}: texel {x}, {y} of the picture is {pixel:?}, not {expected:?}");
                assert_eq!(pixel.0[3], 255, "{what}: texel {x}, {y}");
            }
            None => assert_eq!(pixel.0, [0; 4], "{what}: texel {x}, {y} is outside of the region"),
        }
    }
    let cartoon = |x: f32, y: f32| {
        let (x, y) = (x.clamp(0.0, SIDE as f32 - 1.0) as u32, y.clamp(0.0, SIDE as f32 - 1.0) as u32);
        known_cartoon(rgb(&capture, x, y), 0)
    };
    let photo = studio.photo();
    let texel = 2.0 * region.half_size.max_element() / SIDE as f32;
    assert!(texel >= 1.0, "{what}: the overlay is compared where it enlarges");
    for (x, y, pixel) in photo.enumerate_pixels() {
        let away = Vec2::new(x as f32 + 0.5, y as f32 + 0.5) - region.center;
        let place = Vec2::new(away.dot(region.axis), away.dot(region.axis.perp()));
        let edge = (region.half_size / texel + 0.501).floor() - 0.5;
        let at = (place / texel).clamp(-edge, edge) + SIDE as f32 / 2.0 - 0.5;
        let (low, part) = (at.floor(), at - at.floor());
        let weight = coverage(&region, x, y);
        let expected: [f32; 3] = std::array::from_fn(|c| {
            let row = |y: f32| (1.0 - part.x) * cartoon(low.x, y)[c] + part.x * cartoon(low.x + 1.0, y)[c];
            let toon = (1.0 - part.y) * row(low.y) + part.y * row(low.y + 1.0);
            encoded(weight * linear(toon) + (1.0 - weight) * linear(rgb(plain, x, y)[c]))
        });
        let off = distance(rgb(&photo, x, y), expected);
        assert!(off <= 3.0, "{what}: pixel {x}, {y} is {pixel:?}, not {expected:?}, weight {weight}");
    }
}

#[test]
fn regions_of_any_size_and_turn_are_filtered_down_and_laid_back() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot { target: UVec2::new(150, 110), ..default() };
        let mut studio = Studio::new(app, &shot);
        let camera = studio.camera(&shot);
        let plain = studio.first_photo();
        let place = Transform::from_xyz(-12.0, 9.0, 0.0).with_rotation(Quat::from_rotation_z(0.4));
        let head = studio.prop(place);
        let regions = [
            ("the whole view", CartoonRegion::default()),
            ("a flat rectangle", CartoonRegion::rect(0.1, 0.4, 0.93, 0.77)),
            ("a high rectangle", CartoonRegion::rect(0.33, 0.02, 0.6, 0.99).with_feather(0.2)),
            ("over the edge", CartoonRegion::rect(-0.2, -0.3, 0.5, 0.6)),
            ("a turned square", CartoonRegion::follow(head, 70.0)),
            ("a turned disc", CartoonRegion::follow(head, 50.0).with_roundness(1.0).with_feather(0.3)),
            (
                "a turned square over the edge",
                CartoonRegion::follow(head, 120.0).with_offset(Vec3::new(-30.0, 20.0, 0.0)),
            ),
        ];
        for (what, region) in regions {
            studio.tag(camera, "g0", Some(region));
            studio.wait(camera);
            compare(&mut studio, camera, &plain, what);
            studio.untag(camera);
            assert_eq!(studio.photo(), plain, "after {what}");
        }
        studio.close();
    });
}

#[test]
fn a_small_region_is_laid_back_filtered_down() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot::default();
        let mut studio = Studio::new(app, &shot);
        studio.model = add_model(studio.stage.app, known_model([0.0; 3], [[-0.5, 0.2, 0.7], [0.0; 3]]));
        let camera = studio.camera(&shot);
        let plain = studio.first_photo();
        // 18 pixels of 32 texels.
        studio.tag(camera, "g0", Some(CartoonRegion::rect(12.0 / 96.0, 8.0 / 64.0, 30.0 / 96.0, 26.0 / 64.0)));
        studio.wait(camera);
        let photo = studio.photo();
        let toon = [-0.5_f32, 0.2, 0.7].map(|v| 255.0 * (0.5 * v.tanh() + 0.5));
        for (x, y, _) in photo.enumerate_pixels() {
            let inside = (12..30).contains(&x) && (8..26).contains(&y);
            let expected = if inside { toon } else { rgb(&plain, x, y) };
            assert!(distance(rgb(&photo, x, y), expected) <= TOLERANCE, "pixel {x}, {y}");
        }
        studio.close();
    });
}

#[test]
fn strength_and_soft_edges_blend_over_the_view_of_this_frame() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot::default();
        let mut studio = Studio::new(app, &shot);
        let camera = studio.camera(&shot);
        let plain = studio.first_photo();
        studio.tag(camera, "g1", Some(aligned(shot.target, 30, 20).with_feather(0.25).with_roundness(0.5)));
        studio.wait(camera);
        for strength in [1.0, 0.35, 0.0, 7.0, -1.0] {
            studio.stage.settings(camera).strength = strength;
            let photo = studio.photo();
            let region = studio.place(camera);
            let (mut soft, mut full) = (0, 0);
            for (x, y, _) in photo.enumerate_pixels() {
                let covered = coverage(&region, x, y);
                let weight = strength.clamp(0.0, 1.0) * covered;
                let toon = known_cartoon(rgb(&plain, x, y), 1);
                let view = rgb(&plain, x, y);
                let mixed = |c| encoded(weight * linear(toon[c]) + (1.0 - weight) * linear(view[c]));
                let off = distance(rgb(&photo, x, y), std::array::from_fn(mixed));
                assert!(off <= TOLERANCE, "strength {strength}, pixel {x}, {y}: {off} off, covered {covered}");
                soft += u32::from(covered > 0.02 && covered < 0.98);
                full += u32::from(covered == 1.0);
            }
            assert!(soft > 200 && full > 200, "{soft} soft and {full} full pixels");
            if strength <= 0.0 {
                assert_eq!(photo, plain, "strength {strength} changes nothing");
            }
        }
        studio.close();
    });
}

#[test]
fn where_the_view_is_transparent_it_stays_and_counts_as_white() {
    for (hdr, msaa) in [(false, Msaa::Off), (true, Msaa::Sample4)] {
        EIGHT_PLANES.run(move |app| {
            let shot = Shot { clear: Color::NONE, hdr, msaa, ..default() };
            let mut studio = Studio::new(app, &shot);
            let camera = studio.camera(&shot);
            // A pattern that leaves a border of 12 pixels free, half transparent.
            studio.stage.app.world_mut().despawn(studio.pattern);
            let image = studio.stage.app.world_mut().resource_mut::<Assets<Image>>().add(gradient(72, 40));
            studio.prop(Sprite { image, color: Color::WHITE.with_alpha(0.5), ..default() });
            let plain = studio.first_photo();
            assert_eq!(plain.get_pixel(2, 2).0, [0; 4]);
            assert_eq!(plain.get_pixel(40, 30).0[3], 128);
            // From the border into the pattern.
            studio.tag(camera, "g0", Some(aligned(shot.target, 4, 3)));
            studio.wait(camera);
            let (photo, capture) = (studio.photo(), studio.capture(camera));
            assert_eq!(capture.get_pixel(1, 1).0, [0; 4], "transparent");
            assert_eq!(capture.get_pixel(20, 20).0[3], 128, "half transparent");
            for (x, y, pixel) in photo.enumerate_pixels() {
                assert_eq!(pixel.0[3], plain.get_pixel(x, y).0[3], "alpha of {x}, {y}");
                let inside = (4..36).contains(&x) && (3..35).contains(&y);
                if !inside || pixel.0[3] == 0 {
                    assert_eq!(pixel, plain.get_pixel(x, y), "pixel {x}, {y}");
                    continue;
                }
                // The pattern's own colour over white, as the network sees it; its cartoon without the white, at half alpha.
                let own = gradient(72, 40).data.expect("pixels");
                let at = 4 * ((y - 12) * 72 + x - 12) as usize;
                let seen = [0, 1, 2].map(|c| 0.5 * 255.0 + 0.5 * f32::from(own[at + c]));
                let alpha = 128.0 / 255.0;
                let own = known_cartoon(seen, 0).map(|v| ((v - 255.0 * (1.0 - alpha)) / alpha).clamp(0.0, 255.0));
                let expected = own.map(|v| encoded(linear(v) * alpha));
                let off = distance(rgb(&photo, x, y), expected);
                assert!(off <= 4.0, "pixel {x}, {y} is {pixel:?}, not {expected:?}");
            }
            studio.close();
        });
    }
}

#[test]
fn two_cameras_on_one_target_have_their_own_cartoons() {
    EIGHT_PLANES.run(|app| {
        let shot = |view: URect| Shot { target: UVec2::new(96, 48), viewport: Some(view), ..default() };
        let views = [URect::new(0, 0, 48, 48), URect::new(48, 0, 96, 48)];
        let mut studio = Studio::new(app, &shot(views[0]));
        let cameras = views.map(|view| studio.camera(&shot(view)));
        // Bevy lays the view of a later camera over the target: it must not clear what is beside it.
        for (order, camera) in cameras.into_iter().enumerate() {
            studio.stage.app.world_mut().get_mut::<Camera>(camera).expect("a camera").order = order as isize;
        }
        let plain = studio.first_photo();
        for (k, camera) in cameras.into_iter().enumerate() {
            studio.tag(camera, &format!("g{k}"), Some(aligned(UVec2::splat(48), 7 + k as u32, 9)));
        }
        cameras.iter().for_each(|camera| studio.wait(*camera));
        let photo = studio.photo();
        for (x, y, _) in photo.enumerate_pixels() {
            let group = u32::from(x >= 48);
            let (left, top) = (48 * group + 7 + group, 9);
            let side = SIDE as u32;
            let inside = (left..left + side).contains(&x) && (top..top + side).contains(&y);
            let view = rgb(&plain, x, y);
            let expected = if inside { known_cartoon(view, group as usize) } else { view };
            assert!(distance(rgb(&photo, x, y), expected) <= TOLERANCE, "pixel {x}, {y} of group {group}");
        }
        studio.untag(cameras[0]);
        studio.untag(cameras[1]);
        assert_eq!(studio.photo(), plain);
        studio.close();
    });
}

#[test]
fn a_target_and_a_viewport_can_change_their_size() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot::default();
        let mut studio = Studio::new(app, &shot);
        let camera = studio.camera(&shot);
        studio.tag(camera, "g0", None);
        studio.wait(camera);
        for (width, height) in [(64, 64), (120, 40), (33, 77)] {
            let size = UVec2::new(width, height);
            studio.stage.app.world_mut().despawn(studio.pattern);
            studio.pattern = studio.hang(size);
            let target = studio.target.clone();
            let resized = new_target(&mut studio.stage, size, TextureFormat::Rgba8UnormSrgb);
            let mut images = studio.stage.app.world_mut().resource_mut::<Assets<Image>>();
            let image = images.remove(&resized).expect("an image");
            *images.get_mut(&target).expect("the target") = image;
            // The cartoon of the latest view needs a frame or two.
            (0..6).for_each(|_| studio.stage.frame());
            assert!(studio.status(camera).is_running());
            let strength = std::mem::take(&mut studio.stage.settings(camera).strength);
            let plain = studio.photo();
            assert_eq!(plain.dimensions(), (width, height));
            studio.stage.settings(camera).strength = strength;
            (0..6).for_each(|_| studio.stage.frame());
            compare(&mut studio, camera, &plain, &format!("{width} x {height}"));
        }
        studio.close();
    });
}

#[test]
fn a_camera_and_an_image_of_its_view_have_the_same_cartoon() {
    EIGHT_PLANES.run(|app| {
        let shot = Shot { target: UVec2::splat(SIDE as u32), ..default() };
        let mut studio = Studio::new(app, &shot);
        studio.model = add_model(studio.stage.app, stage::small_model(2, 2, 7));
        let side = 16;
        let camera = studio.camera(&shot);
        let region = CartoonRegion::rect(0.25, 0.125, 0.75, 0.625);
        studio.tag(camera, "g1", Some(region));
        studio.wait(camera);
        let capture = studio.capture(camera);
        assert_eq!(capture.dimensions(), (side, side));
        let plain = gradient(32, 32).data.expect("pixels");
        for (x, y, pixel) in capture.enumerate_pixels() {
            let at = 4 * ((y + 4) * 32 + x + 8) as usize;
            assert_eq!(&pixel.0, &plain[at..at + 4], "texel {x}, {y}");
        }
        let mut crop = gradient(side, side);
        crop.data = Some(capture.into_raw());
        let crop = studio.stage.app.world_mut().resource_mut::<Assets<Image>>().add(crop);
        let entity = gpu::spawn_picture(studio.stage.app, &studio.model.clone(), "g1", &crop);
        wait_until_running(studio.stage.app, entity);
        assert_eq!(studio.stage.pixels(camera), studio.stage.pixels(entity));
        studio.close();
    });
}
