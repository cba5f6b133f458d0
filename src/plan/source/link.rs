//! Puts a shader together: the lines of this variant, and behind them what they import from `shaders/lib`, no more.
//!
//! ```text
//! #import bevy_toonface::lib::layout::{Layout, locate}   items of shaders/lib/layout.wgsl, with all that they use
//! #ifdef TANH ... #else ... #endif                       lines of one variant; #ifndef is the other way round
//! ```
//!
//! These are words of Bevy's shaders. Its composer is not used: it takes twice as long as parsing, kernel by kernel, and in
//! browsers the first cartoon waits for it.

use std::collections::{BTreeMap, BTreeSet};

use super::template::{Place, Templates, WriteError, Written};

/// What imports begin with.
const LIBRARY: &str = "bevy_toonface::lib::";
/// Words that declare an item; its name is behind them.
const DECLARES: [&str; 5] = ["fn", "struct", "const", "var", "alias"];

/// A line of code without its comment.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    place: Place,
}

/// The lines of a file that a variant has, and what it imports.
#[derive(Debug, Default)]
struct Selection<'a> {
    lines: Vec<Line<'a>>,
    imports: Vec<Import<'a>>,
}

/// `#import bevy_toonface::lib::<library>::{<names>}`.
#[derive(Debug)]
struct Import<'a> {
    place: Place,
    library: &'a str,
    names: Vec<&'a str>,
}

/// A library, cut into what it declares.
#[derive(Debug)]
struct Library<'a> {
    items: Vec<Item<'a>>,
    imports: Vec<Import<'a>>,
    /// Whether it ends in the middle of an item.
    is_cut: bool,
}

/// A function, a type, a constant or a variable.
#[derive(Debug)]
struct Item<'a> {
    /// Empty for what is none of these: the compiler is to see it, too.
    name: &'a str,
    lines: Vec<Line<'a>>,
}

/// Library and index of an item.
type Reference<'a> = (&'a str, usize);

/// Links what was written from a template with the libraries of `templates`.
///
/// # Errors
/// An import of what there is not, or an `#if` that has no end.
pub(super) fn link(main: &Written, defs: &[&str], templates: &Templates) -> Result<Written, WriteError> {
    let main = select(main.lines(), defs)?;
    let mut linker = Linker { defs, templates, libraries: BTreeMap::new() };
    linker.load(&main.imports)?;
    let mut written = Written::default();
    let mut taken: BTreeSet<Reference> = BTreeSet::new();
    let scope = linker.scope(None, &main.imports)?;
    let mut open = used(&main.lines, &scope);
    open.extend(linker.nameless());
    main.lines.iter().for_each(|line| written.push(line.text, line.place));
    while let Some(item @ (name, index)) = open.pop() {
        if !taken.insert(item) {
            continue;
        }
        let Some(library) = linker.libraries.get(name) else { continue };
        let lines = &library.items[index].lines;
        lines.iter().for_each(|line| written.push(line.text, line.place));
        open.extend(used(lines, &linker.scope(Some(name), &library.imports)?));
    }
    Ok(written)
}

/// What the words of some lines stand for.
fn used<'a>(lines: &[Line], scope: &BTreeMap<&str, Reference<'a>>) -> Vec<Reference<'a>> {
    lines.iter().flat_map(|line| words(line.text)).filter_map(|word| scope.get(word).copied()).collect()
}

/// The libraries that are imported, directly or by others.
struct Linker<'a> {
    defs: &'a [&'a str],
    templates: &'a Templates,
    libraries: BTreeMap<&'a str, Library<'a>>,
}

impl<'a> Linker<'a> {
    fn load(&mut self, imports: &[Import<'a>]) -> Result<(), WriteError> {
        for Import { place, library: name, .. } in imports {
            if self.libraries.contains_key(name) {
                continue;
            }
            let Some((file, text)) = self.templates.library(name) else {
                return Err(place.fault(format!("there is no library `{LIBRARY}{name}`")));
            };
            let lines = text.lines().zip(1..).map(|(text, line)| (text, Place { file, line }));
            let library = cut(select(lines, self.defs)?);
            // Known before what it imports is loaded: libraries may import each other.
            let imports: Vec<Import<'a>> = library.imports.iter().map(Import::to_owned).collect();
            self.libraries.insert(name, library);
            self.load(&imports)?;
        }
        Ok(())
    }

    /// What names stand for: those that are imported, and, in a library, its own.
    fn scope(
        &self,
        own: Option<&'a str>,
        imports: &[Import<'a>],
    ) -> Result<BTreeMap<&'a str, Reference<'a>>, WriteError> {
        let mut scope = BTreeMap::new();
        for Import { place, library: name, names } in imports {
            let Some(library) = self.libraries.get(name) else { continue };
            for item in names {
                match library.items.iter().position(|known| known.name == *item) {
                    Some(index) => _ = scope.insert(*item, (*name, index)),
                    // The compiler knows better what is wrong.
                    None if library.is_cut => {}
                    None => return Err(place.fault(format!("there is no `{item}` in `{LIBRARY}{name}`"))),
                }
            }
        }
        if let Some((name, library)) = own.and_then(|name| self.libraries.get_key_value(name)) {
            scope.extend(library.items.iter().enumerate().map(|(index, item)| (item.name, (*name, index))));
        }
        Ok(scope)
    }

    /// Items without a name.
    fn nameless(&self) -> Vec<Reference<'a>> {
        let of = |(name, library): (&&'a str, &Library<'a>)| {
            let name = *name;
            let items = library.items.iter().enumerate().filter(|(_, item)| item.name.is_empty());
            items.map(|(index, _)| (name, index)).collect::<Vec<_>>()
        };
        self.libraries.iter().flat_map(of).collect()
    }
}

impl<'a> Import<'a> {
    fn parse(text: &'a str, place: Place) -> Result<Self, WriteError> {
        let path = text.trim().trim_end_matches(';');
        let fault = || place.fault(format!("an import is `#import {LIBRARY}<library>::{{<names>}}`"));
        let (library, names) = path.strip_prefix(LIBRARY).and_then(|rest| rest.split_once("::")).ok_or_else(fault)?;
        let names = names.trim_start_matches('{').trim_end_matches('}');
        let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() { Err(fault()) } else { Ok(Self { place, library, names }) }
    }

    fn to_owned(&self) -> Self {
        Self { place: self.place, library: self.library, names: self.names.clone() }
    }
}

/// The lines of the variant that `defs` name, without comments; imports apart.
fn select<'a>(lines: impl Iterator<Item = (&'a str, Place)>, defs: &[&str]) -> Result<Selection<'a>, WriteError> {
    let mut selection = Selection::default();
    // Of each open `#if`: where it is, whether the lines around it are taken, whether its own are.
    let mut open: Vec<(Place, bool, bool)> = Vec::new();
    for (text, place) in lines {
        let taken = open.last().is_none_or(|(_, _, taken)| *taken);
        let text = text.split("//").next().unwrap_or_default().trim_end();
        let (word, rest) = text.trim_start().split_once(' ').unwrap_or((text.trim_start(), ""));
        let outside = || place.fault(format!("`{word}` outside of an `#ifdef`"));
        match word {
            "#ifdef" => open.push((place, taken, taken && defs.contains(&rest.trim()))),
            "#ifndef" => open.push((place, taken, taken && !defs.contains(&rest.trim()))),
            "#else" => {
                let (_, around, taken) = open.last_mut().ok_or_else(outside)?;
                *taken = *around && !*taken;
            }
            "#endif" => _ = open.pop().ok_or_else(outside)?,
            "#define_import_path" | "" => {}
            _ if !taken => {}
            "#import" => selection.imports.push(Import::parse(rest, place)?),
            _ => selection.lines.push(Line { text, place }),
        }
    }
    match open.first() {
        Some((place, ..)) => Err(place.fault("this `#if` has no `#endif`".into())),
        None => Ok(selection),
    }
}

/// Cuts a library where no bracket is open and a line ends an item.
fn cut(selection: Selection) -> Library {
    let mut items = Vec::new();
    let (mut lines, mut depth) = (Vec::new(), 0_i32);
    for line in selection.lines {
        let count = |brackets: [char; 2]| line.text.matches(brackets).count() as i32;
        depth += count(['{', '(']) - count(['}', ')']);
        lines.push(line);
        if depth <= 0 && line.text.ends_with(['}', ';']) {
            depth = 0;
            items.push(Item::new(std::mem::take(&mut lines)));
        }
    }
    let is_cut = !lines.is_empty();
    items.extend(is_cut.then_some(Item { name: "", lines }));
    Library { items, imports: selection.imports, is_cut }
}

impl<'a> Item<'a> {
    fn new(lines: Vec<Line<'a>>) -> Self {
        let mut all = lines.iter().flat_map(|line| words(line.text));
        let name = all.find(|word| DECLARES.contains(word)).and_then(|_| all.next());
        Self { name: name.unwrap_or_default(), lines }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Place, Templates, Written, link};

    const FILE: &str = "io/encode.wgsl";

    fn linked(text: &str, defs: &[&str], libraries: &[(&str, &str)]) -> Result<Written, String> {
        let mut templates = Templates::default();
        libraries.iter().for_each(|(path, text)| assert!(templates.replace(path, (*text).to_owned()), "{path}"));
        let mut main = Written::default();
        text.lines().zip(1..).for_each(|(text, line)| main.push(text, Place { file: FILE, line }));
        link(&main, defs, &templates).map_err(|error| error.to_string())
    }

    const LAYOUT: (&str, &str) = (
        "lib/layout.wgsl",
        "// A comment.\n#define_import_path bevy_toonface::lib::layout\n\n#import bevy_toonface::lib::color::deep\n
const ONE: i32 = 1;\n\nfn one() -> i32 {\n    // Why.\n    return ONE;\n}\n\nfn two() -> i32 {\n    return one() + deep();\n}",
    );
    const COLOR: (&str, &str) =
        ("lib/color.wgsl", "#import bevy_toonface::lib::layout::one\nfn deep() -> i32 { return one(); }\nfn idle() {}");

    #[test]
    fn what_is_imported_is_taken_with_all_that_it_uses_and_no_more() {
        let one =
            linked("#import bevy_toonface::lib::layout::one\nlet x = one();", &[], &[LAYOUT, COLOR]).expect("text");
        assert_eq!(one.text, "let x = one();\nfn one() -> i32 {\n    return ONE;\n}\nconst ONE: i32 = 1;\n");
        let two = linked("#import bevy_toonface::lib::layout::{one, two};\ntwo", &[], &[LAYOUT, COLOR]).expect("text");
        assert_eq!(two.text.matches("fn ").count(), 3, "{}", two.text);
        assert!(!two.text.contains("idle") && two.text.matches("fn one(").count() == 1, "{}", two.text);
        // A name that is not imported is the file's own.
        let own = linked("#import bevy_toonface::lib::layout::one\none two", &[], &[LAYOUT, COLOR]).expect("text");
        assert!(!own.text.contains("fn two"), "{}", own.text);
    }

    #[test]
    fn a_line_knows_the_file_that_it_is_from() {
        let text = linked("// x\n#import bevy_toonface::lib::layout::one\none", &[], &[LAYOUT, COLOR]).expect("text");
        let places: Vec<_> = (1..=5).map(|line| text.place(line)).map(|place| (place.file, place.line)).collect();
        let library = LAYOUT.0;
        assert_eq!(places, [(FILE, 3), (library, 8), (library, 10), (library, 11), (library, 6)]);
    }

    #[test]
    fn flags_choose_lines() {
        let text = "#ifdef A\na\n#ifdef B\nab\n#endif\n#else\n#ifndef B\nnone\n#else\nb\n#endif\n#endif\nall";
        for (defs, expected) in [(&["A"][..], "a all"), (&["A", "B"], "a ab all"), (&["B"], "b all"), (&[], "none all")]
        {
            let found = linked(text, defs, &[]).expect("text").text;
            assert_eq!(found.split_whitespace().collect::<Vec<_>>().join(" "), expected);
        }
    }

    #[test]
    fn what_cannot_be_linked_is_told_with_its_place() {
        let missing = linked("\n#import bevy_toonface::lib::layout::three\n", &[], &[LAYOUT, COLOR]);
        assert_eq!(
            missing.unwrap_err(),
            format!("{FILE}, line 2: there is no `three` in `bevy_toonface::lib::layout`")
        );
        let faults = [
            ("#import bevy_toonface::lib::nothing::x", "there is no library"),
            ("#import x", "an import is"),
            ("#import bevy_toonface::lib::layout::{}", "an import is"),
            ("#ifdef A", "has no `#endif`"),
            ("#endif", "outside"),
            ("#else", "outside"),
        ];
        for (text, words) in faults {
            let error = linked(text, &[], &[LAYOUT, COLOR]).expect_err(text);
            assert!(error.starts_with(&format!("{FILE}, line 1: ")) && error.contains(words), "{error}");
        }
    }

    /// The compiler is to say what is wrong.
    #[test]
    fn a_library_that_is_broken_off_is_handed_on() {
        let broken = ("lib/layout.wgsl", "fn one( {\n    return 1;\n}\n");
        let text = linked("#import bevy_toonface::lib::layout::one\none", &[], &[broken]).expect("text").text;
        assert!(text.contains("fn one( {"), "{text}");
    }
}
