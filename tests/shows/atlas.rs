//! Sections of atlases and rectangles of images.

use bevy::prelude::*;
use bevy_toonface::prelude::*;

use crate::gpu::{Lab, OPEN_NATIVE, OPEN_WEBGL2, wait_for_error};
use crate::stage::Stage;
use crate::{Cast, TILE, edit, get, image_of, output, tile, tile_pixels, untag, until_updates};

fn image_size(stage: &Stage, image: &Handle<Image>) -> UVec2 {
    stage.app.world().resource::<Assets<Image>>().get(image).expect("an image").size()
}

fn check_sections(lab: &Lab) {
    lab.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        for index in [0, 4, 5] {
            let entity = stage.app.world_mut().spawn((cast.sprite(index), cast.tag("g1"))).id();
            stage.wait(entity);
            assert_eq!(image_size(&stage, &output(&stage, entity)), TILE);
            let drawn = stage.pixels(entity);
            assert!(drawn == cast.cartoon_of(&mut stage, tile(index as u32), "g1"), "section {index}");
            stage.app.world_mut().despawn(entity);
        }
    });
}

/// What a game does to a sprite.
type Change = fn(&mut Sprite, Handle<Image>);

#[test]
fn the_cartoon_of_a_section_is_that_of_the_section_by_itself() {
    check_sections(&OPEN_NATIVE);
}

#[test]
fn the_cartoon_of_a_section_is_that_of_the_section_by_itself_under_webgl2_limits() {
    check_sections(&OPEN_WEBGL2);
}

#[test]
fn a_rectangle_counts_from_the_corner_of_its_section_and_takes_whole_pixels() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let pixels = tile_pixels(4);
        let part: Vec<[u8; 4]> =
            (3..21).flat_map(|y| (5..25).map(move |x| y * TILE.x + x)).map(|i| pixels[i as usize]).collect();
        let expected = cast.cartoon_of(&mut stage, image_of(UVec2::new(20, 18), &part), "g0");
        let rect = Some(Rect::new(5.5, 3.25, 24.125, 20.75));
        for mut sprite in [cast.sprite(4), Sprite::from_image(cast.sheet.clone())] {
            let corner = if sprite.texture_atlas.is_some() { Vec2::ZERO } else { TILE.as_vec2() };
            sprite.rect = rect.map(|r| Rect::from_corners(r.min + corner, r.max + corner));
            let own = sprite.rect;
            let entity = stage.app.world_mut().spawn((sprite, cast.tag("g0"))).id();
            stage.wait(entity);
            assert!(stage.pixels(entity) == expected);
            let shown: Sprite = get(&stage, entity);
            assert_eq!(shown.rect, Some(Rect::new(0.5, 0.25, 19.125, 17.75)), "what is seen of it stays");
            untag(&mut stage, entity);
            assert_eq!(get::<Sprite>(&stage, entity).rect, own);
            stage.app.world_mut().despawn(entity);
        }
    });
}

#[test]
fn whatever_is_no_picture_stays_and_everything_comes_back() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let own = Sprite {
            color: Color::srgb(0.2, 0.5, 0.9),
            flip_x: true,
            flip_y: true,
            custom_size: Some(Vec2::new(70.0, 10.0)),
            image_mode: SpriteImageMode::Scale(bevy::sprite::SpriteScalingMode::FitCenter),
            ..cast.sprite(2)
        };
        let entity = stage.app.world_mut().spawn((own.clone(), bevy::sprite::Anchor::TOP_LEFT, cast.tag("g0"))).id();
        stage.wait(entity);
        let shown: Sprite = get(&stage, entity);
        assert_eq!(shown.image, output(&stage, entity));
        // All but the picture is compared here.
        let Sprite { image, texture_atlas, .. } = own.clone();
        let plain = |sprite: &Sprite| {
            format!("{:?}", Sprite { image: image.clone(), texture_atlas: texture_atlas.clone(), ..sprite.clone() })
        };
        assert_eq!(plain(&shown), plain(&own));
        untag(&mut stage, entity);
        assert_eq!(format!("{:?}", get::<Sprite>(&stage, entity)), format!("{own:?}"));
        assert_eq!(get::<bevy::sprite::Anchor>(&stage, entity), bevy::sprite::Anchor::TOP_LEFT);
    });
}

#[test]
fn an_animation_goes_on_and_the_cartoon_before_stays_until_the_next() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = stage.app.world_mut().spawn((cast.sprite(0), cast.tag("g0"))).id();
        stage.wait(entity);
        let first = stage.pixels(entity);
        let layouts = |stage: &Stage| stage.app.world().resource::<Assets<TextureAtlasLayout>>().len();
        let known = layouts(&stage);
        for index in 1..6 {
            // As games do it.
            edit::<Sprite>(&mut stage, entity, |sprite| sprite.texture_atlas.as_mut().expect("an atlas").index = index);
            let seen = stage.updates(entity);
            stage.frames_until(|stage| {
                let shown: Sprite = get(stage, entity);
                assert_eq!(shown.image, output(stage, entity), "the picture flashes up");
                assert_eq!(shown.texture_atlas.expect("an atlas").index, index, "the game's index is gone");
                stage.updates(entity) > seen
            });
            (0..2).for_each(|_| stage.frame());
            let drawn = stage.pixels(entity);
            assert!(drawn != first && drawn == cast.cartoon_of(&mut stage, tile(index as u32), "g0"), "{index}");
        }
        assert_eq!(layouts(&stage), known, "an index makes no layout");
        untag(&mut stage, entity);
        let sprite: Sprite = get(&stage, entity);
        assert_eq!((sprite.image, sprite.texture_atlas), (cast.sheet.clone(), Some(cast.atlas(5))));
    });
}

#[test]
fn pages_that_turn_faster_than_cartoons_are_drawn_do_not_keep_them_off_the_screen() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        // Shaders are compiled now; an update takes as many frames as it has passes.
        let other = stage.spawn(&cast.model, "g1", UpdateRate::OnChange);
        stage.wait(other);
        stage.passes_a_frame(1);
        let entity = stage.app.world_mut().spawn((cast.sprite(0), cast.tag("g0"))).id();
        let mut shown = 0;
        for frame in 0..200 {
            edit::<Sprite>(&mut stage, entity, |sprite| {
                sprite.texture_atlas.as_mut().expect("an atlas").index = frame % 6;
            });
            stage.frame();
            let is_cartoon = get::<Sprite>(&stage, entity).image == output(&stage, entity);
            assert!(is_cartoon || shown == 0, "the picture flashes up");
            shown += usize::from(is_cartoon);
        }
        assert!(stage.updates(entity) > 3 && shown > 100, "{} updates, shown in {shown} frames", stage.updates(entity));
    });
}

#[test]
fn a_rate_holds_for_the_pages_of_an_animation() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let (settings, group) = cast.tag("g0");
        // Every tenth frame.
        let settings = Cartoon { update: UpdateRate::PerSecond(2.0), ..settings };
        let entity = stage.app.world_mut().spawn((cast.sprite(0), settings, group)).id();
        stage.wait(entity);
        let seen = stage.updates(entity);
        for frame in 0..60 {
            edit::<Sprite>(&mut stage, entity, |sprite| {
                sprite.texture_atlas.as_mut().expect("an atlas").index = frame % 6;
            });
            stage.frame();
            assert_eq!(get::<Sprite>(&stage, entity).image, output(&stage, entity));
        }
        let updates = stage.updates(entity) - seen;
        assert!((5..=7).contains(&updates), "{updates} updates in 3 s at 2 a second");
    });
}

#[test]
fn a_section_of_another_size_shows_itself_until_its_cartoon_is_ready() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let mut layout = TextureAtlasLayout::new_empty(UVec2::new(96, 48));
        layout.add_texture(URect::new(0, 0, 32, 24));
        layout.add_texture(URect::new(10, 10, 70, 40));
        let layout = stage.app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
        let atlas = |index| Some(TextureAtlas { layout: layout.clone(), index });
        let sprite = Sprite { image: cast.sheet.clone(), texture_atlas: atlas(0), ..default() };
        let entity = stage.app.world_mut().spawn((sprite, cast.tag("g0"))).id();
        stage.wait(entity);
        let small = output(&stage, entity);
        edit::<Sprite>(&mut stage, entity, |sprite| sprite.texture_atlas.as_mut().expect("an atlas").index = 1);
        stage.frame();
        let sprite: Sprite = get(&stage, entity);
        assert_eq!((sprite.image, sprite.texture_atlas), (cast.sheet.clone(), atlas(1)));
        until_updates(&mut stage, entity, 2);
        let sprite: Sprite = get(&stage, entity);
        assert!(sprite.image == output(&stage, entity) && sprite.image != small);
        assert_eq!(image_size(&stage, &sprite.image), UVec2::new(60, 30));
    });
}

#[test]
fn another_image_rectangle_or_atlas_on_a_cartoon_is_another_picture() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = stage.app.world_mut().spawn((cast.sprite(1), cast.tag("g0"))).id();
        stage.wait(entity);
        let other = stage.app.world_mut().resource_mut::<Assets<Image>>().add(tile(3));
        let changes: [(Change, UVec2); 4] = [
            (|sprite, _| sprite.rect = Some(Rect::new(4.0, 2.0, 24.0, 22.0)), UVec2::splat(20)),
            (|sprite, _| sprite.rect = None, TILE),
            (|sprite, _| sprite.texture_atlas = None, TILE * UVec2::new(3, 2)),
            (|sprite, other| sprite.image = other, TILE),
        ];
        for (step, (change, size)) in changes.into_iter().enumerate() {
            let seen = stage.updates(entity);
            edit::<Sprite>(&mut stage, entity, |sprite| change(sprite, other.clone()));
            stage.frame();
            assert_ne!(get::<Sprite>(&stage, entity).image, output(&stage, entity), "step {step}");
            until_updates(&mut stage, entity, seen + 1);
            let sprite: Sprite = get(&stage, entity);
            assert_eq!(sprite.image, output(&stage, entity), "step {step}");
            assert_eq!(image_size(&stage, &sprite.image), size, "step {step}");
        }
        let drawn = stage.pixels(entity);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(3), "g0"));
        untag(&mut stage, entity);
        let sprite: Sprite = get(&stage, entity);
        assert_eq!((sprite.image, sprite.texture_atlas, sprite.rect), (other, None, None));
    });
}

#[test]
fn parts_that_are_none_are_errors_with_numbers_and_can_be_corrected() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let rects: [(f32, f32, f32, f32); 6] = [
            (-1.0, 0.0, 30.0, 30.0),
            (80.0, 10.0, 97.0, 40.0),
            (10.0, 10.0, 40.0, 49.0),
            (50.0, 10.0, 50.0, 40.0),
            (0.0, f32::NAN, 32.0, 32.0),
            (0.0, 0.0, f32::INFINITY, 32.0),
        ];
        let entity = stage.app.world_mut().spawn((Sprite::from_image(cast.sheet.clone()), cast.tag("g0"))).id();
        for (x0, y0, x1, y1) in rects {
            stage.wait(entity);
            let rect = Rect { min: Vec2::new(x0, y0), max: Vec2::new(x1, y1) };
            edit::<Sprite>(&mut stage, entity, |sprite| sprite.rect = Some(rect));
            let error = wait_for_error(stage.app, entity);
            let CartoonError::PictureRect { min, max, width: 96, height: 48, .. } = error else { panic!("{error}") };
            assert_eq!(format!("{min} {max}"), format!("{} {}", rect.min, rect.max));
            assert_eq!(get::<Sprite>(&stage, entity).image, cast.sheet, "the picture stays as it was");
            edit::<Sprite>(&mut stage, entity, |sprite| sprite.rect = None);
        }
        stage.wait(entity);
        // By hand, and too small.
        let part = CartoonSource::Part(cast.sheet.clone(), URect::new(90, 0, 120, 20));
        stage.app.world_mut().entity_mut(entity).insert(part);
        assert!(matches!(wait_for_error(stage.app, entity), CartoonError::PictureRect { width: 96, .. }));
        let part = CartoonSource::Part(cast.sheet.clone(), URect::new(90, 0, 96, 20));
        stage.app.world_mut().entity_mut(entity).insert(part);
        stage.frames_until(|stage| {
            let status: CartoonStatus = get(stage, entity);
            matches!(status.error(), Some(CartoonError::PictureTooSmall { width: 6, height: 20, .. }))
        });
    });
}

#[test]
fn a_section_that_is_none_is_an_error_with_the_number_of_sections() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = stage.app.world_mut().spawn((cast.sprite(3), cast.tag("g0"))).id();
        stage.wait(entity);
        edit::<Sprite>(&mut stage, entity, |sprite| sprite.texture_atlas.as_mut().expect("an atlas").index = 6);
        let error = wait_for_error(stage.app, entity);
        assert!(matches!(error, CartoonError::AtlasIndex { index: 6, count: 6, .. }), "{error}");
        edit::<Sprite>(&mut stage, entity, |sprite| sprite.texture_atlas.as_mut().expect("an atlas").index = 5);
        stage.wait(entity);
    });
}

#[test]
fn a_layout_that_loads_is_waited_for_and_one_that_cannot_is_an_error() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let layout = stage.app.world().resource::<Assets<TextureAtlasLayout>>().reserve_handle();
        let atlas = TextureAtlas { layout: layout.clone(), index: 1 };
        let sprite = Sprite { image: cast.sheet.clone(), texture_atlas: Some(atlas), ..default() };
        let entity = stage.app.world_mut().spawn((sprite, cast.tag("g0"))).id();
        (0..10).for_each(|_| {
            stage.frame();
            assert_eq!(get::<CartoonStatus>(&stage, entity), CartoonStatus::Loading);
        });
        let mut layouts = stage.app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>();
        layouts.insert(&layout, TextureAtlasLayout::from_grid(TILE, 2, 2, None, None)).expect("a live handle");
        stage.wait(entity);
        let missing = stage.app.world().resource::<AssetServer>().load("embedded://nowhere/people.atlas");
        edit::<Sprite>(&mut stage, entity, |sprite| {
            sprite.texture_atlas = Some(TextureAtlas { layout: missing.clone(), index: 0 });
        });
        let error = wait_for_error(stage.app, entity);
        assert!(
            matches!(&error, CartoonError::PictureFailed { path, .. } if path.ends_with("nowhere/people.atlas")),
            "{error}"
        );
    });
}
