//! A sprite with a group: its picture, its cartoon, and its picture again.
#![cfg(feature = "sprite")]

mod common;
#[path = "common/gpu.rs"]
mod gpu;

use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonRequest, Progress};
use bevy_toonface::model::Model;
use bevy_toonface::prelude::*;
use common::fixture_path;
use gpu::headless::run_until;
use gpu::{EIGHT_PLANES, LIMIT, add_model, gradient, wait_for_error, wait_until_running};

/// A sprite on the stage, and what belongs to it.
struct Stage<'a> {
    app: &'a mut App,
    model: Handle<CartoonModel>,
    picture: Handle<Image>,
    sprite: Entity,
}

impl<'a> Stage<'a> {
    fn new(app: &'a mut App, group: &str) -> Self {
        let model = add_model(app, Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package"));
        let picture = app.world_mut().resource_mut::<Assets<Image>>().add(gradient(40, 50));
        let mut stage = Self { app, model, picture: picture.clone(), sprite: Entity::PLACEHOLDER };
        stage.sprite = stage.spawn(&picture, group);
        stage
    }

    fn spawn(&mut self, picture: &Handle<Image>, group: &str) -> Entity {
        let cartoon = Cartoon { model: Some(self.model.clone()), ..default() };
        let sprite = Sprite::from_image(picture.clone());
        self.app.world_mut().spawn((sprite, cartoon, CartoonGroup::new(group))).id()
    }

    fn image(&self) -> Handle<Image> {
        self.app.world().get::<Sprite>(self.sprite).expect("a sprite").image.clone()
    }

    fn output(&self) -> Handle<Image> {
        self.app.world().get::<CartoonOutput>(self.sprite).expect("an output").image.clone()
    }

    fn set_image(&mut self, image: &Handle<Image>) {
        self.app.world_mut().get_mut::<Sprite>(self.sprite).expect("a sprite").image = image.clone();
    }

    fn set_group(&mut self, group: &str) {
        self.app.world_mut().entity_mut(self.sprite).insert(CartoonGroup::new(group));
    }

    fn wait(&mut self) {
        wait_until_running(self.app, self.sprite);
    }

    /// Runs frames until the sprite shows its cartoon; until then it has to show `picture`.
    fn wait_showing(&mut self, picture: &Handle<Image>) {
        let sprite = self.sprite;
        run_until(self.app, LIMIT, |world| {
            let (image, output) = (&world.get::<Sprite>(sprite)?.image, &world.get::<CartoonOutput>(sprite)?.image);
            let running = world.get::<CartoonStatus>(sprite)?.is_running();
            assert_eq!(image, if running { output } else { picture }, "running: {running}");
            running.then_some(())
        })
        .expect("a cartoon");
    }
}

#[test]
fn a_sprite_shows_its_picture_until_its_cartoon_is_ready() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        let picture = stage.picture.clone();
        stage.wait_showing(&picture);
        assert_eq!(stage.image(), stage.output());
        let images = stage.app.world().resource::<Assets<Image>>();
        assert_eq!(images.get(&stage.output()).expect("an image").size(), UVec2::new(40, 50));
    });
}

#[test]
fn without_its_group_a_sprite_has_its_picture_back_and_no_companions() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        stage.wait();
        stage.app.world_mut().entity_mut(stage.sprite).remove::<CartoonGroup>();
        assert_eq!(stage.image(), stage.picture);
        stage.app.update();
        let entity = stage.app.world().entity(stage.sprite);
        assert!(!entity.contains::<CartoonSource>() && !entity.contains::<CartoonOutput>());
        assert!(!entity.contains::<CartoonStatus>() && !entity.contains::<CartoonRequest>());
        assert!(!entity.contains::<Progress>());
        assert!(entity.contains::<Cartoon>(), "the settings stay");
        (0..10).for_each(|_| stage.app.update());
        assert_eq!(stage.image(), stage.picture);
    });
}

#[test]
fn a_group_that_is_taken_away_while_the_gpu_works_leaves_the_picture() {
    EIGHT_PLANES.run(|app| {
        let stage = Stage::new(app, "first");
        let sprite = stage.sprite;
        let ready =
            |world: &mut World| (world.get::<CartoonStatus>(sprite) == Some(&CartoonStatus::Ready)).then_some(());
        run_until(stage.app, LIMIT, ready).expect("everything is there");
        stage.app.world_mut().entity_mut(sprite).remove::<CartoonGroup>();
        (0..50).for_each(|_| stage.app.update());
        assert_eq!(stage.image(), stage.picture);
    });
}

#[test]
fn a_sprite_can_be_tagged_again() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        stage.wait();
        stage.app.world_mut().entity_mut(stage.sprite).remove::<CartoonGroup>();
        stage.app.update();
        stage.set_group("second");
        let picture = stage.picture.clone();
        stage.wait_showing(&picture);
    });
}

#[test]
fn another_group_keeps_the_cartoon_on_screen_until_the_next_is_drawn() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        stage.wait();
        stage.set_group("second");
        let sprite = stage.sprite;
        run_until(stage.app, LIMIT, |world| {
            let (image, output) = (&world.get::<Sprite>(sprite)?.image, &world.get::<CartoonOutput>(sprite)?.image);
            assert_eq!(image, output);
            match world.get::<CartoonStatus>(sprite)? {
                CartoonStatus::Running { updates: 2, .. } => Some(()),
                CartoonStatus::Running { .. } => None,
                other => panic!("{other}"),
            }
        })
        .expect("the second group");
    });
}

#[test]
fn a_new_picture_is_shown_until_its_cartoon_is_ready() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        stage.wait();
        for (width, height) in [(40, 50), (64, 30)] {
            let next = stage.app.world_mut().resource_mut::<Assets<Image>>().add(gradient(width, height));
            stage.set_image(&next);
            stage.wait_showing(&next);
            let images = stage.app.world().resource::<Assets<Image>>();
            assert_eq!(images.get(&stage.output()).expect("an image").size(), UVec2::new(width, height));
            stage.picture = next;
        }
        stage.app.world_mut().entity_mut(stage.sprite).remove::<CartoonGroup>();
        assert_eq!(stage.image(), stage.picture, "the latest picture comes back");
    });
}

#[test]
fn a_despawned_sprite_does_not_stop_the_others() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        let sprite = stage.sprite;
        let ready =
            |world: &mut World| (world.get::<CartoonStatus>(sprite) == Some(&CartoonStatus::Ready)).then_some(());
        run_until(stage.app, LIMIT, ready).expect("everything is there");
        stage.app.world_mut().despawn(sprite);
        let picture = stage.picture.clone();
        stage.sprite = stage.spawn(&picture, "second");
        stage.app.update();
        let third = stage.spawn(&picture, "first");
        stage.app.update();
        stage.app.update();
        stage.app.world_mut().despawn(third);
        stage.wait();
    });
}

#[test]
fn an_unknown_group_is_an_error_with_the_known_ones_and_can_be_corrected() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "third");
        let error = wait_for_error(stage.app, stage.sprite);
        let expected = CartoonError::UnknownGroup {
            group: "third".into(),
            model: "tiny".into(),
            known: vec!["first".into(), "second".into()],
        };
        assert_eq!(error, expected);
        assert_eq!(stage.image(), stage.picture);
        stage.set_group("second");
        let picture = stage.picture.clone();
        stage.wait_showing(&picture);
    });
}

#[test]
fn an_unknown_group_on_a_running_cartoon_is_an_error_and_can_be_corrected() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        stage.wait();
        stage.set_group("third");
        let error = wait_for_error(stage.app, stage.sprite);
        assert!(matches!(error, CartoonError::UnknownGroup { .. }), "{error}");
        stage.set_group("second");
        stage.wait();
        assert_eq!(stage.image(), stage.output());
    });
}

#[test]
fn a_sprite_without_a_picture_says_so_and_can_get_one() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        stage.sprite = stage.spawn(&Handle::default(), "first");
        assert_eq!(wait_for_error(stage.app, stage.sprite), CartoonError::NoPicture);
        let picture = stage.picture.clone();
        stage.set_image(&picture);
        stage.wait_showing(&picture);
    });
}

#[test]
fn a_cartoon_at_rest_changes_no_component() {
    EIGHT_PLANES.run(|app| {
        let mut stage = Stage::new(app, "first");
        stage.wait();
        // What the last cartoon brought about may still arrive.
        (0..5).for_each(|_| stage.app.update());
        (0..5).for_each(|_| {
            let world = stage.app.world();
            let entity = world.entity(stage.sprite);
            let last = entity.get_change_ticks::<CartoonOutput>().expect("an output").changed;
            stage.app.update();
            let after = stage.app.world().entity(stage.sprite).get_change_ticks::<CartoonOutput>();
            assert_eq!(after.expect("an output").changed, last);
        });
    });
}
