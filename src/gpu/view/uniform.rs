//! What the shaders of a view are told.

use bevy::math::{IVec2, UVec2};
use bytemuck::{Pod, Zeroable};

use crate::ecs::ViewRegion;

/// Bytes from block to block in the buffer of all views.
pub(super) const REGION_STRIDE: u32 = 256;

/// `struct Region` of `shaders/lib/region.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub(super) struct RegionUniform {
    pub center: [f32; 2],
    pub axis: [f32; 2],
    pub half_size: [f32; 2],
    pub low: [i32; 2],
    pub high: [i32; 2],
    pub texels: f32,
    pub feather: f32,
    pub radius: f32,
    pub strength: f32,
    pub pad: [f32; 2],
}

impl RegionUniform {
    /// For a view on a texture of this size, and a picture of so many texels a side.
    pub fn new(region: &ViewRegion, target: UVec2, texels: u32, strength: f32) -> Self {
        // No shader checks an index.
        let inside = |at: UVec2| at.min(target).as_ivec2();
        Self {
            center: region.center.to_array(),
            axis: region.axis.to_array(),
            half_size: region.half_size.to_array(),
            low: inside(region.view.min).min(target.as_ivec2() - IVec2::ONE).to_array(),
            high: inside(region.view.max).to_array(),
            texels: texels as f32,
            feather: region.feather,
            radius: region.radius,
            strength,
            pad: [0.0; 2],
        }
    }
}
