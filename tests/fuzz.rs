//! Everything that is read from files, with a few thousand damaged inputs: no panic, no more memory than the input justifies,
//! and what is accepted survives being written and read again. The targets are those of `fuzz/`, which go on for millions;
//! `BEVY_TOONFACE_FUZZ_RUNS` sets the number here.

#[path = "../fuzz/src/alloc.rs"]
mod alloc;
#[path = "../fuzz/src/mutate.rs"]
mod mutate;
#[path = "../fuzz/src/targets.rs"]
mod targets;

use bevy_toonface::model;
use mutate::{Random, choices, mutated};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn runs(usual: usize) -> usize {
    std::env::var("BEVY_TOONFACE_FUZZ_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"))).expect(file)
}

#[test]
fn manifests() {
    let (seeds, mut random) = ([fixture("lite/tiny.cartoon.ron")], Random::new(1));
    (0..runs(10_000)).for_each(|_| targets::manifest(&mutated(&seeds, 1 << 16, &mut random)));
}

#[test]
fn weight_files() {
    let (seeds, mut random) = ([fixture("lite/first.safetensors"), mutate::small_weights()], Random::new(2));
    (0..runs(10_000)).for_each(|_| targets::safetensors(&mutated(&seeds, 1 << 16, &mut random)));
}

#[test]
fn checkpoints() {
    let mut random = Random::new(3);
    (0..runs(1_000)).for_each(|_| targets::importer(&choices(&mut random)));
}

/// The targets would find what they look for: the seeds are accepted, and a limit that is too low is noticed.
#[test]
fn the_targets_are_awake() {
    let bytes = fixture("lite/first.safetensors");
    let (peak, parsed) = alloc::peak(|| model::TensorFile::parse("first", &bytes));
    assert!(parsed.is_ok() && peak > bytes.len() / 2, "{peak} bytes counted");
    for form in [0, 1] {
        let file = targets::checkpoint(form);
        assert!(model::import_checkpoint(&file, 4, 64).is_ok(), "{:?}", model::import_checkpoint(&file, 4, 64).err());
    }
}
