//! What the ECS layer asks of the GPU layer, and what comes back.

use std::sync::Arc;

use bevy::prelude::*;

use super::{CartoonError, CartoonModel, CartoonSmoothing, CartoonSource, Pacer};
use crate::model::Tensor;

/// Where the GPU finds the picture.
#[derive(Debug, Clone)]
pub enum RequestSource {
    /// An image, or a rectangle of it in pixels.
    Image(AssetId<Image>, Option<URect>),
    /// The network's input itself.
    Tensor(Arc<Tensor>),
}

/// Tensors are the same if they are one and the same: their values are not looked at in every frame.
impl PartialEq for RequestSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Image(a, p), Self::Image(b, q)) => (a, p) == (b, q),
            (Self::Tensor(a), Self::Tensor(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl RequestSource {
    /// Whether this is an image.
    pub fn is_image(&self) -> bool {
        matches!(self, Self::Image(..))
    }

    /// The rectangle of the image that is the picture, if that is not all of it.
    pub fn part(&self) -> Option<URect> {
        if let Self::Image(_, part) = self { *part } else { None }
    }

    /// Whether this is what a component shows, or another part of it that has the same size: the pages of an animation
    /// may turn faster than cartoons are drawn, and then one of the pages before is shown.
    pub(super) fn may_stand_for(&self, source: &CartoonSource) -> bool {
        match (self, source) {
            (Self::Image(id, None), CartoonSource::Image(image)) => *id == image.id(),
            (Self::Image(id, Some(part)), CartoonSource::Part(image, shown)) => {
                *id == image.id() && part.size() == shown.size()
            }
            _ => false,
        }
    }

    /// Whether it is the same picture, or a part of the same image.
    fn is_of_same_image(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Image(a, _), Self::Image(b, _)) => a == b,
            _ => self == other,
        }
    }
}

/// One cartoon to draw. Written by the ECS layer, extracted by the GPU layer.
#[derive(Component, Debug, Clone, Default)]
#[component(clone_behavior = Ignore)]
pub struct CartoonRequest {
    /// What to draw, or `None` while something is missing.
    pub wanted: Option<Wanted>,
    /// Grows whenever the cartoon has to be drawn anew. No two requests of an app have the same, so that nothing that
    /// was drawn for an earlier request is taken for an answer to this one.
    pub revision: u64,
    /// The revision with which the latest change of the image, or of the picture's size, began.
    pub source_revision: u64,
    /// Whether [`RedrawCartoon`](super::RedrawCartoon) asked for a cartoon.
    pub redraw: bool,
    /// Keeps the rate of [`UpdateRate::PerSecond`](super::UpdateRate::PerSecond).
    pub pacer: Pacer,
}

impl CartoonRequest {
    /// Asks for a cartoon anew, and remembers since when it is of another image.
    pub(super) fn revise(&mut self, wanted: Option<Wanted>, revision: u64) {
        let goes_on = match (&self.wanted, &wanted) {
            // Another size has another output.
            (Some(old), Some(new)) => old.output == new.output && old.source.is_of_same_image(&new.source),
            (old, new) => old.is_none() && new.is_none(),
        };
        self.revision = revision;
        if !goes_on {
            self.source_revision = revision;
        }
        self.wanted = wanted;
    }

    /// Whether `wanted` is a cartoon of another image, or by another model.
    pub(super) fn is_of_another(&self, wanted: Option<&Wanted>) -> bool {
        let (Some(old), Some(new)) = (&self.wanted, wanted) else { return self.wanted.as_ref() != wanted };
        !old.source.is_of_same_image(&new.source)
            || (old.output, old.model, &old.taps) != (new.output, new.model, &new.taps)
    }
}

/// The parts of a request that exist.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The model.
    pub model: AssetId<CartoonModel>,
    /// Index of the group in the model.
    pub group: usize,
    /// The picture.
    pub source: RequestSource,
    /// The image to draw to.
    pub output: AssetId<Image>,
    /// Blend of cartoon over picture, 0..=1.
    pub strength: f32,
    /// Tensors to read back, by name.
    pub taps: Vec<String>,
    /// How the picture is smoothed, if it is.
    pub smoothing: Option<CartoonSmoothing>,
    /// Draw again as soon as the device is free.
    pub always: bool,
}

/// What the GPU layer has done for an entity.
#[derive(Component, Debug, Clone, Default, PartialEq)]
#[component(clone_behavior = Ignore)]
pub struct Progress {
    /// The latest revision that is on the output image.
    pub revision: u64,
    /// Cartoons drawn.
    pub updates: u64,
    /// Milliseconds of the latest batch, from recording to completion.
    pub milliseconds: f32,
    /// Why a revision is not drawn.
    pub error: Option<(u64, CartoonError)>,
}
