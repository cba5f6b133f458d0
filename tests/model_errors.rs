//! Bad weight files, packages and checkpoints end in the right typed error, whose message names the file and the
//! tensor; good ones survive saving and loading; nothing panics.

mod common;

use std::path::{Path, PathBuf};

use bevy_toonface::model::{GraphBuilder, Model, ModelError, Op, Owner, Tensor, TensorFile, import_checkpoint};
use common::{assert_names, damaged, fixture, fixture_path};
use safetensors::tensor::{Dtype, TensorView};

/// A copy of the `Lite` fixture package in a folder of its own, removed at the end of the test.
struct Package {
    folder: PathBuf,
}

impl Package {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("bevy_toonface-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        for file in ["tiny.cartoon.ron", "trunk.safetensors", "first.safetensors", "second.safetensors"] {
            std::fs::copy(fixture_path("lite").join(file), folder.join(file)).expect(file);
        }
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    fn load(&self) -> Result<Model, ModelError> {
        Model::load(&self.path("tiny.cartoon.ron"))
    }

    fn error(&self) -> ModelError {
        self.load().expect_err("a bad package")
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.path(file), bytes).expect(file);
    }

    /// Changes the tensors of a weight file.
    fn edit(&self, file: &str, change: impl FnOnce(&mut TensorFile)) {
        let bytes = std::fs::read(self.path(file)).expect(file);
        let mut tensors = TensorFile::parse(file, &bytes).expect(file);
        change(&mut tensors);
        self.write(file, &tensors.to_bytes().expect(file));
    }

    /// Changes the manifest's text.
    fn edit_manifest(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("tiny.cartoon.ron")).expect("a manifest");
        assert!(text.contains(from), "`{from}` in {text}");
        self.write("tiny.cartoon.ron", text.replacen(from, to, 1).as_bytes());
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_in(file: &str, name: &str) -> bool {
    Path::new(file).file_name().is_some_and(|f| f == name)
}

/// Bytes of a safetensors file with one tensor.
fn one_tensor(path: &str, dtype: Dtype, dims: &[usize], data: &[u8]) -> Vec<u8> {
    let view = TensorView::new(dtype, dims.to_vec(), data).expect("a tensor");
    safetensors::serialize([(path, view)], None).expect("a file")
}

// Weight files

#[test]
fn a_missing_weight_file_is_named() {
    let package = Package::new("missing_file");
    std::fs::remove_file(package.path("second.safetensors")).expect("removed");
    let error = package.error();
    assert!(matches!(&error, ModelError::File { file, .. } if is_in(file, "second.safetensors")), "{error:?}");
    assert_names(&error, &["second.safetensors"]);
}

#[test]
fn a_missing_manifest_is_named() {
    let error = Model::load(Path::new("no/such/model.cartoon.ron")).expect_err("no file");
    assert!(matches!(&error, ModelError::File { file, .. } if file == "no/such/model.cartoon.ron"), "{error:?}");
}

#[test]
fn a_truncated_weight_file_is_no_safetensors_file() {
    let package = Package::new("truncated");
    let bytes = std::fs::read(package.path("trunk.safetensors")).expect("a trunk");
    package.write("trunk.safetensors", &bytes[..bytes.len() - 1]);
    let error = package.error();
    assert!(matches!(&error, ModelError::Safetensors { file, .. } if is_in(file, "trunk.safetensors")), "{error:?}");
    assert_names(&error, &["trunk.safetensors", "safetensors file"]);
}

#[test]
fn an_empty_weight_file_is_no_safetensors_file() {
    let error = TensorFile::parse("empty.safetensors", &[]).expect_err("empty");
    assert!(matches!(&error, ModelError::Safetensors { file, .. } if file == "empty.safetensors"), "{error:?}");
}

#[test]
fn garbage_is_no_safetensors_file() {
    let package = Package::new("garbage");
    package.write("first.safetensors", b"this is a text file, and long enough to look like a header");
    let error = package.error();
    assert!(matches!(&error, ModelError::Safetensors { file, .. } if is_in(file, "first.safetensors")), "{error:?}");
    assert_names(&error, &["first.safetensors"]);
}

#[test]
fn a_missing_tensor_is_named_with_its_file_and_shape() {
    let package = Package::new("missing_tensor");
    package.edit("second.safetensors", |file| {
        file.tensors.remove("head.bias");
    });
    let error = package.error();
    assert!(
        matches!(&error, ModelError::MissingTensor { file, tensor, expected }
            if is_in(file, "second.safetensors") && tensor == "head.bias" && *expected == [3]),
        "{error:?}"
    );
    assert_names(&error, &["second.safetensors", "head.bias", "[3]"]);
}

#[test]
fn a_tensor_of_another_shape_is_named_with_both_shapes() {
    let package = Package::new("wrong_shape");
    package.edit("trunk.safetensors", |file| {
        file.tensors.insert("down1.bias".into(), Tensor { dims: vec![2, 4], data: vec![0.0; 8] });
    });
    let error = package.error();
    assert!(
        matches!(&error, ModelError::TensorShape { file, tensor, expected, found }
            if is_in(file, "trunk.safetensors") && tensor == "down1.bias" && *expected == [8] && *found == [2, 4]),
        "{error:?}"
    );
    assert_names(&error, &["trunk.safetensors", "down1.bias", "[8]", "[2, 4]"]);
}

#[test]
fn f64_and_i64_tensors_are_refused_by_name() {
    for (dtype, name) in [(Dtype::F64, "F64"), (Dtype::I64, "I64")] {
        let bytes = one_tensor("stem.bias", dtype, &[2], &[0; 16]);
        let error = TensorFile::parse("a.safetensors", &bytes).expect_err("a wrong type");
        assert!(
            matches!(&error, ModelError::TensorType { file, tensor, found }
                if file == "a.safetensors" && tensor == "stem.bias" && found == name),
            "{error:?}"
        );
        assert_names(&error, &["a.safetensors", "stem.bias", name]);
    }
}

#[test]
fn f16_tensors_are_read() {
    // 1.5 and -0.25 in IEEE half precision.
    let bytes = one_tensor("stem.bias", Dtype::F16, &[2], &[0x00, 0x3e, 0x00, 0xb4]);
    let file = TensorFile::parse("a.safetensors", &bytes).expect("a file");
    assert_eq!(file.tensors["stem.bias"].data, [1.5, -0.25]);
}

#[test]
fn a_weight_that_is_not_finite_is_named_with_its_index() {
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let package = Package::new(&format!("not_finite_{shown}"));
        package.edit("first.safetensors", |file| {
            file.tensors.get_mut("stem.weight").expect("a stem").data[5] = value;
        });
        let error = package.error();
        assert!(
            matches!(&error, ModelError::NotFinite { file, tensor, index: 5, value }
                if is_in(file, "first.safetensors") && tensor == "stem.weight" && value == shown),
            "{error:?}"
        );
        assert_names(&error, &["first.safetensors", "stem.weight", shown, "5"]);
    }
}

#[test]
fn a_tensor_that_the_network_does_not_know_is_refused_by_name() {
    let package = Package::new("unknown_tensor");
    package.edit("first.safetensors", |file| {
        file.tensors.insert("stem.wieght".into(), Tensor { dims: vec![1], data: vec![0.0] });
    });
    let error = package.error();
    assert!(
        matches!(&error, ModelError::UnknownTensor { file, tensor }
            if is_in(file, "first.safetensors") && tensor == "stem.wieght"),
        "{error:?}"
    );
    assert_names(&error, &["first.safetensors", "stem.wieght"]);
}

#[test]
fn a_trunk_tensor_in_a_branch_file_is_refused() {
    let package = Package::new("trunk_in_branch");
    package.edit("first.safetensors", |file| {
        file.tensors.insert("down1.bias".into(), Tensor { dims: vec![8], data: vec![0.0; 8] });
    });
    let error = package.error();
    assert!(matches!(&error, ModelError::UnknownTensor { tensor, .. } if tensor == "down1.bias"), "{error:?}");
}

// Whole packages

#[test]
fn a_package_with_another_width_than_its_weights_is_refused() {
    let package = Package::new("other_width");
    package.edit_manifest("base_channels: 4", "base_channels: 8");
    let error = package.error();
    assert!(matches!(&error, ModelError::TensorShape { .. }), "{error:?}");
    assert_names(&error, &["first.safetensors", "stem.weight"]);
}

#[test]
fn an_unknown_group_is_refused_with_the_known_ones() {
    let model = Package::new("unknown_group").load().expect("a package");
    let error = model.group_index("third").expect_err("unknown");
    let known = vec!["first".to_owned(), "second".to_owned()];
    assert_eq!(error, ModelError::UnknownGroup { group: "third".into(), known });
    assert_names(&error, &["third", "first", "second"]);
    assert_eq!(model.group_index("second"), Ok(1));
}

#[test]
fn weights_of_a_group_that_has_none_are_an_error() {
    let model = Package::new("no_branch").load().expect("a package");
    let param = model.graph.params().iter().find(|p| p.owner == Owner::Branch).expect("a branch tensor");
    assert!(model.weights.get(param, 1).is_ok());
    assert_eq!(model.weights.get(param, 2), Err(ModelError::MissingBranch { group: 2, branches: 2 }));
}

#[test]
fn a_linear_map_whose_groups_differ_in_rows_is_refused() {
    let mut graph = GraphBuilder::new(1);
    let picture = graph.input(4, 8, 8).expect("an input");
    let x = graph.add("average", Op::GlobalAveragePool, &[picture]).expect("a vector");
    let weights = [3, 4].map(|rows| graph.param(format!("weight{rows}"), &[rows, 2], Owner::Trunk)).to_vec();
    let biases = [3, 4].map(|rows| graph.param(format!("bias{rows}"), &[rows], Owner::Trunk)).to_vec();
    let error = graph.add("map", Op::Linear { groups: 2, weights, biases }, &[x]).expect_err("unequal parts");
    assert!(matches!(&error, ModelError::Shape { node, .. } if node == "map"), "{error:?}");
    assert_names(&error, &["[3, 4]"]);
}

// The importer

fn checkpoint() -> TensorFile {
    fixture("golden/weights.safetensors")
}

#[test]
fn a_checkpoint_of_another_width_is_refused_by_its_official_name() {
    let error = import_checkpoint(&checkpoint(), 16, 64).expect_err("another width");
    assert!(
        matches!(&error, ModelError::TensorShape { file, expected, found, .. }
            if file == "golden/weights.safetensors" && expected != found),
        "{error:?}"
    );
    assert_names(&error, &["golden/weights.safetensors", "weight"]);
}

#[test]
fn a_checkpoint_without_a_cam_head_is_refused() {
    let mut file = checkpoint();
    file.tensors.remove("gap_fc_new.weight");
    let error = import_checkpoint(&file, 8, 64).expect_err("no head");
    assert!(matches!(&error, ModelError::Import { file, .. } if file == "golden/weights.safetensors"), "{error:?}");
    assert_names(&error, &["golden/weights.safetensors", "gap_fc_new.weight"]);
}

#[test]
fn a_checkpoint_with_too_many_groups_is_refused() {
    let mut file = checkpoint();
    file.tensors.insert("gap_fc_new.weight".into(), Tensor { dims: vec![5, 32], data: vec![0.0; 160] });
    let error = import_checkpoint(&file, 8, 64).expect_err("five rows");
    assert!(matches!(&error, ModelError::Import { .. }), "{error:?}");
    assert_names(&error, &["gap_fc_new.weight", "[5, 32]"]);
}

#[test]
fn a_checkpoint_with_a_tensor_left_over_is_refused_by_name() {
    let mut file = checkpoint();
    file.tensors.insert("ConvBlock1_7.1.weight".into(), Tensor { dims: vec![1], data: vec![0.0] });
    let error = import_checkpoint(&file, 8, 64).expect_err("left over");
    assert!(matches!(&error, ModelError::UnknownTensor { tensor, .. } if tensor == "ConvBlock1_7.1.weight"));
    assert_names(&error, &["golden/weights.safetensors", "ConvBlock1_7.1.weight"]);
}

#[test]
fn a_checkpoint_that_lacks_a_tensor_is_refused_by_its_official_name() {
    let mut file = checkpoint();
    file.tensors.remove("HourGlass4_2.HG.0.ConvBlock7.ConvBlock1.3.weight").expect("the official name");
    let error = import_checkpoint(&file, 8, 64).expect_err("incomplete");
    assert!(matches!(&error, ModelError::MissingTensor { .. }), "{error:?}");
    assert_names(&error, &["golden/weights.safetensors", "HourGlass4_2.HG.0.ConvBlock7.ConvBlock1.3.weight"]);
}

#[test]
fn a_checkpoint_without_the_dead_weights_is_imported() {
    let mut file = checkpoint();
    file.tensors.retain(|path, _| !path.ends_with("ConvBlock4.2.weight"));
    assert_eq!(import_checkpoint(&file, 8, 64), import_checkpoint(&checkpoint(), 8, 64));
}

/// No file has such a tensor; code may.
#[test]
fn a_tensor_whose_values_do_not_fill_its_shape_is_refused_by_name() {
    for name in ["gap_fc_new.weight", "ConvBlock1.1.weight"] {
        let mut file = checkpoint();
        file.tensors.get_mut(name).expect("a tensor").data.truncate(9);
        let error = import_checkpoint(&file, 8, 64).expect_err("cut short");
        assert!(matches!(&error, ModelError::Shape { node, .. } if node == name), "{error:?}");
        assert_names(&error, &["golden/weights.safetensors", name, "9 values"]);
    }
}

// Round trips

fn assert_same_after_saving(model: &Model, test: &str) {
    let package = Package::new(test);
    let loaded = Model::load(&model.save(&package.path("saved")).expect("saved")).expect("loaded");
    assert_eq!(loaded.manifest, model.manifest);
    assert_eq!(loaded.graph, model.graph);
    assert_eq!(loaded.weights.trunk.tensors, model.weights.trunk.tensors);
    for (loaded, saved) in loaded.weights.branches.iter().zip(&model.weights.branches) {
        assert_eq!(loaded.tensors, saved.tensors);
    }
}

#[test]
fn a_lite_package_is_the_same_after_saving_and_loading() {
    assert_same_after_saving(&Package::new("lite").load().expect("a package"), "round_trip_lite");
}

#[test]
fn an_imported_checkpoint_is_the_same_after_saving_and_loading() {
    assert_same_after_saving(&import_checkpoint(&checkpoint(), 8, 64).expect("a model"), "round_trip_paper");
}

// Damage

#[test]
fn a_damaged_weight_file_never_panics() {
    let model = Package::new("damaged").load().expect("a package");
    let bytes = std::fs::read(fixture_path("lite/first.safetensors")).expect("a branch");
    let mut refused = 0;
    for bytes in damaged(&bytes, 1500) {
        let loaded = TensorFile::parse("damaged", &bytes).and_then(|branch| {
            let branches = vec![branch, model.weights.branches[1].clone()];
            Model::new(model.manifest.clone(), model.weights.trunk.clone(), branches)
        });
        refused += usize::from(loaded.is_err());
    }
    assert!(refused > 200, "{refused} of 400 are refused");
}

#[test]
fn a_header_that_claims_more_than_the_file_costs_no_memory() {
    let huge = u64::MAX.to_le_bytes();
    let error = TensorFile::parse("huge.safetensors", &huge).expect_err("a huge header");
    assert!(matches!(&error, ModelError::Safetensors { .. }), "{error:?}");
    let header = br#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend([0; 4]);
    let error = TensorFile::parse("huge.safetensors", &bytes).expect_err("a huge shape");
    assert!(matches!(&error, ModelError::Safetensors { .. }), "{error:?}");
}
