//! What the texts of the shaders may hold, and what their headers say.

use std::collections::{BTreeMap, BTreeSet};

use bevy_toonface::plan::Subject;
use bevy_toonface::plan::kernel::{BIND_SAMPLER, Kernel};

use super::{ends, kernels, read, shader_folder, shown, views, wgsl_files};

/// Everything that is written.
fn subjects() -> impl Iterator<Item = Subject> {
    kernels().iter().map(|kernel| Subject::Kernel(*kernel)).chain(ends()).chain(views()).chain([Subject::Triangle])
}

/// Lines of code of every file and of everything that is written, with where they are.
fn all_code() -> Vec<(String, String)> {
    let files = ["lib", "ops", "io"].iter().flat_map(|folder| wgsl_files(folder));
    let files = files.map(|path| (shown(&path), read(&path)));
    let written = subjects().map(|subject| (subject.file().to_owned(), subject.source().expect("a shader")));
    let mut code = Vec::new();
    for (what, text) in files.chain(written) {
        for (i, line) in text.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default().to_owned();
            code.push((format!("{what}:{}", i + 1), line));
        }
    }
    code
}

#[test]
fn shaders_run_as_fragments_only_and_take_no_more_than_webgl2_has() {
    let forbidden = [
        "textureGather",
        "textureStore",
        "textureSampleCompare",
        "texture_storage",
        "storage",
        "@compute",
        "@workgroup",
        "atomic",
        "enable ",
        "f16",
        "dpdx",
        "dpdy",
        "fwidth",
    ];
    for (at, line) in all_code() {
        let found = forbidden.iter().find(|word| line.contains(**word));
        assert!(found.is_none(), "{at}: {line}");
    }
}

/// A derivative is undefined where neighbours take different ways, and a float texture cannot be filtered everywhere.
#[test]
fn textures_are_sampled_at_level_0_by_the_nearest_sampler_only() {
    let mut samplers = BTreeSet::new();
    for (at, line) in all_code() {
        for (i, _) in line.match_indices("textureSample") {
            let call = &line[i..];
            let inside = call.strip_prefix("textureSampleLevel(").unwrap_or_else(|| panic!("{at}: {line}"));
            let sampler = inside.split(", ").nth(1);
            assert_eq!(sampler, Some("nearest"), "{at}: {line}");
        }
        // Only pictures, which have sizes of their own, are loaded by index; nobody checks the index.
        assert!(at.starts_with("io/") || !line.contains("textureLoad"), "{at}: {line}");
        if line.contains(": sampler") {
            samplers.insert(line.trim().to_owned());
        }
    }
    let only = format!("@group(0) @binding({BIND_SAMPLER}) var nearest: sampler;");
    assert_eq!(samplers, BTreeSet::from([only]));
}

/// Every place of a template is filled, and every flag is one that the template tests.
#[test]
fn nothing_of_a_template_is_left_open() {
    for subject in subjects() {
        let source = subject.source().expect("a shader");
        assert!(!source.contains("//@") && !source.contains(['$', '#']), "{subject:?}:\n{source}");
        let template = read(&shader_folder().join(subject.file()));
        for def in subject.defs() {
            let tested = template.contains(&format!("def {def}\n")) || template.contains("lib::space");
            assert!(tested, "{subject:?}: nothing tests {def}");
        }
    }
    let used: BTreeSet<&str> = kernels().iter().map(Kernel::shader).collect();
    let all: BTreeSet<String> = wgsl_files("ops").iter().map(|path| shown(path)).collect();
    // Without training, its templates lie idle.
    let idle =
        |path: &String| !cfg!(feature = "few_shot") && read(&shader_folder().join(path)).contains("lib::gradient");
    let all: BTreeSet<String> = all.into_iter().filter(|path| !idle(path)).collect();
    assert_eq!(used, all.iter().map(String::as_str).collect(), "templates that some plan uses");
}

/// Whatever is drawn with holds no more than it needs: the compiler's time is that of the first cartoon.
#[test]
fn nothing_is_written_that_is_not_used() {
    for subject in subjects() {
        let source = subject.source().expect("a shader");
        let names = source.lines().filter_map(|line| line.strip_prefix("fn ")?.split('(').next());
        for name in names.filter(|name| !["vertex", "fragment"].contains(name)) {
            let used = source.match_indices(&format!("{name}(")).count();
            assert!(used > 1, "{subject:?}: `{name}` is not used:\n{source}");
        }
    }
}

/// What is linked has one name space.
#[test]
fn no_two_libraries_declare_the_same_name() {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for path in wgsl_files("lib") {
        let source = read(&path);
        let declared = source.lines().filter(|line| !line.starts_with([' ', '/', '#', '}'])).filter_map(|line| {
            let words: Vec<&str> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
            let at = words.iter().position(|word| ["fn", "struct", "const", "var", "alias"].contains(word))?;
            words[at + 1..].iter().find(|word| !word.is_empty()).map(|word| (*word).to_owned())
        });
        for name in declared.collect::<BTreeSet<String>>() {
            let other = known.insert(name.clone(), shown(&path));
            assert_eq!(other, None, "{name} of {}", shown(&path));
        }
    }
    assert!(known.len() > 30, "{known:?}");
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
