//! Bad manifests end in the right typed error, whose message names the file or the field; nothing panics.

mod common;

use bevy_toonface::model::{Generator, MANIFEST_VERSION, Manifest, ModelError};
use common::{assert_names, damaged, fixture_path};

fn manifest_text() -> String {
    std::fs::read_to_string(fixture_path("lite/tiny.cartoon.ron")).expect("a manifest")
}

fn manifest_error(from: &str, to: &str) -> ModelError {
    let text = manifest_text();
    assert!(text.contains(from), "`{from}` in {text}");
    Manifest::parse("bad.cartoon.ron", text.replacen(from, to, 1).as_bytes()).expect_err("a bad manifest")
}

/// The error is about a field of the manifest, and says so.
fn assert_field(error: &ModelError, name: &str) {
    assert!(matches!(error, ModelError::ManifestField { field, .. } if field == name), "{error:?}");
    assert_names(error, &["bad.cartoon.ron", name]);
}

#[test]
fn an_unknown_field_of_the_manifest_is_refused_by_name() {
    for (from, to) in [
        ("version: 1,", "version: 1, colour: 3,"),
        ("image_size: 64,", "image_size: 64, colour: 3,"),
        ("(name: \"first\",", "(colour: 3, name: \"first\","),
    ] {
        let error = manifest_error(from, to);
        assert!(matches!(&error, ModelError::Manifest { file, .. } if file == "bad.cartoon.ron"), "{error:?}");
        assert_names(&error, &["bad.cartoon.ron", "colour"]);
    }
}

#[test]
fn a_missing_field_of_the_manifest_is_named() {
    let error = manifest_error("trunk: \"trunk.safetensors\",", "");
    assert!(matches!(&error, ModelError::Manifest { .. }), "{error:?}");
    assert_names(&error, &["bad.cartoon.ron", "trunk"]);
}

#[test]
fn an_unknown_generator_is_refused_by_name() {
    let error = manifest_error("Lite(", "Huge(");
    assert!(matches!(&error, ModelError::Manifest { .. }), "{error:?}");
    assert_names(&error, &["bad.cartoon.ron", "Huge"]);
}

#[test]
fn a_manifest_that_is_no_text_is_refused() {
    let error = Manifest::parse("bad.cartoon.ron", &[0xff, 0xfe, 0x00]).expect_err("no text");
    assert!(matches!(&error, ModelError::Manifest { .. }), "{error:?}");
    assert_names(&error, &["bad.cartoon.ron", "utf-8"]);
}

#[test]
fn a_manifest_of_another_version_is_refused_with_both_versions() {
    let error = manifest_error("version: 1", "version: 2");
    let expected =
        ModelError::ManifestVersion { file: "bad.cartoon.ron".into(), found: 2, supported: MANIFEST_VERSION };
    assert_eq!(error, expected);
    assert_names(&error, &["bad.cartoon.ron", "version 2", "version 1"]);
}

#[test]
fn another_version_is_named_before_its_unknown_fields() {
    let error = manifest_error("version: 1,", "version: 2, colour: 3,");
    assert!(matches!(&error, ModelError::ManifestVersion { found: 2, .. }), "{error:?}");
}

#[test]
fn a_deeply_nested_manifest_is_refused() {
    for bracket in ["(", "[", "{"] {
        let error = Manifest::parse("deep.cartoon.ron", bracket.repeat(100_000).as_bytes()).expect_err("too deep");
        assert!(matches!(&error, ModelError::Manifest { .. }), "{error:?}");
    }
}

#[test]
fn a_group_that_is_named_twice_is_refused_by_name() {
    let error = manifest_error("(name: \"second\"", "(name: \"first\"");
    assert_field(&error, "groups");
    assert_names(&error, &["groups", "first"]);
}

#[test]
fn a_manifest_without_groups_is_refused() {
    let text = manifest_text();
    let (head, _) = text.split_once("groups: [").expect("groups");
    let error = Manifest::parse("bad.cartoon.ron", format!("{head}groups: [])").as_bytes()).expect_err("no groups");
    assert_field(&error, "groups");
}

#[test]
fn a_weight_path_that_leaves_the_folder_is_refused_by_name() {
    for path in ["../trunk.safetensors", "/etc/passwd", "a/../../b", "C:x", "http://x", "a\\\\b", ""] {
        let error = manifest_error("\"trunk.safetensors\"", &format!("\"{path}\""));
        assert_field(&error, "weights");
        assert_names(&error, &[&path.replace("\\\\", "\\")]);
    }
}

#[test]
fn base_channels_out_of_range_are_refused() {
    for channels in ["0", "2", "6", "260"] {
        let error = manifest_error("base_channels: 4", &format!("base_channels: {channels}"));
        assert_field(&error, "base_channels");
        assert_names(&error, &["base_channels", channels]);
    }
}

#[test]
fn an_image_size_out_of_range_is_refused() {
    for size in ["0", "32", "100", "2048"] {
        let error = manifest_error("image_size: 64", &format!("image_size: {size}"));
        assert_field(&error, "image_size");
        assert_names(&error, &["image_size", size]);
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    for number in ["-4", "4.5", "99999999999999999999999"] {
        let error = manifest_error("base_channels: 4", &format!("base_channels: {number}"));
        assert!(matches!(&error, ModelError::Manifest { .. }), "{error:?}");
    }
}

#[test]
fn an_unknown_branch_module_is_refused_by_name() {
    let error = manifest_error("\"stem\"", "\"stern\"");
    assert_field(&error, "branch");
    assert_names(&error, &["branch", "stern"]);
}

#[test]
fn a_generator_without_groups_or_with_too_many_is_refused() {
    for groups in [0, 4097] {
        let error = Generator::Paper { base_channels: 4, image_size: 64 }.build(groups).expect_err("groups");
        assert!(matches!(&error, ModelError::Config { field, .. } if field == "groups"), "{error:?}");
    }
}

#[test]
fn a_damaged_manifest_never_panics() {
    let text = manifest_text();
    let results = damaged(text.as_bytes(), text.len()).into_iter().map(|bytes| Manifest::parse("damaged", &bytes));
    let refused = results.filter(Result::is_err).count();
    assert!(refused > 200, "{refused} of 400 are refused");
}
