//! Every kernel that plans use composes and validates, binds what it says, and mirrors its Rust parameters.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};

use bevy_toonface::plan::kernel::{BIND_PARAMS, Def, Kernel};
use bevy_toonface::plan::params::{
    ChannelSumParams, CoefficientParams, CombineParams, ConvParams, LinearParams, MergeParams, MixParams, ReduceParams,
    ScaleParams,
};
use bevy_toonface::plan::{LayoutUniform, Plan};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga_oil::compose::{
    ComposableModuleDescriptor, Composer, NagaModuleDescriptor, ShaderDefValue, ShaderLanguage, ShaderType,
};

/// Composes shaders as Bevy does: the library as importable modules, then the file of the kernel with its defs.
struct Shaders {
    composer: Composer,
}

impl Shaders {
    fn new() -> Self {
        let mut composer = Composer::default();
        // Modules may import each other in any order: add what can be added until nothing is left.
        let mut left: Vec<PathBuf> = wgsl_files("lib");
        while !left.is_empty() {
            let before = left.len();
            let mut reason = String::new();
            left.retain(|path| {
                let source = read(path);
                let module = ComposableModuleDescriptor {
                    source: &source,
                    file_path: &shown(path),
                    language: ShaderLanguage::Wgsl,
                    ..Default::default()
                };
                let added = composer.add_composable_module(module).map(|_| ());
                added.map_err(|e| reason = e.emit_to_string(&composer)).is_err()
            });
            assert!(left.len() < before, "cannot add {left:?}: {reason}");
        }
        Self { composer }
    }

    fn compose(&mut self, kernel: &Kernel) -> naga::Module {
        let define = |def| match def {
            Def::Int(name, n) => (name.to_owned(), ShaderDefValue::Int(n)),
            Def::Flag(name) => (name.to_owned(), ShaderDefValue::Bool(true)),
        };
        self.compose_file(kernel.shader(), kernel.defs().into_iter().map(define).collect())
    }

    fn compose_file(&mut self, file: &str, shader_defs: HashMap<String, ShaderDefValue>) -> naga::Module {
        let source = read(&shader_folder().join(file));
        let shown_defs = format!("{shader_defs:?}");
        let descriptor = NagaModuleDescriptor {
            source: &source,
            file_path: file,
            shader_type: ShaderType::Wgsl,
            shader_defs,
            ..Default::default()
        };
        match self.composer.make_naga_module(descriptor) {
            Ok(module) => module,
            Err(e) => panic!("{file} ({shown_defs}):\n{}", e.emit_to_string(&self.composer)),
        }
    }
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

/// Every kernel of every tested plan. The picture's side and the batch change no kernel, so one of each will do.
fn kernels() -> BTreeSet<Kernel> {
    let mut kernels = BTreeSet::new();
    for generator in common::plans::generators(64) {
        let model = common::random_model(generator, 2, 1);
        for options in common::plans::options(&model).into_iter().filter(|o| o.batch == 2) {
            kernels.extend(Plan::new(&model, options).expect("a plan").kernels);
        }
    }
    kernels
}

#[test]
fn every_kernel_composes_and_validates_with_the_capabilities_of_webgl2() {
    let mut shaders = Shaders::new();
    let kernels = kernels();
    for kernel in &kernels {
        validate(&shaders.compose(kernel), &format!("{kernel} ({:?})", kernel.defs()));
    }
    println!("{} kernels composed and validated", kernels.len());
}

/// Defs of the picture's shaders, as their headers list them; each is tried alone, as none is used with another.
fn header_defs(file: &Path) -> Vec<String> {
    let source = read(file);
    let list = source.lines().find_map(|line| line.strip_prefix("// Defs: ")).expect("a Defs line");
    let upper = |c: char| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit();
    let words = list.split(|c| !upper(c)).filter(|word| word.len() > 1);
    words.map(String::from).collect()
}

#[test]
fn the_shaders_of_the_picture_compose_and_validate() {
    let mut shaders = Shaders::new();
    let files = wgsl_files("io");
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let defs = header_defs(&file);
        let flag = |def: &String| HashMap::from([(def.clone(), ShaderDefValue::Bool(true))]);
        for defs in std::iter::once(HashMap::new()).chain(defs.iter().map(flag)) {
            validate(&shaders.compose_file(&shown(&file), defs), &shown(&file));
        }
    }
}

/// The twin is private to the GPU layer, so its fields are read off the source: all are 4-byte words in `repr(C)`.
#[test]
fn the_picture_has_the_offsets_of_its_rust_twin() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gpu/picture.rs");
    let source = read(&path);
    let (_, rest) = source.split_once("struct PictureUniform {").expect("the struct");
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
    let module = Shaders::new().compose_file("io/encode.wgsl", HashMap::new());
    let (found, size) = members(&module, params_type(&module));
    assert_eq!(found, expected);
    assert_eq!(size, offset, "bytes in WGSL and in Rust");
}

#[test]
fn a_composed_kernel_binds_its_textures_and_its_parameters_and_nothing_else() {
    let mut shaders = Shaders::new();
    for kernel in kernels() {
        let module = shaders.compose(&kernel);
        let bindings = module.global_variables.iter().filter_map(|(_, v)| v.binding);
        let found: BTreeSet<(u32, u32)> = bindings.map(|b| (b.group, b.binding)).collect();
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

#[test]
fn a_composed_kernel_writes_as_many_targets_as_it_says() {
    let mut shaders = Shaders::new();
    for kernel in kernels() {
        let module = shaders.compose(&kernel);
        let [entry] = module.entry_points.as_slice() else { panic!("{kernel} has one entry point") };
        assert_eq!((entry.name.as_str(), entry.stage), ("fragment", naga::ShaderStage::Fragment), "{kernel}");
        let result = entry.function.result.as_ref().expect("a result");
        let locations = match &module.types[result.ty].inner {
            naga::TypeInner::Struct { members, .. } => members.len(),
            _ => 1,
        };
        assert_eq!(locations, kernel.targets(), "{kernel}");
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
    [
        (
            "ops/conv.wgsl",
            fields!(ConvParams: out, a, b, c, coefficients_a, coefficients_b, weights, weight_stride, bias, stride,
                up_a, up_b, floor_a, floor_b, floor_out),
        ),
        (
            "ops/combine.wgsl",
            fields!(CombineParams: out, a, b, coefficients_a, coefficients_b, tile_a, tile_b, up_a, up_b, floor_a,
                floor_b),
        ),
        ("ops/reduce.wgsl", fields!(ReduceParams: out, a, rows)),
        ("ops/merge.wgsl", fields!(MergeParams: out, a, planes, tiles, chunk, pixels)),
        (
            "ops/coefficients.wgsl",
            fields!(CoefficientParams: out, a, modulation, planes, tiles, chunk, pixels, channels, rho, gamma, beta),
        ),
        ("ops/scale.wgsl", fields!(ScaleParams: out, weights, channels, padded)),
        (
            "ops/linear.wgsl",
            fields!(LinearParams: out, a, weights, row_stride, columns, rows_per_part, first, floor_out),
        ),
        ("ops/mix.wgsl", fields!(MixParams: out, a, b, weights, first)),
        ("ops/channel_sum.wgsl", fields!(ChannelSumParams: out, a)),
    ]
    .into_iter()
    .collect()
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
    let mut shaders = Shaders::new();
    let twins = twins();
    let mut seen = BTreeSet::new();
    for kernel in kernels() {
        let module = shaders.compose(&kernel);
        let (found, size) = members(&module, params_type(&module));
        let (expected, rust_size) = &twins[kernel.shader()];
        let expected: BTreeMap<String, usize> = expected.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
        assert_eq!(found, expected, "{}", kernel.shader());
        // WebGL2 binds whole multiples of 16 bytes only, hence @align(16) where the members end in between.
        assert_eq!(size, *rust_size, "{}: bytes in WGSL and in Rust", kernel.shader());
        seen.insert(kernel.shader());
    }
    assert_eq!(seen, twins.keys().copied().collect(), "shaders that some plan uses");
}

#[test]
fn a_rust_block_fits_the_smallest_uniform_binding_and_is_a_multiple_of_16_bytes() {
    for (shader, (_, size)) in twins() {
        assert!(size % 16 == 0 && size <= 16 * 1024, "{shader}: {size} bytes");
    }
}

#[test]
fn the_layout_has_the_offsets_of_its_rust_twin() {
    let kernel = kernels().into_iter().next().expect("a kernel");
    let module = Shaders::new().compose(&kernel);
    let naga::TypeInner::Struct { members: params, .. } = &module.types[params_type(&module)].inner else {
        panic!("params are a struct")
    };
    let (found, size) = members(&module, params[0].ty);
    let (expected, rust_size): Fields = fields!(LayoutUniform: tile, grid_x, tiles, block, blocks_x, planes);
    let expected: BTreeMap<String, usize> = expected.into_iter().map(|(name, at)| (name.to_owned(), at)).collect();
    assert_eq!((found, size), (expected, rust_size));
}

#[test]
fn shaders_load_texels_only_and_run_as_fragments_only() {
    let forbidden = ["textureSample", "textureGather", "textureStore", "sampler", "storage", "@compute", "@workgroup"];
    for path in ["lib", "ops", "io"].iter().flat_map(|folder| wgsl_files(folder)) {
        for (i, line) in read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let found = forbidden.iter().find(|word| code.contains(**word));
            assert!(found.is_none(), "{}:{}: {}", shown(&path), i + 1, line);
        }
    }
}

#[test]
fn a_library_file_is_imported_by_its_path() {
    for path in wgsl_files("lib") {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let line = format!("#define_import_path bevy_toonface::lib::{name}");
        assert!(read(&path).lines().any(|l| l == line), "{}: {line}", shown(&path));
    }
}

#[test]
fn a_shader_says_in_its_header_what_it_computes_reads_writes_and_takes() {
    for path in ["ops", "io"].iter().flat_map(|folder| wgsl_files(folder)) {
        let source = read(&path);
        let header: Vec<&str> = source.lines().take_while(|line| line.starts_with("//")).collect();
        let has = |word: &str| header.iter().any(|line| line.contains(word));
        assert!(header.len() >= 3, "{}: a formula, In/Out, Defs", shown(&path));
        for word in ["In: ", "Out: ", "Defs: "] {
            assert!(has(word), "{}: the header lacks `{word}`", shown(&path));
        }
    }
}

#[test]
fn a_header_names_the_defs_that_the_file_tests() {
    for path in ["ops", "io"].iter().flat_map(|folder| wgsl_files(folder)) {
        let source = read(&path);
        let header = source.lines().find(|line| line.starts_with("// Defs: ")).unwrap_or_default();
        let tested = source.lines().filter_map(|line| line.strip_prefix("#if"));
        for line in tested {
            let name = line.trim_start_matches("def").trim_start_matches("ndef").split_whitespace().next();
            let name = name.unwrap_or_default();
            assert!(header.contains(name), "{}: {name} is not in `{header}`", shown(&path));
        }
    }
}

#[test]
fn shaders_are_short() {
    for path in ["lib", "ops", "io"].iter().flat_map(|folder| wgsl_files(folder)) {
        let lines = read(&path).lines().count();
        assert!(lines < 150, "{}: {lines} lines", shown(&path));
    }
}
