//! The layers of DESIGN.md, read off the sources: `model < plan < ecs < gpu < lib`, and the size and safety habits.

use std::path::{Path, PathBuf};

/// From left to right; a file uses its own layer and those to its left. What is not listed (lib.rs, features) is `lib`.
const LAYERS: [&str; 4] = ["model", "plan", "ecs", "gpu"];
const LONGEST_FILE: usize = 500;

/// A source file without comments, strings and test modules.
struct Source {
    name: String,
    layer: usize,
    lines: usize,
    code: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    files.iter().map(|path| source(&root, path)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source(root: &Path, path: &Path) -> Source {
    let text = std::fs::read_to_string(path).expect("UTF-8");
    let name = path.strip_prefix(root).expect("below src").display().to_string().replace('\\', "/");
    let first = name.split(['/', '.']).next().unwrap_or_default();
    let layer = LAYERS.iter().position(|layer| *layer == first).unwrap_or(LAYERS.len());
    let product = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let code = without_text(product).into_iter().enumerate().map(|(i, line)| (i + 1, line)).collect();
    Source { name, layer, lines: text.lines().count(), code }
}

/// The text without what stands between quotes or behind `//`, line by line.
fn without_text(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut quoted = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        if c == '\n' {
            lines.push(String::new());
        } else if !quoted && rest.starts_with("//") {
            length = rest.find('\n').unwrap_or(rest.len());
        } else if !quoted && (rest.starts_with("'\"'") || rest.starts_with("'\\\\'")) {
            length = if rest.starts_with("'\"'") { 3 } else { 4 };
        } else if quoted && c == '\\' && !rest.starts_with("\\\n") {
            length = 2;
        } else if c == '"' {
            quoted = !quoted;
        } else if !quoted {
            lines.last_mut().expect("a line").push(c);
        }
        rest = &rest[length..];
    }
    lines
}

/// True if `word` stands in `line` as a whole word.
fn has_word(line: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(inside);
        let after = line[at + word.len()..].chars().next().is_some_and(inside);
        !before && !after
    })
}

/// True if `line` reaches the top-level module `layer`.
fn has_path(line: &str, layer: &str) -> bool {
    ["crate::", "super::"].iter().any(|from| line.split(from).skip(1).any(|rest| rest.starts_with(layer)))
}

/// Fails for every line of the files that `of` picks and that `is_bad` objects to.
fn forbid(of: impl Fn(&Source) -> bool, is_bad: impl Fn(&Source, &str) -> bool, why: &str) {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| of(source)) {
        let bad = source.code.iter().filter(|(_, line)| is_bad(source, line));
        found.extend(bad.map(|(number, line)| format!("src/{}:{number}: {}", source.name, line.trim())));
    }
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

#[test]
fn a_layer_uses_only_itself_and_the_layers_to_its_left() {
    forbid(
        |source| source.layer < LAYERS.len(),
        |source, line| LAYERS[source.layer + 1..].iter().any(|right| has_path(line, right)),
        "uses a layer to its right",
    );
}

#[test]
fn no_layer_uses_the_crate_as_a_whole() {
    forbid(
        |source| source.layer < LAYERS.len(),
        |_, line| line.contains("crate::prelude") || line.contains("crate::{") || line.contains("crate::*"),
        "hides which layer it uses",
    );
}

#[test]
fn model_and_plan_never_name_bevy() {
    forbid(
        |source| source.layer < 2,
        |_, line| has_word(line, "bevy") || line.contains("bevy_") && !line.contains("bevy_toonface"),
        "names Bevy",
    );
}

#[test]
fn only_gpu_names_the_renderer() {
    forbid(
        |source| LAYERS.get(source.layer) != Some(&"gpu"),
        |_, line| line.contains("bevy::render") || has_word(line, "bevy_render") || has_word(line, "wgpu"),
        "names the renderer",
    );
}

#[test]
fn lib_holds_no_logic() {
    let lib = sources().into_iter().find(|source| source.name == "lib.rs").expect("lib.rs");
    assert!(lib.lines <= 120, "lib.rs has {} lines", lib.lines);
}

#[test]
fn files_are_short() {
    for source in sources() {
        assert!(source.lines <= LONGEST_FILE, "src/{}: {} lines", source.name, source.lines);
    }
}

#[test]
fn every_file_opens_with_a_doc_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for source in sources() {
        let text = std::fs::read_to_string(root.join(&source.name)).expect("UTF-8");
        assert!(text.starts_with("//! "), "src/{} says what it is for", source.name);
    }
}

#[test]
fn sources_neither_panic_nor_allow() {
    let words = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "#[allow(", "#![allow("];
    forbid(|_| true, |_, line| words.iter().any(|word| line.contains(word)), "may panic, or allows a lint");
}

#[test]
fn one_file_is_unsafe_and_says_why() {
    let is_attachments = |source: &Source| source.name == "gpu/attachments.rs";
    forbid(|source| !is_attachments(source), |_, line| has_word(line, "unsafe"), "is unsafe");
    let all = sources();
    let file = all.iter().find(|source| is_attachments(source)).expect("gpu/attachments.rs");
    assert_eq!(file.code.iter().filter(|(_, line)| has_word(line, "unsafe")).count(), 1);
    let text = include_str!("../src/gpu/attachments.rs");
    assert!(text.contains("// SAFETY: "), "src/gpu/attachments.rs says why it is sound");
}

#[test]
fn a_quoted_or_commented_word_does_not_count() {
    assert_eq!(without_text("a(\"panic!(\\\" //\", b) // todo!(\nc \"d\ne\" '\"' f"), ["a(, b) ", "c ", "  f"]);
    assert!(has_word("use wgpu::Device;", "wgpu") && !has_word("let my_wgpu_thing;", "wgpu"));
}
