//! From a graph to a list of fragment passes. Pure and deterministic: it runs and is tested without a GPU.
//!
//! ```text
//! Graph --lower--> passes over tensors --merge--> fewer passes --memory--> passes over texture slots
//!             \--> weights as texels, parameter blocks in one buffer
//! ```

mod block;
mod error;
mod format;
pub mod kernel;
#[cfg(feature = "few_shot")]
mod kernel_gradient;
mod layout;
mod limits;
mod lower;
mod memory;
mod merge;
pub mod params;
mod pass;
mod share;
mod source;
mod table;
#[cfg(feature = "few_shot")]
mod training;
mod weights;

use std::collections::BTreeSet;

pub use error::PlanError;
pub use format::{Arrangement, TensorFormat};
pub use kernel::Kernel;
#[cfg(feature = "few_shot")]
pub use kernel_gradient::{GradientKernel, Value};
pub use layout::{Layout, LayoutUniform, Rect};
pub use limits::PlanLimits;
pub use pass::{Draw, ParamsRef, Pass, PlannedTensor, Slot, TextureRef};
pub use source::{Place, Subject, Templates, ViewSpace, WriteError, Written};
#[cfg(feature = "few_shot")]
pub use training::{PlannedState, TrainingPlan};
pub use weights::{PackedWeights, WEIGHT_TEXTURE_WIDTH};

use crate::model::Model;
use lower::Lowered;
use pass::{DrawSpec, PassSpec, Region, SourceSpec};

/// Bytes between parameter blocks: the coarsest alignment of dynamic uniform offsets that a device may ask for.
const PARAMS_ALIGN: usize = 256;

/// What a plan is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOptions {
    /// The device.
    pub limits: PlanLimits,
    /// Texture format of activations.
    pub format: TensorFormat,
    /// Whether weights are stored in halves on the device: half the memory, 11 significant bits.
    pub half_weights: bool,
    /// Pictures in one chain of passes, at least 1.
    pub batch: usize,
    /// Most bytes of textures, those of activations and weights together. Default: no limit.
    pub max_bytes: usize,
    /// Results to keep, by name: `output` is the cartoon, the graph's other outputs are taps, `input` is the picture; any
    /// other node may be named, too ([`Graph::layer`](crate::model::Graph::layer)), and then is not fused away.
    /// What none of them needs is left out.
    pub outputs: Vec<String>,
}

impl Default for PlanOptions {
    /// One picture, the cartoon alone, on any WebGL2 device, in R32F.
    fn default() -> Self {
        Self {
            limits: PlanLimits::default(),
            format: TensorFormat::default(),
            half_weights: false,
            batch: 1,
            max_bytes: usize::MAX,
            outputs: vec!["output".into()],
        }
    }
}

/// Everything a recorder needs: passes in order, slots, weights and parameters.
///
/// `{}` prints it as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The model's name.
    pub model: String,
    /// What it was made for.
    pub options: PlanOptions,
    /// Distinct kernels, ascending; each is one pipeline.
    pub kernels: Vec<Kernel>,
    /// Textures.
    pub slots: Vec<Slot>,
    /// Tensors and the slots they live in.
    pub tensors: Vec<PlannedTensor>,
    /// Passes in order.
    pub passes: Vec<Pass>,
    /// Index of the tensor that the picture is encoded into.
    pub input: usize,
    /// Results by name, with the index of the tensor.
    pub outputs: Vec<(String, usize)>,
    /// Index of the tensor that has the result `output` as a picture, a pixel a texel, if that is among them.
    pub picture: Option<usize>,
    /// Weights of all groups.
    pub weights: PackedWeights,
    /// Parameter blocks of all draws.
    pub params: Vec<u8>,
    /// Bytes of the largest set of tensors alive at once.
    pub live_bytes: usize,
}

impl Plan {
    /// Planes that a tensor is spread over at most.
    pub fn planes(&self) -> usize {
        self.options.limits.planes(self.options.format)
    }

    /// Plans a model.
    ///
    /// # Errors
    /// [`PlanError`] if a tensor or the weights do not fit the device, all together take more than
    /// [`PlanOptions::max_bytes`], or an output is not known.
    pub fn new(model: &Model, options: PlanOptions) -> Result<Self, PlanError> {
        let options = PlanOptions { batch: options.batch.max(1), ..options };
        let lowered = lower::lower(model, &options)?;
        let plan = finish(model.manifest.name.clone(), options, model.graph.groups(), lowered)?;
        let (slots, weights, limit) = (plan.slot_bytes(), plan.weight_bytes(), plan.options.max_bytes);
        if slots.saturating_add(weights) > limit {
            let pictures = plan.options.batch;
            return Err(PlanError::OutOfMemory { slots, weights, pictures, limit });
        }
        Ok(plan)
    }

    /// The same plan for other options, if they make no difference.
    pub fn with_options(self, options: &PlanOptions) -> Option<Self> {
        let known = PlanOptions { max_bytes: options.max_bytes, ..self.options.clone() };
        (known == *options && self.bytes() <= known.max_bytes).then_some(Self { options: known, ..self })
    }

    /// Whether `other` is the same but for the values of the weights: whatever was made on a device for one serves the
    /// other, once the rows of weights that differ are uploaded.
    pub fn differs_only_in_weights(&self, other: &Self) -> bool {
        let Self { model, options, kernels, slots, tensors, passes, input, outputs, picture, params, .. } = self;
        *model == other.model
            && *options == other.options
            && *kernels == other.kernels
            && *slots == other.slots
            && *tensors == other.tensors
            && *passes == other.passes
            && *input == other.input
            && *outputs == other.outputs
            && *picture == other.picture
            && *params == other.params
            && self.weights.height() == other.weights.height()
    }

    /// Bytes of all textures, those of activations and weights together.
    pub fn bytes(&self) -> usize {
        self.slot_bytes() + self.weight_bytes()
    }

    /// Bytes of all slots.
    pub fn slot_bytes(&self) -> usize {
        self.slots.iter().map(Slot::bytes).sum()
    }

    /// Bytes of the weight texture on the device.
    pub fn weight_bytes(&self) -> usize {
        if self.options.half_weights { self.weights.bytes() / 2 } else { self.weights.bytes() }
    }

    /// The tensor of a result.
    pub fn output(&self, name: &str) -> Option<&PlannedTensor> {
        self.outputs.iter().find(|(n, _)| n == name).map(|(_, t)| &self.tensors[*t])
    }

    /// The tensor that the picture is encoded into.
    pub fn input(&self) -> &PlannedTensor {
        &self.tensors[self.input]
    }
}

/// Places tensors in slots and weights in the texture, and writes the parameter buffer.
fn finish(model: String, options: PlanOptions, groups: usize, lowered: Lowered<'_>) -> Result<Plan, PlanError> {
    let Lowered { tensors, passes: mut specs, input, outputs, picture, packer, pinned } = lowered;
    // A step of training has weights in textures of its own.
    if pinned.is_empty() {
        share::share(&tensors, &mut specs);
    }
    let kept: Vec<usize> = outputs.iter().map(|(_, tensor)| *tensor).chain(picture).collect();
    let specs = merge::merge(&tensors, specs, &pinned, options.limits.max_texture_size);
    let assignment = memory::assign(&tensors, &specs, input, &kept, &pinned);
    let mut tensors = tensors;
    for ((tensor, slots), base) in tensors.iter_mut().zip(&assignment.planes).zip(&assignment.bases) {
        let slot = slots.first().map(|slot| assignment.slots[*slot]);
        tensor.layout.texture = slot.map_or(tensor.layout.texture, |slot| (slot.width, slot.height));
        tensor.layout.base = *base;
    }
    let all_draws = specs.iter().flat_map(|merged| &merged.0).flat_map(|pass| &pass.draws);
    let kernels: Vec<Kernel> = all_draws.map(|d| d.kernel).collect::<BTreeSet<_>>().into_iter().collect();

    let bases = (packer.branch_base(), packer.branch_length());
    let mut params = Params { bytes: Vec::new(), bases, groups };
    let mut passes = Vec::new();
    for (spec, preserve) in specs.into_iter().zip(assignment.preserve) {
        let targets = spec.targets().collect();
        let labels = spec.0.iter().map(|pass| pass.label.clone()).collect();
        let mut draws = Vec::new();
        for (target, mut draw) in spec.0.into_iter().flat_map(PassSpec::into_draws) {
            let layout = tensors[target].layout;
            draw.params.place_layouts(|tensor| tensors[tensor].layout.uniform());
            let kernel = kernels.partition_point(|k| *k < draw.kernel);
            let textures = draw.textures.iter().map(|(b, source)| (*b, place(*source, &assignment.planes))).collect();
            let params = params.push(&draw);
            let prototype = Draw { target, kernel, textures, rect: layout.whole(), params, item: None };
            draws.extend(expand(&draw, &layout, &prototype));
        }
        passes.push(Pass { labels, targets, draws, preserve });
    }
    let tensors = tensors
        .into_iter()
        .zip(assignment.planes)
        .map(|(t, slots)| PlannedTensor { name: t.name, shape: t.shape, layout: t.layout, slots })
        .collect();
    Ok(Plan {
        model,
        weights: packer.finish(options.limits.max_texture_size)?,
        options,
        kernels,
        slots: assignment.slots,
        tensors,
        passes,
        input,
        outputs,
        picture,
        params: params.bytes,
        live_bytes: assignment.live_bytes,
    })
}

fn place(source: SourceSpec, planes: &[Vec<usize>]) -> TextureRef {
    match source {
        SourceSpec::Weights => TextureRef::Weights,
        #[cfg(feature = "few_shot")]
        SourceSpec::Packed => TextureRef::Weights,
        #[cfg(feature = "few_shot")]
        SourceSpec::Indices => TextureRef::Indices,
        SourceSpec::Plane(tensor, plane) => TextureRef::Slot(planes[tensor][plane]),
    }
}

/// The parameter buffer as it grows.
struct Params {
    bytes: Vec<u8>,
    /// First texel and length of a group's weights.
    bases: (usize, usize),
    groups: usize,
}

impl Params {
    fn push(&mut self, draw: &DrawSpec) -> ParamsRef {
        let (base, length) = self.bases;
        let offset = self.bytes.len() as u32;
        let stride = draw.params.bytes.len().next_multiple_of(PARAMS_ALIGN);
        let groups = draw.params.variants(self.groups);
        for group in 0..groups {
            self.bytes.extend(draw.params.place(base, length, group));
            self.bytes.resize(self.bytes.len().next_multiple_of(PARAMS_ALIGN), 0);
        }
        ParamsRef { offset, group_stride: if groups > 1 { stride as u32 } else { 0 } }
    }
}

/// A draw that serves all pictures stays one; branch draws and parts of a grid become one a picture and rectangle.
fn expand(spec: &DrawSpec, layout: &Layout, prototype: &Draw) -> Vec<Draw> {
    let per_item = |tiles: std::ops::Range<usize>| -> Vec<Draw> {
        (0..layout.batch)
            .flat_map(|item| layout.rects(item, tiles.clone()).into_iter().map(move |rect| (item, rect)))
            .map(|(item, rect)| Draw { rect, item: Some(item), ..prototype.clone() })
            .collect()
    };
    match &spec.region {
        Region::Whole if !spec.params.is_per_group() => vec![prototype.clone()],
        Region::Whole => per_item(0..layout.tiles),
        Region::Tiles(tiles) => per_item(tiles.clone()),
    }
}
