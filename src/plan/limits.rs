//! What a plan has to know about a device, as plain numbers.

/// Limits of the device that a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanLimits {
    /// Planes a tensor is spread over at most, which is the number of colour attachments of a pass: 4 or 8. Eight need
    /// 27 sampled textures; with fewer a plan falls back to four.
    pub planes: usize,
    /// Largest side of a texture in texels. WebGL2 guarantees 2048.
    pub max_texture_size: usize,
    /// Textures that a fragment shader may sample. WebGL2 guarantees 16.
    pub max_sampled_textures: usize,
}

impl PlanLimits {
    /// What every WebGL2 device offers: 4 attachments, textures of 2048, 16 sampled textures.
    pub const WEBGL2: Self = Self { planes: 4, max_texture_size: 2048, max_sampled_textures: 16 };

    /// The limits with the planes that the sampled textures allow: a convolution may bind the weights, all planes of
    /// two operands with their coefficients, and those of a residual.
    pub(super) fn fitted(self) -> Self {
        let textures = |planes: usize| 1 + 2 * (planes + 1) + planes;
        let most = if textures(8) <= self.max_sampled_textures { 8 } else { 4 };
        Self { planes: self.planes.clamp(1, most), ..self }
    }
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self::WEBGL2
    }
}
