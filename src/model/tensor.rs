//! A dense f32 tensor and the safetensors file it comes from.

use std::collections::BTreeMap;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::ModelError;

/// A dense tensor in row-major order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensor {
    /// Row-major shape.
    pub dims: Vec<usize>,
    /// The values; as many as the product of `dims`.
    pub data: Vec<f32>,
}

impl Tensor {
    /// A tensor from its parts.
    ///
    /// # Errors
    /// [`ModelError::Shape`] if the number of values is not the product of `dims`.
    pub fn new(dims: &[usize], data: Vec<f32>) -> Result<Self, ModelError> {
        let elements: Option<usize> = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        if elements != Some(data.len()) {
            let reason = format!("{} values do not fill the shape {dims:?}", data.len());
            return Err(ModelError::shape("tensor", reason));
        }
        Ok(Self { dims: dims.to_vec(), data })
    }
}

/// The tensors of one safetensors file (F32 or F16 on disk), by dotted path.
///
/// Sizes and offsets are checked by the reader before any value is copied, so a truncated or hostile
/// file costs no more memory than its own length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorFile {
    /// The file's path, for messages.
    pub file: String,
    /// Its tensors, sorted by path.
    pub tensors: BTreeMap<String, Tensor>,
}

impl TensorFile {
    /// Reads all tensors of a file that is already in memory; `file` is its name in messages.
    ///
    /// # Errors
    /// [`ModelError::Safetensors`] for bytes that are no complete safetensors file,
    /// [`ModelError::TensorType`] for a type other than F32 or F16, and [`ModelError::NotFinite`].
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, ModelError> {
        let reader = SafeTensors::deserialize(bytes)
            .map_err(|e| ModelError::Safetensors { file: file.to_owned(), reason: e.to_string() })?;
        let mut tensors = BTreeMap::new();
        for (path, view) in reader.tensors() {
            let data = values(file, &path, &view)?;
            tensors.insert(path, Tensor { dims: view.shape().to_vec(), data });
        }
        Ok(Self { file: file.to_owned(), tensors })
    }

    /// The file's bytes, all tensors as F32.
    ///
    /// # Errors
    /// [`ModelError::Safetensors`] if a tensor's shape and length disagree.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let unwritable = |e: safetensors::SafeTensorError| ModelError::Safetensors {
            file: self.file.clone(),
            reason: e.to_string(),
        };
        let mut views = Vec::with_capacity(self.tensors.len());
        for (path, tensor) in &self.tensors {
            let bytes = bytemuck::cast_slice(&tensor.data);
            views.push((path, TensorView::new(Dtype::F32, tensor.dims.clone(), bytes).map_err(unwritable)?));
        }
        safetensors::serialize(views, None).map_err(unwritable)
    }

    /// The tensor at `path` with the shape the network needs.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] or [`ModelError::TensorShape`]; [`ModelError::Shape`] for a tensor that was put together
    /// with too few or too many values.
    pub fn get(&self, path: &str, expected: &[usize]) -> Result<&Tensor, ModelError> {
        let Some(tensor) = self.tensors.get(path) else {
            return Err(ModelError::MissingTensor {
                file: self.file.clone(),
                tensor: path.to_owned(),
                expected: expected.to_vec(),
            });
        };
        if tensor.dims != expected {
            return Err(ModelError::TensorShape {
                file: self.file.clone(),
                tensor: path.to_owned(),
                expected: expected.to_vec(),
                found: tensor.dims.clone(),
            });
        }
        if tensor.data.len() != expected.iter().product::<usize>() {
            let reason = format!("`{}`: {} values do not fill the shape {expected:?}", self.file, tensor.data.len());
            return Err(ModelError::shape(path, reason));
        }
        Ok(tensor)
    }
}

/// Converts one stored tensor to f32. The bytes of a safetensors file need not be aligned.
fn values(file: &str, path: &str, view: &TensorView<'_>) -> Result<Vec<f32>, ModelError> {
    let data: Vec<f32> = match view.dtype() {
        Dtype::F32 => view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        other => {
            return Err(ModelError::TensorType {
                file: file.to_owned(),
                tensor: path.to_owned(),
                found: format!("{other:?}"),
            });
        }
    };
    match data.iter().position(|v| !v.is_finite()) {
        None => Ok(data),
        Some(index) => Err(ModelError::NotFinite {
            file: file.to_owned(),
            tensor: path.to_owned(),
            index,
            value: data[index].to_string(),
        }),
    }
}
