//! The shape of an activation: channels x height x width.

use std::fmt;

use super::ModelError;

/// Most elements an activation may have: indices stay exact in `i32`, the integer of the shaders.
const MAX_ELEMENTS: usize = 1 << 28;

/// Channels x height x width of one picture's activation. A vector of `n` values is `n x 1 x 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Number of channels, at least 1.
    pub channels: usize,
    /// Rows, at least 1.
    pub height: usize,
    /// Columns, at least 1.
    pub width: usize,
}

impl Shape {
    /// A checked shape. `node` is the name used in the error.
    ///
    /// # Errors
    /// [`ModelError::Shape`] if a side is zero or the product exceeds 2^28 elements.
    pub fn new(node: &str, channels: usize, height: usize, width: usize) -> Result<Self, ModelError> {
        let elements = channels.checked_mul(height).and_then(|n| n.checked_mul(width));
        match elements {
            Some(n) if n > 0 && n <= MAX_ELEMENTS => Ok(Self { channels, height, width }),
            _ => Err(ModelError::shape(
                node,
                format!("shape {channels}x{height}x{width} is empty or above {MAX_ELEMENTS} elements"),
            )),
        }
    }

    /// A vector of `n` values. Same errors as [`Shape::new`].
    pub fn vector(node: &str, n: usize) -> Result<Self, ModelError> {
        Self::new(node, n, 1, 1)
    }

    /// True for `n x 1 x 1`.
    pub fn is_vector(&self) -> bool {
        self.height == 1 && self.width == 1
    }

    /// Height times width.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Number of values.
    pub fn elements(&self) -> usize {
        self.channels * self.pixels()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}
