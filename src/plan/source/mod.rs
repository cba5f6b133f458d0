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

mod link;
mod pixel;
mod planes;
mod taps;
mod template;
mod window;

pub(super) use taps::{UNROLLED, WeightRuns};
pub use template::{Place, Templates, WriteError, Written};

use super::format::{Arrangement, TensorFormat};
use super::kernel::{Affine, BIND_A, BIND_B, BIND_C, BIND_D, Kernel, Operand};
use template::fill;

/// What a shader is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// The vertex stage of all: a triangle that covers the target.
    Triangle,
    /// A kernel of a plan.
    Kernel(Kernel),
    /// A picture of any size to a tensor that is arranged like this.
    Encode(Arrangement),
    /// A picture and its past to its history.
    Settle,
    /// A history of the network's size to a tensor that is arranged like this.
    Feed(Arrangement),
    /// A tensor to a picture of any size.
    Composite {
        /// How the tensor is arranged: a pixel a texel.
        tensor: Arrangement,
        /// Whether there is a picture to blend over.
        over_source: bool,
    },
    /// A region of a camera's view to a picture.
    Capture(ViewSpace),
    /// A cartoon over a camera's view.
    Overlay(ViewSpace),
}

/// What the colours of a camera's view are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViewSpace {
    /// Linear sRGB.
    Linear,
    /// Encoded sRGB.
    Srgb,
    /// Oklab.
    Oklab,
}

impl Subject {
    /// The template, below `shaders/`.
    pub fn file(&self) -> &'static str {
        match self {
            Self::Triangle => "io/triangle.wgsl",
            Self::Kernel(kernel) => kernel.shader(),
            Self::Encode(_) => "io/encode.wgsl",
            Self::Settle => "io/settle.wgsl",
            Self::Feed(_) => "io/feed.wgsl",
            Self::Composite { .. } => "io/composite.wgsl",
            Self::Capture(_) => "io/capture.wgsl",
            Self::Overlay(_) => "io/overlay.wgsl",
        }
    }

    /// Flags that the template's `#ifdef`s test.
    pub fn defs(&self) -> Vec<&'static str> {
        match self {
            Self::Kernel(kernel) => kernel.defs(),
            Self::Composite { over_source: false, .. } => vec!["NO_SOURCE"],
            Self::Capture(ViewSpace::Srgb) | Self::Overlay(ViewSpace::Srgb) => vec!["SRGB_VIEW"],
            Self::Capture(ViewSpace::Oklab) | Self::Overlay(ViewSpace::Oklab) => vec!["OKLAB_VIEW"],
            _ => Vec::new(),
        }
    }

    /// The shader's text as this build has it.
    ///
    /// # Errors
    /// None that anybody has seen: the files of this build import what there is.
    pub fn source(&self) -> Result<String, WriteError> {
        Templates::default().write(self).map(|written| written.text)
    }

    /// Fills in what depends on arrangements.
    fn fill(&self, file: &'static str, text: &str) -> Written {
        match self {
            Self::Kernel(kernel) => kernel.fill(file, text),
            Self::Encode(out) | Self::Feed(out) => fill(file, text, out, &planes::targets(out), &write_targets(out)),
            Self::Composite { tensor, .. } => fill(file, text, tensor, &planes::picture(tensor), ""),
            Self::Triangle | Self::Settle | Self::Capture(_) | Self::Overlay(_) => {
                fill(file, text, &Arrangement::VECTOR, "", "")
            }
        }
    }
}

impl Kernel {
    fn fill(&self, file: &'static str, text: &str) -> Written {
        #[cfg(feature = "few_shot")]
        if let Self::Gradient(kernel) = self {
            return kernel.fill(file, text);
        }
        let one = Arrangement::VECTOR;
        let phases = self.operands().first().map_or(&one, |(_, _, arrangement)| *arrangement);
        fill(file, text, phases, &self.planes_section(), &self.body_section())
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
        for (name, operand) in self.affine_operands() {
            text += &match operand.affine {
                Affine::None => String::new(),
                Affine::Coefficients => planes::coefficients(name),
                Affine::Quarters => planes::quarters(name),
                Affine::Own => planes::own(name, &operand.arrangement),
            };
        }
        if let Self::Conv { kernel, stride, a, b, out, .. } = self {
            let conv = window::Window { kernel: *kernel, stride: *stride, out };
            text += &conv.functions("a", a);
            b.iter().for_each(|b| text += &conv.functions("b", b));
        }
        text
    }

    /// Operands that may have a norm.
    fn affine_operands(&self) -> Vec<(&'static str, &Operand)> {
        match self {
            Self::Conv { a, b, .. } => std::iter::once(("a", a)).chain(b.iter().map(|b| ("b", b))).collect(),
            Self::Combine { a, b, .. } => std::iter::once(("a", &a.0)).chain(b.iter().map(|(b, _)| ("b", b))).collect(),
            _ => Vec::new(),
        }
    }

    fn body_section(&self) -> String {
        match self {
            Self::Conv { kernel, stride, a, b, c, d, out, .. } => {
                let conv = window::Window { kernel: *kernel, stride: *stride, out };
                let mut text = taps::Sums(out).at_bias();
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
    fn fill(&self, file: &'static str, text: &str) -> Written {
        let operands = self.operands();
        let loads = operands.iter().map(|(name, first, arrangement)| planes::operand(name, *first, arrangement));
        let section = loads.collect::<String>() + &planes::targets(&self.out());
        fill(file, text, &self.each(), &section, &write_targets(&self.out()))
    }
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
