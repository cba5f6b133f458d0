//! Texture formats of activations, and how a format spreads a tensor over the colour attachments of a pass.

use crate::model::Shape;

/// The texture format of activations. Statistics, coefficients and vectors are f32 in every format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TensorFormat {
    /// One channel of a pixel in a texel: the reference, wherever floats can be rendered to. The default.
    #[default]
    R32Float,
    /// Four channels of a pixel in a texel: fewer fetches, more bytes an attachment.
    Rgba32Float,
    /// The same in half the memory, with 11 significant bits.
    Rgba16Float,
}

impl TensorFormat {
    /// Channels in a texel.
    pub const fn lanes(self) -> usize {
        match self {
            Self::R32Float => 1,
            Self::Rgba32Float | Self::Rgba16Float => 4,
        }
    }

    /// Bytes of a texel.
    pub const fn bytes(self) -> usize {
        match self {
            Self::R32Float => 4,
            Self::Rgba32Float => 16,
            Self::Rgba16Float => 8,
        }
    }

    /// Channels of a pixel that a fragment handles together.
    const fn quad(self) -> usize {
        match self {
            Self::R32Float => 2,
            Self::Rgba32Float | Self::Rgba16Float => 4,
        }
    }

    /// How a tensor of `shape` lies on at most `planes` colour attachments.
    ///
    /// A fragment writes a small block of neighbouring pixels, one pixel an attachment (or a pair of attachments), so
    /// that what it fetches serves them all. A side that the block does not divide gets a narrower block.
    pub fn arrangement(self, shape: Shape, planes: usize) -> Arrangement {
        let block = match planes / self.quad().div_ceil(self.lanes()) {
            0 | 1 => [1, 1],
            2 | 3 => [2, 1],
            4..8 => [2, 2],
            _ => [4, 2],
        };
        let fit = |most: usize, side: usize| [4, 2, 1].into_iter().find(|n| *n <= most && side.is_multiple_of(*n));
        let phases = [fit(block[0], shape.width).unwrap_or(1), fit(block[1], shape.height).unwrap_or(1)];
        Arrangement { format: self, quad: self.quad(), phases }
    }
}

/// How the values of a tensor lie in its planes, without any size: what a kernel has to know of it.
///
/// A *quad* is up to four channels of one pixel. The pixels of a tensor are dealt out to *phases*: pixel `(x, y)` is in
/// phase `(x % phases[0], y % phases[1])`. A plane holds one phase; if a texel has fewer channels than a quad, a phase
/// has several planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arrangement {
    /// Texture format.
    pub format: TensorFormat,
    /// Channels of a quad, 1 to 4.
    pub quad: usize,
    /// Columns and rows of pixels that a fragment covers.
    pub phases: [usize; 2],
}

impl Arrangement {
    /// Vectors and statistics: one value a texel, one plane.
    pub const VECTOR: Self = Self { format: TensorFormat::R32Float, quad: 1, phases: [1, 1] };
    /// Four f32 values a texel, one plane.
    pub const QUADS: Self = Self { format: TensorFormat::Rgba32Float, quad: 4, phases: [1, 1] };

    /// Planes of a phase.
    pub const fn depth(&self) -> usize {
        self.quad.div_ceil(self.format.lanes())
    }

    /// Number of phases.
    pub const fn phase_count(&self) -> usize {
        self.phases[0] * self.phases[1]
    }

    /// Number of planes, which are the colour attachments of a pass.
    pub const fn planes(&self) -> usize {
        self.depth() * self.phase_count()
    }

    /// Plane and component of a channel's pixel.
    pub const fn plane(&self, channel: usize, x: usize, y: usize) -> (usize, usize) {
        let phase = (y % self.phases[1]) * self.phases[0] + x % self.phases[0];
        let lane = channel % self.quad;
        (phase * self.depth() + lane / self.format.lanes(), lane % self.format.lanes())
    }
}
