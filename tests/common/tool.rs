//! The example programs, as a user runs them.

use std::path::Path;
use std::process::Command;

/// A built example: `cargo test` without a choice of targets builds all of them.
pub fn tool(name: &str) -> Command {
    let test = std::env::current_exe().expect("this test's path");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps");
    let path = profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is missing: cargo build --release --examples", path.display());
    Command::new(path)
}
