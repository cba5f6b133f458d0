//! Targets are not cleared before they are drawn to. Whatever an earlier picture left in them, or never drew, no later
//! one may see.

mod common;
#[path = "common/gpu.rs"]
mod gpu;

use std::sync::Arc;

use bevy::prelude::*;
use bevy_toonface::ecs::CartoonTensors;
use bevy_toonface::model::{Generator, Model, Tensor};
use bevy_toonface::prelude::*;
use common::{Random, fixture_path, random_model};
use gpu::headless::run_until;
use gpu::{EIGHT_PLANES, LIMIT, Lab, Tensors, WEBGL2, add_model, spawn_tensor};

fn models() -> [Model; 2] {
    let paper = random_model(Generator::Paper { base_channels: 4, image_size: 64 }, 2, 1);
    [paper, Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package")]
}

/// The tensors of entities that stay, and with them their textures, for a new input each.
fn redraw(app: &mut App, entities: &[Entity], inputs: &[&Tensor]) -> Vec<Tensors> {
    for (entity, input) in entities.iter().zip(inputs) {
        let source = CartoonSource::Tensor(Arc::new((*input).clone()));
        app.world_mut().entity_mut(*entity).remove::<CartoonTensors>().insert(source);
    }
    let all = run_until(app, LIMIT, |world| {
        entities.iter().map(|e| world.get::<CartoonTensors>(*e).cloned()).collect::<Option<Vec<_>>>()
    });
    all.expect("tensors").into_iter().map(|tensors| tensors.0.into_iter().collect()).collect()
}

/// `pictures` of them in one batch: some pictures, then NaN and other pictures, then the first ones again.
fn check(lab: &Lab, pictures: usize) {
    let run = move |app: &mut App| {
        for model in models() {
            let mut random = Random::new(1);
            let inputs: Vec<Tensor> = (0..pictures).map(|_| random.tensor(&[3, 64, 64], -1.0, 1.0)).collect();
            let nan = Tensor { dims: vec![3, 64, 64], data: vec![f32::NAN; 3 * 64 * 64] };
            let glare = random.tensor(&[3, 64, 64], -1e4, 1e4);
            let model = add_model(app, model);
            let entities: Vec<Entity> =
                inputs.iter().enumerate().map(|(i, input)| spawn_tensor(app, &model, i % 2, input)).collect();
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            let first = redraw(app, &entities, &inputs);
            redraw(app, &entities, &vec![&nan; pictures]);
            let spoiled = redraw(app, &entities, &vec![&glare; pictures]);
            let again = redraw(app, &entities, &inputs);
            for (picture, tensors) in first.iter().enumerate() {
                for (name, tensor) in tensors {
                    assert!(tensor.data.iter().all(|v| v.is_finite()), "{name}");
                    assert!(tensor == &again[picture][name], "picture {picture}: `{name}` is another one now");
                    assert!(*tensor != spoiled[picture][name], "picture {picture}: `{name}` never was another one");
                }
            }
            entities.into_iter().for_each(|entity| assert!(app.world_mut().despawn(entity)));
        }
    };
    lab.run(run);
}

#[test]
fn nothing_of_an_earlier_picture_is_left() {
    check(&EIGHT_PLANES, 1);
}

#[test]
fn nothing_of_an_earlier_picture_is_left_in_a_batch_with_room_to_spare() {
    check(&EIGHT_PLANES, 3);
}

#[test]
fn nothing_of_an_earlier_picture_is_left_within_webgl2_limits() {
    check(&WEBGL2, 3);
}
