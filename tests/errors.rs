//! `docs/ERRORS.md` and the sources tell the same messages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/ERRORS.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    std::fs::read_to_string(root().join(PAGE)).expect("the page")
}

/// Path and text of all Rust files below a folder, without their documentation and tests.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                let product = text.split("\n#[cfg(test)]").next().unwrap_or_default();
                let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
                files.push((path, code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    assert!(files.len() > 3, "{folder}");
    files
}

/// The literal that `text` begins with, with its escapes undone and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.trim_start().strip_prefix('"')?;
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return Some((value, rest)),
            '\\' if rest.starts_with('\n') => rest = rest.trim_start(),
            '\\' => {
                let escaped = rest.chars().next()?;
                value.push(if escaped == 'n' { '\n' } else { escaped });
                rest = &rest[escaped.len_utf8()..];
            }
            c => value.push(c),
        }
    }
}

/// The word that `text` begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// `Enum::Variant` and text of every `#[error("...")]` in the library.
fn errors() -> BTreeMap<String, String> {
    let mut errors = BTreeMap::new();
    for (path, text) in sources("src") {
        for (at, _) in text.match_indices("#[error(") {
            // Transparent ones have no text of their own.
            let Some((message, rest)) = literal(&text[at + "#[error(".len()..]) else { continue };
            let rest = rest.split_once(']').map_or("", |(_, rest)| rest);
            let lines = rest.lines().map(str::trim).filter(|line| !line.is_empty());
            let variant = lines.map(word).find(|word| !word.is_empty()).unwrap_or_default().to_owned();
            let name = text[..at].rsplit("enum ").next().map(word).unwrap_or_default();
            assert!(!name.is_empty() && !variant.is_empty(), "{}: {message}", path.display());
            errors.insert(format!("{name}::{variant}"), message);
        }
    }
    assert!(errors.len() > 30, "{errors:?}");
    errors
}

/// What the page says of an error.
#[derive(Debug, Default, PartialEq)]
struct Entry {
    message: String,
    cause: String,
    cure: String,
}

/// The page's sections, by heading.
fn entries() -> BTreeMap<String, Entry> {
    let page = page();
    let mut entries = BTreeMap::new();
    for section in page.split("\n### `").skip(1) {
        let (name, body) = section.split_once('`').expect("a heading in backticks");
        let body = body.split("\n## ").next().unwrap_or_default();
        let part = |from: &str, to: &str| {
            let rest = body.split_once(from).map_or("", |(_, rest)| rest);
            rest.split(to).next().unwrap_or_default().trim().to_owned()
        };
        let entry = Entry {
            message: part("```text\n", "\n```"),
            cause: part("\nCause: ", "\n\n"),
            cure: part("\nCure: ", "\n\n"),
        };
        assert!(entries.insert(name.to_owned(), entry).is_none(), "{PAGE} has `{name}` twice");
    }
    entries
}

#[test]
fn every_error_is_on_the_page_with_its_text_cause_and_cure() {
    let (errors, entries) = (errors(), entries());
    let mut faults = String::new();
    for (name, message) in &errors {
        match entries.get(name) {
            None => {
                faults += &format!(
                    "\n{PAGE} lacks `{name}`. Add, below the heading of its kind:\n\n### `{name}`\n\n```text\n{message}\n```\n\n\
                     Cause: <what has happened>\n\nCure: <what to do>\n"
                );
            }
            Some(entry) if entry.message != *message => {
                faults += &format!("\n{PAGE} has another text for `{name}` than the source. Write:\n\n{message}\n");
            }
            Some(entry) if entry.cause.len() < 10 || entry.cure.len() < 10 || entry.cause.starts_with('<') => {
                faults += &format!(
                    "\n`{name}` in {PAGE} needs `Cause: ...` and `Cure: ...`, each in a paragraph of its own.\n"
                );
            }
            Some(_) => {}
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_error_on_the_page_exists() {
    let errors = errors();
    let gone: Vec<String> = entries().into_keys().filter(|name| !errors.contains_key(name)).collect();
    assert!(gone.is_empty(), "{PAGE} has sections of errors that are gone or renamed; take them out: {gone:?}");
}

/// Literals that stand behind one of these, in the sources below a folder. Line breaks between them don't matter.
fn literals(folder: &str, behind: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in sources(folder) {
        for opening in behind {
            let ends = text.match_indices(opening).map(|(at, _)| &text[at + opening.len()..]);
            found.extend(ends.filter_map(literal).map(|(message, _)| message));
        }
    }
    found
}

/// What stands between backticks in the first column of the tables below a heading. Messages have backticks themselves: one
/// ends where a comma, a space or the column does.
fn listed(heading: &str) -> BTreeSet<String> {
    let page = page();
    let section =
        page.split_once(&format!("\n## {heading}\n")).expect(heading).1.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    rows.flat_map(|cell| cell.strip_suffix('`').unwrap_or(cell).split("`, `").map(str::to_owned)).collect()
}

/// Fails if a page's table and the sources differ.
fn compare(heading: &str, written: &BTreeSet<String>) {
    let listed = listed(heading);
    let missing: Vec<&String> = written.difference(&listed).collect();
    let gone: Vec<&String> = listed.difference(written).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "the table below `## {heading}` in {PAGE}\n- needs rows | `message` | what helps | for {missing:#?}\n- has rows that no \
         source has any more, take them out: {gone:#?}"
    );
}

#[test]
fn every_line_of_the_log_is_on_the_page_and_the_other_way_round() {
    let written =
        literals("src", &[" error!(", " warn!(", " info!(", " info_once!(", " warn_once!(", "|reason| warn!("]);
    assert!(written.len() > 5, "{written:?}");
    compare("In the log", &written);
}

#[test]
fn every_message_of_the_tools_is_on_the_page_and_the_other_way_round() {
    let behind = [
        "Err(",
        "Err(format!(",
        "ok_or(",
        "ok_or_else(|| ",
        "ok_or_else(|| format!(",
        "map_err(|e| format!(",
        "JsError::new(&format!(",
        "fail(format!(",
        "const NO_GPU: &str =",
    ];
    let mut written = literals("examples", &behind);
    // What only wraps another message.
    written.remove("{NO_GPU}. {reason}");
    assert!(written.len() > 10, "{written:?}");
    compare("From the tools", &written);
}

#[test]
fn links_lead_somewhere() {
    let page = page();
    let slugs: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        match link.strip_prefix('#') {
            Some(slug) => assert!(slugs.contains(slug), "{link}"),
            None => assert!(root().join("docs").join(link).exists(), "{link}"),
        }
    }
}
