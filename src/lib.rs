//! Draft.
pub mod ecs;
pub mod model;
pub mod plan;
/// prelude
pub mod prelude {
    pub use crate::ecs::*;
}
