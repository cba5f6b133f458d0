//! Every crate that a game gets with this one, with all features, has a licence and a source that `deny.toml` allows.
//! `cargo deny` checks the same and advisories, too; this needs no tool and no network.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

fn root() -> &'static str {
    env!("CARGO_MANIFEST_DIR")
}

/// The strings of a list in `deny.toml`, such as `allow = [...]`.
fn list(text: &str, name: &str) -> BTreeSet<String> {
    let body = text.split_once(&format!("\n{name} = [")).unwrap_or_else(|| panic!("{name}")).1;
    let body = body.split("\n]").next().and_then(|body| body.split(']').next()).unwrap_or_default();
    body.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Licences that single crates may have beside, by crate.
fn exceptions(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \""));
    let entries = lines.filter_map(|line| line.split_once('"'));
    entries
        .map(|(name, rest)| (name.to_owned(), rest.split('"').skip(1).step_by(2).map(str::to_owned).collect()))
        .collect()
}

/// Whether an SPDX expression is met by `allowed`. AND binds tighter than OR; old crates write `/` for OR.
fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any(&words, &mut at, allowed);
    assert_eq!(at, words.len(), "`{expression}`");
    met
}

fn any(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, allowed);
    }
    met
}

fn all(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let word = words.get(*at).copied().unwrap_or_default();
    *at += 1;
    if word == "(" {
        let met = any(words, at, allowed);
        *at += 1;
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        let whole = format!("{word} WITH {}", words.get(*at + 1).copied().unwrap_or_default());
        *at += 2;
        return allowed(&whole);
    }
    allowed(word)
}

#[test]
fn expressions_are_understood() {
    let allowed = |licence: &str| ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR GPL-3.0) AND Zlib", true),
        ("(MIT OR GPL-3.0) AND OFL-1.1", false),
        ("GPL-3.0 OR MIT AND Zlib", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
    ] {
        assert_eq!(is_met(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn every_dependency_is_licensed_and_from_where_it_may_be() {
    let deny = std::fs::read_to_string(format!("{}/deny.toml", root())).expect("deny.toml");
    let (allow, exceptions, registries) = (list(&deny, "allow"), exceptions(&deny), list(&deny, "allow-registry"));
    assert!(allow.contains("MIT") && exceptions.contains_key("mozjpeg") && registries.len() == 1);
    let target = format!("{}-{}", std::env::consts::ARCH, "unknown-linux-gnu");
    let args = ["metadata", "--format-version", "1", "--all-features", "--locked", "--filter-platform", &target];
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "{}", packages.len());
    let mut faults = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let Some(source) = package["source"].as_str() else { continue };
        if source.strip_prefix("registry+").is_none_or(|registry| !registries.contains(registry)) {
            faults.push(format!("{name} is from {source}"));
        }
        let own = exceptions.get(name);
        let allowed = |licence: &str| allow.contains(licence) || own.is_some_and(|own| own.contains(licence));
        match package["license"].as_str() {
            Some(licence) if is_met(licence, &allowed) => {}
            licence => faults.push(format!("{name} has the licence {licence:?}")),
        }
    }
    assert!(faults.is_empty(), "deny.toml does not allow:\n{}", faults.join("\n"));
}
