//! Draws inputs through groups and reads the cartoons back.

use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonModel, DefaultCartoonModel};
use bevy_toonface::model::Model;
use bevy_toonface::prelude::*;
use image::RgbaImage;

use crate::headless::{read_image, run_until};
use crate::input::Input;

/// Long enough for a software GPU on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);

/// Waits for the default model.
pub fn bundled_model(app: &mut App) -> Result<Handle<CartoonModel>, String> {
    run_until(app, LIMIT, |world| {
        let handle = world.get_resource::<DefaultCartoonModel>()?.0.clone();
        if world.resource::<Assets<CartoonModel>>().contains(&handle) {
            return Some(Ok(handle));
        }
        match world.resource::<AssetServer>().load_state(&handle) {
            bevy::asset::LoadState::Failed(error) => Some(Err(error.to_string())),
            _ => None,
        }
    })?
}

/// The model behind a handle.
pub fn loaded(app: &App, handle: &Handle<CartoonModel>) -> Option<Arc<Model>> {
    app.world().resource::<Assets<CartoonModel>>().get(handle).map(|m| m.model.clone())
}

/// One entity a group and input.
pub fn spawn(app: &mut App, input: &Input, group: &str) -> Entity {
    let source = input.source(&mut app.world_mut().resource_mut::<Assets<Image>>());
    app.world_mut().spawn((source, CartoonGroup::new(group))).id()
}

/// Runs frames until all entities have a cartoon, or one of them an error.
pub fn wait(app: &mut App, entities: &[Entity]) -> Result<(), String> {
    run_until(app, LIMIT, |world| {
        let mut running = 0;
        for entity in entities {
            match world.get::<CartoonStatus>(*entity)? {
                CartoonStatus::Failed(error) => return Some(Err(error.to_string())),
                CartoonStatus::Running { .. } => running += 1,
                _ => {}
            }
        }
        (running == entities.len()).then_some(Ok(()))
    })?
}

/// The cartoons, input by input, group by group.
pub fn draw(app: &mut App, inputs: &[Input], groups: &[String]) -> Result<Vec<Vec<RgbaImage>>, String> {
    let entities: Vec<Vec<Entity>> =
        inputs.iter().map(|input| groups.iter().map(|group| spawn(app, input, group)).collect()).collect();
    wait(app, &entities.concat())?;
    let mut cartoons = Vec::new();
    for row in &entities {
        let mut pictures = Vec::new();
        for entity in row {
            let output = app.world().get::<CartoonOutput>(*entity).ok_or("the cartoon is gone")?.image.clone();
            pictures.push(read_image(app, &output)?);
        }
        cartoons.push(pictures);
    }
    Ok(cartoons)
}
