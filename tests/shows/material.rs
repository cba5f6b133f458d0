//! Materials: shared, changed, swapped, loading, without a picture.

use bevy::prelude::*;
use bevy_toonface::prelude::*;

use crate::gpu::{OPEN_NATIVE, wait_for_error};
use crate::stage::Stage;
use crate::{Cast, edit, get, output, tile, untag, until_updates};

type Slot = MeshMaterial3d<StandardMaterial>;

/// A material with a section of the atlas as its texture.
fn material(stage: &mut Stage, index: u32) -> Handle<StandardMaterial> {
    let world = stage.app.world_mut();
    let texture = world.resource_mut::<Assets<Image>>().add(tile(index));
    let material = StandardMaterial { base_color_texture: Some(texture), metallic: 0.3, ..default() };
    world.resource_mut::<Assets<StandardMaterial>>().add(material)
}

/// The texture and the metallic value of an entity's material.
fn seen(stage: &Stage, entity: Entity) -> (Option<Handle<Image>>, f32) {
    let slot: Slot = get(stage, entity);
    let material = stage.app.world().resource::<Assets<StandardMaterial>>().get(&slot.0).expect("a material");
    (material.base_color_texture.clone(), material.metallic)
}

#[test]
fn a_material_that_is_shared_stays_as_it_is_for_the_others() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let shared = material(&mut stage, 0);
        let other = stage.app.world_mut().spawn(MeshMaterial3d(shared.clone())).id();
        let before = seen(&stage, other);
        let entities: Vec<Entity> = ["g0", "g1"]
            .map(|group| stage.app.world_mut().spawn((MeshMaterial3d(shared.clone()), cast.tag(group))).id())
            .into();
        assert_eq!(seen(&stage, entities[0]), before, "the picture is shown until its cartoon is there");
        stage.wait_for_all(&entities);
        for (entity, group) in entities.iter().zip(["g0", "g1"]) {
            assert_eq!(seen(&stage, *entity), (Some(output(&stage, *entity)), 0.3));
            let drawn = stage.pixels(*entity);
            assert!(drawn == cast.cartoon_of(&mut stage, tile(0), group));
        }
        assert_eq!((get::<Slot>(&stage, other).0, seen(&stage, other)), (shared.clone(), before));
        for entity in entities {
            untag(&mut stage, entity);
            assert_eq!(get::<Slot>(&stage, entity).0, shared);
        }
        (0..3).for_each(|_| stage.frame());
        stage.app.world_mut().despawn(other);
    });
}

#[test]
fn a_change_of_the_material_is_seen_on_the_copy() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let own = material(&mut stage, 0);
        let entity = stage.app.world_mut().spawn((MeshMaterial3d(own.clone()), cast.tag("g0"))).id();
        stage.wait(entity);
        let copy = get::<Slot>(&stage, entity).0;
        let change = |stage: &mut Stage, change: &dyn Fn(&mut StandardMaterial)| {
            let mut materials = stage.app.world_mut().resource_mut::<Assets<StandardMaterial>>();
            change(&mut materials.get_mut(&own).expect("the material"));
            (0..2).for_each(|_| stage.frame());
        };
        change(&mut stage, &|material| material.metallic = 0.9);
        assert_eq!(seen(&stage, entity), (Some(output(&stage, entity)), 0.9));
        assert_eq!(get::<Slot>(&stage, entity).0, copy, "it is still the same copy");
        assert_eq!(stage.updates(entity), 1, "the picture is the same");
        // Another picture in it.
        let next = stage.app.world_mut().resource_mut::<Assets<Image>>().add(tile(4));
        change(&mut stage, &|material| material.base_color_texture = Some(next.clone()));
        until_updates(&mut stage, entity, 2);
        assert_eq!(seen(&stage, entity), (Some(output(&stage, entity)), 0.9));
        let drawn = stage.pixels(entity);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(4), "g0"));
        untag(&mut stage, entity);
        assert_eq!((get::<Slot>(&stage, entity).0, seen(&stage, entity)), (own.clone(), (Some(next), 0.9)));
    });
}

#[test]
fn another_material_is_shown_until_its_cartoon_is_ready() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let [first, second] = [0, 1].map(|index| material(&mut stage, index));
        let entity = stage.app.world_mut().spawn((MeshMaterial3d(first), cast.tag("g0"))).id();
        stage.wait(entity);
        edit::<Slot>(&mut stage, entity, |slot| slot.0 = second.clone());
        stage.frame();
        assert_eq!(get::<Slot>(&stage, entity).0, second);
        until_updates(&mut stage, entity, 2);
        assert_eq!(seen(&stage, entity).0, Some(output(&stage, entity)));
        let drawn = stage.pixels(entity);
        assert!(drawn == cast.cartoon_of(&mut stage, tile(1), "g0"));
        // One that loads is waited for, one without a picture is an error; both are shown as they are.
        let later = stage.app.world().resource::<Assets<StandardMaterial>>().reserve_handle();
        edit::<Slot>(&mut stage, entity, |slot| slot.0 = later.clone());
        (0..5).for_each(|_| stage.frame());
        assert_eq!(get::<CartoonStatus>(&stage, entity), CartoonStatus::Loading);
        assert_eq!(get::<Slot>(&stage, entity).0, later);
        let mut materials = stage.app.world_mut().resource_mut::<Assets<StandardMaterial>>();
        materials.insert(&later, StandardMaterial::default()).expect("a live handle");
        assert_eq!(wait_for_error(stage.app, entity), CartoonError::NoPicture);
        assert_eq!(get::<Slot>(&stage, entity).0, later);
        edit::<Slot>(&mut stage, entity, |slot| slot.0 = second.clone());
        stage.wait(entity);
    });
}

#[test]
fn a_flat_material_shows_its_cartoon_and_copies_do_not_pile_up() {
    OPEN_NATIVE.run(|app| {
        let mut stage = Stage::new(app);
        let cast = Cast::new(&mut stage);
        let world = stage.app.world_mut();
        let texture = Some(cast.sheet.clone());
        let own = world.resource_mut::<Assets<ColorMaterial>>().add(ColorMaterial { texture, ..default() });
        let entity = world.spawn((MeshMaterial2d(own.clone()), cast.tag("g0"))).id();
        let count = |stage: &Stage| stage.app.world().resource::<Assets<ColorMaterial>>().len();
        let before = count(&stage);
        for (turn, size) in [(20, 30), (40, 30), (20, 20)].into_iter().enumerate() {
            until_updates(&mut stage, entity, turn as u64 + 1);
            let slot: MeshMaterial2d<ColorMaterial> = get(&stage, entity);
            let materials = stage.app.world().resource::<Assets<ColorMaterial>>();
            let shown = materials.get(&slot.0).expect("a copy").texture.clone();
            assert_eq!(shown, Some(output(&stage, entity)));
            assert_eq!(count(&stage), before + 1, "own and copy");
            let mut images = stage.app.world_mut().resource_mut::<Assets<Image>>();
            images.insert(&cast.sheet, crate::gpu::gradient(size.0, size.1)).expect("a live handle");
        }
        untag(&mut stage, entity);
        (0..3).for_each(|_| stage.frame());
        assert_eq!(get::<MeshMaterial2d<ColorMaterial>>(&stage, entity).0, own);
        assert_eq!(count(&stage), before);
    });
}
