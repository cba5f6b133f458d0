//! Whole networks on the device against PyTorch: every group, one picture and a batch, native and WebGL2 limits.

mod common;
#[path = "common/gpu.rs"]
mod gpu;

use bevy::prelude::*;
use bevy_toonface::model::{Model, Tensor, TensorFile, import_checkpoint};
use bevy_toonface::prelude::*;
use common::{GOLDEN_NAMES, fixture, fixture_path, max_abs_error, relative_error, take};
use gpu::{Lab, Tensors, add_model, draw_tensors};

/// Absolute, for the picture in -1..1 (DESIGN.md).
const OUTPUT_TOLERANCE: f32 = 2e-4;
/// Of a tensor's largest value, for activations inside a whole network (DESIGN.md).
const TAP_TOLERANCE: f32 = 1e-4;

/// Names of results: ours, and the fixture's.
type Names = &'static [(&'static str, &'static str)];

const OFFICIAL: Names = &GOLDEN_NAMES;

const LITE: Names = &[
    ("output", "output"),
    ("cam_logit", "cam_logit"),
    ("heatmap", "heatmap"),
    ("encode4", "encode4"),
    ("decode4", "decode4"),
];

fn official() -> (Model, Vec<TensorFile>) {
    let model = import_checkpoint(&fixture("golden/weights.safetensors"), 8, 64).expect("an official checkpoint");
    (model, (0..4).map(|g| fixture(&format!("golden/g{g}.safetensors"))).collect())
}

fn lite() -> (Model, Vec<TensorFile>) {
    let model = Model::load(&fixture_path("lite/tiny.cartoon.ron")).expect("a package");
    (model, (0..2).map(|g| fixture(&format!("lite/g{g}.safetensors"))).collect())
}

fn inputs(files: &[TensorFile]) -> Vec<(usize, &Tensor)> {
    files.iter().map(|file| take(file, "input")).enumerate().collect()
}

/// All groups in one batch.
fn batch(app: &mut App, model: &Handle<CartoonModel>, files: &[TensorFile]) -> Vec<Tensors> {
    draw_tensors(app, model, &inputs(files))
}

/// Each group on its own.
fn singles(app: &mut App, model: &Handle<CartoonModel>, files: &[TensorFile]) -> Vec<Tensors> {
    inputs(files).iter().flat_map(|item| draw_tensors(app, model, &[*item])).collect()
}

fn check(got: &[Tensors], files: &[TensorFile], names: Names) {
    for (group, (tensors, file)) in got.iter().zip(files).enumerate() {
        for (ours, theirs) in names {
            let (got, expected) = (&tensors[*ours].data, &take(file, theirs).data);
            let (error, tolerance) = match *ours {
                "output" => (max_abs_error(got, expected), OUTPUT_TOLERANCE),
                _ => (relative_error(got, expected), TAP_TOLERANCE),
            };
            println!("group {group}, {ours}: {error:.1e}");
            assert!(error <= tolerance, "group {group}, {ours}: {error:e} > {tolerance:e}");
        }
    }
}

/// One picture at a time against PyTorch, then all in one batch: bit for bit the same.
fn check_groups(lab: &Lab, load: fn() -> (Model, Vec<TensorFile>), names: Names) {
    let run = move |app: &mut App| {
        let (model, files) = load();
        let model = add_model(app, model);
        (singles(app, &model, &files), batch(app, &model, &files), files)
    };
    let Some((alone, together, files)) = lab.run(run) else { return };
    check(&alone, &files, names);
    assert!(alone == together, "a batch differs from single pictures");
}

#[test]
fn the_official_network_matches_pytorch_in_eight_planes() {
    check_groups(&gpu::EIGHT_PLANES, official, OFFICIAL);
}

#[test]
fn the_official_network_matches_pytorch_in_four_planes() {
    check_groups(&gpu::FOUR_PLANES, official, OFFICIAL);
}

#[test]
fn the_official_network_matches_pytorch_under_webgl2_limits() {
    check_groups(&gpu::WEBGL2, official, OFFICIAL);
}

#[test]
fn a_lite_package_matches_pytorch_in_eight_planes() {
    check_groups(&gpu::EIGHT_PLANES, lite, LITE);
}

#[test]
fn a_lite_package_matches_pytorch_in_four_planes() {
    check_groups(&gpu::FOUR_PLANES, lite, LITE);
}

#[test]
fn a_lite_package_matches_pytorch_under_webgl2_limits() {
    check_groups(&gpu::WEBGL2, lite, LITE);
}

#[test]
fn the_same_input_gives_the_same_bits() {
    let run = |app: &mut App| {
        let (model, files) = official();
        let model = add_model(app, model);
        (batch(app, &model, &files), batch(app, &model, &files))
    };
    let Some((first, second)) = gpu::EIGHT_PLANES.run(run) else { return };
    assert!(first == second, "two runs differ");
}
