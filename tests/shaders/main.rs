//! Every kernel that plans use, in every format, validates, binds and writes what it says, and mirrors its
//! Rust parameters.

#[path = "../common/mod.rs"]
mod common;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bevy_toonface::model::{GraphBuilder, Model, Op, Owner, Shape};
use bevy_toonface::plan::kernel::{BIND_PARAMS, BIND_SAMPLER, Kernel};
use bevy_toonface::plan::params::{
    CoefficientParams, CombineParams, ConvParams, LinearParams, MergeParams, MixParams, PlainParams, ReduceParams,
    ScaleParams,
};
use bevy_toonface::plan::{Arrangement, LayoutUniform, Plan, PlanOptions, Subject, TensorFormat, ViewSpace};
use common::plans::targets;
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// The text of a shader, and what wgpu's compiler makes of it.
fn parse(subject: Subject) -> naga::Module {
    let text = subject.source().unwrap_or_else(|e| panic!("{subject:?}: {e}"));
    naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{subject:?}: {}", e.emit_to_string(&text)))
}

/// Validates with the capabilities that every WebGL2 device has: none beyond the core.
fn validate(module: &naga::Module, what: &str) {
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    if let Err(e) = validator.validate(module) {
        panic!("{what}: {}", e.emit_to_string(what));
    }
}

fn shader_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(shader_folder()).unwrap_or(path).display().to_string()
}

fn wgsl_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(shader_folder().join(folder)).expect(folder);
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "wgsl")).collect();
    files.sort();
    files
}

/// Ops as no generator has them, or not of these sizes: pools of a large tensor, a scale that nothing else absorbs.
fn rare_ops() -> Model {
    let mut graph = GraphBuilder::new(1);
    let input = graph.input(3, 64, 64).expect("an input");
    let mut add = |name: &str, op: Op, input| {
        let node = graph.add(name, op, &[input]).expect("a node");
        graph.output(name, node);
        node
    };
    add("output", Op::Tanh, input);
    add("average", Op::GlobalAveragePool, input);
    add("maximum", Op::GlobalMaxPool, input);
    let weight = graph.param("scale", &[3], Owner::Trunk);
    let scaled = graph.add("scaled", Op::ScaleChannels { weight }, &[input]).expect("a scale");
    graph.output("scaled", scaled);
    let graph = graph.finish();
    let weights = common::random_weights(&graph, 1);
    common::model_of(graph, weights)
}

/// Every kernel of every tested plan. The batch changes no kernel, so one picture will do.
fn kernels() -> &'static BTreeSet<Kernel> {
    static KERNELS: OnceLock<BTreeSet<Kernel>> = OnceLock::new();
    KERNELS.get_or_init(|| {
        let mut kernels = BTreeSet::new();
        for generator in common::plans::SIZES.into_iter().flat_map(common::plans::generators) {
            let model = common::random_model(generator, 2, 1);
            for options in common::plans::options(&model).into_iter().filter(|o| o.batch == 1) {
                kernels.extend(Plan::new(&model, options).expect("a plan").kernels);
            }
        }
        let rare = rare_ops();
        for (limits, format) in targets() {
            let outputs = rare.graph.outputs().iter().map(|(name, _)| name.clone()).collect();
            let options = PlanOptions { limits, format, outputs, ..PlanOptions::default() };
            kernels.extend(Plan::new(&rare, options).expect("a plan").kernels);
        }
        #[cfg(feature = "few_shot")]
        kernels.extend(training_kernels());
        kernels
    })
}

/// Kernels of training steps: of the whole branch, and of modules that use every op.
#[cfg(feature = "few_shot")]
fn training_kernels() -> BTreeSet<Kernel> {
    use bevy_toonface::model::Generator;
    use bevy_toonface::model::autodiff::{Scope, Training, TrainingOptions};
    use bevy_toonface::plan::TrainingPlan;

    let branch = ["stem", "style", "decode4", "up1", "merge", "head"].map(String::from).to_vec();
    let generators = [
        Generator::Lite { base_channels: 4, image_size: 64, branch },
        Generator::Paper { base_channels: 4, image_size: 64 },
    ];
    let mut kernels = BTreeSet::new();
    let whole = generators.map(|generator| common::random_model(generator, 1, 1));
    for model in whole.into_iter().chain(common::training::attentions()).chain([common::training::large()]) {
        for scope in [Scope::Output, Scope::Branch] {
            let options = TrainingOptions { scope, anchor: 0.1, ..TrainingOptions::default() };
            let training = Training::new(&model, 0, &options).expect("a training");
            for (limits, format) in targets() {
                let options = PlanOptions { limits, format, ..PlanOptions::default() };
                kernels.extend(TrainingPlan::new(&training, options, 3).expect("a plan").plan.kernels);
            }
        }
    }
    kernels
}

/// The same, compiled.
fn modules() -> &'static [(Kernel, naga::Module)] {
    static MODULES: OnceLock<Vec<(Kernel, naga::Module)>> = OnceLock::new();
    MODULES.get_or_init(|| kernels().iter().map(|kernel| (*kernel, parse(Subject::Kernel(*kernel)))).collect())
}

/// How the picture may be arranged.
fn inputs() -> BTreeSet<Arrangement> {
    let sides = [(64, 64), (6, 10), (5, 8), (7, 9)];
    let shapes = sides.map(|(height, width)| Shape { channels: 3, height, width });
    let arranged = shapes
        .into_iter()
        .flat_map(|shape| targets().map(move |(limits, format)| format.arrangement(shape, limits.planes(format))));
    arranged.collect()
}

#[test]
fn every_kernel_validates_with_the_capabilities_of_webgl2() {
    for (kernel, module) in modules() {
        validate(module, &format!("{kernel} ({:?})", kernel.defs()));
    }
    println!("{} kernels validated", modules().len());
}

/// How what is shown may be arranged: a pixel a texel.
fn outputs() -> BTreeSet<Arrangement> {
    inputs().into_iter().map(|input| Arrangement { phases: [1, 1], ..input }).collect()
}

/// The shaders of a camera's view.
fn views() -> impl Iterator<Item = Subject> {
    [ViewSpace::Linear, ViewSpace::Srgb, ViewSpace::Oklab]
        .into_iter()
        .flat_map(|space| [Subject::Capture(space), Subject::Overlay(space)])
}

/// The shaders at both ends of a plan.
fn ends() -> Vec<Subject> {
    let composite = |tensor| [false, true].map(|over_source| Subject::Composite { tensor, over_source });
    let inputs = inputs().into_iter().flat_map(|input| [Subject::Encode(input), Subject::Feed(input)]);
    inputs.chain(outputs().into_iter().flat_map(composite)).chain([Subject::Settle]).collect()
}

/// Components of the colour attachments of a shader.
fn expected_targets(subject: &Subject) -> Vec<usize> {
    match subject {
        Subject::Encode(tensor) | Subject::Feed(tensor) => vec![tensor.format.lanes(); tensor.planes()],
        _ => vec![4],
    }
}

#[test]
fn the_shaders_of_the_picture_and_of_views_validate_and_write_their_targets() {
    let all: Vec<Subject> = ends().into_iter().chain(views()).collect();
    for subject in &all {
        let module = parse(*subject);
        validate(&module, &format!("{subject:?}"));
        assert_eq!(written(&module), expected_targets(subject), "{subject:?}");
    }
    let files: BTreeSet<String> = wgsl_files("io").iter().map(|file| shown(file)).collect();
    let tested = all.iter().chain([&Subject::Triangle]).map(|subject| subject.file().to_owned());
    assert_eq!(files, tested.collect(), "all are tested here");
}

/// Its three corners hold the square of clip space.
#[test]
fn the_vertex_stage_is_alone_in_its_file() {
    let module = parse(Subject::Triangle);
    validate(&module, "triangle");
    let [entry] = module.entry_points.as_slice() else { panic!("one entry point") };
    assert_eq!((entry.name.as_str(), entry.stage), ("vertex", naga::ShaderStage::Vertex));
}

#[test]
fn the_shaders_of_a_view_bind_a_uniform_and_a_texture() {
    for subject in views() {
        let module = parse(subject);
        let bindings = module.global_variables.iter().filter_map(|(_, v)| v.binding);
        let found: BTreeSet<(u32, u32)> = bindings.map(|b| (b.group, b.binding)).collect();
        assert_eq!(found, BTreeSet::from([(0, BIND_PARAMS), (0, 1)]), "{subject:?}");
        let (found, size) = members(&module, params_type(&module));
        let (mut expected, rust_size) = private_twin("src/gpu/view/uniform.rs", "RegionUniform");
        expected.insert("pad".into(), rust_size - 8);
        assert_eq!((found, size), (expected, rust_size), "{subject:?}");
        assert!(size % 16 == 0 && size <= 256, "{subject:?}: {size} bytes");
    }
}

/// Twins that are private to the GPU layer: their fields are read off the source, and all are 4-byte words in `repr(C)`.
fn private_twin(file: &str, name: &str) -> (BTreeMap<String, usize>, usize) {
    let source = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    let (_, rest) = source.split_once(&format!("struct {name} {{")).expect("the struct");
    let (fields, _) = rest.split_once('}').expect("its end");
    let mut expected = BTreeMap::new();
    let mut offset = 0;
    for field in fields.lines().filter_map(|line| line.trim().strip_prefix("pub ")) {
        let (name, ty) = field.trim_end_matches(',').split_once(": ").expect("a field");
        expected.insert(name.to_owned(), offset);
        offset += match ty {
            "LayoutUniform" => size_of::<LayoutUniform>(),
            "[i32; 2]" | "[f32; 2]" => 8,
            "i32" | "f32" => 4,
            other => panic!("field {name} has type {other}"),
        };
    }
    expected.remove("pad");
    (expected, offset)
}

#[test]
fn a_history_has_the_offsets_of_its_rust_twin() {
    let module = parse(Subject::Settle);
    let twin = private_twin("src/gpu/smoothing.rs", "SettleUniform");
    assert_eq!(members(&module, params_type(&module)), twin);
    assert!(twin.1.is_multiple_of(16), "WebGL2 binds whole multiples of 16 bytes only");
}

#[test]
fn the_picture_has_the_offsets_of_its_rust_twin() {
    let (expected, offset) = private_twin("src/gpu/picture.rs", "PictureUniform");
    let output = outputs().into_iter().next().expect("an arrangement");
    let module = parse(Subject::Composite { tensor: output, over_source: true });
    let (found, size) = members(&module, params_type(&module));
    assert_eq!(found, expected);
    assert_eq!(size, offset, "bytes in WGSL and in Rust");
}

#[test]
fn a_kernel_binds_its_textures_its_parameters_and_perhaps_the_sampler_and_nothing_else() {
    for (kernel, module) in modules() {
        let bindings = module.global_variables.iter().filter_map(|(_, v)| v.binding);
        let mut found: BTreeSet<(u32, u32)> = bindings.map(|b| (b.group, b.binding)).collect();
        let sampled = found.remove(&(0, BIND_SAMPLER));
        assert_eq!(sampled, !kernel.textures().is_empty(), "{kernel}: the sampler");
        let expected = kernel.textures().into_iter().chain([BIND_PARAMS]).map(|binding| (0, binding)).collect();
        assert_eq!(found, expected, "{kernel}");
    }
}

#[test]
fn the_textures_of_a_kernel_are_listed_in_ascending_order() {
    for kernel in kernels() {
        assert!(kernel.textures().is_sorted(), "{kernel}: {:?}", kernel.textures());
    }
}

/// Components of each colour attachment that a module's only entry point writes, by location.
fn written(module: &naga::Module) -> Vec<usize> {
    let [entry] = module.entry_points.as_slice() else { panic!("one entry point") };
    assert_eq!((entry.name.as_str(), entry.stage), ("fragment", naga::ShaderStage::Fragment));
    let result = entry.function.result.as_ref().expect("a result");
    let components = |ty: naga::Handle<naga::Type>| match module.types[ty].inner {
        naga::TypeInner::Scalar(naga::Scalar::F32) => 1,
        naga::TypeInner::Vector { size, scalar: naga::Scalar::F32 } => size as usize,
        ref other => panic!("an attachment of {other:?}"),
    };
    match &module.types[result.ty].inner {
        naga::TypeInner::Struct { members, .. } => {
            for (i, member) in members.iter().enumerate() {
                let location =
                    matches!(member.binding, Some(naga::Binding::Location { location, .. }) if location == i as u32);
                assert!(location, "member {i} is at {:?}", member.binding);
            }
            members.iter().map(|member| components(member.ty)).collect()
        }
        _ => vec![components(result.ty)],
    }
}

#[test]
fn a_kernel_writes_the_targets_that_it_names() {
    for (kernel, module) in modules() {
        let lanes: Vec<usize> = kernel.targets().into_iter().map(TensorFormat::lanes).collect();
        assert_eq!(written(module), lanes, "{kernel}");
    }
}

/// Names and offsets of a Rust struct's fields.
macro_rules! fields {
    ($type:ty: $($field:ident),+) => {
        ([$((stringify!($field), offset_of!($type, $field))),+].into_iter().collect(), size_of::<$type>())
    };
}

type Fields = (BTreeMap<&'static str, usize>, usize);

/// The Rust twin of each shader's `Params`, without padding.
fn twins() -> BTreeMap<&'static str, Fields> {
    let plain = || fields!(PlainParams: out, a);
    let reduce = || fields!(ReduceParams: out, a, rows, phases, first, quad);
    [
        (
            "ops/conv.wgsl",
            fields!(ConvParams: out, a, b, c, d, coefficients_a, coefficients_b, weights, tiles_a_row, rows_a_tile,
                weight_stride, bias, first, tile_d, floor_a, floor_b, floor_out, pixels_a, pixels_b,
                tanh),
        ),
        (
            "ops/combine.wgsl",
            fields!(CombineParams: out, a, b, c, coefficients_a, coefficients_b, tile_a, tile_b, tile_c, floor_a, floor_b,
                pixels_a, pixels_b),
        ),
        ("ops/channel_sum.wgsl", plain()),
        ("ops/reduce.wgsl", reduce()),
        ("ops/norm.wgsl", reduce()),
        ("ops/pool.wgsl", reduce()),
        ("ops/merge.wgsl", fields!(MergeParams: out, a, quad, chunk, pixels)),
        (
            "ops/coefficients.wgsl",
            fields!(CoefficientParams: out, a, modulation, quad, chunk, pixels, channels, rho, gamma, beta, kind),
        ),
        ("ops/scale.wgsl", fields!(ScaleParams: out, weights)),
        (
            "ops/linear.wgsl",
            fields!(LinearParams: out, a, weights, row_stride, columns, rows_per_part, first, floor_out),
        ),
        ("ops/mix.wgsl", fields!(MixParams: out, a, b, weights, first)),
    ]
    .into_iter()
    .chain(training_twins())
    .collect()
}

#[cfg(not(feature = "few_shot"))]
fn training_twins() -> Vec<(&'static str, Fields)> {
    Vec::new()
}

/// The kernels of a training step share their parameters.
#[cfg(feature = "few_shot")]
fn training_twins() -> Vec<(&'static str, Fields)> {
    use bevy_toonface::plan::params::GradientParams;

    let gradient = kernels().iter().filter(|kernel| matches!(kernel, Kernel::Gradient(_))).map(Kernel::shader);
    let names: BTreeSet<&'static str> = gradient.collect();
    let fields =
        || fields!(GradientParams: out, a, b, c, first, channels, columns, rows, stride, margin, side, quad, factors);
    names.into_iter().map(|name| (name, fields())).collect()
}

/// Names and offsets of a WGSL struct's members, and its size.
fn members(module: &naga::Module, ty: naga::Handle<naga::Type>) -> (BTreeMap<String, usize>, usize) {
    let naga::TypeInner::Struct { members, span } = &module.types[ty].inner else { panic!("not a struct") };
    let members = members.iter().map(|m| (m.name.clone().unwrap_or_default(), m.offset as usize));
    (members.collect(), *span as usize)
}

fn params_type(module: &naga::Module) -> naga::Handle<naga::Type> {
    let uniform = module.global_variables.iter().find(|(_, v)| v.space == naga::AddressSpace::Uniform);
    uniform.expect("a uniform").1.ty
}

#[test]
fn params_have_the_offsets_of_their_rust_twins() {
    let twins = twins();
    let mut seen = BTreeSet::new();
    for (kernel, module) in modules() {
        let (found, size) = members(module, params_type(module));
        let (expected, rust_size) = &twins[kernel.shader()];
        let expected: BTreeMap<String, usize> = expected.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
        assert_eq!(found, expected, "{}", kernel.shader());
        // WebGL2 binds whole multiples of 16 bytes only, hence @align(16) where the members end in between.
        assert_eq!(size, *rust_size, "{}: bytes in WGSL and in Rust", kernel.shader());
        seen.insert(kernel.shader());
    }
    assert_eq!(seen, twins.keys().copied().collect(), "shaders that some plan uses");
}

/// The window of the parameter buffer that a draw sees is 512 bytes long (`PARAMS_WINDOW` in `src/gpu/chain.rs`).
#[test]
fn a_rust_block_fits_its_window_of_the_buffer_and_is_a_multiple_of_16_bytes() {
    for (shader, (_, size)) in twins() {
        assert!(size % 16 == 0 && size <= 512, "{shader}: {size} bytes");
    }
}

#[test]
fn the_layout_has_the_offsets_of_its_rust_twin() {
    let (_, module) = &modules()[0];
    let naga::TypeInner::Struct { members: params, .. } = &module.types[params_type(module)].inner else {
        panic!("params are a struct")
    };
    let (found, size) = members(module, params[0].ty);
    let (expected, rust_size): Fields = fields!(LayoutUniform: tile, grid, texel, base, blocks_x, tiles, pad);
    let expected: BTreeMap<String, usize> = expected.into_iter().map(|(name, at)| (name.to_owned(), at)).collect();
    assert_eq!((found, size), (expected, rust_size));
}
