//! What `cargo package` would publish: everything that the sources include, nothing that a game does not need, and not much.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tenth of what crates.io takes.
const LARGEST: u64 = 10 << 20;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Paths of all files in the package that are files here, too.
fn packaged() -> BTreeSet<PathBuf> {
    let args = ["package", "--list", "--allow-dirty", "--package", env!("CARGO_PKG_NAME")];
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("UTF-8");
    let files: BTreeSet<PathBuf> =
        listed.lines().map(PathBuf::from).filter(|path| root().join(path).exists()).collect();
    assert!(files.contains(Path::new("src/lib.rs")), "{files:?}");
    files
}

/// Paths below the root that a source includes: those that follow `CARGO_MANIFEST_DIR` in a `concat!`, with the names that a
/// table fills in.
fn tables(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("env!(\"CARGO_MANIFEST_DIR\"), \"") {
        let folder = text[at..].split('"').nth(3).unwrap_or_default().trim_start_matches('/').to_owned();
        let list = text[at..].split("![").nth(1).and_then(|list| list.split(']').next()).unwrap_or_default();
        let names = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        found.push((folder, names));
    }
    found
}

#[test]
fn what_the_sources_include_is_in_the_package() {
    let files = packaged();
    let mut included = 0;
    for path in files.iter().filter(|path| path.starts_with("src") && path.extension().is_some_and(|e| e == "rs")) {
        let text = std::fs::read_to_string(root().join(path)).expect("UTF-8");
        for (folder, names) in tables(&text) {
            for name in names {
                let file = PathBuf::from(format!("{folder}{name}"));
                assert!(
                    !root().join(&file).is_file() || files.contains(&file),
                    "{} includes {}",
                    path.display(),
                    file.display()
                );
                included += usize::from(files.contains(&file));
            }
        }
    }
    assert!(included > 20, "{included} included files were found");
    for must in
        ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "assets/models/toon/CARD.md", "docs/ERRORS.md"]
    {
        assert!(files.contains(Path::new(must)), "{must}");
    }
}

#[test]
fn the_package_is_small_and_has_nothing_that_a_game_does_not_need() {
    let files = packaged();
    let bytes: u64 = files.iter().map(|path| std::fs::metadata(root().join(path)).map_or(0, |file| file.len())).sum();
    println!("{} files, {:.1} MiB before compression", files.len(), bytes as f64 / (1 << 20) as f64);
    assert!(bytes < LARGEST, "{bytes} bytes");
    let folders = ["assets", "benches", "docs", "examples", "shaders", "src"];
    let junk: Vec<&PathBuf> = files
        .iter()
        .filter(|path| path.components().count() > 1 && !folders.iter().any(|folder| path.starts_with(folder)))
        .collect();
    assert!(junk.is_empty(), "list it below `exclude` in Cargo.toml: {junk:?}");
}
