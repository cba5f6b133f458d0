//! Published checkpoints are told from their tensors, imported with their numbers, or refused with the reason.

mod common;

use bevy_toonface::model::{Checkpoint, CheckpointForm, Model, ModelError, Tensor, TensorFile, import_checkpoint};
use common::reference::evaluate;
use common::{GOLDEN_NAMES, assert_names, fixture, max_abs_error, relative_error, take};

/// Of a tensor's largest value, for activations inside a whole network (DESIGN.md).
const TAP_TOLERANCE: f32 = 1e-4;
/// Absolute, for the picture in -1..1 (DESIGN.md).
const OUTPUT_TOLERANCE: f32 = 2e-4;

fn photo2cartoon() -> TensorFile {
    fixture("photo2cartoon/weights.safetensors")
}

fn few_shot() -> TensorFile {
    fixture("golden/weights.safetensors")
}

/// The same tensors with something before their names.
fn prefixed(file: TensorFile, prefix: &str) -> TensorFile {
    let tensors = file.tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect();
    TensorFile { tensors, ..file }
}

fn refused(file: &TensorFile, words: &[&str]) {
    let error = Checkpoint::recognise(file).expect_err("no checkpoint of ours");
    assert!(matches!(&error, ModelError::Import { .. }), "{error:?}");
    assert_names(&error, words);
    assert_eq!(import_checkpoint(file, 8, 64), Err(error), "the importer says something else");
}

#[test]
fn both_forms_are_told_from_their_tensors() {
    for (file, form, channels) in
        [(few_shot(), CheckpointForm::FewShot { groups: 4 }, 8), (photo2cartoon(), CheckpointForm::Photo2Cartoon, 4)]
    {
        let checkpoint = Checkpoint::recognise(&file).expect("a published form");
        assert_eq!((checkpoint.form, checkpoint.base_channels), (form, channels));
        assert_eq!(checkpoint.import(64), import_checkpoint(&file, channels, 64));
    }
}

#[test]
fn an_imported_photo2cartoon_matches_pytorch() {
    let model = Checkpoint::recognise(&photo2cartoon()).and_then(|c| c.import(64)).expect("a model");
    assert_eq!(model.manifest.group_names(), ["woman"]);
    let expected = fixture("photo2cartoon/g0.safetensors");
    let values = evaluate(&model.graph, &model.weights, 0, take(&expected, "input"));
    for (ours, theirs) in GOLDEN_NAMES {
        let (got, expected) = (&values.output(ours).data, &take(&expected, theirs).data);
        if ours == "output" {
            assert!(max_abs_error(got, expected) <= OUTPUT_TOLERANCE, "{ours}: {}", max_abs_error(got, expected));
        } else {
            assert!(relative_error(got, expected) <= TAP_TOLERANCE, "{ours}: {}", relative_error(got, expected));
        }
    }
}

#[test]
fn a_checkpoint_with_fewer_groups_is_imported() {
    let mut file = few_shot();
    let branches = ["ConvBlock1", "HourGlass1", "HourGlass4", "ConvBlock2"];
    let dropped: Vec<String> =
        [2, 3].iter().flat_map(|group| branches.map(|module| format!("{module}_{group}."))).collect();
    file.tensors.retain(|name, _| !dropped.iter().any(|module| name.starts_with(module)));
    for head in ["gap_fc_new", "gmp_fc_new"] {
        for (leaf, row) in [("weight", 32), ("bias", 1)] {
            let tensor = file.tensors.get_mut(&format!("{head}.{leaf}")).expect("a head");
            tensor.data.truncate(2 * row);
            tensor.dims[0] = 2;
        }
    }
    let (two, four) =
        (import_checkpoint(&file, 8, 64).expect("two groups"), import_checkpoint(&few_shot(), 8, 64).expect("four"));
    assert_eq!(two.manifest.group_names(), ["woman", "man"]);
    assert_eq!(two.weights.trunk.tensors, four.weights.trunk.tensors);
    assert_eq!(two.weights.branches[1].tensors, four.weights.branches[1].tensors);
}

#[test]
fn names_may_have_the_network_before_them_and_other_networks_beside_them() {
    let whole = |file: TensorFile| import_checkpoint(&file, 8, 64).map(|model| (model.manifest, model.weights));
    let expected = whole(few_shot()).expect("a model");
    for prefix in ["module.", "genA2B.", "genA2B.module."] {
        let mut file = prefixed(few_shot(), prefix);
        if prefix.starts_with("genA2B") {
            file.tensors.extend(prefixed(photo2cartoon(), "genB2A.").tensors);
            file.tensors.insert("disGA.model.0.weight".into(), Tensor { dims: vec![1], data: vec![0.0] });
        }
        assert_eq!(whole(file).as_ref(), Ok(&expected), "{prefix}");
    }
}

#[test]
fn the_full_form_is_refused_with_the_reason() {
    for (mut file, channels) in [(few_shot(), 32), (photo2cartoon(), 16)] {
        let dims = vec![channels, 16 * 16 * channels];
        file.tensors.insert("FC.0.weight".into(), Tensor { data: vec![0.0; dims.iter().product()], dims });
        refused(&file, &[&file.file, "FC.0.weight", "full form", "16 x 16", "light"]);
    }
}

#[test]
fn other_networks_are_refused_with_what_tells_them() {
    let mut file = fixture("lite/trunk.safetensors");
    refused(&file, &["lite/trunk.safetensors", "ConvBlock1.1.weight", "another network"]);
    file.tensors.insert("ConvBlock1.1.weight".into(), Tensor { dims: vec![8, 3], data: vec![0.0; 24] });
    refused(&file, &["ConvBlock1.1.weight", "[8, 3]"]);
    let mut file = photo2cartoon();
    file.tensors.remove("gap_fc.weight");
    refused(&file, &["gap_fc.weight", "gap_fc_new.weight"]);
    for rows in [0, 2, 9] {
        file.tensors.insert("gap_fc.weight".into(), Tensor { dims: vec![rows, 16], data: vec![0.0; rows * 16] });
        refused(&file, &["gap_fc.weight", &format!("[{rows}, 16]")]);
    }
}

#[test]
fn a_file_of_torch_save_is_told_from_safetensors() {
    for bytes in [b"PK\x03\x04rest".as_slice(), b"\x80\x02}q\x00."] {
        let error = Checkpoint::read("weights.pt", bytes).expect_err("no safetensors");
        assert!(matches!(&error, ModelError::Import { .. }), "{error:?}");
        assert_names(&error, &["weights.pt", "tensors_only"]);
    }
    assert!(matches!(Checkpoint::read("x", b"else"), Err(ModelError::Safetensors { .. })));
}

#[test]
fn a_model_keeps_the_size_it_was_imported_with() {
    let sizes = [64, 128].map(|size| Checkpoint::recognise(&photo2cartoon()).and_then(|c| c.import(size)));
    let sizes: Vec<usize> =
        sizes.into_iter().map(|model| model.as_ref().map(Model::image_size).expect("a model")).collect();
    assert_eq!(sizes, [64, 128]);
}
