//! The WGSL of a kernel: its template from `shaders/ops`, with what depends on the arrangement of its tensors written
//! out.
//!
//! WGSL has no loop over bindings or colour attachments, and drivers don't unroll what has to be straight-line for
//! speed, so templates mark the places:
//!
//! ```text
//! //@ planes          bindings and loads of every operand, and the struct of colour attachments
//! //@ body            what `window` and `pixel` generate
//! //@ each phase      the lines up to `//@ end` once for every phase, `$p` replaced by its number, `$x` and `$y` by the
//!                     pixel's place in the block
//! ```

mod pixel;
mod planes;
mod window;

pub(super) use window::WeightRuns;

use super::format::{Arrangement, TensorFormat};
use super::kernel::{Affine, BIND_A, BIND_B, BIND_C, BIND_D, Kernel};

macro_rules! templates {
    ($($path:literal),* $(,)?) => {
        /// Path below `shaders/` and text of every template.
        const TEMPLATES: &[(&str, &str)] =
            &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)))),*];
    };
}

templates![
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
macro_rules! gradient_templates {
    ($($name:literal),* $(,)?) => {
        /// The same of a training step.
        const GRADIENT_TEMPLATES: &[(&str, &str)] = &[$((
            concat!("ops/", $name, ".wgsl"),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/ops/", $name, ".wgsl")),
        )),*];
    };
}

#[cfg(feature = "few_shot")]
gradient_templates![
    "adam",
    "edge",
    "gather",
    "linear_input",
    "mix_input",
    "norm_apply",
    "norm_slopes",
    "norm_sums",
    "outer",
    "pick",
    "pointwise",
    "refresh",
    "shift",
    "spread",
    "unpad",
    "weight_gradient",
];

/// The shader that turns a picture of any size into a tensor that is arranged as `out`.
pub fn encode_source(out: &Arrangement) -> String {
    let template = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/io/encode.wgsl"));
    fill(template, out, &planes::targets(out), &write_targets(out))
}

/// The shader that turns a settled picture of the network's size into a tensor that is arranged as `out`.
pub fn feed_source(out: &Arrangement) -> String {
    let template = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/io/feed.wgsl"));
    fill(template, out, &planes::targets(out), &write_targets(out))
}

/// The shader that lets a picture come to rest.
pub fn settle_source() -> String {
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/io/settle.wgsl")).to_owned()
}

/// The shader that turns a tensor that is arranged as `a`, a pixel a texel, into a picture of any size.
pub fn composite_source(a: &Arrangement) -> String {
    let template = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/io/composite.wgsl"));
    fill(template, a, &planes::picture(a), "")
}

impl Kernel {
    /// The shader's text. Its imports are the files in `shaders/lib`.
    pub fn source(&self) -> String {
        #[cfg(feature = "few_shot")]
        if let Self::Gradient(kernel) = self {
            return kernel.source();
        }
        let path = self.shader();
        let template = TEMPLATES.iter().find(|(p, _)| *p == path).map_or("", |(_, text)| text);
        let one = Arrangement::VECTOR;
        let phases = self.operands().first().map_or(&one, |(_, _, arrangement)| *arrangement);
        fill(template, phases, &self.planes_section(), &self.body_section())
    }

    /// Operands by name, with their first bindings.
    fn operands(&self) -> Vec<(&'static str, u32, &Arrangement)> {
        let mut list = Vec::new();
        match self {
            Self::Conv { a, b, c, d, out, .. } => {
                list.push(("a", BIND_A, &a.arrangement));
                list.extend(b.iter().map(|b| ("b", BIND_B, &b.arrangement)));
                list.extend(c.then_some(("c", BIND_C, out)));
                list.extend(d.iter().map(|(d, _)| ("d", BIND_D, d)));
            }
            Self::Combine { a: (a, _), b, c, .. } => {
                list.push(("a", BIND_A, &a.arrangement));
                list.extend(b.iter().map(|(b, _)| ("b", BIND_B, &b.arrangement)));
                list.extend(c.iter().map(|(c, _)| ("c", BIND_C, c)));
            }
            Self::Reduce { a, .. } | Self::Norm { a } | Self::Pool { a, .. } | Self::ChannelSum { a, .. } => {
                list.push(("a", BIND_A, a))
            }
            _ => {}
        }
        list
    }

    fn planes_section(&self) -> String {
        let mut text = String::new();
        for (name, first, arrangement) in self.operands() {
            text += &planes::operand(name, first, arrangement);
        }
        match self {
            Self::Conv { out, .. } | Self::Combine { out, .. } | Self::ChannelSum { out, .. } => {
                text += &planes::targets(out);
            }
            _ => {}
        }
        for (name, affine) in self.affine_operands() {
            text += &match affine {
                Affine::None => String::new(),
                Affine::Coefficients => planes::coefficients(name),
                Affine::Quarters => planes::quarters(name),
            };
        }
        text
    }

    fn affine_operands(&self) -> Vec<(&'static str, Affine)> {
        match self {
            Self::Conv { a, b, .. } => vec![("a", a.affine), ("b", b.map_or(Affine::None, |b| b.affine))],
            Self::Combine { a, b, .. } => vec![("a", a.0.affine), ("b", b.map_or(Affine::None, |(b, _)| b.affine))],
            _ => Vec::new(),
        }
    }

    fn body_section(&self) -> String {
        match self {
            Self::Conv { kernel, stride, a, b, c, d, out, .. } => {
                let conv = window::Window { kernel: *kernel, stride: *stride, out };
                let mut text = conv.sums();
                text += &conv.operand("a", a);
                b.iter().for_each(|b| text += &conv.operand("b", b));
                text + &conv.results(*c, d.as_ref())
            }
            Self::Combine { a, b, c, out, .. } => pixel::combine(a, b.as_ref(), c.as_ref(), out),
            Self::ChannelSum { out, .. } => write_targets(out),
            _ => String::new(),
        }
    }
}

#[cfg(feature = "few_shot")]
impl super::GradientKernel {
    fn source(&self) -> String {
        let path = self.shader();
        let template = GRADIENT_TEMPLATES.iter().find(|(p, _)| *p == path).map_or("", |(_, text)| text);
        let operands = self.operands();
        let loads = operands.iter().map(|(name, first, arrangement)| planes::operand(name, *first, arrangement));
        let section = loads.collect::<String>() + &planes::targets(&self.out());
        fill(template, &self.each(), &section, &write_targets(&self.out()))
    }
}

/// A template with its marked places filled in; blocks are repeated for the phases of `each`.
fn fill(template: &str, each: &Arrangement, planes: &str, body: &str) -> String {
    let mut text = String::new();
    let mut lines = template.lines();
    while let Some(line) = lines.next() {
        match line.trim().strip_prefix("//@ ") {
            Some("planes") => text += planes,
            Some("body") => text += body,
            Some("each phase") => {
                let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != "//@ end").collect();
                (0..each.phase_count()).for_each(|p| text += &one_phase(&block, each, p));
            }
            _ => {
                text += line;
                text.push('\n');
            }
        }
    }
    text
}

fn one_phase(block: &[&str], each: &Arrangement, phase: usize) -> String {
    let (x, y) = (phase % each.phases[0], phase / each.phases[0]);
    let numbered = |line: &&str| {
        line.replace("$p", &phase.to_string()).replace("$x", &x.to_string()).replace("$y", &y.to_string()) + "\n"
    };
    block.iter().map(numbered).collect()
}

/// The components of a quad, by lane.
const LANES: [&str; 4] = ["x", "y", "z", "w"];

/// The last statement: a quad `r_<phase>` of every phase to its attachments.
fn write_targets(out: &Arrangement) -> String {
    let phase = |p: usize| -> Vec<String> {
        if out.format == TensorFormat::Rgba16Float {
            return vec![format!("nearest_half(r_{p})")];
        }
        if out.format.lanes() == 4 {
            return vec![format!("r_{p}")];
        }
        (0..out.quad).map(|lane| format!("r_{p}.{}", LANES[lane])).collect()
    };
    let all: Vec<String> = (0..out.phase_count()).flat_map(phase).collect();
    format!("    return Targets({});\n", all.join(", "))
}
