//! Steps of training on the device against the reference, every gradient kernel on odd sizes.
#![cfg(feature = "few_shot")]

mod common;
#[path = "common/gpu.rs"]
mod gpu;

use std::collections::BTreeMap;
use std::sync::Arc;

use bevy::prelude::*;
use bevy_toonface::ecs::{Picker, TrainingProgress, TrainingRequest};
use bevy_toonface::model::autodiff::{Scope, Training, TrainingOptions};
use bevy_toonface::model::{Generator, Model, Tensor};
use common::reference::{Array, Given, evaluate_batch};
use common::training::{examples, given};
use gpu::headless::run_until;
use gpu::{EIGHT_PLANES, LIMIT, Lab, RGBA, WEBGL2};

/// Of a gradient's length. The passes sum in f32, the reference in f64.
const TOLERANCE: f64 = 1e-3;

type Example = BTreeMap<String, Tensor>;

/// What a training has come to.
struct Trained {
    losses: Vec<f32>,
    taps: BTreeMap<String, Vec<f64>>,
}

/// Runs steps on a device; `None` without one.
fn train(lab: &Lab, training: &Arc<Training>, examples: &[Example], batch: usize, steps: usize) -> Option<Trained> {
    let request = TrainingRequest {
        training: training.clone(),
        examples: Arc::new(examples.to_vec()),
        batch,
        steps,
        taps: ["gradient", "next.weights", "cartoon"].map(String::from).to_vec(),
        tap_every: steps,
        paused: false,
    };
    lab.run(move |app| {
        app.insert_resource(bevy_toonface::ecs::CartoonBudget::UNLIMITED);
        let entity = app.world_mut().spawn(request).id();
        let progress = run_until(app, LIMIT, |world| {
            let progress = world.get::<TrainingProgress>(entity)?;
            if let Some(error) = &progress.error {
                panic!("{error}");
            }
            progress.taps.as_ref().filter(|(step, _)| *step == steps)?;
            Some(progress.clone())
        });
        app.world_mut().despawn(entity);
        let progress = progress.expect("a trained branch");
        let (_, taps) = progress.taps.expect("taps");
        let wide = |tensor: Tensor| tensor.data.into_iter().map(f64::from).collect();
        Trained {
            losses: progress.losses.into_iter().map(|(_, loss)| loss).collect(),
            taps: taps.into_iter().map(|(name, tensor)| (name, wide(tensor))).collect(),
        }
    })
}

/// The same steps by the reference: losses, and the values of the last step.
fn reference(
    training: &Training,
    examples: &[Example],
    batch: usize,
    steps: usize,
) -> (Vec<f64>, BTreeMap<String, Array>) {
    let picker = Picker { count: examples.len(), batch };
    let mut losses = Vec::new();
    let mut shared = given(training, &[]).shared;
    let mut last = BTreeMap::new();
    for step in 0..steps {
        let picked: Vec<&Example> = picker.pick(step).into_iter().map(|k| &examples[k]).collect();
        let values = &shared["weights"];
        let weights = training.weights.iter().map(|w| (w.path.clone(), values[w.range.clone()].to_vec())).collect();
        let given = Given { weights, shared: shared.clone(), ..given(training, &picked) };
        last = evaluate_batch(&training.model.graph, &training.model.weights, 0, &given).remove(0);
        losses.push(last["loss"].data.iter().sum());
        for state in training.states.iter().filter(|state| state.next.is_some()) {
            let next = last[state.next.as_ref().expect("a next value")].data.clone();
            shared.insert(state.node.clone(), next);
        }
    }
    (losses, last)
}

/// The distance of two vectors, in lengths of the second.
fn distance(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let square: f64 = got.iter().zip(expected).map(|(a, b)| (a - b) * (a - b)).sum();
    let length: f64 = expected.iter().map(|v| v * v).sum();
    (square / length.max(1e-20)).sqrt()
}

fn check_gradients(models: &[Model]) {
    for lab in [&EIGHT_PLANES, &WEBGL2, &RGBA] {
        for (k, model) in models.iter().enumerate() {
            let options = TrainingOptions { scope: Scope::Branch, ..TrainingOptions::default() };
            let training = Arc::new(Training::new(model, 0, &options).expect("a training"));
            let examples = examples(&training, 3, 5);
            let Some(trained) = train(lab, &training, &examples, 2, 1) else { return };
            let (losses, expected) = reference(&training, &examples, 2, 1);
            let loss = (f64::from(trained.losses[0]) - losses[0]).abs();
            let what = format!("{}, model {k}", lab.name());
            assert!(loss <= 1e-5 * losses[0], "{what}: loss {} for {}", trained.losses[0], losses[0]);
            for name in ["cartoon", "gradient"] {
                let node = training.model.graph.output(name).expect("an output");
                let expected = &expected[&training.model.graph.node(node).name].data;
                let error = distance(&trained.taps[name], expected);
                println!("{what}, {name}: {error:.1e}");
                if name == "gradient" {
                    for weight in &training.weights {
                        let error =
                            distance(&trained.taps[name][weight.range.clone()], &expected[weight.range.clone()]);
                        println!("    {}: {error:.1e}", weight.path);
                    }
                }
                assert!(error <= TOLERANCE, "{what}, {name}: {error:.1e}");
            }
        }
    }
}

#[test]
fn gradients_of_convolutions() {
    check_gradients(&common::training::convolutions());
}

#[test]
fn gradients_of_norms() {
    check_gradients(&common::training::norms());
}

#[test]
fn gradients_of_modulations_and_linear_maps() {
    check_gradients(&common::training::modulations());
}

#[test]
fn gradients_of_scales_concatenations_sums_pools_and_upsampling() {
    check_gradients(&common::training::shapes());
}

fn lite(branch: &[&str]) -> Model {
    let branch = branch.iter().map(|s| (*s).to_owned()).collect();
    common::random_model(Generator::Lite { base_channels: 4, image_size: 64, branch }, 2, 5)
}

/// The weights after some steps with changing batches, within a tenth of a step's length.
fn check_steps(model: &Model, scope: Scope, steps: usize) {
    let options = TrainingOptions { scope, steps, anchor: 0.1, ..TrainingOptions::default() };
    let training = Arc::new(Training::new(model, 1, &options).expect("a training"));
    let examples = examples(&training, 3, 5);
    let Some(trained) = train(&EIGHT_PLANES, &training, &examples, 2, steps) else { return };
    let (losses, expected) = reference(&training, &examples, 2, steps);
    println!("{:?} for {losses:?}", trained.losses);
    for (got, expected) in trained.losses.iter().zip(&losses) {
        assert!((f64::from(*got) - expected).abs() <= 1e-4 * expected, "{got} for {expected}");
    }
    let (got, expected) = (&trained.taps["next.weights"], &expected["next.weights"].data);
    let error = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("{scope:?}: {} weights, largest error {error:.1e}", got.len());
    assert!(error <= 1e-4, "{error:.1e}");
}

#[test]
fn steps_of_the_output_branch() {
    check_steps(&lite(&["stem", "up1", "up2", "merge", "head"]), Scope::Output, 5);
}

#[test]
fn steps_of_the_whole_branch() {
    check_steps(&lite(&["stem", "cam.conv", "style", "decode4.norm2", "head"]), Scope::Branch, 2);
}
