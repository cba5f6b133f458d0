//! Tensors that one pass writes. They are attachments of one pass, so they lie side by side in the same slots.

use std::cmp::Reverse;

use super::TensorFormat;
use super::layout::Layout;
use super::pass::Slot;

/// Left and top texel.
pub(super) type Place = (usize, usize);

/// A place and the size of what lies there.
pub(super) type Area = (Place, (usize, usize));

/// What tensors have to have in common to be attachments of one pass: format and number of the slots.
pub(super) type Kind = (TensorFormat, usize);

/// See the module's text.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub kind: Kind,
    /// The largest first.
    pub members: Vec<Member>,
}

/// A tensor of a block and its size in texels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub tensor: usize,
    pub size: (usize, usize),
}

impl Member {
    fn texels(&self) -> usize {
        self.size.0 * self.size.1
    }
}

impl Block {
    /// A block of one tensor.
    pub fn of(tensor: usize, layout: &Layout) -> Self {
        let kind = (layout.arrangement.format, layout.planes());
        Self { kind, members: vec![Member { tensor, size: layout.size() }] }
    }

    /// With one more tensor, or `None` if that cannot be an attachment of the same pass.
    pub fn with(&self, tensor: usize, layout: &Layout) -> Option<Self> {
        let other = Self::of(tensor, layout);
        let mut members = [self.members.as_slice(), &other.members].concat();
        members.sort_by_key(|member| Reverse(member.texels()));
        (self.kind == other.kind).then_some(Self { members, ..other })
    }

    pub fn tensors(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.iter().map(|member| member.tensor)
    }

    /// Whether slots of its own would be textures that a device can have.
    pub fn fits(&self, max_texture_size: usize) -> bool {
        let (slot, _) = self.alone();
        slot.width.max(slot.height) <= max_texture_size
    }

    /// The slots that it has if it shares them with no other, and the places of its members: all others beside the
    /// largest one, or all below it, whatever takes less.
    pub fn alone(&self) -> (Slot, Vec<Place>) {
        let flip = |(x, y): (usize, usize)| (y, x);
        let beside = shelves(self.members.iter().map(|member| member.size));
        let (size, places) = shelves(self.members.iter().map(|member| flip(member.size)));
        let below = (flip(size), places.into_iter().map(flip).collect());
        let texels = |((width, height), _): &((usize, usize), _)| width * height;
        let ((width, height), places) = if texels(&below) < texels(&beside) { below } else { beside };
        (Slot { format: self.kind.0, width, height }, places)
    }

    /// Bytes of the members in all slots.
    pub fn bytes(&self) -> usize {
        self.texels() * self.kind.1 * self.kind.0.bytes()
    }

    /// Texels of the members in one slot, without any between them.
    pub fn texels(&self) -> usize {
        self.members.iter().map(Member::texels).sum()
    }
}

/// Puts rectangles below each other in columns that are no higher than the first rectangle, if they need not be; returns
/// the size of it all, and where each lies.
fn shelves(sizes: impl Iterator<Item = (usize, usize)>) -> ((usize, usize), Vec<Place>) {
    let (mut size, mut column) = ((0, 0), (0, 0));
    let mut places = Vec::new();
    for (width, height) in sizes {
        if column.1 + height > size.1 {
            column = (size.0, 0);
        }
        places.push(column);
        size = (size.0.max(column.0 + width), size.1.max(column.1 + height));
        column.1 += height;
    }
    (size, places)
}

/// Whether two rectangles have a texel in common.
pub(super) fn overlap((a, a_size): Area, (b, b_size): Area) -> bool {
    a.0 < b.0 + b_size.0 && b.0 < a.0 + a_size.0 && a.1 < b.1 + b_size.1 && b.1 < a.1 + a_size.1
}
