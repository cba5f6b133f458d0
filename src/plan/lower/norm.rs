//! Norms: statistics of a tensor, computed once and shared, and coefficients that the reader applies.

use std::mem::offset_of;

use crate::model::{NodeId, Op, Owner, ParamId, Shape};
use crate::plan::kernel::{BIND_A, BIND_VECTOR_A, BIND_WEIGHTS, Kernel, QUARTERS, Reduction};
use crate::plan::layout::Layout;
use crate::plan::params::{CoefficientParams, MergeParams, ReduceParams, ScaleParams};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};
use crate::plan::{Arrangement, TensorFormat};

use super::{Lowering, NormSource, Part, PlanError, View};

/// Texels that one fragment reduces at most, unless a row is longer. Enough to make chunks few; few enough that a
/// software GPU's bound on loop iterations is far away and a real one stays busy.
const CHUNK_TEXELS: usize = 128;

/// Pixels of a channel up to which an instance norm is one pass. A second pass costs as much as some hundred fetches.
pub(super) const SMALL_PIXELS: usize = 1024;

/// Pixels of a channel up to which a convolution may compute an instance norm by itself.
const OWN_PIXELS: usize = 256;

/// Fetches of all its fragments together up to which it does: two thirds of what a pass costs on a software GPU.
const OWN_FETCHES: usize = 16_384;

/// Texels that a fragment reduces at most where the reader merges the chunks.
const QUARTER_TEXELS: usize = 256;

/// The statistics of a tensor that exist so far, by tensor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Statistics {
    /// Mean and M2 of chunks.
    moments: Option<usize>,
    /// Maxima of chunks.
    maxima: Option<usize>,
}

impl Lowering<'_> {
    pub(super) fn instance_norm(&mut self, id: NodeId) -> Result<View, PlanError> {
        let node = self.graph.node(id);
        let tensor = self.plain(node.inputs[0])?;
        // The reader of a very small tensor decides.
        let norm = if !self.is_training() && self.tensors[tensor].shape.pixels() <= OWN_PIXELS {
            NormSource::Own(id)
        } else {
            self.instance_source(&node.name, tensor)?
        };
        Ok(View::part(Part { norm: Some(norm), ..Part::new(tensor) }))
    }

    /// A part whose norm is not left to the reader.
    pub(super) fn settled(&mut self, part: Part) -> Result<Part, PlanError> {
        let Some(NormSource::Own(id)) = part.norm else { return Ok(part) };
        let name = &self.graph.node(id).name;
        Ok(Part { norm: Some(self.instance_source(name, part.tensor)?), ..part })
    }

    /// The same, unless the `fragments` of a convolution that reads the part compute the norm in less than a pass takes.
    pub(super) fn settled_unless_cheap(&mut self, part: Part, fragments: usize) -> Result<Part, PlanError> {
        let source = self.layout(part.tensor);
        let Arrangement { quad, format, .. } = source.arrangement;
        let texels = source.tile_width * source.tile_height * source.arrangement.phase_count();
        let fetches = fragments * source.tiles * texels * quad.div_ceil(format.lanes());
        if fetches <= OWN_FETCHES { Ok(part) } else { self.settled(part) }
    }

    /// LIN and AdaLIN.
    pub(super) fn layer_norm(&mut self, id: NodeId) -> Result<View, PlanError> {
        let node = self.graph.node(id);
        let tensor = self.plain(node.inputs[0])?;
        let moments = self.moments(tensor)?;
        let mut params = self.coefficient_params(tensor, moments);
        let mut modulation = None;
        let mut owned = Vec::new();
        match node.op {
            Op::LayerInstanceNorm { rho, gamma, beta } => {
                for (param, word, at) in [
                    (rho, &mut params.rho, offset_of!(CoefficientParams, rho)),
                    (gamma, &mut params.gamma, offset_of!(CoefficientParams, gamma)),
                    (beta, &mut params.beta, offset_of!(CoefficientParams, beta)),
                ] {
                    let (offset, owner) = self.channel_weights(tensor, param)?;
                    *word = offset;
                    owned.push((at, owner));
                }
                params.kind = 1;
            }
            Op::AdaptiveLayerInstanceNorm { rho, gamma_at, beta_at } => {
                let vector = self.plain(node.inputs[1])?;
                let (offset, owner) = self.channel_weights(tensor, rho)?;
                owned.push((offset_of!(CoefficientParams, rho), owner));
                params.rho = offset;
                (params.gamma, params.beta) = (gamma_at as i32, beta_at as i32);
                params.modulation = self.layout(vector).uniform();
                params.kind = 2;
                modulation = Some(vector);
            }
            _ => return Err(self.unsupported(id, "not a layer norm")),
        }
        let coefficients = self.coefficients(&node.name, (tensor, moments), params, modulation, &owned)?;
        Ok(View::part(Part { norm: Some(NormSource::Coefficients(coefficients)), ..Part::new(tensor) }))
    }

    /// Coefficients `(0, weight, 0)` of a tensor's channels.
    pub(super) fn scale_coefficients(
        &mut self,
        name: &str,
        tensor: usize,
        weight: ParamId,
    ) -> Result<usize, PlanError> {
        let out = self.coefficient_tensor(name, tensor)?;
        let (weights, owner) = self.channel_weights(tensor, weight)?;
        let params = ScaleParams { out: self.layout(out).uniform(), weights, pad: [0; 3] };
        let params = ParamBlock::new(&params, &[Some(out)]).weight(offset_of!(ScaleParams, weights), owner);
        let textures = vec![(BIND_WEIGHTS, SourceSpec::Weights)];
        self.emit(name, out, vec![DrawSpec { kernel: Kernel::Scale, textures, region: Region::Whole, params }]);
        Ok(out)
    }

    /// A value a channel as a texel for each of the tensor's tiles.
    fn channel_weights(&mut self, tensor: usize, param: ParamId) -> Result<(i32, Owner), PlanError> {
        let quad = self.layout(tensor).arrangement.quad;
        let place = self.packer.push(self.graph.param(param).owner, |source| {
            let values = source.get(param)?;
            let texel = |c: &[f32]| std::array::from_fn(|lane| c.get(lane).copied().unwrap_or(0.0));
            Ok(values.chunks(quad).map(texel).collect())
        })?;
        Ok((place.offset as i32, place.owner))
    }

    /// What all readers take a tensor's instance norm from.
    fn instance_source(&mut self, name: &str, tensor: usize) -> Result<NormSource, PlanError> {
        if let Some(norm) = self.instance_norms.get(&tensor) {
            return Ok(*norm);
        }
        let norm = self.new_instance_source(name, tensor)?;
        self.instance_norms.insert(tensor, norm);
        Ok(norm)
    }

    /// Its coefficients in one pass, statistics that readers merge, or both one after the other, as its size asks for.
    fn new_instance_source(&mut self, name: &str, tensor: usize) -> Result<NormSource, PlanError> {
        let known = self.statistics(tensor).moments.is_some();
        if !known && self.tensors[tensor].shape.pixels() <= SMALL_PIXELS {
            return Ok(NormSource::Coefficients(self.small_norm(name, tensor)?));
        }
        let moments = self.moments(tensor)?;
        let layout = self.layout(tensor);
        if chunk_rows(&layout) * QUARTERS == layout.tile_height {
            return Ok(NormSource::Quarters(moments));
        }
        let params = self.coefficient_params(tensor, moments);
        let coefficients = self.coefficients(name, (tensor, moments), params, None, &[])?;
        Ok(NormSource::Coefficients(coefficients))
    }

    /// A part whose norm is in coefficients: sums, and convolutions that end a sum of three, have no other variant. Each
    /// variant is a pipeline, which takes longer to make than all its passes to draw.
    pub(super) fn with_coefficients(&mut self, part: Part) -> Result<Part, PlanError> {
        let part = self.settled(part)?;
        let Some(NormSource::Quarters(moments)) = part.norm else { return Ok(part) };
        let name = self.tensors[part.tensor].name.clone();
        let params = self.coefficient_params(part.tensor, moments);
        let coefficients = self.coefficients(&name, (part.tensor, moments), params, None, &[])?;
        Ok(Part { norm: Some(NormSource::Coefficients(coefficients)), ..part })
    }

    /// Straight from the tensor to coefficients.
    fn small_norm(&mut self, name: &str, tensor: usize) -> Result<usize, PlanError> {
        let out = self.coefficient_tensor(name, tensor)?;
        let params = ParamBlock::new(&self.reduce_params(out, tensor), &[Some(out), Some(tensor)]);
        let kernel = Kernel::Norm { a: self.layout(tensor).arrangement };
        let textures = self.planes(BIND_A, tensor);
        self.emit(name, out, vec![DrawSpec { kernel, textures, region: Region::Whole, params }]);
        Ok(out)
    }

    /// Parameters of a fragment that reads a whole channel.
    pub(super) fn reduce_params(&self, out: usize, tensor: usize) -> ReduceParams {
        let source = self.layout(tensor);
        ReduceParams {
            out: self.layout(out).uniform(),
            a: source.uniform(),
            rows: source.tile_height as i32,
            phases: source.arrangement.phase_count() as i32,
            first: 0,
            quad: source.arrangement.quad as i32,
        }
    }

    /// Mean and M2 of chunks of each channel.
    pub(super) fn moments(&mut self, tensor: usize) -> Result<usize, PlanError> {
        if let Some(moments) = self.statistics(tensor).moments {
            return Ok(moments);
        }
        let moments = self.reduce(tensor, Reduction::Moments)?;
        self.statistics.entry(tensor).or_default().moments = Some(moments);
        Ok(moments)
    }

    pub(super) fn maxima(&mut self, tensor: usize) -> Result<usize, PlanError> {
        if let Some(maxima) = self.statistics(tensor).maxima {
            return Ok(maxima);
        }
        let maxima = self.reduce(tensor, Reduction::Maximum)?;
        self.statistics.entry(tensor).or_default().maxima = Some(maxima);
        Ok(maxima)
    }

    fn statistics(&self, tensor: usize) -> Statistics {
        self.statistics.get(&tensor).copied().unwrap_or_default()
    }

    fn reduce(&mut self, tensor: usize, what: Reduction) -> Result<usize, PlanError> {
        let source = self.layout(tensor);
        let rows = chunk_rows(&source);
        let chunks = source.tile_height.div_ceil(rows);
        let kernel = Kernel::Reduce { a: source.arrangement, what };
        // One plane for each statistic.
        let arrangement = Arrangement { phases: [kernel.targets().len(), 1], ..Arrangement::QUADS };
        let layout = Layout::grid(arrangement, (1, chunks), source.tiles, self.batch, self.limits.max_texture_size);
        let name = format!("{}.reduce", self.tensors[tensor].name);
        let shape = Shape { channels: self.tensors[tensor].shape.channels, height: chunks, width: 1 };
        let out = self.tensor_in(&name, shape, layout)?;
        let params = ReduceParams { rows: rows as i32, ..self.reduce_params(out, tensor) };
        let params = ParamBlock::new(&params, &[Some(out), Some(tensor)]);
        let textures = self.planes(BIND_A, tensor);
        self.emit(&name, out, vec![DrawSpec { kernel, textures, region: Region::Whole, params }]);
        Ok(out)
    }

    /// Statistics of chunks to a vector.
    pub(super) fn merge(
        &mut self,
        name: &str,
        tensor: usize,
        statistics: usize,
        kernel: Kernel,
    ) -> Result<usize, PlanError> {
        let source = self.layout(tensor);
        let shape = Shape { channels: self.tensors[tensor].shape.channels, height: 1, width: 1 };
        let out = self.tensor(name, shape)?;
        let params = MergeParams {
            out: self.layout(out).uniform(),
            a: self.layout(statistics).uniform(),
            quad: source.arrangement.quad as i32,
            chunk: chunk_pixels(&source) as i32,
            pixels: self.tensors[tensor].shape.pixels() as i32,
            pad: 0,
        };
        let params = ParamBlock::new(&params, &[Some(out), Some(statistics)]);
        let textures = self.planes(BIND_A, statistics);
        self.emit(name, out, vec![DrawSpec { kernel, textures, region: Region::Whole, params }]);
        Ok(out)
    }

    /// Three texels for each of a tensor's tiles, side by side.
    fn coefficient_tensor(&mut self, name: &str, tensor: usize) -> Result<usize, PlanError> {
        let tiles = 3 * self.layout(tensor).tiles;
        let limit = self.limits.max_texture_size;
        let layout = Layout {
            arrangement: Arrangement { format: TensorFormat::Rgba32Float, ..Arrangement::QUADS },
            tile_width: 1,
            tile_height: 1,
            tiles,
            grid_x: tiles,
            batch: self.batch,
            blocks_x: 1,
            texture: (tiles, self.batch),
            base: (0, 0),
        };
        let shape = Shape { channels: 3 * self.tensors[tensor].shape.channels, height: 1, width: 1 };
        let fits = tiles <= limit && self.batch <= limit;
        self.tensor_in(&format!("{name}.coefficients"), shape, fits.then_some(layout))
    }

    fn coefficient_params(&self, tensor: usize, statistics: usize) -> CoefficientParams {
        let source = self.layout(tensor);
        CoefficientParams {
            a: self.layout(statistics).uniform(),
            quad: source.arrangement.quad as i32,
            chunk: chunk_pixels(&source) as i32,
            pixels: self.tensors[tensor].shape.pixels() as i32,
            channels: self.tensors[tensor].shape.channels as i32,
            ..CoefficientParams::default()
        }
    }

    /// The pass that turns a tensor's statistics into coefficients; `owned` lists the weight words of the parameters.
    fn coefficients(
        &mut self,
        name: &str,
        (tensor, statistics): (usize, usize),
        mut params: CoefficientParams,
        modulation: Option<usize>,
        owned: &[(usize, Owner)],
    ) -> Result<usize, PlanError> {
        let out = self.coefficient_tensor(name, tensor)?;
        params.out = self.layout(out).uniform();
        // A norm without a vector does not look at it.
        let vector = modulation.map_or(SourceSpec::Weights, |tensor| SourceSpec::Plane(tensor, 0));
        let mut textures = vec![(BIND_WEIGHTS, SourceSpec::Weights), (BIND_VECTOR_A, vector)];
        textures.extend(self.planes(BIND_A, statistics));
        let block = ParamBlock::new(&params, &[Some(out), Some(statistics), modulation]);
        let params = owned.iter().fold(block, |block, (at, owner)| block.weight(*at, *owner));
        self.emit(name, out, vec![DrawSpec { kernel: Kernel::Coefficients, textures, region: Region::Whole, params }]);
        Ok(out)
    }
}

/// Rows of texels that one fragment reduces: a quarter of them, if those are not too many.
fn chunk_rows(layout: &Layout) -> usize {
    let quarter = layout.tile_height / QUARTERS;
    if layout.tile_height.is_multiple_of(QUARTERS) && quarter > 0 && quarter * layout.tile_width <= QUARTER_TEXELS {
        return quarter;
    }
    (CHUNK_TEXELS / layout.tile_width).clamp(1, layout.tile_height)
}

/// Pixels of those rows.
fn chunk_pixels(layout: &Layout) -> usize {
    chunk_rows(layout) * layout.tile_width * layout.arrangement.phase_count()
}
