//! What is planned and what is refused: outputs, limits of devices, memory. No GPU.

mod common;

use bevy_toonface::model::{Generator, GraphBuilder, Model, NodeId, Op, Owner};
use bevy_toonface::plan::{Plan, PlanError, PlanLimits, PlanOptions, TensorFormat};
use common::plans::{DEVICES, FORMATS, targets};

const GROUPS: usize = 2;

fn plan(model: &Model, options: PlanOptions) -> Plan {
    let shown = format!("{:?}, {options:?}", model.manifest.generator);
    Plan::new(model, options).unwrap_or_else(|e| panic!("{shown}: {e}"))
}

/// A small network of either kind.
fn small(seed: u64) -> Model {
    common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS, seed)
}

#[test]
fn a_plan_of_more_bytes_than_there_may_be_is_refused_with_its_sizes() {
    let model = small(7);
    let whole = plan(&model, PlanOptions { batch: 2, ..PlanOptions::default() });
    let within = |max_bytes| Plan::new(&model, PlanOptions { batch: 2, max_bytes, ..PlanOptions::default() });
    assert_eq!(within(whole.bytes()).map(|plan| plan.passes), Ok(whole.passes.clone()));
    for max_bytes in [0, whole.bytes() - 1] {
        let error = within(max_bytes).expect_err("too large");
        let (slots, weights) = (whole.slot_bytes(), whole.weight_bytes());
        assert_eq!(error, PlanError::OutOfMemory { slots, weights, pictures: 2, limit: max_bytes });
        assert!(error.to_string().contains("max_memory"), "{error}");
    }
}

#[test]
fn half_weights_take_half_of_their_memory_and_change_nothing_else() {
    for (limits, format) in targets() {
        let options = PlanOptions { limits, format, ..PlanOptions::default() };
        let full = plan(&small(7), options.clone());
        let half = plan(&small(7), PlanOptions { half_weights: true, ..options });
        assert_eq!(2 * half.weight_bytes(), full.weight_bytes(), "{format:?}");
        assert_eq!(full.bytes() - half.bytes(), half.weight_bytes(), "{format:?}");
        assert_eq!((half.passes, half.slots, half.weights), (full.passes, full.slots, full.weights), "{format:?}");
    }
}

#[test]
fn plans_of_the_same_network_differ_only_in_weights() {
    let (one, other) = (plan(&small(7), PlanOptions::default()), plan(&small(8), PlanOptions::default()));
    assert!(one.weights != other.weights && one.differs_only_in_weights(&other));
    assert!(!one.weights.changed_rows(&other.weights).is_empty());
    let wider = common::random_model(Generator::Paper { base_channels: 12, image_size: 64 }, GROUPS, 7);
    let more = common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS + 1, 7);
    let batch = plan(&small(7), PlanOptions { batch: 2, ..PlanOptions::default() });
    for other in [plan(&wider, PlanOptions::default()), plan(&more, PlanOptions::default()), batch] {
        assert!(!one.differs_only_in_weights(&other), "{other}");
    }
}

/// Of another branch, the rows of that branch are others, and no more.
#[test]
fn another_branch_changes_the_rows_of_its_group() {
    let mut model = small(7);
    let before = plan(&model, PlanOptions::default());
    let branches = &mut model.weights.branches;
    branches[1] = common::random_weights(&model.graph, 9).branches.remove(1);
    let after = plan(&model, PlanOptions::default());
    let changed: usize = after.weights.changed_rows(&before.weights).iter().map(ExactSizeIterator::len).sum();
    let rows = before.weights.height();
    assert!(changed > 0 && changed * 3 < rows * 2, "{changed} of {rows} rows");
    let last = after.weights.changed_rows(&before.weights).last().map(|run| run.end);
    assert!(last.is_some_and(|end| end > rows / 2), "the second group comes last");
}

#[test]
fn a_plan_without_the_cartoon_has_no_picture() {
    let model = common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS, 7);
    let plan = plan(&model, PlanOptions { outputs: vec!["cam_logit".into()], ..PlanOptions::default() });
    assert_eq!(plan.picture, None);
}

/// A graph of one convolution, from a picture of `channels` to `out`.
fn one_convolution(channels: usize, out: usize, [height, width]: [usize; 2]) -> Model {
    let mut graph = GraphBuilder::new(1);
    let input = graph.input(channels, height, width).expect("an input");
    let weight = graph.param("weight", &[out, channels, 3, 3], Owner::Trunk);
    let conv = Op::Conv2d { kernel: 3, stride: 1, weight, bias: None };
    let y = graph.add("drawn", conv, &[input]).expect("a convolution");
    graph.output("output", y);
    let graph = graph.finish();
    let weights = common::random_weights(&graph, 3);
    common::model_of(graph, weights)
}

#[test]
fn a_picture_or_cartoon_that_is_no_square_of_three_channels_is_refused_with_its_shape() {
    let cases = [
        (one_convolution(1, 3, [8, 8]), "input", "input", "1"),
        (one_convolution(4, 3, [8, 8]), "input", "input", "4"),
        (one_convolution(3, 1, [8, 8]), "output", "drawn", "1"),
        (one_convolution(3, 4, [8, 8]), "output", "drawn", "4"),
        (one_convolution(3, 3, [8, 12]), "output", "drawn", "12"),
    ];
    for (model, op, node, word) in cases {
        for (limits, format) in targets() {
            let options = PlanOptions { limits, format, ..PlanOptions::default() };
            let error = Plan::new(&model, options).expect_err("no picture");
            let named = matches!(&error, PlanError::Unsupported { node: n, op: o, .. } if n == node && *o == op);
            assert!(named && error.to_string().contains(word), "{error:?}");
        }
    }
    Plan::new(&one_convolution(3, 3, [8, 8]), PlanOptions::default()).expect("three channels are a picture");
}

/// A sum with a concatenation of convolutions, each of the one before: the last one draws it all.
fn stack(parts: &[usize]) -> Model {
    let mut graph = GraphBuilder::new(1);
    let input = graph.input(3, 8, 8).expect("an input");
    let conv = |graph: &mut GraphBuilder, name: &str, x: NodeId, out: usize| {
        let channels = graph.shape(x).channels;
        let weight = graph.param(format!("{name}.weight"), &[out, channels, 3, 3], Owner::Trunk);
        graph.add(name, Op::Conv2d { kernel: 3, stride: 1, weight, bias: None }, &[x]).expect("a convolution")
    };
    let x = conv(&mut graph, "x", input, parts.iter().sum());
    let mut convs = vec![x];
    for (i, n) in parts.iter().enumerate() {
        let y = conv(&mut graph, &format!("part{i}"), convs[i], *n);
        convs.push(y);
    }
    let all = graph.add("all", Op::Concat, &convs[1..]).expect("a concatenation");
    let sum = graph.add("sum", Op::Add, &[x, all]).expect("a sum");
    let cartoon = conv(&mut graph, "cartoon", sum, 3);
    graph.output("output", cartoon);
    let graph = graph.finish();
    let weights = common::random_weights(&graph, 3);
    common::model_of(graph, weights)
}

#[test]
fn a_sum_with_a_concatenation_that_aligns_is_drawn_by_its_last_convolution() {
    for (limits, format) in targets() {
        let quad = if format == TensorFormat::R32Float { 2 } else { 4 };
        for (parts, aligned) in [
            (vec![8, 4, 4], true),
            (vec![4, 2, 2], true),
            (vec![8, 3, 1], true),
            (vec![2, 1, 1], quad == 2),
            (vec![6, 3, 3], false),
            (vec![3, 5], false),
        ] {
            // Every part but the last begins at a tile, and a tile that the last shares is its only one.
            let plan = plan(&stack(&parts), PlanOptions { limits, format, ..PlanOptions::default() });
            let alone = plan.tensors.iter().any(|tensor| tensor.name == format!("part{}", parts.len() - 1));
            assert_eq!(!alone, aligned, "{format:?} {parts:?}: {plan}");
        }
    }
}

#[test]
fn the_table_of_a_plan_lists_every_pass() {
    let model = common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS, 7);
    let plan = plan(&model, PlanOptions::default());
    let table = plan.to_string();
    let rows: Vec<&str> = table.lines().skip(2).collect();
    // A row for each result; the number of the pass stands in its first.
    let expected = plan.passes.iter().enumerate().flat_map(|(i, pass)| {
        pass.labels.iter().enumerate().map(move |(j, label)| (if j == 0 { i.to_string() } else { "+".into() }, label))
    });
    let expected: Vec<(String, &String)> = expected.collect();
    assert!(expected.len() > plan.passes.len(), "no pass has two results");
    assert_eq!(rows.len(), expected.len());
    for (row, (number, label)) in rows.iter().zip(&expected) {
        let words: Vec<&str> = row.split_whitespace().take(2).collect();
        assert_eq!(words, [number, *label], "{row}");
    }
}

#[test]
fn a_plan_for_the_cartoon_alone_draws_less_than_one_for_all_outputs() {
    let model = common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS, 7);
    let [cartoon, all] = common::plans::output_choices(&model);
    // Passes may be as many: what only the others need joins passes that are there anyway.
    let draws = |outputs| {
        let plan = plan(&model, PlanOptions { outputs, ..PlanOptions::default() });
        plan.passes.iter().map(|pass| pass.draws.len()).sum::<usize>()
    };
    assert!(draws(cartoon) < draws(all));
}

#[test]
fn a_picture_that_does_not_fit_the_device_is_refused_with_the_node_and_the_limit() {
    let model = common::random_model(Generator::Paper { base_channels: 8, image_size: 128 }, GROUPS, 7);
    let limits = PlanLimits { max_texture_size: 64, ..PlanLimits::WEBGL2 };
    let error = Plan::new(&model, PlanOptions { limits, ..PlanOptions::default() }).expect_err("too large");
    assert!(matches!(&error, PlanError::TextureTooLarge { node, limit: 64, .. } if node == "input"), "{error:?}");
    assert!(error.to_string().contains("`input`") && error.to_string().contains("64 x 64"), "{error}");
}

#[test]
fn weights_that_do_not_fit_the_device_are_refused_with_their_size() {
    let model = common::random_model(Generator::Paper { base_channels: 32, image_size: 64 }, GROUPS, 7);
    let limits = PlanLimits { max_texture_size: 512, ..PlanLimits::WEBGL2 };
    let error = Plan::new(&model, PlanOptions { limits, ..PlanOptions::default() }).expect_err("too large");
    assert!(matches!(error, PlanError::WeightsTooLarge { limit: 512, height, .. } if height > 512), "{error:?}");
}

#[test]
fn an_unknown_output_is_refused_with_the_known_ones() {
    let model = common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS, 7);
    let options = PlanOptions { outputs: vec!["hourglass9".into()], ..PlanOptions::default() };
    let error = Plan::new(&model, options).expect_err("unknown");
    assert!(matches!(&error, PlanError::UnknownOutput { output, known } if output == "hourglass9" && known.len() == 7));
    assert!(error.to_string().contains("hourglass9") && error.to_string().contains("hourglass1"), "{error}");
}

#[test]
fn planes_are_as_many_as_attachments_bytes_and_sampled_textures_allow() {
    let [webgl2, native] = DEVICES;
    assert_eq!(FORMATS.map(|format| webgl2.planes(format)), [4, 2, 4]);
    assert_eq!(FORMATS.map(|format| native.planes(format)), [8, 8, 8]);
    let sampled = |max_sampled_textures| PlanLimits { max_sampled_textures, ..native };
    assert_eq!([8, 9, 14, 15, 26, 27].map(|n| sampled(n).planes(TensorFormat::R32Float)), [1, 2, 2, 4, 4, 8]);
    let bytes = |max_attachment_bytes| PlanLimits { max_attachment_bytes, ..native };
    assert_eq!([16, 32, 63, 64, 127, 128].map(|n| bytes(n).planes(TensorFormat::Rgba32Float)), [1, 2, 2, 4, 4, 8]);
}

#[test]
fn a_batch_of_zero_is_planned_as_one() {
    let model = common::random_model(Generator::Paper { base_channels: 4, image_size: 64 }, GROUPS, 7);
    assert_eq!(plan(&model, PlanOptions { batch: 0, ..PlanOptions::default() }).options.batch, 1);
}

/// The sizes that published networks and the bundled model have, on a device with eight attachments.
#[test]
fn usual_networks_take_few_passes_and_little_more_memory_than_what_is_alive() {
    let native = common::plans::DEVICES[1];
    let branch = vec!["stem".to_owned()];
    let usual = [
        (Generator::Paper { base_channels: 8, image_size: 64 }, 330),
        (Generator::Paper { base_channels: 16, image_size: 128 }, 370),
        (Generator::Lite { base_channels: 16, image_size: 128, branch: branch.clone() }, 65),
        // Widths that are no powers of two: tensors of five and three tiles, and halves of them.
        (Generator::Lite { base_channels: 20, image_size: 128, branch: branch.clone() }, 65),
        (Generator::Lite { base_channels: 12, image_size: 64, branch }, 65),
    ];
    for (generator, most) in usual {
        let model = common::random_model(generator, GROUPS, 7);
        for format in [TensorFormat::R32Float, TensorFormat::Rgba32Float, TensorFormat::Rgba16Float] {
            let plan = plan(&model, PlanOptions { limits: native, format, ..PlanOptions::default() });
            let what = format!("{:?} in {format:?}", model.manifest.generator);
            assert!(plan.passes.len() <= most, "{what}: {} passes", plan.passes.len());
            let (slots, live) = (plan.slot_bytes() as f64, plan.live_bytes as f64);
            assert!(slots <= 1.25 * live, "{what}: {slots} bytes of textures, {live} alive");
        }
    }
}

/// Numbers for a reader: `cargo test --release --test plan_limits -- --nocapture sizes`.
#[test]
fn sizes_of_plans_are_printed() {
    for image_size in common::plans::SIZES {
        for generator in common::plans::generators(image_size) {
            let model = common::random_model(generator.clone(), GROUPS, 7);
            for (limits, format) in targets() {
                let plan = plan(&model, PlanOptions { limits, format, ..PlanOptions::default() });
                let (name, c) = match generator {
                    Generator::Paper { base_channels, .. } => ("Paper", base_channels),
                    Generator::Lite { base_channels, .. } => ("Lite", base_channels),
                };
                let draws: usize = plan.passes.iter().map(|pass| pass.draws.len()).sum();
                println!(
                    "{name:<5} C={c:<2} S={image_size:<3} {:<11} on {}: {:>3} passes {draws:>3} draws {:>2} kernels, \
                     slots {:>8} B, live {:>8} B, ratio {:.2}",
                    format!("{format:?}"),
                    plan.planes(),
                    plan.passes.len(),
                    plan.kernels.len(),
                    plan.slot_bytes(),
                    plan.live_bytes,
                    plan.slot_bytes() as f64 / plan.live_bytes as f64,
                );
            }
        }
    }
}
