//! The README names every example, feature and command that exists, and shows pictures that are there.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Names of the example targets: files, and folders with a `main.rs`.
fn examples() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("examples")).expect("examples");
    let name = |path: PathBuf| {
        let is_target = path.extension().is_some_and(|e| e == "rs") || path.join("main.rs").exists();
        is_target.then(|| path.file_stem().expect("a name").to_string_lossy().into_owned())
    };
    entries.filter_map(|entry| name(entry.expect("an entry").path())).collect()
}

/// Names in the `[features]` table, without `default`.
fn features() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let table = manifest.split("[features]").nth(1).and_then(|rest| rest.split("\n[").next()).expect("features");
    let names = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.to_owned()).filter(|name| name != "default").collect()
}

#[test]
fn every_example_is_in_the_readme() {
    let readme = read("README.md");
    let names = examples();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        assert!(readme.contains(&format!("--example {name}")), "README.md lacks the example `{name}`");
    }
}

#[test]
fn every_feature_is_in_the_readme_and_the_crate_docs() {
    let (readme, docs) = (read("README.md"), read("src/lib.rs"));
    let names = features();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        assert!(readme.contains(&format!("| `{name}` |")), "README.md lacks the feature `{name}`");
        assert!(docs.contains(&format!("//! | `{name}` |")), "src/lib.rs lacks the feature `{name}`");
    }
}

#[test]
fn links_and_pictures_of_the_readme_exist() {
    let readme = read("README.md");
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local: Vec<&str> = targets.filter(|target| !target.starts_with("http")).collect();
    assert!(local.contains(&"docs/sheet.png"), "{local:?}");
    for target in local {
        assert!(Path::new(&root().join(target)).exists(), "README.md points to `{target}`, which is not there");
    }
}

#[test]
fn the_test_command_is_the_one_that_ci_runs() {
    assert!(read("README.md").contains("./test "));
    assert!(read(".ci/run").contains("./test;"));
}
