//! Texts of templates, and what is written from them. A line that was written knows the line of a file it is from, so
//! that a compiler's complaint can be told in terms of what a person edits.

use std::collections::BTreeMap;
use std::fmt;

use super::Subject;
use super::link::link;
use crate::plan::format::Arrangement;

macro_rules! templates {
    ($name:ident: $($path:literal),* $(,)?) => {
        /// Path below `shaders/` and text of files, as this build has them.
        const $name: &[(&str, &str)] =
            &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)))),*];
    };
}

templates![BUILT_IN:
    "io/capture.wgsl",
    "io/composite.wgsl",
    "io/encode.wgsl",
    "io/feed.wgsl",
    "io/overlay.wgsl",
    "io/settle.wgsl",
    "io/triangle.wgsl",
    "lib/affine.wgsl",
    "lib/color.wgsl",
    "lib/gradient.wgsl",
    "lib/layout.wgsl",
    "lib/moments.wgsl",
    "lib/nearest.wgsl",
    "lib/picture.wgsl",
    "lib/region.wgsl",
    "lib/space.wgsl",
    "lib/weights.wgsl",
    "ops/channel_sum.wgsl",
    "ops/coefficients.wgsl",
    "ops/combine.wgsl",
    "ops/conv.wgsl",
    "ops/linear.wgsl",
    "ops/merge.wgsl",
    "ops/mix.wgsl",
    "ops/norm.wgsl",
    "ops/pool.wgsl",
    "ops/reduce.wgsl",
    "ops/scale.wgsl",
];

#[cfg(feature = "few_shot")]
templates![TRAINING:
    "ops/adam.wgsl",
    "ops/edge.wgsl",
    "ops/gather.wgsl",
    "ops/linear_input.wgsl",
    "ops/mix_input.wgsl",
    "ops/norm_apply.wgsl",
    "ops/norm_merge.wgsl",
    "ops/norm_slopes.wgsl",
    "ops/norm_sums.wgsl",
    "ops/outer.wgsl",
    "ops/pick.wgsl",
    "ops/pointwise.wgsl",
    "ops/refresh.wgsl",
    "ops/repeat.wgsl",
    "ops/shift.wgsl",
    "ops/spread.wgsl",
    "ops/unpad.wgsl",
    "ops/weight_gradient.wgsl",
];
/// A training step's templates come with `few_shot`.
#[cfg(not(feature = "few_shot"))]
const TRAINING: &[(&str, &str)] = &[];

/// Path and text of a file of this build, by its path below `shaders/`.
fn built_in(path: &str) -> Option<(&'static str, &'static str)> {
    BUILT_IN.iter().chain(TRAINING).find(|(known, _)| *known == path).copied()
}

/// The templates of all shaders and the libraries that they import: those of this build, unless others have taken their place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    changed: BTreeMap<&'static str, String>,
}

impl Templates {
    /// Puts `text` in the place of a file. Returns whether there is a file with this path below `shaders/`.
    pub fn replace(&mut self, path: &str, text: String) -> bool {
        let known = built_in(path);
        if let Some((path, _)) = known {
            self.changed.insert(path, text);
        }
        known.is_some()
    }

    /// Whether a file has taken the place of one of this build.
    pub fn are_edited(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The shader for `subject`: WGSL as it is, without imports or flags.
    ///
    /// # Errors
    /// If a file that has taken the place of one of this build imports what there is not, or does not end an `#ifdef`.
    pub fn write(&self, subject: &Subject) -> Result<Written, WriteError> {
        let file = subject.file();
        let text = self.file(file).map_or("", |(_, text)| text);
        link(&subject.fill(file, text), &subject.defs(), self)
    }

    /// Path and text of a library.
    pub(super) fn library(&self, name: &str) -> Option<(&'static str, &str)> {
        self.file(&format!("lib/{name}.wgsl"))
    }

    fn file(&self, path: &str) -> Option<(&'static str, &str)> {
        let (path, text) = built_in(path)?;
        Some((path, self.changed.get(path).map_or(text, String::as_str)))
    }
}

/// A line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Path below `shaders/`.
    pub file: &'static str,
    /// Counted from 1.
    pub line: usize,
}

impl Place {
    pub(super) fn fault(self, reason: String) -> WriteError {
        WriteError { file: self.file, line: self.line, reason }
    }
}

/// Why no shader can be written from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteError {
    /// Path below `shaders/`.
    pub file: &'static str,
    /// Line in that file, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.file, self.line, self.reason)
    }
}

impl std::error::Error for WriteError {}

/// A shader that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Its text.
    pub text: String,
    /// Where each line is from.
    places: Vec<Place>,
}

impl Written {
    /// Where a line of the text, counted from 1, is from.
    pub fn place(&self, line: usize) -> Place {
        let nowhere = Place { file: "", line: 1 };
        self.places.get(line.saturating_sub(1)).or(self.places.last()).copied().unwrap_or(nowhere)
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (&str, Place)> {
        self.text.lines().zip(self.places.iter().copied())
    }

    pub(super) fn push(&mut self, text: &str, place: Place) {
        for written in text.lines() {
            self.text += written;
            self.text.push('\n');
            self.places.push(place);
        }
    }
}

/// A template with its marked places filled in; blocks are repeated for the phases of `each`.
pub(super) fn fill(file: &'static str, text: &str, each: &Arrangement, planes: &str, body: &str) -> Written {
    let mut written = Written::default();
    let mut lines = text.lines().zip((1..).map(|line| Place { file, line }));
    while let Some((line, place)) = lines.next() {
        match line.trim().strip_prefix("//@ ") {
            Some("planes") => written.push(planes, place),
            Some("body") => written.push(body, place),
            Some("each phase") => {
                let block: Vec<_> = lines.by_ref().take_while(|(line, _)| line.trim() != "//@ end").collect();
                for phase in 0..each.phase_count() {
                    block.iter().for_each(|(line, place)| written.push(&of_phase(line, each, phase), *place));
                }
            }
            // An empty line is a line, too.
            _ => written.push(if line.is_empty() { "\n" } else { line }, place),
        }
    }
    written
}

fn of_phase(line: &str, each: &Arrangement, phase: usize) -> String {
    let (x, y) = (phase % each.phases[0], phase / each.phases[0]);
    line.replace("$p", &phase.to_string()).replace("$x", &x.to_string()).replace("$y", &y.to_string()) + "\n"
}

#[cfg(test)]
mod tests {
    use super::{Arrangement, Place, fill};
    use crate::plan::TensorFormat;

    #[test]
    fn written_lines_know_their_template_lines() {
        let block = Arrangement { phases: [2, 1], quad: 4, format: TensorFormat::Rgba32Float };
        let template = "a\n\n//@ planes\n//@ each phase\nb$p\nc\n//@ end\n//@ body\nd";
        let written = fill("f", template, &block, "p\nq\n", "r\n");
        let expected =
            [("a", 1), ("", 2), ("p", 3), ("q", 3), ("b0", 5), ("c", 6), ("b1", 5), ("c", 6), ("r", 8), ("d", 9)];
        assert_eq!(written.text.lines().collect::<Vec<_>>(), expected.map(|(line, _)| line));
        for (i, (line, number)) in expected.iter().enumerate() {
            assert_eq!(written.place(i + 1), Place { file: "f", line: *number }, "{line}");
        }
        assert_eq!((written.place(0).line, written.place(99).line), (1, 9), "out of range");
    }
}
