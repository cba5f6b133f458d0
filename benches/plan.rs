//! Planning time: from a model to passes, slots and packed weights, without a GPU.
//!
//! ```text
//! cargo bench --bench plan                  all networks; criterion says what changed since the last run
//! cargo bench --bench plan -- n8s64         those with this in their name
//! ```
//!
//! A plan is made when a model loads, when it changes, and when the number of entities that share it passes a power of
//! two; never in a frame that draws.

#[path = "../tests/common/mod.rs"]
mod common;
mod nets;

use bevy_toonface::plan::{Plan, PlanLimits, PlanOptions};
use criterion::{Criterion, criterion_group, criterion_main};
use nets::nets;

/// Eight planes, and textures as large as any device has.
const LIMITS: PlanLimits =
    PlanLimits { max_attachments: 8, max_attachment_bytes: 32, max_texture_size: 8192, max_sampled_textures: 32 };

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    for net in nets() {
        let model = (net.model)();
        for batch in [1, 8] {
            let options = PlanOptions { limits: LIMITS, batch, ..PlanOptions::default() };
            group.bench_function(format!("{}, {batch} faces", net.name), |bencher| {
                bencher.iter(|| Plan::new(&model, options.clone()).expect("a plan"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
