//! Shared by the integration tests: the CPU reference, fixtures, deterministic numbers, error measures and plans.
#![allow(dead_code, reason = "every test binary compiles this module and uses its own part of it")]

pub mod plans;
pub mod reference;
#[cfg(feature = "few_shot")]
mod reference_gradients;
#[cfg(feature = "few_shot")]
pub mod training;

use std::path::PathBuf;

use bevy_toonface::model::{
    Generator, Graph, GroupEntry, MANIFEST_VERSION, Manifest, Model, ModelError, Owner, Param, Tensor, TensorFile,
    Weights,
};

/// Results of the official network: our name, and the golden fixtures'.
pub const GOLDEN_NAMES: [(&str, &str); 7] = [
    ("output", "output"),
    ("cam_logit", "cam_logit"),
    ("heatmap", "heatmap"),
    ("hourglass1", "HourGlass1"),
    ("encode4", "EncodeBlock4"),
    ("decode4", "DecodeBlock4"),
    ("up2", "UpBlock2"),
];

/// The path of a file or folder in `tests/fixtures`.
pub fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The tensors of a safetensors file in `tests/fixtures`.
pub fn fixture(name: &str) -> TensorFile {
    let path = fixture_path(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    TensorFile::parse(name, &bytes).unwrap_or_else(|e| panic!("{e}"))
}

/// A tensor of a fixture, by name.
pub fn take<'a>(file: &'a TensorFile, name: &str) -> &'a Tensor {
    file.tensors.get(name).unwrap_or_else(|| panic!("`{}` has no tensor `{name}`", file.file))
}

/// Deterministic pseudo-random numbers (xorshift64*, Vigna 2016).
pub struct Random(u64);

impl Random {
    /// A stream for a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// An index below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 33) as usize % n
    }

    /// A value in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A tensor with values in `low..high`.
    pub fn tensor(&mut self, dims: &[usize], low: f32, high: f32) -> Tensor {
        let data = (0..dims.iter().product()).map(|_| low + (high - low) * self.unit()).collect();
        Tensor { dims: dims.to_vec(), data }
    }

    /// Values for a weight: mixing weights in 0..1, gammas around 1, maps scaled so that activations keep their size.
    pub fn weight(&mut self, param: &Param) -> Tensor {
        let leaf = param.path.rsplit('.').next().unwrap_or_default();
        let (low, high) = match (leaf, param.dims.as_slice()) {
            ("rho" | "mix_gamma" | "mix_beta", _) => (0.0, 1.0),
            ("gamma", _) => (0.5, 1.5),
            (_, [_, fan_in @ ..]) if !fan_in.is_empty() => {
                let bound = (3.0 / fan_in.iter().product::<usize>() as f32).sqrt();
                (-bound, bound)
            }
            _ => (-0.5, 0.5),
        };
        self.tensor(&param.dims, low, high)
    }
}

/// Random weights for a graph: the trunk once, the branch tensors for each group.
pub fn random_weights(graph: &Graph, seed: u64) -> Weights {
    let mut random = Random::new(seed);
    let mut file = |owner: Owner, name: String| {
        let params = graph.params().iter().filter(|p| p.owner == owner);
        TensorFile { file: name, tensors: params.map(|p| (p.path.clone(), random.weight(p))).collect() }
    };
    let trunk = file(Owner::Trunk, "trunk".into());
    let branches = (0..graph.groups()).map(|g| file(Owner::Branch, format!("branch{g}"))).collect();
    Weights { trunk, branches }
}

/// A manifest with groups `g0`, `g1`, ...
pub fn manifest(generator: Generator, groups: usize) -> Manifest {
    let entry = |g: usize| GroupEntry { name: format!("g{g}"), weights: format!("g{g}.safetensors") };
    Manifest {
        version: MANIFEST_VERSION,
        name: "test".into(),
        generator,
        trunk: "trunk.safetensors".into(),
        groups: (0..groups).map(entry).collect(),
    }
}

/// A generator with random weights.
pub fn random_model(generator: Generator, groups: usize, seed: u64) -> Model {
    let graph = generator.build(groups).unwrap_or_else(|e| panic!("{e}"));
    let weights = random_weights(&graph, seed);
    model_of(graph, weights)
}

/// Any graph as a model; its manifest only carries names.
pub fn model_of(graph: Graph, weights: Weights) -> Model {
    let manifest = manifest(Generator::Paper { base_channels: 4, image_size: 64 }, graph.groups());
    Model { manifest, graph, weights }
}

/// Largest absolute difference; NaN counts as infinite.
pub fn max_abs_error(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len(), "number of values");
    let distance = |(a, b): (&f32, &f32)| if a.is_finite() && b.is_finite() { (a - b).abs() } else { f32::INFINITY };
    got.iter().zip(expected).map(distance).fold(0.0, f32::max)
}

/// Largest absolute difference, in units of the largest expected value.
pub fn relative_error(got: &[f32], expected: &[f32]) -> f32 {
    let scale = expected.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    max_abs_error(got, expected) / scale
}

/// Sum of squared differences over the sum of squared expected values.
pub fn nmse(got: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(got.len(), expected.len(), "number of values");
    let square = |v: f64| v * v;
    let error: f64 = got.iter().zip(expected).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let power: f64 = expected.iter().map(|v| square(f64::from(*v))).sum();
    error / power.max(f64::MIN_POSITIVE)
}

/// Fails unless the error's message names all `words`.
pub fn assert_names(error: &ModelError, words: &[&str]) {
    let message = error.to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "`{word}` in: {message}"));
}

/// 400 damaged copies of `bytes`: cut short, or with flipped bits, most of them in the first `header` bytes.
pub fn damaged(bytes: &[u8], header: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(11);
    let mut variants = Vec::new();
    for _ in 0..200 {
        variants.push(bytes[..random.below(bytes.len())].to_vec());
        // Most flips go to the header, where they matter.
        let mut flipped = bytes.to_vec();
        for _ in 0..=random.below(3) {
            let end = if random.below(4) > 0 { header } else { bytes.len() };
            flipped[random.below(end)] ^= 1 << random.below(8);
        }
        variants.push(flipped);
    }
    variants
}
