//! Who tells the picture of an entity, and odd moments of those who do.

use bevy::prelude::*;
use bevy_toonface::prelude::*;

use crate::gpu::{OPEN_NATIVE, wait_for_error};
use crate::stage::Stage;
use crate::{Cast, edit, get, output, tile, untag, until_updates};

#[test]
fn two_components_with_pictures_are_an_error_that_names_both_until_one_goes() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let node = ImageNode::new(cast.sheet.clone());
        let entity = stage.app.world_mut().spawn((cast.sprite(0), node.clone(), cast.tag("g0"))).id();
        let named = CartoonError::SeveralPictures { components: vec!["ImageNode".into(), "Sprite".into()] };
        assert_eq!(wait_for_error(stage.app, entity), named);
        assert_eq!(get::<Sprite>(&stage, entity).image, cast.sheet);
        stage.app.world_mut().entity_mut(entity).remove::<Sprite>();
        stage.wait(entity);
        assert_eq!(get::<ImageNode>(&stage, entity).image, output(&stage, entity));
        // And when the second comes later.
        stage.app.world_mut().entity_mut(entity).insert(cast.sprite(1));
        assert_eq!(wait_for_error(stage.app, entity), named);
        stage.app.world_mut().entity_mut(entity).remove::<ImageNode>();
        stage.wait(entity);
        assert_eq!(get::<Sprite>(&stage, entity).image, output(&stage, entity));
    });
}

#[test]
fn a_source_that_the_game_sets_leaves_the_sprite_alone_until_it_is_taken_back() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let other = stage.app.world_mut().resource_mut::<Assets<Image>>().add(tile(3));
        let source = CartoonSource::Image(other.clone());
        let entity = stage.app.world_mut().spawn((cast.sprite(0), source.clone(), cast.tag("g0"))).id();
        stage.wait(entity);
        let sprite: Sprite = get(&stage, entity);
        assert_eq!((sprite.image, sprite.texture_atlas), (cast.sheet.clone(), Some(cast.atlas(0))));
        let drawn = stage.pixels(entity);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(3), "g0"));
        // Back to the sprite's own picture ...
        let seen = stage.updates(entity);
        stage.app.world_mut().entity_mut(entity).insert(CartoonSource::None);
        until_updates(&mut stage, entity, seen + 1);
        assert_eq!(get::<Sprite>(&stage, entity).image, output(&stage, entity));
        // ... and away from it.
        stage.app.world_mut().entity_mut(entity).insert(source);
        stage.frame();
        let sprite: Sprite = get(&stage, entity);
        assert_eq!((sprite.image, sprite.texture_atlas), (cast.sheet.clone(), Some(cast.atlas(0))));
    });
}

#[test]
fn a_sprite_that_is_taken_away_is_no_picture_and_another_can_come() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = stage.app.world_mut().spawn((cast.sprite(0), cast.tag("g0"))).id();
        stage.wait(entity);
        stage.app.world_mut().entity_mut(entity).remove::<Sprite>();
        assert_eq!(wait_for_error(stage.app, entity), CartoonError::NoPicture);
        stage.app.world_mut().entity_mut(entity).insert(cast.sprite(4));
        stage.wait(entity);
        let drawn = stage.pixels(entity);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(4), "g0"));
    });
}

#[test]
fn a_sprite_that_is_replaced_while_its_cartoon_shows_is_another_picture() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = stage.app.world_mut().spawn((cast.sprite(0), cast.tag("g0"))).id();
        stage.wait(entity);
        let seen = stage.updates(entity);
        stage.app.world_mut().entity_mut(entity).insert(cast.sprite(5));
        until_updates(&mut stage, entity, seen + 1);
        let drawn = stage.pixels(entity);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(5), "g0"));
        untag(&mut stage, entity);
        assert_eq!(get::<Sprite>(&stage, entity).texture_atlas, Some(cast.atlas(5)));
    });
}

#[test]
fn an_output_is_not_its_own_picture() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = stage.spawn(&cast.model, "g0", UpdateRate::OnChange);
        stage.wait(entity);
        let own = output(&stage, entity);
        stage.app.world_mut().entity_mut(entity).insert(CartoonSource::Image(own));
        assert_eq!(wait_for_error(stage.app, entity), CartoonError::OwnOutput);
        // That of another entity is a picture like any other.
        let other = stage.spawn(&cast.model, "g1", UpdateRate::OnChange);
        stage.wait(other);
        let source = CartoonSource::Image(output(&stage, other));
        stage.app.world_mut().entity_mut(entity).insert(source);
        stage.wait(entity);
    });
}

#[test]
fn a_clone_has_a_cartoon_of_its_own() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let first = stage.app.world_mut().spawn((cast.sprite(2), cast.tag("g0"))).id();
        stage.wait(first);
        let second = stage.app.world_mut().entity_mut(first).clone_and_spawn();
        stage.app.world_mut().entity_mut(second).insert(CartoonGroup::new("g1"));
        stage.wait(second);
        assert_ne!(output(&stage, first), output(&stage, second));
        assert_eq!(get::<Sprite>(&stage, second).image, output(&stage, second));
        let [one, two] = [first, second].map(|entity| stage.pixels(entity));
        assert!(one == cast.cartoon_of(&mut stage, tile(2), "g0"));
        assert!(two == cast.cartoon_of(&mut stage, tile(2), "g1"));
        for entity in [second, first] {
            untag(&mut stage, entity);
            let sprite: Sprite = get(&stage, entity);
            assert_eq!((sprite.image, sprite.texture_atlas), (cast.sheet.clone(), Some(cast.atlas(2))));
        }
    });
}

/// A sprite with a cartoon, and the next one of another section stopped on its way.
fn midway(stage: &mut Stage, cast: &Cast) -> Entity {
    let entity = stage.app.world_mut().spawn((cast.sprite(0), cast.tag("g0"))).id();
    stage.wait(entity);
    stage.passes_a_frame(2);
    edit::<Sprite>(stage, entity, |sprite| sprite.texture_atlas.as_mut().expect("an atlas").index = 1);
    stage.frames_until(|stage| stage.is_under_way());
    stage.passes_a_frame(0);
    (0..3).for_each(|_| stage.frame());
    assert!(stage.is_under_way());
    entity
}

#[test]
fn a_group_that_goes_midway_leaves_the_picture_of_now() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = midway(&mut stage, &cast);
        untag(&mut stage, entity);
        stage.budget(CartoonBudget::UNLIMITED);
        (0..5).for_each(|_| {
            let sprite: Sprite = get(&stage, entity);
            assert_eq!((sprite.image, sprite.texture_atlas), (cast.sheet.clone(), Some(cast.atlas(1))));
            stage.frame();
        });
    });
}

#[test]
fn a_tag_that_comes_back_midway_shows_only_its_own_cartoon() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = midway(&mut stage, &cast);
        untag(&mut stage, entity);
        stage.app.world_mut().entity_mut(entity).insert(CartoonGroup::new("g2"));
        stage.passes_a_frame(3);
        let expected = stage.app.world().resource::<Assets<Image>>().len();
        stage.frames_until(|stage| get::<CartoonStatus>(stage, entity).is_running());
        assert!(stage.app.world().resource::<Assets<Image>>().len() <= expected + 1, "outputs pile up");
        let drawn = stage.pixels(entity);
        stage.budget(CartoonBudget::UNLIMITED);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(1), "g2"));
    });
}

#[test]
fn a_handle_that_is_swapped_midway_shows_the_new_picture_then_its_cartoon() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = midway(&mut stage, &cast);
        let other = stage.app.world_mut().resource_mut::<Assets<Image>>().add(tile(3));
        edit::<Sprite>(&mut stage, entity, |sprite| {
            (sprite.image, sprite.texture_atlas) = (other.clone(), None);
        });
        stage.passes_a_frame(3);
        stage.frame();
        assert_eq!(get::<Sprite>(&stage, entity).image, other);
        stage.frames_until(|stage| {
            let (shown, running) =
                (get::<Sprite>(stage, entity).image, get::<CartoonStatus>(stage, entity).is_running());
            assert!(running || shown == other, "a cartoon of the picture before");
            running
        });
        let drawn = stage.pixels(entity);
        stage.budget(CartoonBudget::UNLIMITED);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(3), "g0"));
    });
}

#[test]
fn a_despawn_midway_leaves_nothing_behind() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let entity = midway(&mut stage, &cast);
        let images = stage.app.world().resource::<Assets<Image>>().len();
        stage.app.world_mut().despawn(entity);
        stage.budget(CartoonBudget::UNLIMITED);
        (0..5).for_each(|_| stage.frame());
        assert!(!stage.is_busy());
        assert_eq!(stage.app.world().resource::<Assets<Image>>().len(), images - 1, "its output");
    });
}

#[test]
fn a_picture_that_is_not_there_yet_is_waited_for() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let image = stage.app.world().resource::<Assets<Image>>().reserve_handle();
        let mut sprites = vec![Sprite::from_image(image.clone()); 3];
        sprites[1].rect = Some(Rect::new(0.0, 0.0, 32.0, 24.0));
        sprites[2].texture_atlas = Some(cast.atlas(0));
        let entities: Vec<Entity> =
            sprites.into_iter().map(|sprite| stage.app.world_mut().spawn((sprite, cast.tag("g0"))).id()).collect();
        (0..10).for_each(|_| {
            stage.frame();
            entities.iter().for_each(|e| assert_eq!(get::<CartoonStatus>(&stage, *e), CartoonStatus::Loading));
        });
        stage.app.world_mut().resource_mut::<Assets<Image>>().insert(&image, tile(0)).expect("a live handle");
        stage.wait_for_all(&entities);
        let drawn: Vec<_> = entities.iter().map(|entity| stage.pixels(*entity)).collect();
        assert!(drawn.iter().all(|pixels| *pixels == drawn[0]), "the same picture three times");
    });
}

#[test]
fn a_picture_that_cannot_be_loaded_is_an_error_that_names_it() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let missing: Handle<Image> = stage.app.world().resource::<AssetServer>().load("embedded://nowhere/people.png");
        let whole = Sprite::from_image(missing.clone());
        let part = Sprite { texture_atlas: Some(cast.atlas(0)), ..whole.clone() };
        for sprite in [whole, part] {
            let entity = stage.app.world_mut().spawn((sprite, cast.tag("g0"))).id();
            let error = wait_for_error(stage.app, entity);
            let is_named = matches!(&error, CartoonError::PictureFailed { path, .. } if path.ends_with("people.png"));
            assert!(is_named, "{error}");
        }
    });
}

#[test]
fn cartoon_ready_tells_of_every_new_picture_once() {
    #[derive(Resource, Default)]
    struct Heard(Vec<(Entity, Handle<Image>)>);
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        stage.app.insert_resource(Heard::default());
        let entity = stage.app.world_mut().spawn((cast.sprite(0), cast.tag("g0"))).id();
        stage.app.world_mut().entity_mut(entity).observe(|ready: On<CartoonReady>, mut heard: ResMut<Heard>| {
            heard.0.push((ready.entity, ready.image.clone()));
        });
        stage.wait(entity);
        let mut expected = vec![(entity, output(&stage, entity))];
        assert_eq!(stage.app.world().resource::<Heard>().0, expected);
        // Another group is no new picture.
        stage.set_group(entity, "g1");
        until_updates(&mut stage, entity, 2);
        assert_eq!(stage.app.world().resource::<Heard>().0, expected);
        let other = stage.app.world_mut().resource_mut::<Assets<Image>>().add(crate::gpu::gradient(50, 20));
        stage.app.world_mut().entity_mut(entity).insert(Sprite::from_image(other));
        until_updates(&mut stage, entity, 3);
        expected.push((entity, output(&stage, entity)));
        assert_eq!(stage.app.world().resource::<Heard>().0, expected);
    });
}
