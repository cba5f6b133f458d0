//! The fragment programs of a training step.

use std::fmt;

use super::format::{Arrangement, TensorFormat};
use super::kernel::{BIND_A, BIND_B, BIND_C, BIND_VECTOR_A, BIND_WEIGHTS};

/// How the coefficients of a norm are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Norm {
    /// Instance norm, biased variance.
    Instance,
    /// LIN with weights for gamma and beta, unbiased variance.
    Layer,
    /// AdaLIN with gamma and beta from a vector, unbiased variance.
    Adaptive,
}

/// A fragment program that only a training step has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum GradientKernel {
    /// Value by value.
    Pointwise {
        /// What is computed.
        op: Value,
        /// Operands and result.
        a: Arrangement,
    },
    /// Channels moved up or down.
    Shift {
        /// The tensor.
        a: Arrangement,
        /// The result.
        out: Arrangement,
    },
    /// One channel for all.
    Repeat {
        /// The tensor.
        a: Arrangement,
        /// The result.
        out: Arrangement,
    },
    /// Pixels dealt out over a larger tensor.
    Spread {
        /// The tensor.
        a: Arrangement,
        /// The result.
        out: Arrangement,
        /// Whether pixels between multiples of the stride are zero.
        dilated: bool,
    },
    /// Adjoint of reflect padding.
    Unpad {
        /// The tensor and the result.
        a: Arrangement,
    },
    /// Gradient of a convolution's weights.
    ConvWeight {
        /// Gradient of the result.
        a: Arrangement,
        /// Input of the convolution.
        b: Arrangement,
        /// The result.
        out: Arrangement,
    },
    /// Sums of a norm's gradient.
    NormSums {
        /// Gradient and input of the norm.
        a: Arrangement,
    },
    /// Those sums of bands to those of all of them.
    NormMerge,
    /// The sums to what the gradient of the input is made of.
    NormSlopes(Norm),
    /// The sums to the gradients of gamma, beta and rho.
    NormParams(Norm),
    /// The gradient of a norm's input.
    NormApply {
        /// Gradient, input and result.
        a: Arrangement,
    },
    /// The loss of lines, or its gradient.
    Edge {
        /// The difference and the result.
        a: Arrangement,
        /// Whether it is the loss.
        size: bool,
    },
    /// Gradient of stacked linear maps to their input.
    LinearInput,
    /// Gradient of a linear map's weights.
    Outer,
    /// Gradient of a mix to one of its inputs.
    MixInput {
        /// Which one.
        second: bool,
    },
    /// Values of the whole batch to a vector.
    Gather {
        /// The tensor.
        a: Arrangement,
    },
    /// A step of the optimiser.
    Adam,
    /// Its clock.
    Clock,
    /// The weight texture with trained weights.
    Refresh,
    /// A picture's example.
    Pick {
        /// The examples and the result.
        a: Arrangement,
    },
}

/// See `ops/pointwise.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// Weighted sum.
    Weighted,
    /// Product.
    Multiply,
    /// Quotient.
    Divide,
    /// One where both are the same.
    Equal,
    /// Where the other is positive.
    Relu,
    /// Times one minus the other's square.
    Tanh,
    /// Sign.
    Sign,
    /// Absolute value.
    Abs,
    /// Moving average of squares.
    BlendSquare,
}

impl Arrangement {
    /// Four values a channel, each in a plane.
    pub const SUMS: Self = Self { format: TensorFormat::R32Float, quad: 1, phases: [4, 1] };
}

impl GradientKernel {
    /// The WGSL template, relative to `shaders/`.
    pub(super) fn shader(&self) -> &'static str {
        match self {
            Self::Pointwise { .. } => "ops/pointwise.wgsl",
            Self::Shift { .. } => "ops/shift.wgsl",
            Self::Repeat { .. } => "ops/repeat.wgsl",
            Self::Spread { .. } => "ops/spread.wgsl",
            Self::Unpad { .. } => "ops/unpad.wgsl",
            Self::ConvWeight { .. } => "ops/weight_gradient.wgsl",
            Self::NormSums { .. } => "ops/norm_sums.wgsl",
            Self::NormMerge => "ops/norm_merge.wgsl",
            Self::NormSlopes(_) | Self::NormParams(_) => "ops/norm_slopes.wgsl",
            Self::NormApply { .. } => "ops/norm_apply.wgsl",
            Self::Edge { .. } => "ops/edge.wgsl",
            Self::LinearInput => "ops/linear_input.wgsl",
            Self::Outer => "ops/outer.wgsl",
            Self::MixInput { .. } => "ops/mix_input.wgsl",
            Self::Gather { .. } => "ops/gather.wgsl",
            Self::Adam | Self::Clock => "ops/adam.wgsl",
            Self::Refresh => "ops/refresh.wgsl",
            Self::Pick { .. } => "ops/pick.wgsl",
        }
    }

    /// Flags that the template's `#ifdef`s test.
    pub(super) fn defs(&self) -> Vec<&'static str> {
        match self {
            Self::Pointwise { op, .. } => vec![match op {
                Value::Weighted => "WEIGHTED",
                Value::Multiply => "MULTIPLY",
                Value::Divide => "DIVIDE",
                Value::Equal => "EQUAL",
                Value::Relu => "RELU",
                Value::Tanh => "TANH",
                Value::Sign => "SIGN",
                Value::Abs => "ABS",
                Value::BlendSquare => "BLEND_SQUARE",
            }],
            Self::Spread { a, out, dilated } => {
                let mut defs = if *dilated { vec!["DILATED"] } else { Vec::new() };
                defs.extend((a.quad != out.quad).then_some("LANES"));
                defs
            }
            Self::NormSlopes(norm) | Self::NormParams(norm) => {
                let mut defs = match norm {
                    Norm::Instance => vec!["INSTANCE"],
                    Norm::Layer => Vec::new(),
                    Norm::Adaptive => vec!["ADAPTIVE"],
                };
                defs.extend(matches!(self, Self::NormParams(_)).then_some("PARAMS"));
                defs
            }
            Self::Edge { size: true, .. } => vec!["SIZE"],
            Self::MixInput { second: true } => vec!["SECOND"],
            Self::Clock => vec!["CLOCK"],
            _ => Vec::new(),
        }
    }

    /// The result.
    pub(super) fn out(&self) -> Arrangement {
        match self {
            Self::Shift { out, .. }
            | Self::Repeat { out, .. }
            | Self::Spread { out, .. }
            | Self::ConvWeight { out, .. } => *out,
            Self::Pointwise { a, .. }
            | Self::Unpad { a }
            | Self::NormApply { a }
            | Self::Edge { a, .. }
            | Self::Pick { a } => *a,
            Self::NormSums { .. } | Self::NormMerge | Self::NormSlopes(_) => Arrangement::SUMS,
            Self::Refresh => Arrangement::QUADS,
            Self::NormParams(_)
            | Self::LinearInput
            | Self::Outer
            | Self::MixInput { .. }
            | Self::Gather { .. }
            | Self::Adam
            | Self::Clock => Arrangement::VECTOR,
        }
    }

    /// What `//@ each phase` stands for.
    pub(super) fn each(&self) -> Arrangement {
        match self {
            Self::ConvWeight { out, .. } => *out,
            Self::Pointwise { a, .. } | Self::Gather { a } | Self::Pick { a } => *a,
            _ => Arrangement::VECTOR,
        }
    }

    /// Operands by name, with their first bindings.
    pub(super) fn operands(&self) -> Vec<(&'static str, u32, Arrangement)> {
        let one = |a: &Arrangement| vec![("a", BIND_A, *a)];
        let two = |a: &Arrangement, b: &Arrangement| vec![("a", BIND_A, *a), ("b", BIND_B, *b)];
        let vector = Arrangement::VECTOR;
        match self {
            Self::Pointwise { a, .. } | Self::NormSums { a } => two(a, a),
            Self::ConvWeight { a, b, .. } => two(a, b),
            Self::NormApply { a } => {
                vec![("a", BIND_A, *a), ("b", BIND_B, *a), ("c", BIND_C, Arrangement::SUMS)]
            }
            Self::Shift { a, .. }
            | Self::Repeat { a, .. }
            | Self::Spread { a, .. }
            | Self::Unpad { a }
            | Self::Edge { a, .. }
            | Self::Gather { a }
            | Self::Pick { a } => one(a),
            Self::NormMerge | Self::NormSlopes(_) | Self::NormParams(_) => one(&Arrangement::SUMS),
            Self::Outer => two(&vector, &vector),
            Self::Adam => vec![("a", BIND_A, vector), ("b", BIND_B, vector), ("c", BIND_C, vector)],
            Self::LinearInput | Self::MixInput { .. } | Self::Clock | Self::Refresh => one(&vector),
        }
    }

    /// Bindings of sampled textures, in ascending order.
    pub(super) fn textures(&self) -> Vec<u32> {
        let mut list = match self {
            Self::NormSlopes(Norm::Layer)
            | Self::NormParams(Norm::Layer)
            | Self::LinearInput
            | Self::MixInput { .. } => {
                vec![BIND_WEIGHTS]
            }
            Self::NormSlopes(Norm::Adaptive) | Self::NormParams(Norm::Adaptive) | Self::Refresh => {
                vec![BIND_WEIGHTS, BIND_VECTOR_A]
            }
            Self::Adam => vec![BIND_VECTOR_A],
            _ => Vec::new(),
        };
        list.extend(self.operands().iter().flat_map(|(_, first, a)| *first..*first + a.planes() as u32));
        list
    }
}

impl fmt::Display for GradientKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.shader();
        let name = file.strip_prefix("ops/").and_then(|name| name.strip_suffix(".wgsl")).unwrap_or(file);
        write!(f, "{name}")?;
        self.operands().iter().take(1).try_for_each(|(_, _, a)| write!(f, " {a}"))?;
        self.defs().iter().try_for_each(|def| write!(f, " {}", def.to_lowercase()))
    }
}
