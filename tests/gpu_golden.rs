//! Whole networks on the device against PyTorch: every group, one picture and a batch, in every format, native and
//! WebGL2 limits.

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

/// Mean error of the cartoons in half precision: three steps of an 8-bit channel. The picture is in -1..1.
const HALF_TOLERANCE: f32 = 2.0 * 3.0 / 255.0;

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

fn check(got: &[Tensors], _: &Model, files: &[TensorFile], names: Names) {
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

/// Half precision through a whole network: every value is a number, and the cartoon is the same to the eye.
fn check_half(got: &[Tensors], _: &Model, files: &[TensorFile], names: Names) {
    for (group, (tensors, file)) in got.iter().zip(files).enumerate() {
        for (ours, _) in names {
            assert!(tensors[*ours].data.iter().all(|v| v.is_finite()), "group {group}, {ours}: not finite");
        }
        let error = mean_error(&tensors["output"].data, &take(file, "output").data);
        println!("group {group}: {:.2} / 255", error * 127.5);
        assert!(error <= HALF_TOLERANCE, "group {group}: {error:e} > {HALF_TOLERANCE:e}");
    }
}

fn mean_error(got: &[f32], expected: &[f32]) -> f32 {
    let total: f64 = got.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs())).sum();
    (total / expected.len() as f64) as f32
}

/// How results are compared with PyTorch's.
type Check = fn(&[Tensors], &Model, &[TensorFile], Names);

/// One picture at a time against PyTorch, then all in one batch: bit for bit the same.
fn check_groups(lab: &Lab, load: fn() -> (Model, Vec<TensorFile>), names: Names, check: Check) {
    let run = move |app: &mut App| {
        let (model, files) = load();
        let handle = add_model(app, model.clone());
        (singles(app, &handle, &files), batch(app, &handle, &files), model, files)
    };
    let Some((alone, together, model, files)) = lab.run(run) else { return };
    check(&alone, &model, &files, names);
    assert!(alone == together, "a batch differs from single pictures");
}

#[test]
fn the_official_network_matches_pytorch_in_eight_planes() {
    check_groups(&gpu::EIGHT_PLANES, official, OFFICIAL, check);
}

#[test]
fn the_official_network_matches_pytorch_in_four_planes() {
    check_groups(&gpu::FOUR_PLANES, official, OFFICIAL, check);
}

#[test]
fn the_official_network_matches_pytorch_under_webgl2_limits() {
    check_groups(&gpu::WEBGL2, official, OFFICIAL, check);
}

#[test]
fn the_official_network_matches_pytorch_in_rgba() {
    check_groups(&gpu::RGBA, official, OFFICIAL, check);
}

#[test]
fn the_official_network_matches_pytorch_in_rgba_under_webgl2_limits() {
    check_groups(&gpu::WEBGL2_RGBA, official, OFFICIAL, check);
}

#[test]
fn the_official_network_looks_the_same_in_half_precision() {
    check_groups(&gpu::HALF, official, OFFICIAL, check_half);
}

#[test]
fn the_official_network_looks_the_same_in_half_precision_under_webgl2_limits() {
    check_groups(&gpu::WEBGL2_HALF, official, OFFICIAL, check_half);
}

#[test]
fn a_lite_package_matches_pytorch_in_eight_planes() {
    check_groups(&gpu::EIGHT_PLANES, lite, LITE, check);
}

#[test]
fn a_lite_package_matches_pytorch_in_four_planes() {
    check_groups(&gpu::FOUR_PLANES, lite, LITE, check);
}

#[test]
fn a_lite_package_matches_pytorch_under_webgl2_limits() {
    check_groups(&gpu::WEBGL2, lite, LITE, check);
}

#[test]
fn a_lite_package_matches_pytorch_in_rgba() {
    check_groups(&gpu::RGBA, lite, LITE, check);
}

#[test]
fn a_lite_package_matches_pytorch_in_rgba_under_webgl2_limits() {
    check_groups(&gpu::WEBGL2_RGBA, lite, LITE, check);
}

#[test]
fn a_lite_package_looks_the_same_in_half_precision() {
    check_groups(&gpu::HALF, lite, LITE, check_half);
}

#[test]
fn a_lite_package_looks_the_same_in_half_precision_under_webgl2_limits() {
    check_groups(&gpu::WEBGL2_HALF, lite, LITE, check_half);
}

#[test]
fn the_same_input_gives_the_same_bits() {
    for lab in [&gpu::EIGHT_PLANES, &gpu::RGBA, &gpu::HALF] {
        let run = |app: &mut App| {
            let (model, files) = official();
            let model = add_model(app, model);
            (batch(app, &model, &files), batch(app, &model, &files))
        };
        let Some((first, second)) = lab.run(run) else { return };
        assert!(first == second, "{}: two runs differ", lab.name());
    }
}
