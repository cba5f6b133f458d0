//! Texts of templates, and what is written from them. A line that was written knows the template's line it is from, so
//! that a compiler's complaint can be told in terms of the file that a person edits.

use std::collections::BTreeMap;

use super::Subject;
use crate::plan::format::Arrangement;

macro_rules! templates {
    ($name:ident: $($path:literal),* $(,)?) => {
        /// Path below `shaders/` and text of every template, as this build has them.
        const $name: &[(&str, &str)] =
            &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)))),*];
    };
}

templates![BUILT_IN:
    "io/composite.wgsl",
    "io/encode.wgsl",
    "io/feed.wgsl",
    "io/settle.wgsl",
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

/// The text of a template of this build, by its path below `shaders/`.
fn built_in(path: &str) -> Option<&'static str> {
    BUILT_IN.iter().chain(TRAINING).find(|(known, _)| *known == path).map(|(_, text)| *text)
}

/// The templates of all kernels: those of this build, unless others have taken their place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    changed: BTreeMap<String, String>,
}

impl Templates {
    /// Puts `text` in the place of a template. Returns whether there is a template with this path below `shaders/`.
    pub fn replace(&mut self, path: &str, text: String) -> bool {
        let known = built_in(path).is_some();
        if known {
            self.changed.insert(path.to_owned(), text);
        }
        known
    }

    /// The shader for `subject`.
    pub fn write(&self, subject: &Subject) -> Written {
        subject.write(self.text(subject.file()))
    }

    fn text(&self, path: &str) -> &str {
        self.changed.get(path).map_or_else(|| built_in(path).unwrap_or_default(), String::as_str)
    }
}

/// A shader that was written from a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The shader's text. Its imports are the files in `shaders/lib`.
    pub text: String,
    /// The template's line that each line is from, counted from 1.
    lines: Vec<usize>,
}

impl Written {
    /// A text that is used as it is.
    pub fn whole(text: &str) -> Self {
        Self { text: text.to_owned(), lines: (1..=text.lines().count()).collect() }
    }

    /// The template's line that a line of the text is from; both are counted from 1.
    pub fn template_line(&self, line: usize) -> usize {
        self.lines.get(line.saturating_sub(1)).or(self.lines.last()).copied().unwrap_or(1)
    }

    fn push(&mut self, text: &str, line: usize) {
        for written in text.lines() {
            self.text += written;
            self.text.push('\n');
            self.lines.push(line);
        }
    }
}

/// A template with its marked places filled in; blocks are repeated for the phases of `each`.
pub(super) fn fill(template: &str, each: &Arrangement, planes: &str, body: &str) -> Written {
    let mut written = Written::default();
    let mut lines = template.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        match line.trim().strip_prefix("//@ ") {
            Some("planes") => written.push(planes, number),
            Some("body") => written.push(body, number),
            Some("each phase") => {
                let block: Vec<_> = lines.by_ref().take_while(|(line, _)| line.trim() != "//@ end").collect();
                for phase in 0..each.phase_count() {
                    block.iter().for_each(|(line, number)| written.push(&of_phase(line, each, phase), *number));
                }
            }
            // An empty line is a line, too.
            _ => written.push(if line.is_empty() { "\n" } else { line }, number),
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
    use super::{Arrangement, fill};
    use crate::plan::TensorFormat;

    #[test]
    fn written_lines_know_their_template_lines() {
        let block = Arrangement { phases: [2, 1], quad: 4, format: TensorFormat::Rgba32Float };
        let template = "a\n\n//@ planes\n//@ each phase\nb$p\nc\n//@ end\n//@ body\nd";
        let written = fill(template, &block, "p\nq\n", "r\n");
        let expected =
            [("a", 1), ("", 2), ("p", 3), ("q", 3), ("b0", 5), ("c", 6), ("b1", 5), ("c", 6), ("r", 8), ("d", 9)];
        assert_eq!(written.text.lines().collect::<Vec<_>>(), expected.map(|(line, _)| line));
        for (i, (line, number)) in expected.iter().enumerate() {
            assert_eq!(written.template_line(i + 1), *number, "{line}");
        }
        assert_eq!((written.template_line(0), written.template_line(99)), (1, 9), "out of range");
    }
}
