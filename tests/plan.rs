//! What every plan promises, for both generators in all tested widths, sizes, batches, devices and outputs. No GPU.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;

use bevy_toonface::model::{Generator, Model, Node, Op};
use bevy_toonface::plan::kernel::{BIND_A, BIND_B, BIND_C, BIND_VECTOR_A, BIND_VECTOR_B};
use bevy_toonface::plan::params::{
    ChannelSumParams, CoefficientParams, CombineParams, ConvParams, LinearParams, MergeParams, MixParams, ReduceParams,
    ScaleParams,
};
use bevy_toonface::plan::{
    Draw, Kernel, LayoutUniform, Pass, Plan, PlanError, PlanLimits, PlanOptions, PlannedTensor, TextureRef,
    WEIGHT_TEXTURE_WIDTH,
};

/// DESIGN.md: a model stays under this many pipelines.
const MOST_KERNELS: usize = 32;
const GROUPS: usize = 2;

/// Plans every model with every option and hands each plan on.
fn for_every_plan(image_size: usize, check: impl Fn(&Model, &Plan)) {
    for generator in common::plans::generators(image_size) {
        let model = common::random_model(generator, GROUPS, 7);
        for options in common::plans::options(&model) {
            check(&model, &plan(&model, options));
        }
    }
}

fn plan(model: &Model, options: PlanOptions) -> Plan {
    let shown = format!("{:?}, {options:?}", model.manifest.generator);
    Plan::new(model, options).unwrap_or_else(|e| panic!("{shown}: {e}"))
}

/// A short name for messages.
fn about(plan: &Plan, pass: &Pass) -> String {
    format!("{} planes, batch {}, pass `{}`", plan.options.limits.planes, plan.options.batch, pass.label)
}

fn target<'a>(plan: &'a Plan, pass: &Pass) -> &'a PlannedTensor {
    &plan.tensors[pass.target]
}

fn sampled_slots(draw: &Draw) -> impl Iterator<Item = usize> + '_ {
    draw.textures.iter().filter_map(|(_, texture)| match texture {
        TextureRef::Slot(slot) => Some(*slot),
        TextureRef::Weights => None,
    })
}

/// Calls `check` with what each slot holds when a pass begins: tensor and plane.
fn simulate(
    plan: &Plan,
    mut check: impl FnMut(&Pass, &BTreeMap<usize, (usize, usize)>),
) -> BTreeMap<usize, (usize, usize)> {
    let mut held = BTreeMap::new();
    let write = |held: &mut BTreeMap<usize, (usize, usize)>, tensor: usize| {
        held.extend(plan.tensors[tensor].slots.iter().enumerate().map(|(plane, slot)| (*slot, (tensor, plane))));
    };
    write(&mut held, plan.input);
    for pass in &plan.passes {
        check(pass, &held);
        write(&mut held, pass.target);
    }
    held
}

/// The bytes of a draw's parameters for a group.
fn params<'a>(plan: &'a Plan, draw: &Draw, group: usize) -> &'a [u8] {
    &plan.params[draw.params.offset as usize + group * draw.params.group_stride as usize..][..block_bytes(plan, draw)]
}

fn block_bytes(plan: &Plan, draw: &Draw) -> usize {
    match plan.kernels[draw.kernel] {
        Kernel::Conv { .. } => size_of::<ConvParams>(),
        Kernel::Combine { .. } => size_of::<CombineParams>(),
        Kernel::Reduce(_) => size_of::<ReduceParams>(),
        Kernel::MergeMoments | Kernel::MergeVector(_) => size_of::<MergeParams>(),
        Kernel::Coefficients(_) => size_of::<CoefficientParams>(),
        Kernel::Scale => size_of::<ScaleParams>(),
        Kernel::Linear => size_of::<LinearParams>(),
        Kernel::Mix => size_of::<MixParams>(),
        Kernel::ChannelSum { .. } => size_of::<ChannelSumParams>(),
        other => panic!("unknown kernel {other}"),
    }
}

/// Layouts that a draw's parameters claim, by the first binding of the tensor they describe. `combine` binds lanes of
/// several tensors, so it claims its coefficients only.
fn claimed_layouts(plan: &Plan, draw: &Draw) -> Vec<(u32, LayoutUniform)> {
    let bytes = params(plan, draw, 0);
    match plan.kernels[draw.kernel] {
        Kernel::Conv { a, b, residual, .. } => {
            let p: ConvParams = bytemuck::pod_read_unaligned(bytes);
            let mut list = vec![(BIND_A, p.a)];
            list.extend(a.affine.then_some((BIND_VECTOR_A, p.coefficients_a)));
            list.extend(b.map(|_| (BIND_B, p.b)));
            list.extend(b.filter(|b| b.affine).map(|_| (BIND_VECTOR_B, p.coefficients_b)));
            list.extend(residual.then_some((BIND_C, p.c)));
            list
        }
        Kernel::Combine { affine, b, .. } => {
            let p: CombineParams = bytemuck::pod_read_unaligned(bytes);
            let mut list = Vec::new();
            list.extend(affine.then_some((BIND_VECTOR_A, p.coefficients_a)));
            list.extend((b == Some(true)).then_some((BIND_VECTOR_B, p.coefficients_b)));
            list
        }
        Kernel::Reduce(_) => vec![(BIND_A, bytemuck::pod_read_unaligned::<ReduceParams>(bytes).a)],
        Kernel::MergeMoments | Kernel::MergeVector(_) => {
            vec![(BIND_A, bytemuck::pod_read_unaligned::<MergeParams>(bytes).a)]
        }
        Kernel::Coefficients(_) => {
            let p: CoefficientParams = bytemuck::pod_read_unaligned(bytes);
            let mut list = vec![(BIND_A, p.a)];
            let adaptive = draw.textures.iter().any(|(binding, _)| *binding == BIND_VECTOR_A);
            list.extend(adaptive.then_some((BIND_VECTOR_A, p.modulation)));
            list
        }
        Kernel::Linear => vec![(BIND_VECTOR_A, bytemuck::pod_read_unaligned::<LinearParams>(bytes).a)],
        Kernel::Mix => {
            let p: MixParams = bytemuck::pod_read_unaligned(bytes);
            vec![(BIND_VECTOR_A, p.a), (BIND_VECTOR_B, p.b)]
        }
        Kernel::ChannelSum { .. } => vec![(BIND_A, bytemuck::pod_read_unaligned::<ChannelSumParams>(bytes).a)],
        _ => Vec::new(),
    }
}

/// Cells (columns, rows) of a target's whole grid, and those that a draw covers.
fn cells(plan: &Plan, pass: &Pass, draw: &Draw) -> Vec<(usize, usize)> {
    let layout = target(plan, pass).layout;
    let (width, height) = (layout.tile_width as u32, layout.tile_height as u32);
    let rect = draw.rect;
    let aligned = [rect.x % width, rect.width % width, rect.y % height, rect.height % height] == [0; 4];
    assert!(aligned && rect.width > 0 && rect.height > 0, "{}: {rect:?} cuts tiles", about(plan, pass));
    let columns = rect.x / width..(rect.x + rect.width) / width;
    let rows = rect.y / height..(rect.y + rect.height) / height;
    rows.flat_map(|row| columns.clone().map(move |column| (column as usize, row as usize))).collect()
}

/// The picture and tile of a cell; either may be past the end.
fn item_and_tile(plan: &Plan, pass: &Pass, (column, row): (usize, usize)) -> (usize, usize) {
    let layout = target(plan, pass).layout;
    let item = row / layout.grid_y() * layout.blocks_x + column / layout.grid_x;
    (item, row % layout.grid_y() * layout.grid_x + column % layout.grid_x)
}

fn is_empty(plan: &Plan, pass: &Pass, (item, tile): (usize, usize)) -> bool {
    let layout = target(plan, pass).layout;
    item >= layout.batch || tile >= layout.tiles
}

#[test]
fn planning_is_deterministic() {
    for image_size in common::plans::SIZES {
        for_every_plan(image_size, |model, first| {
            if first.options.batch == 2 {
                assert!(plan(model, first.options.clone()) == *first, "{:?}", first.options);
            }
        });
    }
}

/// Checks that concern one pass by itself.
fn check_pass(plan: &Plan, pass: &Pass) {
    let tensor = target(plan, pass);
    let (width, height) = tensor.layout.size();
    assert!(!pass.draws.is_empty(), "{}: draws nothing", about(plan, pass));
    for slot in &tensor.slots {
        let slot = plan.slots[*slot];
        assert_eq!((slot.width, slot.height), (width, height), "{}: size of its slot", about(plan, pass));
    }
    for draw in &pass.draws {
        let kernel = plan.kernels[draw.kernel];
        let inside =
            (draw.rect.x + draw.rect.width) as usize <= width && (draw.rect.y + draw.rect.height) as usize <= height;
        assert!(inside, "{}: {:?} in {width} x {height}", about(plan, pass), draw.rect);
        let own = sampled_slots(draw).find(|slot| tensor.slots.contains(slot));
        assert_eq!(own, None, "{}: samples its own target", about(plan, pass));
        assert_eq!(tensor.slots.len(), kernel.targets(), "{}: attachments of {kernel}", about(plan, pass));
        let bindings: Vec<u32> = draw.textures.iter().map(|(binding, _)| *binding).collect();
        assert_eq!(bindings, kernel.textures(), "{}: bindings of {kernel}", about(plan, pass));
        let limit = plan.options.limits.max_sampled_textures;
        assert!(bindings.len() <= limit, "{}: {kernel} samples {} of {limit}", about(plan, pass), bindings.len());
    }
}

/// The draws of a pass cover every tile of every picture exactly once; a draw for one picture stays in its block.
fn check_coverage(plan: &Plan, pass: &Pass) {
    let layout = target(plan, pass).layout;
    let mut drawn = BTreeSet::new();
    for draw in &pass.draws {
        for cell in cells(plan, pass, draw) {
            assert!(drawn.insert(cell), "{}: cell {cell:?} is drawn twice", about(plan, pass));
            let (item, tile) = item_and_tile(plan, pass, cell);
            if !is_empty(plan, pass, (item, tile)) && draw.item.is_some_and(|own| own != item) {
                panic!("{}: a draw of picture {:?} covers picture {item}", about(plan, pass), draw.item);
            }
        }
        assert!(
            draw.params.group_stride == 0 || draw.item.is_some(),
            "{}: parameters by group, but no picture",
            about(plan, pass)
        );
    }
    let tiles = drawn.into_iter().map(|cell| item_and_tile(plan, pass, cell));
    let covered = tiles.filter(|at| !is_empty(plan, pass, *at)).count();
    assert_eq!(covered, layout.batch * layout.tiles, "{}: tiles that are drawn", about(plan, pass));
}

/// Parameters are aligned and inside the buffer for every group, and claim the layouts that are there.
fn check_params(plan: &Plan, pass: &Pass, held: &BTreeMap<usize, (usize, usize)>) {
    for draw in &pass.draws {
        let stride = draw.params.group_stride as usize;
        let start = draw.params.offset as usize;
        assert!(start.is_multiple_of(256) && stride.is_multiple_of(256), "{}: {:?}", about(plan, pass), draw.params);
        let end = start + (GROUPS - 1) * stride + block_bytes(plan, draw);
        assert!(end <= plan.params.len(), "{}: {end} of {} bytes", about(plan, pass), plan.params.len());
        assert!(stride == 0 || stride >= block_bytes(plan, draw), "{}: groups overlap", about(plan, pass));

        let out: LayoutUniform = bytemuck::pod_read_unaligned(&params(plan, draw, 0)[..size_of::<LayoutUniform>()]);
        assert_eq!(out, target(plan, pass).layout.uniform(), "{}: layout of the result", about(plan, pass));
        for (binding, claimed) in claimed_layouts(plan, draw) {
            let slot = draw.textures.iter().find_map(|(b, texture)| match texture {
                TextureRef::Slot(slot) if *b == binding => Some(*slot),
                _ => None,
            });
            let (tensor, _) = held[&slot.unwrap_or_else(|| panic!("{}: no binding {binding}", about(plan, pass)))];
            let layout = plan.tensors[tensor].layout.uniform();
            assert_eq!(claimed, layout, "{}: binding {binding}", about(plan, pass));
        }
    }
}

/// Every texture that is read holds something, and the planes of an operand are all planes of one tensor, in order: a
/// slot that was handed on too early would break the row. `combine` picks lanes; `reduce` takes one plane a draw.
fn check_reads(plan: &Plan, pass: &Pass, held: &BTreeMap<usize, (usize, usize)>) {
    for (nth, draw) in pass.draws.iter().enumerate() {
        let mut operands: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
        for (binding, texture) in &draw.textures {
            let TextureRef::Slot(slot) = texture else { continue };
            let Some(source) = held.get(slot) else {
                panic!("{}: slot {slot} is read before it is written", about(plan, pass))
            };
            operands.entry(if *binding < BIND_A { *binding } else { binding / 8 * 8 }).or_default().push(*source);
        }
        for (binding, sources) in operands {
            let (tensor, _) = sources[0];
            let all: Vec<(usize, usize)> = (0..plan.tensors[tensor].slots.len()).map(|plane| (tensor, plane)).collect();
            match plan.kernels[draw.kernel] {
                Kernel::Combine { .. } if binding >= BIND_A => {}
                Kernel::Reduce(_) => assert_eq!(sources, [(tensor, nth)], "{}: plane of draw {nth}", about(plan, pass)),
                _ => assert_eq!(sources, all, "{}: planes from binding {binding}", about(plan, pass)),
            }
        }
    }
}

/// A tensor's node: its own name, or what it was derived from.
fn node_of<'a>(model: &'a Model, tensor: &str) -> &'a Node {
    let find = |name: &str| model.graph.nodes().iter().find(|node| node.name == name);
    let derived = || tensor.rsplit_once('.').and_then(|(name, _)| find(name));
    find(tensor).or_else(derived).unwrap_or_else(|| panic!("tensor `{tensor}` belongs to no node"))
}

/// Names of the tensors that a node's value can be read from: those of its inputs, or, where an input has none or a
/// reader may apply its op while it loads, of the input's inputs.
fn readable(model: &Model, tensors: &BTreeSet<&str>, node: &Node) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut left = node.inputs.clone();
    while let Some(id) = left.pop() {
        let input = model.graph.node(id);
        let lazy =
            !matches!(input.op, Op::Conv2d { .. } | Op::Add | Op::AveragePool2 | Op::Linear { .. } | Op::Mix { .. });
        let exists = tensors.contains(input.name.as_str());
        names.extend(exists.then(|| input.name.clone()));
        if !exists || lazy {
            left.extend(&input.inputs);
        }
    }
    names
}

/// What a pass reads belongs, by the graph, to what it computes: no slot holds a later tensor by then.
fn check_ancestry(model: &Model, plan: &Plan) {
    let tensors: BTreeSet<&str> = plan.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    simulate(plan, |pass, held| {
        let node = node_of(model, &target(plan, pass).name);
        let mut allowed = readable(model, &tensors, node);
        allowed.insert(node.name.clone());
        for slot in pass.draws.iter().flat_map(sampled_slots) {
            let source = &plan.tensors[held[&slot].0];
            let of = node_of(model, &source.name);
            // Norms of one tensor share their coefficients, whichever node they are named after.
            let shared = source.name.ends_with(".coefficients") && !allowed.is_disjoint(&readable(model, &tensors, of));
            assert!(shared || allowed.contains(&of.name), "{}: reads `{}`", about(plan, pass), source.name);
        }
    });
}

#[test]
fn every_pass_reads_tensors_that_its_node_depends_on() {
    for generator in common::plans::generators(64) {
        let model = common::random_model(generator, GROUPS, 7);
        for options in common::plans::options(&model).into_iter().filter(|options| options.batch == 1) {
            check_ancestry(&model, &plan(&model, options));
        }
    }
}

/// Weight texels of a convolution are in range for every cell it draws, empty ones included: there is no bounds check
/// on the device.
fn check_weight_range(plan: &Plan, pass: &Pass) {
    let texels = (plan.weights.height() * WEIGHT_TEXTURE_WIDTH) as i64;
    for draw in &pass.draws {
        let Kernel::Conv { out, .. } = plan.kernels[draw.kernel] else { continue };
        let last = cells(plan, pass, draw).into_iter().map(|cell| item_and_tile(plan, pass, cell).1).max();
        let last = last.unwrap_or_default() as i64;
        let groups = if draw.params.group_stride > 0 { GROUPS } else { 1 };
        for group in 0..groups {
            let p: ConvParams = bytemuck::pod_read_unaligned(params(plan, draw, group));
            let weights = i64::from(p.weights) + (last + 1) * i64::from(p.weight_stride);
            let bias = i64::from(p.bias) + (last + 1) * out.div_ceil(4) as i64;
            assert!(weights.max(bias) <= texels, "{}: texel {weights} or {bias} of {texels}", about(plan, pass));
        }
    }
}

/// Pictures past the batch have no source texels, so no draw may cover their cells.
fn check_no_missing_picture_is_drawn(plan: &Plan, pass: &Pass) {
    for draw in &pass.draws {
        for cell in cells(plan, pass, draw) {
            let (item, _) = item_and_tile(plan, pass, cell);
            assert!(item < plan.options.batch, "{}: draws picture {item}", about(plan, pass));
        }
    }
}

fn check_plan(model: &Model, plan: &Plan) {
    let kernels: Vec<String> = plan.kernels.iter().map(Kernel::to_string).collect();
    assert!(kernels.len() <= MOST_KERNELS, "{:?}: {} kernels: {kernels:?}", plan.options, kernels.len());
    assert!(
        plan.kernels.is_sorted() && plan.passes.iter().flat_map(|p| &p.draws).all(|d| d.kernel < plan.kernels.len())
    );
    let limit = plan.options.limits.max_texture_size;
    assert!(plan.slots.iter().all(|slot| slot.width <= limit && slot.height <= limit && slot.bytes() > 0));
    assert!(plan.slot_bytes() >= plan.live_bytes, "{} < {}", plan.slot_bytes(), plan.live_bytes);

    let targets: BTreeSet<usize> = plan.passes.iter().map(|pass| pass.target).collect();
    assert_eq!(targets.len(), plan.passes.len(), "a tensor is written by one pass");
    let held = simulate(plan, |pass, held| {
        check_pass(plan, pass);
        check_coverage(plan, pass);
        check_reads(plan, pass, held);
        check_params(plan, pass, held);
        check_weight_range(plan, pass);
        check_no_missing_picture_is_drawn(plan, pass);
    });
    for (name, output) in &plan.outputs {
        for (plane, slot) in plan.tensors[*output].slots.iter().enumerate() {
            assert_eq!(held.get(slot), Some(&(*output, plane)), "`{name}` is still there at the end");
        }
        let id = model.graph.output(name).expect("an output");
        assert_eq!(plan.output(name).map(|t| t.shape), Some(model.graph.node(id).shape), "shape of `{name}`");
    }
    let image_size = model.graph.node(model.graph.output("output").expect("the cartoon")).shape.height;
    assert_eq!((plan.input().shape.channels, plan.input().shape.height), (3, image_size));
}

#[test]
fn every_plan_at_64_pixels_reads_what_was_written_and_draws_every_tile_once() {
    for_every_plan(64, check_plan);
}

#[test]
fn every_plan_at_128_pixels_reads_what_was_written_and_draws_every_tile_once() {
    for_every_plan(128, check_plan);
}

#[test]
fn the_table_of_a_plan_lists_every_pass() {
    let model = common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS, 7);
    let plan = plan(&model, PlanOptions::default());
    let table = plan.to_string();
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(rows.len(), plan.passes.len());
    for (row, pass) in rows.iter().zip(&plan.passes) {
        assert!(row.split_whitespace().any(|word| word == pass.label), "`{}` in `{row}`", pass.label);
    }
}

#[test]
fn a_plan_for_the_cartoon_alone_is_shorter_than_one_for_all_outputs() {
    let model = common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS, 7);
    let [cartoon, all] = common::plans::output_choices(&model);
    let passes = |outputs| plan(&model, PlanOptions { outputs, ..PlanOptions::default() }).passes.len();
    assert!(passes(cartoon) < passes(all));
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
fn eight_planes_fall_back_to_four_where_too_few_textures_are_sampled() {
    let model = common::random_model(Generator::Paper { base_channels: 8, image_size: 64 }, GROUPS, 7);
    let planes = |max_sampled_textures| {
        let limits = PlanLimits { planes: 8, max_sampled_textures, ..PlanLimits::WEBGL2 };
        plan(&model, PlanOptions { limits, ..PlanOptions::default() }).options.limits.planes
    };
    assert_eq!([16, 26, 27].map(planes), [4, 4, 8]);
}

#[test]
fn a_batch_of_zero_is_planned_as_one() {
    let model = common::random_model(Generator::Paper { base_channels: 4, image_size: 64 }, GROUPS, 7);
    assert_eq!(plan(&model, PlanOptions { batch: 0, ..PlanOptions::default() }).options.batch, 1);
}

/// Numbers for a reader: `cargo test --release --test plan -- --nocapture sizes`.
#[test]
fn sizes_of_plans_are_printed() {
    for image_size in common::plans::SIZES {
        for generator in common::plans::generators(image_size) {
            let model = common::random_model(generator.clone(), GROUPS, 7);
            for limits in common::plans::DEVICES {
                let plan = plan(&model, PlanOptions { limits, ..PlanOptions::default() });
                let (name, c) = match generator {
                    Generator::Paper { base_channels, .. } => ("Paper", base_channels),
                    Generator::Lite { base_channels, .. } => ("Lite", base_channels),
                };
                let draws: usize = plan.passes.iter().map(|pass| pass.draws.len()).sum();
                println!(
                    "{name:<5} C={c:<2} S={image_size:<3} K={} of {} ({} textures): {:>3} passes {:>3} draws {:>2} kernels, slots {:>8} B, \
                     live {:>8} B, ratio {:.2}",
                    plan.options.limits.planes,
                    limits.planes,
                    limits.max_sampled_textures,
                    plan.passes.len(),
                    draws,
                    plan.kernels.len(),
                    plan.slot_bytes(),
                    plan.live_bytes,
                    plan.slot_bytes() as f64 / plan.live_bytes as f64,
                );
            }
        }
    }
}
