//! The people on the stage: a sprite with the picture, and a sprite with a `CartoonGroup` beside it.

use std::cell::RefCell;

use bevy::asset::RenderAssetUsages;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::render::gpu_readback::{Readback, ReadbackComplete};
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy_toonface::ecs::UpdateRate;
use bevy_toonface::prelude::{Cartoon, CartoonGroup, CartoonOutput, CartoonStatus};
use js_sys::{Function, Object, Reflect, Uint8Array};
use wasm_bindgen::JsValue;

use crate::bridge::{Command, take_commands};
use crate::report;

/// A person's two sprites.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    pub picture: Entity,
    pub cartoon: Entity,
}

/// Everybody, in the page's order.
#[derive(Resource, Debug, Default, Deref, DerefMut)]
pub struct People(Vec<Person>);

pub fn plugin(app: &mut App) {
    app.init_resource::<People>().add_systems(First, (read_once, obey).chain()).add_observer(deliver);
}

/// Does what the page has asked for since the last frame.
fn obey(world: &mut World) {
    for command in take_commands() {
        match command {
            Command::People(count) => set_people(world, count),
            Command::Picture { person, width, height, pixels } => set_picture(world, person, width, height, pixels),
            Command::Group { person, group } => set_group(world, person, group),
            Command::Always { person, always } => set_always(world, person, always),
            Command::Read { person, then } => read(world, person, then),
            Command::Stop => {
                world.write_message(AppExit::Success);
            }
        }
    }
}

fn person(world: &World, person: usize) -> Option<Person> {
    world.resource::<People>().get(person).copied()
}

fn set_people(world: &mut World, count: usize) {
    let known = world.resource::<People>().len();
    for _ in known..count {
        let picture = world.spawn((Sprite::default(), Visibility::Hidden)).id();
        let cartoon = world.spawn((Sprite::default(), Visibility::Hidden)).id();
        world.resource_mut::<People>().push(Person { picture, cartoon });
    }
    for _ in count..known {
        if let Some(person) = world.resource_mut::<People>().pop() {
            world.despawn(person.picture);
            world.despawn(person.cartoon);
        }
    }
}

/// A picture of the same size, such as a camera's next one, takes the place of the last.
fn set_picture(world: &mut World, index: usize, width: u32, height: u32, pixels: Vec<u8>) {
    let Some(person) = person(world, index) else { return };
    let size = Extent3d { width, height, depth_or_array_layers: 1 };
    let known = world.get::<Sprite>(person.picture).map(|sprite| sprite.image.clone());
    let mut images = world.resource_mut::<Assets<Image>>();
    if let Some(mut image) = known.and_then(|handle| images.get_mut(&handle))
        && image.texture_descriptor.size == size
        && image.texture_descriptor.format == TextureFormat::Rgba8UnormSrgb
    {
        image.data = Some(pixels);
        return;
    }
    let image =
        Image::new(size, TextureDimension::D2, pixels, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::default());
    let handle = images.add(image);
    for entity in [person.picture, person.cartoon] {
        if let Some(mut sprite) = world.get_mut::<Sprite>(entity) {
            sprite.image = handle.clone();
        }
        world.entity_mut(entity).insert(Visibility::Visible);
    }
}

fn set_group(world: &mut World, index: usize, group: String) {
    let Some(person) = person(world, index) else { return };
    world.entity_mut(person.cartoon).insert(CartoonGroup(group));
}

fn set_always(world: &mut World, index: usize, always: bool) {
    let Some(person) = person(world, index) else { return };
    let update = if always { UpdateRate::Always } else { UpdateRate::OnChange };
    world.entity_mut(person.cartoon).insert(Cartoon { update, ..default() });
}

/// A cartoon that is on its way to the page.
#[derive(Component, Debug)]
struct Reading {
    size: UVec2,
}

thread_local! {
    /// Who waits for a cartoon, by the entity that reads it back: JavaScript's values stay in this thread.
    static READERS: RefCell<HashMap<Entity, Function>> = RefCell::new(HashMap::default());
}

fn read(world: &mut World, index: usize, then: Function) {
    let drawn = person(world, index).filter(|p| world.get::<CartoonStatus>(p.cartoon).is_some_and(|s| s.is_running()));
    let Some(output) = drawn.and_then(|p| world.get::<CartoonOutput>(p.cartoon)) else {
        return call(&then, &JsValue::NULL);
    };
    let image = output.image.clone();
    let Some(size) = world.resource::<Assets<Image>>().get(&image).map(Image::size) else {
        return call(&then, &JsValue::NULL);
    };
    let reader = world.spawn((Readback::texture(image), Reading { size })).id();
    READERS.with_borrow_mut(|readers| readers.insert(reader, then));
}

/// A readback is repeated as long as the component is there.
fn read_once(readers: Query<Entity, (With<Reading>, With<Readback>)>, mut commands: Commands) {
    readers.iter().for_each(|reader| {
        commands.entity(reader).remove::<Readback>();
    });
}

/// Hands a cartoon to the page. Rows come padded to 256 bytes.
fn deliver(read: On<ReadbackComplete>, readers: Query<&Reading>, mut commands: Commands) {
    let Ok(Reading { size }) = readers.get(read.entity) else { return };
    let Some(then) = READERS.with_borrow_mut(|readers| readers.remove(&read.entity)) else { return };
    commands.entity(read.entity).despawn();
    let row = 4 * size.x as usize;
    let pixels: Vec<u8> = read.data.chunks(row.next_multiple_of(256)).flat_map(|r| &r[..row]).copied().collect();
    let picture = Object::new();
    let fields = [
        ("width", JsValue::from(size.x)),
        ("height", JsValue::from(size.y)),
        ("pixels", Uint8Array::from(pixels.as_slice()).into()),
    ];
    for (name, value) in fields {
        // Setting a field of a plain object cannot fail.
        let _ = Reflect::set(&picture, &name.into(), &value);
    }
    call(&then, &picture);
}

fn call(then: &Function, value: &JsValue) {
    if let Err(error) = then.call1(&JsValue::NULL, value) {
        report::fail(format!("the page's function failed: {error:?}"));
    }
}
