//! A plan's passes, as data that a recorder only has to walk.

use super::format::TensorFormat;
use super::kernel::Kernel;
use super::layout::{Layout, LayoutUniform, Rect};
use super::weights::WEIGHT_TEXTURE_WIDTH;
use crate::model::Shape;

/// A texture of a tensor, or the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextureRef {
    /// The weight texture.
    Weights,
    /// A slot, by index.
    Slot(usize),
    /// Where each packed weight comes from: a training step's second weight texture.
    #[cfg(feature = "few_shot")]
    Indices,
}

/// A texture that tensors take turns in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Texture format.
    pub format: TensorFormat,
    /// Width in texels.
    pub width: usize,
    /// Height in texels.
    pub height: usize,
}

impl Slot {
    /// Bytes of the texture.
    pub fn bytes(&self) -> usize {
        self.width * self.height * self.format.bytes()
    }
}

/// A tensor of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTensor {
    /// The node that it is the result of.
    pub name: String,
    /// Shape of one picture.
    pub shape: Shape,
    /// Where its values lie.
    pub layout: Layout,
    /// The slot of each plane.
    pub slots: Vec<usize>,
}

/// The parameter block of a draw: `offset + group * group_stride` bytes into the plan's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamsRef {
    /// Bytes to the block of group 0.
    pub offset: u32,
    /// Bytes from group to group; 0 where the weights are shared.
    pub group_stride: u32,
}

/// One scissored fullscreen triangle.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// Index of the tensor that is written, one of the pass' targets.
    pub target: usize,
    /// Index into [`Plan::kernels`](super::Plan::kernels).
    pub kernel: usize,
    /// Textures by binding, in ascending order.
    pub textures: Vec<(u32, TextureRef)>,
    /// Scissor rectangle.
    pub rect: Rect,
    /// Parameters.
    pub params: ParamsRef,
    /// The picture whose group picks the parameters, or `None` if the draw serves all pictures.
    pub item: Option<usize>,
}

/// One render pass: the colour attachments and what is drawn to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// The node that each target is the result of, for labels and tables.
    pub labels: Vec<String>,
    /// Indices of the tensors that are written, into [`Plan::tensors`](super::Plan::tensors). They lie side by side in the
    /// same slots.
    pub targets: Vec<usize>,
    /// Draws; they cover the targets' tiles exactly.
    pub draws: Vec<Draw>,
    /// Whether the attachments hold other tensors that are still to be read, so that they have to be loaded.
    pub preserve: bool,
}

impl Pass {
    /// The nodes that it computes.
    pub fn label(&self) -> String {
        self.labels.join(" + ")
    }

    /// The part of the network that it belongs to: the first label's first word, a module such as `hourglass1`.
    pub fn section(&self) -> &str {
        self.labels.first().and_then(|label| label.split('.').next()).unwrap_or_default()
    }

    /// Whether it draws with weights that each group has for itself.
    pub fn is_branch(&self) -> bool {
        self.draws.iter().any(|draw| draw.params.group_stride > 0)
    }
}

/// What one tensor takes, before slots are assigned.
#[derive(Debug)]
pub(super) struct PassSpec {
    pub label: String,
    pub target: usize,
    pub draws: Vec<DrawSpec>,
}

impl PassSpec {
    /// The draws, each with its target.
    pub fn into_draws(self) -> impl Iterator<Item = (usize, DrawSpec)> {
        let target = self.target;
        self.draws.into_iter().map(move |draw| (target, draw))
    }
}

/// A draw before slots are assigned and weights are placed.
#[derive(Debug)]
pub(super) struct DrawSpec {
    pub kernel: Kernel,
    pub textures: Vec<(u32, SourceSpec)>,
    pub region: Region,
    pub params: ParamBlock,
}

/// What a binding reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceSpec {
    Weights,
    /// Tensor and plane.
    Plane(usize, usize),
    /// The weights as they were packed, for the pass that makes trained ones of them.
    #[cfg(feature = "few_shot")]
    Packed,
    #[cfg(feature = "few_shot")]
    Indices,
}

/// What a draw covers.
#[derive(Debug, Clone)]
pub(super) enum Region {
    /// All tiles of all pictures.
    Whole,
    /// Some tiles of all pictures.
    Tiles(std::ops::Range<usize>),
}

/// A parameter block whose weight offsets still lack their region's base.
#[derive(Debug, Clone)]
pub(super) struct ParamBlock {
    pub bytes: Vec<u8>,
    pub patches: Vec<(usize, Patch)>,
    /// Tensors of the layouts that the block begins with; `None` for one that is not used.
    pub layouts: Vec<Option<usize>>,
}

/// What is added to the 32-bit word at an offset when weights are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patch {
    /// The first texel of the picture's group.
    Branch,
    /// The first row of the picture's group.
    BranchRow,
    /// The base of the first group.
    FirstBranch,
    /// The length of a group's region.
    BranchLength,
    /// The variant: a number below this.
    #[cfg(feature = "few_shot")]
    Variant(usize),
}

impl ParamBlock {
    /// A block that begins with the layouts of these tensors.
    pub fn new(params: &impl bytemuck::NoUninit, layouts: &[Option<usize>]) -> Self {
        Self { bytes: bytemuck::bytes_of(params).to_vec(), patches: Vec::new(), layouts: layouts.to_vec() }
    }

    /// Tells the layouts how large the textures are that the tensors came to lie in.
    pub fn place_layouts(&mut self, layout: impl Fn(usize) -> LayoutUniform) {
        let size = size_of::<LayoutUniform>();
        for (i, tensor) in self.layouts.iter().enumerate() {
            if let Some(tensor) = tensor {
                self.bytes[i * size..(i + 1) * size].copy_from_slice(bytemuck::bytes_of(&layout(*tensor)));
            }
        }
    }

    /// Marks the word at byte `offset` for a base if `owner` is a branch.
    pub fn weight(mut self, offset: usize, owner: crate::model::Owner) -> Self {
        if owner == crate::model::Owner::Branch {
            self.patches.push((offset, Patch::Branch));
        }
        self
    }

    /// The same for a word that counts rows.
    pub fn weight_row(mut self, offset: usize, owner: crate::model::Owner) -> Self {
        if owner == crate::model::Owner::Branch {
            self.patches.push((offset, Patch::BranchRow));
        }
        self
    }

    pub fn patch(mut self, offset: usize, patch: Patch) -> Self {
        self.patches.push((offset, patch));
        self
    }

    pub fn is_per_group(&self) -> bool {
        self.variants(2) > 1
    }

    /// How many versions of the block there are for so many groups.
    pub fn variants(&self, groups: usize) -> usize {
        let of = |patch: &Patch| match patch {
            Patch::Branch | Patch::BranchRow => groups,
            Patch::FirstBranch | Patch::BranchLength => 1,
            #[cfg(feature = "few_shot")]
            Patch::Variant(n) => *n,
        };
        self.patches.iter().map(|(_, patch)| of(patch)).max().unwrap_or(1)
    }

    /// The finished bytes for a group.
    pub fn place(&self, branch_base: usize, branch_length: usize, group: usize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (offset, patch) in &self.patches {
            let add = match patch {
                Patch::Branch => branch_base + group * branch_length,
                Patch::BranchRow => (branch_base + group * branch_length) / WEIGHT_TEXTURE_WIDTH,
                Patch::FirstBranch => branch_base,
                Patch::BranchLength => branch_length,
                #[cfg(feature = "few_shot")]
                Patch::Variant(_) => group,
            };
            let word = &mut bytes[*offset..*offset + 4];
            let value = i32::from_le_bytes([word[0], word[1], word[2], word[3]]) + add as i32;
            word.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }
}
