//! Training as a graph (feature `few_shot`): reverse-mode differentiation from graph to graph.
//!
//! A training graph has the same ops as the generator and those of [`GradientOp`]. It is planned and run by the code
//! that plans and runs the generator.

mod infer;
mod line_weight;
mod op;
mod reverse;
mod training;

pub(super) use infer::infer;
pub use op::{Adam, Edge, GradientOp, Norm, Pointwise};
pub use training::{Scope, State, TARGET, Trained, Training, TrainingOptions};
