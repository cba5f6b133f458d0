//! Colour attachments, and what is in them before a pass draws.

use bevy::prelude::default;
use bevy::render::render_resource::{LoadOp, Operations, RenderPassColorAttachment, StoreOp, TextureView};
use wgpu::{Color, LoadOpDontCare};

/// Attachments of a pass at most, for arrays on the stack.
const MAX_TARGETS: usize = 8;

/// What is in a target before a pass draws to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// What was in it.
    Load,
    /// Zeros.
    Clear,
    /// Anything: the pass draws to every texel that is ever read. On a GPU that works in tiles of the target, and on one
    /// in software, that saves a pass over all of it.
    DontCare,
}

impl Before {
    fn load(self) -> LoadOp<Color> {
        match self {
            Self::Load => LoadOp::Load,
            Self::Clear => LoadOp::Clear(default()),
            Self::DontCare => LoadOp::DontCare(dont_care()),
        }
    }
}

/// The crate's only unsafe code.
#[expect(unsafe_code, reason = "wgpu marks targets with undefined contents as unsafe; see SAFETY")]
fn dont_care() -> LoadOpDontCare {
    // SAFETY: The contents of the target are undefined until they are drawn to, so nothing undrawn may be read. A plan's
    // draws cover all tiles of the target (tests/plan), except those of pictures that a batch lacks, and then the
    // recorder clears. Texels outside of the tiles belong to no tensor: no shader reads them, since every index is made
    // from a tile's origin and size. A composite pass draws to all of the output image,
    // the passes that smooth draw to all of their textures. No pass of a chain blends.
    // Targets that hold other tensors beside the drawn one are loaded (`Pass::preserve`).
    // tests/stale.rs finds nothing of what was in the targets before in any result.
    unsafe { LoadOpDontCare::enabled() }
}

/// Targets whose results are kept.
pub(super) fn attachments<'a>(
    views: impl Iterator<Item = &'a TextureView>,
    before: Before,
) -> [Option<RenderPassColorAttachment<'a>>; MAX_TARGETS] {
    let mut list = [const { None }; MAX_TARGETS];
    for (slot, view) in list.iter_mut().zip(views) {
        let ops = Operations { load: before.load(), store: StoreOp::Store };
        *slot = Some(RenderPassColorAttachment { view, depth_slice: None, resolve_target: None, ops });
    }
    list
}
