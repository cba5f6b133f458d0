//! What there are pipelines for, and what each is bound to and draws to.

use std::fmt;

use bevy::render::render_resource::{
    BindGroupLayoutEntry, BindingType, BlendComponent, BlendFactor, BlendOperation, BlendState, BufferBindingType,
    ColorTargetState, ColorWrites, SamplerBindingType, ShaderStages, TextureFormat, TextureSampleType,
    TextureViewDimension,
};

use crate::plan::kernel::{BIND_A, BIND_PARAMS, BIND_SAMPLER};
use crate::plan::{Arrangement, Kernel, Subject, TensorFormat, ViewSpace};

/// Format of the output image.
pub(super) const OUTPUT_FORMAT: TextureFormat = TextureFormat::Rgba8UnormSrgb;
/// Binding of the picture.
pub(super) const BIND_SOURCE: u32 = 1;
/// Binding of what a picture was before.
pub(super) const BIND_HISTORY: u32 = 2;

/// `view = source * the view's alpha + view * (1 - weight)`; the view's alpha stays.
const OVER_THE_VIEW: BlendState = BlendState {
    color: BlendComponent {
        src_factor: BlendFactor::DstAlpha,
        dst_factor: BlendFactor::OneMinusSrcAlpha,
        operation: BlendOperation::Add,
    },
    alpha: BlendComponent {
        src_factor: BlendFactor::Zero,
        dst_factor: BlendFactor::One,
        operation: BlendOperation::Add,
    },
};

/// One pipeline: a fragment shader, what it is bound to and what it draws to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Program {
    Kernel(Kernel),
    /// A picture to a tensor.
    Encode(Arrangement),
    /// A picture and its past to its history.
    Settle,
    /// A history to a tensor.
    Feed(Arrangement),
    /// A tensor to a picture, with or without a picture below.
    Composite {
        tensor: Arrangement,
        over_source: bool,
    },
    /// A camera's view to a picture.
    Capture(ViewSpace),
    /// A cartoon over a camera's view.
    Overlay(ViewSpace, TextureFormat),
}

impl Program {
    /// What its fragment shader is written for.
    pub fn subject(&self) -> Subject {
        match *self {
            Self::Kernel(kernel) => Subject::Kernel(kernel),
            Self::Encode(tensor) => Subject::Encode(tensor),
            Self::Settle => Subject::Settle,
            Self::Feed(tensor) => Subject::Feed(tensor),
            Self::Composite { tensor, over_source } => Subject::Composite { tensor, over_source },
            Self::Capture(space) => Subject::Capture(space),
            Self::Overlay(space, _) => Subject::Overlay(space),
        }
    }

    /// Entries of its only bind group.
    pub fn bindings(&self) -> Vec<BindGroupLayoutEntry> {
        let mut entries = vec![uniform()];
        match self {
            Self::Kernel(kernel) => {
                entries.push(sampler());
                entries.extend(kernel.textures().into_iter().map(texture));
            }
            Self::Settle => entries.extend([BIND_SOURCE, BIND_HISTORY].map(texture)),
            Self::Composite { tensor, over_source } => {
                entries.extend(over_source.then(|| texture(BIND_SOURCE)));
                entries.extend((BIND_A..).take(tensor.planes()).map(texture));
            }
            Self::Encode(_) | Self::Feed(_) | Self::Capture(_) | Self::Overlay(..) => {
                entries.push(texture(BIND_SOURCE))
            }
        }
        entries
    }

    /// Its colour attachments.
    pub fn targets(&self) -> Vec<Option<ColorTargetState>> {
        let blend = matches!(self, Self::Overlay(..)).then_some(OVER_THE_VIEW);
        let formats = match self {
            Self::Kernel(kernel) => kernel.targets().into_iter().map(texture_format).collect(),
            Self::Encode(tensor) | Self::Feed(tensor) => vec![texture_format(tensor.format); tensor.planes()],
            Self::Settle => vec![texture_format(Arrangement::QUADS.format)],
            Self::Composite { .. } | Self::Capture(_) => vec![OUTPUT_FORMAT],
            Self::Overlay(_, format) => vec![*format],
        };
        let target = |format| Some(ColorTargetState { format, blend, write_mask: ColorWrites::ALL });
        formats.into_iter().map(target).collect()
    }
}

/// As it is called in errors, tables and debuggers.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(kernel) => write!(f, "{kernel}"),
            Self::Encode(_) => f.write_str("encode"),
            Self::Settle => f.write_str("settle"),
            Self::Feed(_) => f.write_str("feed"),
            Self::Composite { .. } => f.write_str("composite"),
            Self::Capture(_) => f.write_str("capture"),
            Self::Overlay(..) => f.write_str("overlay"),
        }
    }
}

/// The device's name for a tensor's format.
pub(super) fn texture_format(format: TensorFormat) -> TextureFormat {
    match format {
        TensorFormat::R32Float => TextureFormat::R32Float,
        TensorFormat::Rgba32Float => TextureFormat::Rgba32Float,
        TensorFormat::Rgba16Float => TextureFormat::Rgba16Float,
    }
}

fn uniform() -> BindGroupLayoutEntry {
    let ty = BindingType::Buffer { ty: BufferBindingType::Uniform, has_dynamic_offset: true, min_binding_size: None };
    BindGroupLayoutEntry { binding: BIND_PARAMS, visibility: ShaderStages::FRAGMENT, ty, count: None }
}

fn sampler() -> BindGroupLayoutEntry {
    let ty = BindingType::Sampler(SamplerBindingType::NonFiltering);
    BindGroupLayoutEntry { binding: BIND_SAMPLER, visibility: ShaderStages::FRAGMENT, ty, count: None }
}

fn texture(binding: u32) -> BindGroupLayoutEntry {
    let ty = BindingType::Texture {
        sample_type: TextureSampleType::Float { filterable: false },
        view_dimension: TextureViewDimension::D2,
        multisampled: false,
    };
    BindGroupLayoutEntry { binding, visibility: ShaderStages::FRAGMENT, ty, count: None }
}
