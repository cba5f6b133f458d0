//! What every plan promises, for both generators in all tested widths, sizes, batches, devices, formats and outputs.
//! No GPU.

#[path = "../common/mod.rs"]
mod common;
mod held;
mod norms;
mod weights;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;

use bevy_toonface::model::{Model, Node, Op};
use bevy_toonface::plan::kernel::{
    Affine, BIND_A, BIND_B, BIND_C, BIND_D, BIND_SQUARES_A, BIND_SQUARES_B, BIND_VECTOR_A, BIND_VECTOR_B, Read,
};
use bevy_toonface::plan::params::{
    CoefficientParams, CombineParams, ConvParams, LinearParams, MergeParams, MixParams, PlainParams, ReduceParams,
    ScaleParams,
};
use bevy_toonface::plan::{
    Arrangement, Draw, Kernel, LayoutUniform, Pass, Plan, PlanOptions, PlannedTensor, TensorFormat, TextureRef,
};

use held::{Held, simulate};
use weights::{check_weight_range, neutral_texel};

/// DESIGN.md: a model needs no more pipelines than this.
const MOST_KERNELS: usize = 32;
const GROUPS: usize = 2;

/// Plans every model with every option and hands each plan on.
fn for_every_plan(image_size: usize, mut check: impl FnMut(&Model, &Plan)) {
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
    let PlanOptions { format, batch, .. } = plan.options;
    format!("{}, {format:?} on {} planes, batch {batch}, pass `{}`", plan.model, plan.planes(), pass.label())
}

fn target<'a>(plan: &'a Plan, pass: &Pass) -> &'a PlannedTensor {
    &plan.tensors[pass.targets[0]]
}

fn sampled_slots(draw: &Draw) -> impl Iterator<Item = usize> + '_ {
    draw.textures.iter().filter_map(|(_, texture)| match texture {
        TextureRef::Slot(slot) => Some(*slot),
        #[cfg(feature = "few_shot")]
        TextureRef::Indices => None,
        TextureRef::Weights => None,
    })
}

/// The tensors that a draw reads, by first binding: each has to be there, whole and where the parameters say. A slot that
/// was handed on too early, or cleared, holds something else.
fn operands(plan: &Plan, pass: &Pass, draw: &Draw, held: &Held) -> BTreeMap<u32, usize> {
    let mut slots: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (binding, texture) in &draw.textures {
        if let TextureRef::Slot(slot) = texture {
            slots.entry(first_binding(*binding)).or_default().push(*slot);
        }
    }
    let mut claimed: BTreeMap<u32, LayoutUniform> = claimed_layouts(plan, draw).into_iter().collect();
    let mut tensors = BTreeMap::new();
    for (binding, slots) in slots {
        let layout = claimed.remove(&binding);
        let layout = layout.unwrap_or_else(|| panic!("{}: nothing says how {binding} is laid out", about(plan, pass)));
        let tensor = held.tensor(plan, &slots, layout);
        let tensor = tensor.unwrap_or_else(|| panic!("{}: {slots:?} hold no tensor as {layout:?}", about(plan, pass)));
        tensors.insert(binding, tensor);
    }
    // What is left changes nothing: it is read from the beginning of the weights.
    for (binding, layout) in claimed {
        let is_weights = |(bound, texture): &(u32, TextureRef)| {
            first_binding(*bound) != binding || matches!(texture, TextureRef::Weights)
        };
        assert!(draw.textures.iter().all(is_weights), "{}: {layout:?} is not bound", about(plan, pass));
        let expected: &[f32] =
            if [BIND_VECTOR_A, BIND_VECTOR_B].contains(&binding) { &[0.0, 1.0, 0.0] } else { &[0.0] };
        let read: Vec<[f32; 4]> = (0..expected.len()).map(|k| neutral_texel(plan, layout, k)).collect();
        assert_eq!(
            read,
            expected.iter().map(|value| [*value; 4]).collect::<Vec<_>>(),
            "{}: {binding}",
            about(plan, pass)
        );
    }
    tensors
}

/// The bytes of a draw's parameters for a group.
fn params<'a>(plan: &'a Plan, draw: &Draw, group: usize) -> &'a [u8] {
    &plan.params[draw.params.offset as usize + group * draw.params.group_stride as usize..][..block_bytes(plan, draw)]
}

fn block_bytes(plan: &Plan, draw: &Draw) -> usize {
    match plan.kernels[draw.kernel] {
        Kernel::Conv { .. } => size_of::<ConvParams>(),
        Kernel::Combine { .. } => size_of::<CombineParams>(),
        Kernel::Reduce { .. } | Kernel::Norm { .. } | Kernel::Pool { .. } => size_of::<ReduceParams>(),
        Kernel::MergeVector(_) => size_of::<MergeParams>(),
        Kernel::Coefficients => size_of::<CoefficientParams>(),
        Kernel::Scale => size_of::<ScaleParams>(),
        Kernel::Linear => size_of::<LinearParams>(),
        Kernel::Mix => size_of::<MixParams>(),
        Kernel::ChannelSum { .. } => size_of::<PlainParams>(),
        other => panic!("unknown kernel {other}"),
    }
}

/// Whether a norm is read from a tensor beside the one that is normed.
fn reads_vector(affine: Affine) -> bool {
    matches!(affine, Affine::Coefficients | Affine::Quarters)
}

/// Layouts that a draw's parameters claim, by the first binding of the tensor they describe.
fn claimed_layouts(plan: &Plan, draw: &Draw) -> Vec<(u32, LayoutUniform)> {
    let bytes = params(plan, draw, 0);
    let mut list = Vec::new();
    match plan.kernels[draw.kernel] {
        Kernel::Conv { a, b, c, d, .. } => {
            let p: ConvParams = bytemuck::pod_read_unaligned(bytes);
            list.push((BIND_A, p.a));
            list.extend(reads_vector(a.affine).then_some((BIND_VECTOR_A, p.coefficients_a)));
            list.extend(b.map(|_| (BIND_B, p.b)));
            list.extend(b.filter(|b| reads_vector(b.affine)).map(|_| (BIND_VECTOR_B, p.coefficients_b)));
            list.extend(c.then_some((BIND_C, p.c)));
            list.extend(d.map(|_| (BIND_D, p.d)));
        }
        Kernel::Combine { a: (a, _), b, c, .. } => {
            let p: CombineParams = bytemuck::pod_read_unaligned(bytes);
            list.push((BIND_A, p.a));
            list.extend(reads_vector(a.affine).then_some((BIND_VECTOR_A, p.coefficients_a)));
            list.extend(b.map(|_| (BIND_B, p.b)));
            list.extend(b.filter(|(b, _)| reads_vector(b.affine)).map(|_| (BIND_VECTOR_B, p.coefficients_b)));
            list.extend(c.map(|_| (BIND_C, p.c)));
        }
        Kernel::Reduce { .. } | Kernel::Norm { .. } | Kernel::Pool { .. } => {
            list.push((BIND_A, bytemuck::pod_read_unaligned::<ReduceParams>(bytes).a));
        }
        Kernel::MergeVector(_) => list.push((BIND_A, bytemuck::pod_read_unaligned::<MergeParams>(bytes).a)),
        Kernel::Coefficients => {
            let p: CoefficientParams = bytemuck::pod_read_unaligned(bytes);
            list.push((BIND_A, p.a));
            list.extend((p.kind == 2).then_some((BIND_VECTOR_A, p.modulation)));
        }
        Kernel::Linear => list.push((BIND_VECTOR_A, bytemuck::pod_read_unaligned::<LinearParams>(bytes).a)),
        Kernel::Mix => {
            let p: MixParams = bytemuck::pod_read_unaligned(bytes);
            list.extend([(BIND_VECTOR_A, p.a), (BIND_VECTOR_B, p.b)]);
        }
        Kernel::ChannelSum { .. } => {
            list.push((BIND_A, bytemuck::pod_read_unaligned::<PlainParams>(bytes).a));
        }
        Kernel::Scale => {}
        other => panic!("unknown kernel {other}"),
    }
    list
}

/// Cells (columns, rows) of a target's whole grid, and those that a draw covers.
fn cells(plan: &Plan, pass: &Pass, draw: &Draw) -> Vec<(usize, usize)> {
    let layout = target(plan, pass).layout;
    let (width, height) = (layout.tile_width as u32, layout.tile_height as u32);
    let rect = draw.rect;
    let inside = rect.x as usize >= layout.base.0 && rect.y as usize >= layout.base.1;
    assert!(inside, "{}: {rect:?} begins before its target", about(plan, pass));
    let (x, y) = (rect.x - layout.base.0 as u32, rect.y - layout.base.1 as u32);
    let aligned = [x % width, rect.width % width, y % height, rect.height % height] == [0; 4];
    assert!(aligned && rect.width > 0 && rect.height > 0, "{}: {rect:?} cuts tiles", about(plan, pass));
    let columns = x / width..(x + rect.width) / width;
    let rows = y / height..(y + rect.height) / height;
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
            if first.options.batch > 1 {
                assert!(plan(model, first.options.clone()) == *first, "{:?}", first.options);
            }
        });
    }
}

/// Checks that concern one pass by itself.
fn check_pass(plan: &Plan, pass: &Pass) {
    let tensor = target(plan, pass);
    let (width, height) = tensor.layout.size();
    let texture = tensor.layout.texture;
    assert!(!pass.draws.is_empty(), "{}: draws nothing", about(plan, pass));
    // Small tensors may share a large texture.
    let (right, bottom) = (tensor.layout.base.0 + width, tensor.layout.base.1 + height);
    assert!(right <= texture.0 && bottom <= texture.1, "{}: to {right}, {bottom} in {texture:?}", about(plan, pass));
    assert_eq!(tensor.slots.len(), tensor.layout.planes(), "{}: slots of its target", about(plan, pass));
    for slot in &tensor.slots {
        let slot = plan.slots[*slot];
        assert_eq!((slot.width, slot.height), texture, "{}: size of its slot", about(plan, pass));
        assert_eq!(slot.format, tensor.layout.arrangement.format, "{}: format of its slot", about(plan, pass));
    }
    check_attachments(plan, pass);
    for draw in &pass.draws {
        let kernel = plan.kernels[draw.kernel];
        let end = ((draw.rect.x + draw.rect.width) as usize, (draw.rect.y + draw.rect.height) as usize);
        let inside = end.0 <= right && end.1 <= bottom;
        assert!(inside, "{}: {:?} in {width} x {height}", about(plan, pass), draw.rect);
        let own = sampled_slots(draw).find(|slot| tensor.slots.contains(slot));
        assert_eq!(own, None, "{}: samples its own target", about(plan, pass));
        let formats: Vec<TensorFormat> = tensor.slots.iter().map(|slot| plan.slots[*slot].format).collect();
        assert_eq!(formats, kernel.targets(), "{}: attachments of {kernel}", about(plan, pass));
        let bindings: Vec<u32> = draw.textures.iter().map(|(binding, _)| *binding).collect();
        assert_eq!(bindings, kernel.textures(), "{}: bindings of {kernel}", about(plan, pass));
        let limit = plan.options.limits.max_sampled_textures;
        assert!(bindings.len() <= limit, "{}: {kernel} samples {} of {limit}", about(plan, pass), bindings.len());
        check_phases(plan, pass, &kernel);
    }
}

/// A pass writes no more attachments, and no more bytes, than the device has.
fn check_attachments(plan: &Plan, pass: &Pass) {
    let formats = target(plan, pass).slots.iter().map(|slot| plan.slots[*slot].format);
    let bytes: usize = formats.clone().map(TensorFormat::bytes).sum();
    let limits = plan.options.limits;
    assert!(formats.count() <= limits.max_attachments, "{}: too many attachments", about(plan, pass));
    assert!(bytes <= limits.max_attachment_bytes, "{}: {bytes} bytes of attachments", about(plan, pass));
}

/// A convolution's window begins at the same phase of its operands in every block.
fn check_phases(plan: &Plan, pass: &Pass, kernel: &Kernel) {
    let Kernel::Conv { stride, a, b, d, out, .. } = kernel else { return };
    for operand in std::iter::once(a).chain(b) {
        for (own, result) in operand.arrangement.phases.iter().zip(out.phases) {
            // Which pixel of an up-sampled operand a block begins with differs from block to block.
            let met = if operand.up { *stride == 1 && *own == 1 } else { (stride * result).is_multiple_of(*own) };
            assert!(met, "{}: phases of {kernel}", about(plan, pass));
        }
    }
    let same = d.is_none_or(|(d, read)| read != Read::Same || d.phases == out.phases);
    assert!(same, "{}: phases of D of {kernel}", about(plan, pass));
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

/// Parameters are aligned and inside the buffer for every group, and claim the layout of the result.
fn check_params(plan: &Plan, pass: &Pass) {
    for draw in &pass.draws {
        let stride = draw.params.group_stride as usize;
        let start = draw.params.offset as usize;
        assert!(start.is_multiple_of(256) && stride.is_multiple_of(256), "{}: {:?}", about(plan, pass), draw.params);
        let end = start + (GROUPS - 1) * stride + block_bytes(plan, draw);
        assert!(end <= plan.params.len(), "{}: {end} of {} bytes", about(plan, pass), plan.params.len());
        assert!(stride == 0 || stride >= block_bytes(plan, draw), "{}: groups overlap", about(plan, pass));

        let out: LayoutUniform = bytemuck::pod_read_unaligned(&params(plan, draw, 0)[..size_of::<LayoutUniform>()]);
        assert_eq!(out, target(plan, pass).layout.uniform(), "{}: layout of the result", about(plan, pass));
    }
}

/// The first binding of the operand that a binding is of. A norm is read from one tensor of one plane, or of two.
fn first_binding(binding: u32) -> u32 {
    match binding {
        BIND_SQUARES_A => BIND_VECTOR_A,
        BIND_SQUARES_B => BIND_VECTOR_B,
        binding if binding < BIND_A => binding,
        binding => binding / 8 * 8,
    }
}

/// What a draw reads is there, and arranged as its kernel expects.
fn check_reads(plan: &Plan, pass: &Pass, held: &Held) {
    for draw in &pass.draws {
        let tensors = operands(plan, pass, draw, held);
        let result = &target(plan, pass).layout.arrangement;
        let (expected, out) = match &plan.kernels[draw.kernel] {
            Kernel::Conv { a, b, c, d, out, .. } => {
                let mut list = vec![(BIND_A, a.arrangement)];
                list.extend(b.map(|b| (BIND_B, b.arrangement)));
                list.extend(c.then_some((BIND_C, *out)));
                list.extend(d.map(|(d, _)| (BIND_D, d)));
                (list, *out)
            }
            Kernel::Combine { a: (a, _), b, c, out, .. } => {
                let mut list = vec![(BIND_A, a.arrangement)];
                list.extend(b.map(|(b, _)| (BIND_B, b.arrangement)));
                list.extend(c.map(|(c, _)| (BIND_C, c)));
                (list, *out)
            }
            Kernel::ChannelSum { a, out } => (vec![(BIND_A, *a)], *out),
            Kernel::Reduce { a, .. } | Kernel::Norm { a } | Kernel::Pool { a, .. } => (vec![(BIND_A, *a)], *result),
            _ => continue,
        };
        assert_eq!(out, *result, "{}: arrangement of the result", about(plan, pass));
        for (binding, arrangement) in expected {
            // An operand that changes nothing is no tensor.
            let own = tensors.get(&binding).map_or(arrangement, |tensor| plan.tensors[*tensor].layout.arrangement);
            assert_eq!(arrangement, own, "{}: arrangement at binding {binding}", about(plan, pass));
        }
    }
}

/// A tensor's node: its own name, or what it was derived from. A derived tensor may be called as some other node is, but
/// then has another shape.
fn node_of<'a>(model: &'a Model, tensor: &PlannedTensor) -> &'a Node {
    let find = |name: &str| model.graph.nodes().iter().find(|node| node.name == name);
    let own = find(&tensor.name).filter(|node| node.shape == tensor.shape);
    let mut names =
        std::iter::successors(Some(tensor.name.as_str()), |name| name.rsplit_once('.').map(|(name, _)| name)).skip(1);
    own.or_else(|| names.find_map(find)).unwrap_or_else(|| panic!("tensor `{}` belongs to no node", tensor.name))
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
        let node = node_of(model, target(plan, pass));
        let mut allowed = readable(model, &tensors, node);
        allowed.insert(node.name.clone());
        for tensor in pass.draws.iter().flat_map(|draw| operands(plan, pass, draw, held).into_values()) {
            let source = &plan.tensors[tensor];
            let of = node_of(model, source);
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

/// Pictures past the batch have no source texels, so no draw may cover their cells.
fn check_no_missing_picture_is_drawn(plan: &Plan, pass: &Pass) {
    for draw in &pass.draws {
        for cell in cells(plan, pass, draw) {
            let (item, _) = item_and_tile(plan, pass, cell);
            assert!(item < plan.options.batch, "{}: draws picture {item}", about(plan, pass));
        }
    }
}

/// The cartoon is there at the end with a pixel a texel, made of the result `output`.
fn check_picture(plan: &Plan, held: &Held) {
    let index = plan.picture.expect("a plan for the cartoon has a picture");
    let (picture, output) = (&plan.tensors[index], plan.output("output").expect("the cartoon"));
    assert_eq!(picture.shape, output.shape);
    let plain = Arrangement { phases: [1, 1], ..output.layout.arrangement };
    assert_eq!(picture.layout.arrangement, plain);
    assert_eq!((picture.layout.tile_width, picture.layout.tile_height), (output.shape.width, output.shape.height));
    assert!(held.has(plan, index), "the picture is still there at the end");
    let mut draws = plan.passes.iter().flat_map(|pass| &pass.draws);
    let draw = draws.find(|draw| draw.target == index).expect("a draw that makes the picture");
    let read: Vec<usize> = sampled_slots(draw).collect();
    assert_eq!(read, output.slots, "the picture is made of the cartoon");
}

/// All targets of a pass lie in the same slots, none of which a draw samples.
fn check_targets(plan: &Plan, pass: &Pass) {
    let slots = &target(plan, pass).slots;
    assert!(pass.targets.iter().all(|t| plan.tensors[*t].slots == *slots), "{}: attachments", about(plan, pass));
    assert!(pass.draws.iter().all(|draw| pass.targets.contains(&draw.target)), "{}: targets", about(plan, pass));
    let sampled = || pass.draws.iter().flat_map(sampled_slots);
    assert!(!sampled().any(|slot| slots.contains(&slot)), "{}: samples an attachment", about(plan, pass));
}

fn check_plan(model: &Model, plan: &Plan) {
    assert!(
        plan.kernels.is_sorted() && plan.passes.iter().flat_map(|p| &p.draws).all(|d| d.kernel < plan.kernels.len())
    );
    let limit = plan.options.limits.max_texture_size;
    assert!(plan.slots.iter().all(|slot| slot.width <= limit && slot.height <= limit && slot.bytes() > 0));
    assert!(plan.slot_bytes() >= plan.live_bytes, "{} < {}", plan.slot_bytes(), plan.live_bytes);

    let targets: Vec<usize> = plan.passes.iter().flat_map(|pass| pass.targets.iter().copied()).collect();
    assert_eq!(BTreeSet::from_iter(&targets).len(), targets.len(), "a tensor is written by one pass");
    plan.passes.iter().for_each(|pass| check_targets(plan, pass));
    let held = simulate(plan, |pass, held| {
        check_pass(plan, pass);
        check_coverage(plan, pass);
        check_reads(plan, pass, held);
        check_params(plan, pass);
        check_weight_range(plan, pass);
        check_no_missing_picture_is_drawn(plan, pass);
    });
    for (name, output) in &plan.outputs {
        assert!(held.has(plan, *output), "`{name}` is still there at the end");
        let id = model.graph.output(name).expect("an output");
        assert_eq!(plan.output(name).map(|t| t.shape), Some(model.graph.node(id).shape), "shape of `{name}`");
    }
    check_picture(plan, &held);
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

/// Of every model in every format, on every device, whatever is planned of it.
#[test]
fn a_model_needs_at_most_32_pipelines() {
    let mut over = BTreeSet::new();
    for image_size in common::plans::SIZES {
        for generator in common::plans::generators(image_size) {
            let model = common::random_model(generator.clone(), GROUPS, 7);
            for options in common::plans::options(&model).into_iter().filter(|options| options.batch == 1) {
                let plan = plan(&model, options);
                let (n, planes, outputs) = (plan.kernels.len(), plan.planes(), plan.outputs.len());
                let what =
                    format!("{generator:?}, {:?} on {planes} planes, {outputs} outputs: {n}", plan.options.format);
                over.extend((n > MOST_KERNELS).then_some(what));
            }
        }
    }
    assert!(
        over.is_empty(),
        "more than {MOST_KERNELS} pipelines:\n{}",
        over.into_iter().collect::<Vec<_>>().join("\n")
    );
}
