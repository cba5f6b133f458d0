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
use bevy_toonface::model::{Generator, Model, Tensor, TensorFile, import_checkpoint};
use common::reference::{Array, Given, evaluate_batch};
use common::training::{Torch, examples, fixture_examples, given, torch, waves};
use gpu::headless::run_until;
use gpu::{EIGHT_PLANES, LIMIT, Lab, RGBA, WEBGL2};

/// Of a gradient's length. The passes sum in f32, the reference in f64.
const TOLERANCE: f64 = 1e-3;

type Example = BTreeMap<String, Tensor>;

/// What a training has come to.
struct Trained {
    losses: Vec<f32>,
    /// Of the examples that are held out.
    held_out: Vec<(usize, f32)>,
    taps: BTreeMap<String, Vec<f64>>,
}

/// Steps on batches of all `examples`, the last of which is tapped.
fn request(training: &Arc<Training>, examples: &[Example], batch: usize, steps: usize) -> TrainingRequest {
    TrainingRequest {
        training: training.clone(),
        examples: Arc::new(examples.to_vec()),
        held_out: 0,
        batch,
        steps,
        taps: ["gradient", "next.weights", "cartoon"].map(String::from).to_vec(),
        tap_every: steps,
        paused: false,
    }
}

/// Runs such steps on a device; `None` without one.
fn train(lab: &Lab, training: &Arc<Training>, examples: &[Example], batch: usize, steps: usize) -> Option<Trained> {
    run(lab, request(training, examples, batch, steps))
}

fn run(lab: &Lab, request: TrainingRequest) -> Option<Trained> {
    lab.run(move |app| {
        let (steps, held_out) = (request.steps, request.held_out);
        app.insert_resource(bevy_toonface::ecs::CartoonBudget::UNLIMITED);
        let entity = app.world_mut().spawn(request).id();
        let progress = run_until(app, LIMIT, |world| {
            let progress = world.get::<TrainingProgress>(entity)?;
            if let Some(error) = &progress.error {
                panic!("{error}");
            }
            progress.taps.as_ref().filter(|(step, _)| *step == steps)?;
            progress.held_out.last().filter(|(step, _)| *step == steps).map_or(held_out == 0, |_| true).then_some(())?;
            Some(progress.clone())
        });
        app.world_mut().despawn(entity);
        let progress = progress.expect("a trained branch");
        let (_, taps) = progress.taps.expect("taps");
        let wide = |tensor: Tensor| tensor.data.into_iter().map(f64::from).collect();
        Trained {
            losses: progress.losses.into_iter().map(|(_, loss)| loss).collect(),
            held_out: progress.held_out,
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

#[test]
fn gradients_of_large_pictures() {
    check_gradients(&[common::training::large()]);
}

#[test]
fn gradients_of_maxima_logits_and_sums_over_channels() {
    check_gradients(&common::training::attentions());
}

#[test]
fn gradients_of_maxima_logits_and_sums_over_channels_are_pytorchs() {
    let (training, examples, torch) = common::training::torch_attention();
    let training = Arc::new(training);
    let wide = |path: &str| torch.gradient.tensors[path].data.iter().copied().map(f64::from).collect::<Vec<_>>();
    let gradient: Vec<f64> = training.weights.iter().flat_map(|weight| wide(&weight.path)).collect();
    for lab in [&EIGHT_PLANES, &WEBGL2, &RGBA] {
        let Some(trained) = train(lab, &training, &examples, 2, 1) else { return };
        assert!((trained.losses[0] - torch.loss).abs() <= 1e-5, "{} for {}", trained.losses[0], torch.loss);
        compare_gradients(&training, &trained.taps["gradient"], &gradient);
    }
}

fn lite(branch: &[&str]) -> Model {
    let branch = branch.iter().map(|s| (*s).to_owned()).collect();
    common::random_model(Generator::Lite { base_channels: 4, image_size: 64, branch }, 2, 5)
}

/// The weights after some steps with changing batches.
fn check_steps(model: &Model, scope: Scope, steps: usize) {
    let options = TrainingOptions { scope, steps, anchor: 0.1, ..TrainingOptions::default() };
    let training = Arc::new(Training::new(model, 1, &options).expect("a training"));
    let examples = examples(&training, 3, 5);
    let Some(trained) = train(&EIGHT_PLANES, &training, &examples, 2, steps) else { return };
    let (losses, last) = reference(&training, &examples, 2, steps);
    println!("{:?} for {losses:?}", trained.losses);
    for (got, expected) in trained.losses.iter().zip(&losses) {
        assert!((f64::from(*got) - expected).abs() <= 1e-4 * expected, "{got} for {expected}");
    }
    let gradient = last["gradient"].data.clone();
    compare_weights(&training, &trained.taps["next.weights"], &last["next.weights"].data, &gradient);
}

/// Each one's loss is measured as often as the others', by the weights before the first step and those after some; steps are
/// what they are without them.
#[test]
fn examples_that_are_held_out_are_measured_and_never_learned_from() {
    let model = lite(&["stem", "up1", "up2", "merge", "head"]);
    let options = TrainingOptions { scope: Scope::Output, ..TrainingOptions::default() };
    let training = Arc::new(Training::new(&model, 0, &options).expect("a training"));
    let examples = examples(&training, 6, 5);
    let (learned, others) = examples.split_at(3);
    let Some(alone) = train(&EIGHT_PLANES, &training, learned, 2, 4) else { return };
    // Three in batches of two: three batches.
    let beside = TrainingRequest { held_out: 3, tap_every: 2, ..request(&training, &examples, 2, 4) };
    let beside = run(&EIGHT_PLANES, beside).expect("a device");
    assert_eq!((beside.losses, &beside.taps), (alone.losses, &alone.taps));
    let steps: Vec<usize> = beside.held_out.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [0, 1, 2, 4]);

    let start: Vec<f64> = training.states[0].start.iter().map(|w| f64::from(*w)).collect();
    let by_weights = |values: &[f64]| {
        let others: Vec<&Example> = others.iter().collect();
        let given = given(&training, &others);
        let weights = training.weights.iter().map(|w| (w.path.clone(), values[w.range.clone()].to_vec())).collect();
        let last = evaluate_batch(&training.model.graph, &training.model.weights, 0, &Given { weights, ..given });
        last[0]["loss"].data.iter().sum::<f64>()
    };
    for ((step, got), weights) in [(beside.held_out[0], &start), (beside.held_out[3], &beside.taps["next.weights"])] {
        let expected = by_weights(weights);
        println!("step {step}: {got} for {expected}");
        assert!((f64::from(got) - expected).abs() <= 1e-5 * expected, "step {step}: {got} for {expected}");
    }
}

/// Within 1e-4, which is a tenth of a step. Adam divides by the gradient's size plus 1e-8: where the gradient is no larger
/// than rounding leaves of it, rounding tells where the step goes, and only its greatest length can be told.
fn compare_weights(training: &Training, got: &[f64], expected: &[f64], gradient: &[f64]) {
    // Of the whole gradient: what norms cancel, such as a bias before one, is no smaller than what it cancels is rounded to.
    let floor = f64::max(1e-7, 1e-7 * gradient.iter().map(|g| g * g).sum::<f64>().sqrt());
    let (mut worst, mut told) = (0.0, 0);
    for weight in &training.weights {
        for i in weight.range.clone() {
            let error = (got[i] - expected[i]).abs();
            assert!(error <= 2.1e-3, "{} at {i}: {} for {}", weight.path, got[i], expected[i]);
            if gradient[i].abs() > floor || error <= 1e-4 {
                (worst, told) = (f64::max(worst, error), told + 1);
            }
        }
    }
    println!("{} weights, largest error {worst:.1e}, {} that rounding moves", got.len(), got.len() - told);
    assert!(worst <= 1e-4, "{worst:.1e}");
    assert!(told * 10 >= got.len() * 9, "only {told} of {} weights do not depend on rounding", got.len());
}

/// Each weight's gradient within a thousandth of its length, or of that of all of them where it is next to nothing.
fn compare_gradients(training: &Training, got: &[f64], expected: &[f64]) {
    let length = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut worst: f64 = 0.0;
    for weight in &training.weights {
        let (got, wanted) = (&got[weight.range.clone()], &expected[weight.range.clone()]);
        let error = distance(got, wanted) * length(wanted) / length(wanted).max(1e-5 * length(expected));
        println!("    {}: {error:.1e}", weight.path);
        worst = worst.max(error);
    }
    println!("gradient: {:.1e} from PyTorch's", distance(got, expected));
    assert!(worst <= TOLERANCE, "a gradient is {worst:.1e} from PyTorch's");
}

#[test]
fn steps_of_the_output_branch() {
    check_steps(&lite(&["stem", "up1", "up2", "merge", "head"]), Scope::Output, 5);
}

#[test]
fn steps_of_the_whole_branch() {
    // Not the maps of the contents, which are averages of normed channels: zero, and so are gradients but for rounding.
    let maps = ["decode4.norm2.style_gamma", "decode4.norm2.style_beta"];
    let branch = [&["stem", "cam.conv", "style", "up1", "head"], &maps[..]].concat();
    check_steps(&lite(&branch), Scope::Branch, 1);
}

/// A step on the device against PyTorch's.
fn check_torch(model: &Model, photos: [Tensor; 2], scope: Scope, torch: &Torch) {
    let options = TrainingOptions { scope, ..TrainingOptions::default() };
    let training = Arc::new(Training::new(model, 0, &options).expect("a training"));
    let examples = fixture_examples(&training, model, photos);
    let values = |file: &TensorFile| -> Vec<f64> {
        let of = |path: &str, dims: &[usize]| file.get(path, dims).unwrap_or_else(|e| panic!("{e}")).data.clone();
        training.weights.iter().flat_map(|w| of(&w.path, &w.dims)).map(f64::from).collect()
    };
    let (expected, gradient) = (values(&torch.after), values(&torch.gradient));
    for lab in [&EIGHT_PLANES, &RGBA] {
        let Some(trained) = train(lab, &training, &examples, 2, 1) else { return };
        println!("{scope:?}, {}: loss {} for {}", lab.name(), trained.losses[0], torch.loss);
        assert!((trained.losses[0] - torch.loss).abs() <= 1e-5, "{} for {}", trained.losses[0], torch.loss);
        compare_gradients(&training, &trained.taps["gradient"], &gradient);
        compare_weights(&training, &trained.taps["next.weights"], &expected, &gradient);
        let start = &training.states[0].start;
        let moved = expected.iter().zip(start).filter(|(a, b)| (*a - f64::from(**b)).abs() > 5e-4).count();
        assert!(moved * 2 > expected.len(), "PyTorch moved {moved} of {} weights", expected.len());
    }
}

fn check_torch_lite(scope: Scope, name: &str) {
    let model = Model::load(&common::fixture_path("lite/tiny.cartoon.ron")).expect("a package");
    check_torch(&model, [waves(2), waves(3)], scope, &torch(name));
}

/// Weights that are not in the fixture are those of the checkpoint.
fn check_torch_paper(scope: Scope, name: &str) {
    let import = |changed: TensorFile| {
        let mut checkpoint = common::fixture("golden/weights.safetensors");
        checkpoint.tensors.extend(changed.tensors);
        import_checkpoint(&checkpoint, 8, 64).expect("a checkpoint")
    };
    let Torch { loss, after, gradient } = torch(name);
    let branch = |changed: TensorFile| import(changed).weights.branches.remove(0);
    let torch = Torch { loss, after: branch(after), gradient: branch(gradient) };
    // As in training/toonface/steps.py, which says why these.
    let photo = |group: usize, shift| {
        roll(common::take(&common::fixture(&format!("golden/g{group}.safetensors")), "input"), shift)
    };
    check_torch(&import(TensorFile::default()), [photo(0, [17, 22]), photo(3, [25, 5])], scope, &torch);
}

/// Moved down and right, around the edges.
fn roll(tensor: &Tensor, [down, right]: [usize; 2]) -> Tensor {
    let [.., height, width] = tensor.dims[..] else { panic!("{:?}", tensor.dims) };
    let from = |i: usize| {
        let (channel, y, x) = (i / (height * width), i / width % height, i % width);
        tensor.data[(channel * height + (y + height - down) % height) * width + (x + width - right) % width]
    };
    Tensor { dims: tensor.dims.clone(), data: (0..tensor.data.len()).map(from).collect() }
}

#[test]
fn a_step_of_the_output_branch_of_lite_is_pytorchs() {
    check_torch_lite(Scope::Output, "lite_output");
}

#[test]
fn a_step_of_the_whole_branch_of_lite_is_pytorchs() {
    check_torch_lite(Scope::Branch, "lite_branch");
}

#[test]
fn a_step_of_the_output_branch_of_paper_is_pytorchs() {
    check_torch_paper(Scope::Output, "paper_output");
}

#[test]
fn a_step_of_the_whole_branch_of_paper_is_pytorchs() {
    check_torch_paper(Scope::Branch, "paper_branch");
}
