//! What a plan has to know about a device, as plain numbers.

use super::format::TensorFormat;

/// Limits of the device that a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanLimits {
    /// Colour attachments of a pass. WebGL2 guarantees 4.
    pub max_attachments: usize,
    /// Bytes of a fragment in all attachments. What Bevy asks for on WebGL2 is 32.
    pub max_attachment_bytes: usize,
    /// Largest side of a texture in texels. WebGL2 guarantees 2048.
    pub max_texture_size: usize,
    /// Textures that a fragment shader may sample. WebGL2 guarantees 16.
    pub max_sampled_textures: usize,
}

impl PlanLimits {
    /// What every WebGL2 device offers: 4 attachments of 32 bytes, textures of 2048, 16 sampled textures.
    pub const WEBGL2: Self =
        Self { max_attachments: 4, max_attachment_bytes: 32, max_texture_size: 2048, max_sampled_textures: 16 };

    /// Planes that a tensor is spread over at most: a power of two up to 8. A convolution writes them all, and may bind
    /// the weights, the planes of two operands with their coefficients, and those of a sum.
    pub fn planes(&self, format: TensorFormat) -> usize {
        let attachments = self.max_attachments.min(self.max_attachment_bytes / format.bytes());
        let fits = |planes: &usize| *planes <= attachments && 3 + 3 * planes <= self.max_sampled_textures;
        [8, 4, 2].into_iter().find(fits).unwrap_or(1)
    }
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self::WEBGL2
    }
}
