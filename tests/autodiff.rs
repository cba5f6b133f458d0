//! Gradients of every op against finite differences of the loss, in f64 on the CPU.

#![cfg(feature = "few_shot")]

mod common;

use std::collections::BTreeMap;

use bevy_toonface::model::autodiff::{Scope, Training, TrainingOptions};
use bevy_toonface::model::{Generator, Model, Tensor};
use common::reference::{Array, Given, evaluate_batch};
use common::training::{Torch, examples, fixture_examples, given, torch, torch_attention, waves};
use common::{Random, random_model};

/// Of the slope along a random direction. The differences are exact to about 1e-8, unless one of the many thousand
/// terms of the loss changes its sign in between.
const TOLERANCE: f64 = 1e-4;
/// Step of the differences.
const STEP: f64 = 1e-7;

fn run(training: &Training, given: &Given) -> BTreeMap<String, Array> {
    evaluate_batch(&training.model.graph, &training.model.weights, 0, given).remove(0)
}

/// The trained weights as they are at the start, by path.
fn start(training: &Training) -> BTreeMap<String, Vec<f64>> {
    let values = &training.states[0].start;
    let weight = |range: &std::ops::Range<usize>| values[range.clone()].iter().map(|v| f64::from(*v)).collect();
    training.weights.iter().map(|w| (w.path.clone(), weight(&w.range))).collect()
}

/// The graph's gradient along random directions against differences of the loss; each weight alone and all together.
fn check(model: &Model, options: TrainingOptions) {
    let training = Training::new(model, 0, &options).unwrap_or_else(|e| panic!("{e}"));
    let examples = examples(&training, 2, 3);
    let given = given(&training, &examples.iter().collect::<Vec<_>>());
    let gradient = run(&training, &given)["gradient"].data.clone();
    let mut random = Random::new(9);
    let loss = |weights: BTreeMap<String, Vec<f64>>| -> f64 {
        run(&training, &Given { weights, ..given.clone() })["loss"].data.iter().sum()
    };
    let everything = 0..gradient.len();
    let ranges = training.weights.iter().map(|w| w.range.clone()).chain([everything]);
    for range in ranges {
        let direction: Vec<f64> = (0..gradient.len())
            .map(|i| if range.contains(&i) { f64::from(random.unit()) - 0.5 } else { 0.0 })
            .collect();
        let moved = |by: f64| {
            let mut weights = start(&training);
            for weight in &training.weights {
                let values = weights.get_mut(&weight.path).expect("a weight");
                values.iter_mut().zip(&direction[weight.range.clone()]).for_each(|(v, d)| *v += by * d);
            }
            loss(weights)
        };
        let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let got: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        let scale = gradient[range.clone()].iter().map(|g| g * g).sum::<f64>().sqrt().max(1e-4);
        let error = (got - expected).abs() / scale;
        let names: Vec<&str> = training.weights.iter().filter(|w| w.range == range).map(|w| w.path.as_str()).collect();
        assert!(error <= TOLERANCE, "{names:?} {range:?}: {got} for {expected}, error {error:.1e}");
    }
}

fn check_all(models: Vec<Model>) {
    let options = TrainingOptions { scope: Scope::Branch, ..TrainingOptions::default() };
    models.iter().for_each(|model| check(model, options));
}

#[test]
fn convolutions_of_all_kernels_and_strides() {
    check_all(common::training::convolutions());
}

#[test]
fn norms_with_both_variances() {
    check_all(common::training::norms());
}

#[test]
fn an_adaptive_norm_its_modulation_and_linear_maps() {
    check_all(common::training::modulations());
}

#[test]
fn scales_concatenations_sums_pools_and_upsampling() {
    check_all(common::training::shapes());
}

#[test]
fn maxima_logits_and_sums_over_channels() {
    check_all(common::training::attentions());
}

/// Every weight's gradient is PyTorch's, and the loss.
fn check_torch(training: &Training, examples: &[BTreeMap<String, Tensor>], torch: &Torch, what: &str) {
    let values = run(training, &given(training, &examples.iter().collect::<Vec<_>>()));
    let loss: f64 = values["loss"].data.iter().sum();
    assert!((loss - f64::from(torch.loss)).abs() <= 1e-5, "{what}: {loss} for {}", torch.loss);
    for weight in &training.weights {
        let expected = &torch.gradient.tensors[&weight.path].data;
        let got = &values["gradient"].data[weight.range.clone()];
        let error: f64 = got.iter().zip(expected).map(|(a, b)| (a - f64::from(*b)) * (a - f64::from(*b))).sum();
        let length: f64 = expected.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        println!("{what} {}: {:.1e}", weight.path, (error / length).sqrt());
        assert!(error <= 1e-6 * length, "{what} {}: {:.1e}", weight.path, (error / length).sqrt());
    }
}

#[test]
fn maxima_logits_and_sums_over_channels_are_pytorchs() {
    let (training, examples, torch) = torch_attention();
    check_torch(&training, &examples, &torch, "attention");
}

fn lite(branch: &[&str]) -> Generator {
    Generator::Lite { base_channels: 4, image_size: 64, branch: branch.iter().map(|s| (*s).to_owned()).collect() }
}

#[test]
fn only_what_lies_behind_the_trunk_is_trained_in_scope_output() {
    let names = |generator: Generator, scope| -> (Vec<String>, Vec<String>) {
        let model = random_model(generator, 2, 1);
        let options = TrainingOptions { scope, ..TrainingOptions::default() };
        let training = Training::new(&model, 1, &options).expect("a training");
        let mut modules: Vec<String> =
            training.weights.iter().map(|w| w.path.rsplit_once('.').expect("a leaf").0.to_owned()).collect();
        modules.dedup();
        (modules, training.features().cloned().collect())
    };
    let branch = ["stem", "down1", "cam.conv", "style", "up1", "up2", "merge", "head"];
    let (modules, examples) = names(lite(&branch), Scope::Output);
    assert_eq!(modules, ["up1", "up2", "merge", "head"]);
    assert_eq!(examples, ["input", "stem.relu", "up1.concat"]);
    let (modules, examples) = names(lite(&branch), Scope::Branch);
    assert_eq!(
        modules,
        ["stem", "down1", "cam.gap", "cam.gmp", "cam.conv", "style.fc1", "style.fc2", "up1", "up2", "merge", "head"]
    );
    assert_eq!(examples, ["input"]);
    let (modules, examples) = names(lite(&["stem", "head"]), Scope::Output);
    assert_eq!((modules, examples), (vec!["head".to_owned()], vec!["input".into(), "merge.relu".into()]));
    let (modules, examples) = names(Generator::Paper { base_channels: 4, image_size: 64 }, Scope::Output);
    assert!(modules.iter().all(|m| m.starts_with("hourglass4.") || m == "head"), "{modules:?}");
    let ahead = ["hourglass4.skip1.conv1.relu", "hourglass4.pool1", "hourglass4.down1.conv1.relu"];
    assert_eq!(examples, [&["input", "hourglass3"], &ahead[..]].concat(), "what comes before a weight");
}

#[test]
fn nothing_in_scope_is_an_error() {
    let model = random_model(lite(&["stem"]), 1, 1);
    let error = Training::new(&model, 0, &TrainingOptions::default()).expect_err("nothing to train");
    assert!(error.to_string().contains("no weights that Output trains"), "{error}");
}

#[test]
fn the_whole_generator_in_scope_output() {
    let model = random_model(lite(&["up1", "up2", "merge", "head"]), 1, 5);
    check(&model, TrainingOptions::default());
}

#[test]
fn the_whole_generator_in_scope_branch() {
    let model = random_model(lite(&["stem", "cam.conv", "style", "decode4.norm2", "head"]), 1, 5);
    check(&model, TrainingOptions { scope: Scope::Branch, ..TrainingOptions::default() });
}

/// Gradients and weights of one step against PyTorch's, through the frozen trunk and behind it.
#[test]
fn a_step_of_lite_is_pytorchs() {
    let model = Model::load(&common::fixture_path("lite/tiny.cartoon.ron")).expect("a package");
    for (scope, name) in [(Scope::Output, "lite_output"), (Scope::Branch, "lite_branch")] {
        let training = Training::new(&model, 0, &TrainingOptions { scope, ..TrainingOptions::default() });
        let training = training.expect("a training");
        let examples = fixture_examples(&training, &model, [waves(2), waves(3)]);
        check_torch(&training, &examples, &torch(name), name);
    }
}
