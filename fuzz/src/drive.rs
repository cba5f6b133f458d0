//! The targets without `cargo fuzz`: `cargo run --release --no-default-features --bin drive -- TARGET [RUNS] [SEED]`.

use std::time::{Duration, Instant};

use toonface_fuzz::alloc::Counting;
use toonface_fuzz::mutate::{Random, choices, mutated, small_weights};
use toonface_fuzz::targets;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let target = args.get(1).map_or("manifest", String::as_str);
    let runs: usize = args.get(2).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let mut random = Random::new(args.get(3).and_then(|n| n.parse().ok()).unwrap_or(1));
    let fixture =
        |file: &str| std::fs::read(format!("{}/../tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"))).expect(file);
    let (run, seeds): (fn(&[u8]), Vec<Vec<u8>>) = match target {
        "manifest" => (targets::manifest, vec![fixture("lite/tiny.cartoon.ron")]),
        "safetensors" => (targets::safetensors, vec![fixture("lite/first.safetensors"), small_weights()]),
        "importer" => (targets::importer, Vec::new()),
        other => panic!("no target {other}: manifest, safetensors, importer"),
    };
    let (started, mut slowest) = (Instant::now(), Duration::ZERO);
    for _ in 0..runs {
        let data = if seeds.is_empty() { choices(&mut random) } else { mutated(&seeds, 1 << 16, &mut random) };
        let began = Instant::now();
        run(&data);
        slowest = slowest.max(began.elapsed());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{target}: {runs} executions, {:.0} a second, the slowest {slowest:?}", runs as f64 / seconds);
}
