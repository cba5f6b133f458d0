//! The command-line tools as a user runs them: what they write, and what they say about bad input.
#![cfg(feature = "bundled_model")]

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/tool.rs"]
mod tool;

use std::path::{Path, PathBuf};
use std::process::Output;

use bevy_toonface::model::{Tensor, TensorFile};
use common::{GOLDEN_NAMES, fixture, fixture_path, max_abs_error, relative_error, take};
use image::{GrayImage, RgbImage};
use serde_json::Value;
use tool::tool;

/// Absolute, for the picture in -1..1 (DESIGN.md).
const OUTPUT_TOLERANCE: f32 = 2e-4;
/// Of a tensor's largest value (DESIGN.md).
const TAP_TOLERANCE: f32 = 1e-4;
/// What a line of `--bench` holds (DESIGN.md).
const BENCH_KEYS: [&str; 11] = [
    "model",
    "faces",
    "passes",
    "pipelines",
    "slot_bytes",
    "live_bytes",
    "weight_bytes",
    "first_ms",
    "min_ms",
    "median_ms",
    "record_ms",
];

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("toonface_cli_{test}_{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).display().to_string()
    }

    fn write(&self, file: &str, bytes: &[u8]) -> String {
        std::fs::write(self.0.join(file), bytes).expect("a file");
        self.path(file)
    }

    /// A picture of 40 x 30 pixels.
    fn picture(&self) -> String {
        let path = self.path("ada.png");
        RgbImage::from_fn(40, 30, |x, y| image::Rgb([6 * x as u8, 8 * y as u8, 90])).save(&path).expect("a picture");
        path
    }

    fn tensors(&self, file: &str, name: &str, dims: &[usize]) -> String {
        let tensor = Tensor { dims: dims.to_vec(), data: vec![0.5; dims.iter().product()] };
        let tensors = TensorFile { file: file.into(), tensors: [(name.to_owned(), tensor)].into() };
        self.write(file, &tensors.to_bytes().expect("bytes"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tiny() -> String {
    fixture_path("lite/tiny.cartoon.ron").display().to_string()
}

fn run(name: &str, args: &[&str]) -> Output {
    tool(name).args(args).output().unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a run that has to succeed; `None` without a GPU.
fn succeed(name: &str, args: &[&str]) -> Option<String> {
    let output = run(name, args);
    let errors = text(&output.stderr);
    if errors.contains("no GPU") {
        gpu::skip(&errors);
        return None;
    }
    assert!(output.status.success(), "{name} {args:?}: {errors}");
    Some(text(&output.stdout))
}

/// A run that has to fail with all `words` in its message.
fn fail(name: &str, args: &[&str], words: &[&str]) {
    assert_failure(&run(name, args), words);
}

fn assert_failure(output: &Output, words: &[&str]) {
    let errors = text(&output.stderr);
    assert!(!errors.contains("panicked"), "{errors}");
    assert_eq!(output.status.code(), Some(1), "{errors}");
    if errors.contains("no GPU") && !words.contains(&"no GPU") {
        return gpu::skip(&errors);
    }
    let line = errors.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{errors}"));
    words.iter().for_each(|word| assert!(line.contains(word), "`{word}` in: {line}"));
}

#[test]
fn an_imported_checkpoint_reproduces_pytorch() {
    let folder = Folder::new("import");
    let checkpoint = fixture_path("golden/weights.safetensors").display().to_string();
    let out = folder.path("package");
    let args = [&checkpoint, "--base-channels", "8", "--image-size", "64", "--out", &out];
    let manifest = succeed("import_checkpoint", &args).expect("no GPU is needed");
    let golden = fixture_path("golden/g2.safetensors").display().to_string();
    let file = folder.path("out.safetensors");
    let args = ["--model", manifest.trim(), "--group", "kid", "--tensors", &file, &golden];
    if succeed("stylize", &args).is_none() {
        return;
    }
    let written = TensorFile::parse(&file, &std::fs::read(&file).expect("tensors")).expect("tensors");
    let expected = fixture("golden/g2.safetensors");
    // The output comes first and has a tolerance of its own.
    let pairs = [("input", "input")].into_iter().chain(GOLDEN_NAMES.into_iter().skip(1));
    for (ours, theirs) in pairs {
        let error = relative_error(&take(&written, ours).data, &take(&expected, theirs).data);
        assert!(error <= TAP_TOLERANCE, "{ours}: {error:e}");
    }
    let output = take(&written, "output");
    assert!(max_abs_error(&output.data, &take(&expected, "output").data) <= OUTPUT_TOLERANCE);
    assert_eq!(output.dims, [1, 3, 64, 64]);
    assert_eq!(take(&written, "cam_logit").dims, [2, 4]);
}

#[test]
fn every_format_draws_the_cartoon_of_pytorch_and_half_precision_shows() {
    let folder = Folder::new("formats");
    let golden = fixture_path("lite/g0.safetensors").display().to_string();
    let expected = &take(&fixture("lite/g0.safetensors"), "output").data.clone();
    // Half precision: a step of an 8-bit channel, as the picture is in -1..1.
    let formats = [("r32float", 0.0, 2e-4), ("rgba32float", 0.0, 2e-4), ("rgba16float", 4e-4, 2.0 / 255.0)];
    for (format, least, most) in formats {
        let file = folder.path(&format!("{format}.safetensors"));
        let args = ["--model", &tiny(), "--group", "first", "--format", format, "--tensors", &file, &golden];
        if succeed("stylize", &args).is_none() {
            return;
        }
        let written = TensorFile::parse(&file, &std::fs::read(&file).expect("tensors")).expect("tensors");
        let error = max_abs_error(&take(&written, "output").data, expected);
        assert!((least..=most).contains(&error), "{format}: {error:e}");
    }
}

#[test]
fn a_bench_is_one_line_of_json_with_all_figures() {
    let folder = Folder::new("bench");
    for extra in [&["--faces", "3"][..], &["--webgl2", "--planes", "4"], &["--format", "rgba16float"]] {
        let (model, picture) = (tiny(), folder.picture());
        let args = [&["--bench", "2", "--model", &model][..], extra, &[&picture]].concat();
        let Some(out) = succeed("stylize", &args) else { return };
        let line: Value = serde_json::from_str(out.trim()).unwrap_or_else(|e| panic!("{e}: {out}"));
        let mut keys: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        let mut expected = BENCH_KEYS.to_vec();
        keys.sort_unstable();
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(line["model"], "tiny");
        assert_eq!(line["faces"], if extra.contains(&"3") { 3 } else { 1 });
        for key in BENCH_KEYS.iter().filter(|key| **key != "model") {
            assert!(line[key].as_f64().is_some_and(|n| n > 0.0), "{key}: {line}");
        }
        assert!(line["min_ms"].as_f64() <= line["median_ms"].as_f64(), "{line}");
        assert!(line["live_bytes"].as_f64() <= line["slot_bytes"].as_f64(), "{line}");
    }
}

#[test]
fn a_picture_becomes_a_cartoon_of_its_size_for_each_group() {
    let folder = Folder::new("picture");
    let (model, picture, out) = (tiny(), folder.picture(), folder.path("out"));
    let Some(printed) = succeed("stylize", &["--model", &model, "--out", &out, &picture]) else { return };
    assert!(printed.contains("all_groups.png"), "{printed}");
    for group in ["first", "second"] {
        let cartoon = image::open(Path::new(&out).join(format!("ada.{group}.png"))).expect("a cartoon");
        assert_eq!((cartoon.width(), cartoon.height()), (40, 30));
    }
    assert!(Path::new(&out).join("all_groups.png").exists());
}

#[test]
fn bad_pictures_are_named() {
    let folder = Folder::new("bad_pictures");
    let model = tiny();
    let stylize = |args: &[&str], words: &[&str]| fail("stylize", &[&["--model", &model], args].concat(), words);
    stylize(&["nowhere/ada.png"], &["nowhere/ada.png"]);
    let garbage = folder.write("garbage.png", b"not a picture");
    stylize(&[&garbage], &["garbage.png"]);
    let whole = std::fs::read(folder.picture()).expect("a picture");
    let cut = folder.write("cut.png", &whole[..whole.len() / 2]);
    stylize(&[&cut], &["cut.png"]);
    let dot = folder.path("dot.png");
    RgbImage::new(1, 1).save(&dot).expect("a picture");
    stylize(&[&dot], &["dot.png", "1 x 1"]);
    let huge = folder.path("huge.png");
    GrayImage::new(8000, 8000).save(&huge).expect("a picture");
    stylize(&["--webgl2", &huge], &["huge.png", "8000 x 8000", "2048"]);
}

#[test]
fn bad_tensors_are_named() {
    let folder = Folder::new("bad_tensors");
    let model = tiny();
    let stylize = |args: &[&str], words: &[&str]| fail("stylize", &[&["--model", &model], args].concat(), words);
    let out = folder.path("out.safetensors");
    let small = folder.tensors("small.safetensors", "input", &[3, 32, 32]);
    stylize(&["--tensors", &out, &small], &["[3, 32, 32]", "[3, 64, 64]", "tiny"]);
    let other = folder.tensors("other.safetensors", "picture", &[3, 64, 64]);
    stylize(&["--tensors", &out, &other], &["other.safetensors", "`input`"]);
    let garbage = folder.write("garbage.safetensors", b"no tensors");
    stylize(&["--tensors", &out, &garbage], &["garbage.safetensors"]);
    stylize(&["--tensors", &out, "nowhere.safetensors"], &["nowhere.safetensors"]);
    let good = folder.tensors("good.safetensors", "input", &[3, 64, 64]);
    stylize(&["--tensors", "/nowhere/out.safetensors", &good], &["/nowhere/out.safetensors"]);
}

#[test]
fn an_unknown_group_is_named_with_the_known_ones() {
    let folder = Folder::new("group");
    let (model, picture) = (tiny(), folder.picture());
    fail("stylize", &["--model", &model, "--group", "third", &picture], &["third", "first", "second"]);
}

#[test]
fn bad_models_are_named() {
    let folder = Folder::new("bad_models");
    for file in ["tiny.cartoon.ron", "trunk.safetensors", "first.safetensors", "second.safetensors"] {
        folder.write(file, &std::fs::read(fixture_path(&format!("lite/{file}"))).expect("a fixture"));
    }
    let (model, picture) = (folder.path("tiny.cartoon.ron"), folder.picture());
    let stylize = |model: &str, words: &[&str]| fail("stylize", &["--model", model, &picture], words);
    stylize("nowhere.cartoon.ron", &["nowhere.cartoon.ron"]);
    let weights = std::fs::read(folder.path("second.safetensors")).expect("weights");
    folder.write("second.safetensors", &weights[..weights.len() - 1]);
    stylize(&model, &["second.safetensors"]);
    std::fs::remove_file(folder.path("second.safetensors")).expect("gone");
    stylize(&model, &["second.safetensors"]);
    folder.write("tiny.cartoon.ron", b"(version: 7)");
    stylize(&model, &["tiny.cartoon.ron", "version 7"]);
}

#[test]
fn bad_checkpoints_are_named() {
    let folder = Folder::new("bad_checkpoints");
    let out = folder.path("package");
    let import = |file: &str, channels: &str, words: &[&str]| {
        fail("import_checkpoint", &[file, "--base-channels", channels, "--image-size", "64", "--out", &out], words);
    };
    let checkpoint = fixture_path("golden/weights.safetensors").display().to_string();
    import("nowhere.safetensors", "8", &["nowhere.safetensors"]);
    import(&checkpoint, "16", &["weights.safetensors", "expected"]);
    import(&checkpoint, "7", &["base_channels"]);
    let garbage = folder.write("garbage.safetensors", b"no tensors");
    import(&garbage, "8", &["garbage.safetensors"]);
}

#[test]
fn a_machine_without_a_gpu_is_told_what_to_install() {
    let folder = Folder::new("no_gpu");
    let mut stylize = tool("stylize");
    stylize.args(["--model", &tiny(), &folder.picture()]);
    let nowhere = [("VK_DRIVER_FILES", "/nowhere"), ("VK_ICD_FILENAMES", "/nowhere"), ("WGPU_BACKEND", "vulkan")];
    let output = stylize.envs(nowhere).output().expect("stylize runs");
    assert_failure(&output, &["no GPU", "mesa-vulkan-drivers"]);
}
