//! Published checkpoints: which network one holds, told from its tensors.

use std::fmt;

use super::{Model, ModelError, Tensor, TensorFile};

/// What stands before the names, if a file has a whole training's networks (`genA2B` draws cartoons), or was saved from
/// several GPUs.
const PREFIXES: [&str; 4] = ["", "module.", "genA2B.", "genA2B.module."];
/// A tensor that all forms have.
const STEM: &str = "ConvBlock1.1.weight";
/// First words of files that are no safetensors: zip archives and pickles.
const PYTORCH: [&[u8]; 2] = [b"PK\x03\x04", b"\x80\x02"];

/// A published network with hourglasses and SoftAdaLIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointForm {
    /// minivision-ai/photo2cartoon: one group, women.
    Photo2Cartoon,
    /// payne53/few_shot_face2cartoon: a branch a group.
    FewShot {
        /// 1 to 4: woman, man, kid, elderly.
        groups: usize,
    },
}

impl CheckpointForm {
    /// Number of groups.
    pub fn groups(&self) -> usize {
        match self {
            Self::Photo2Cartoon => 1,
            Self::FewShot { groups } => *groups,
        }
    }
}

impl fmt::Display for CheckpointForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Photo2Cartoon => write!(f, "photo2cartoon, one group"),
            Self::FewShot { groups } => write!(f, "few_shot_face2cartoon, {groups} groups"),
        }
    }
}

/// A checkpoint whose form is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checkpoint<'a> {
    file: &'a TensorFile,
    prefix: &'static str,
    /// Which network it holds.
    pub form: CheckpointForm,
    /// Channels at full resolution: `ngf` or `--ch` in the published scripts.
    pub base_channels: usize,
}

impl<'a> Checkpoint<'a> {
    /// Reads a checkpoint's tensors; `file` is its name in messages.
    ///
    /// # Errors
    /// [`ModelError::Import`] for a `.pt` file, with what to do about it, else as [`TensorFile::parse`].
    pub fn read(file: &str, bytes: &[u8]) -> Result<TensorFile, ModelError> {
        if PYTORCH.iter().any(|magic| bytes.starts_with(magic)) {
            let reason = "it is a file of torch.save; in training/, `python -m toonface.tensors_only FILE.pt --out \
                          FILE.safetensors` takes the tensors out of it, and runs nothing that is in it";
            return Err(refuse(file, reason));
        }
        TensorFile::parse(file, bytes)
    }

    /// Tells the form of a checkpoint from its tensors.
    ///
    /// # Errors
    /// [`ModelError::Import`] if it is none that can be imported, with the tensor that tells so.
    pub fn recognise(file: &'a TensorFile) -> Result<Self, ModelError> {
        let no_stem = || refuse(&file.file, format!("it has no tensor `{STEM}`: it is of another network"));
        let stem = PREFIXES.iter().find_map(|prefix| Some((*prefix, file.tensors.get(&format!("{prefix}{STEM}"))?)));
        let (prefix, stem) = stem.ok_or_else(no_stem)?;
        let dims = |name: &str| file.tensors.get(&format!("{prefix}{name}")).map(|tensor| tensor.dims.as_slice());
        let [base_channels, 3, 7, 7] = stem.dims[..] else {
            return Err(refuse(&file.file, format!("`{STEM}` has shape {:?}, expected [C, 3, 7, 7]", stem.dims)));
        };
        let form = match (dims("gap_fc_new.weight"), dims("gap_fc.weight")) {
            (Some([groups @ 1..=4, _]), _) => CheckpointForm::FewShot { groups: *groups },
            (None, Some([1, _])) => CheckpointForm::Photo2Cartoon,
            (Some(head), _) | (None, Some(head)) => {
                let reason = format!(
                    "its CAM head `gap_fc_new.weight` (or `gap_fc.weight`) has shape {head:?}, expected 1 to 4 rows"
                );
                return Err(refuse(&file.file, reason));
            }
            (None, None) => {
                let reason = "it has no tensor `gap_fc_new.weight` (the CAM head of few_shot_face2cartoon) or \
                              `gap_fc.weight` (that of photo2cartoon)";
                return Err(refuse(&file.file, reason));
            }
        };
        if let Some(reason) = dims("FC.0.weight").and_then(|dims| full_form(base_channels, dims)) {
            return Err(refuse(&file.file, reason));
        }
        Ok(Self { file, prefix, form, base_channels })
    }

    /// Turns the checkpoint into a `Paper` model. The picture's side cannot be told from tensors: 256 in the published
    /// scripts.
    ///
    /// # Errors
    /// As [`import_checkpoint`](super::import_checkpoint).
    pub fn import(&self, image_size: usize) -> Result<Model, ModelError> {
        super::import::import(self, self.base_channels, image_size)
    }

    /// The file's name in messages.
    pub(super) fn name(&self) -> &str {
        &self.file.file
    }

    /// A tensor by its official name.
    pub(super) fn get(&self, official: &str, dims: &[usize]) -> Result<&'a Tensor, ModelError> {
        self.file.get(&format!("{}{official}", self.prefix), dims)
    }

    /// Official names of all tensors of the network.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.file.tensors.keys().filter_map(|name| name.strip_prefix(self.prefix))
    }

    /// Official name of a CAM head's module: `gap` or `gmp`.
    pub(super) fn head(&self, ours: &str) -> String {
        match self.form {
            CheckpointForm::Photo2Cartoon => format!("{ours}_fc"),
            CheckpointForm::FewShot { .. } => format!("{ours}_fc_new"),
        }
    }
}

/// Why the style layer is not that of the light form, if so.
fn full_form(base_channels: usize, style: &[usize]) -> Option<String> {
    let [out, inputs] = *style else { return None };
    let (channels, side) = (4 * base_channels, inputs.checked_div(4 * base_channels)?.isqrt());
    let is_full = out == channels && side > 1 && side * side * channels == inputs;
    is_full.then(|| {
        format!(
            "`FC.0.weight` has shape {style:?}: this is the full form, whose style layer reads whole {side} x {side} maps; \
             only the light form, which reads their averages (`--light`, `light=True`), can be imported"
        )
    })
}

fn refuse(file: &str, reason: impl Into<String>) -> ModelError {
    ModelError::Import { file: file.to_owned(), reason: reason.into() }
}
