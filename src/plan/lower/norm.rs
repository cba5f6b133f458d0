//! Norms: statistics of a tensor, computed once and shared, and coefficients that the reader applies.

use std::mem::offset_of;

use crate::model::{NodeId, Op, Owner, ParamId, Shape};
use crate::plan::kernel::{BIND_A, BIND_VECTOR_A, BIND_WEIGHTS, Kernel, Norm, Reduction};
use crate::plan::layout::Layout;
use crate::plan::params::{CoefficientParams, MergeParams, ReduceParams, ScaleParams};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};
use crate::plan::weights::scalars;

use super::{Lowering, Part, PlanError, View};

/// Pixels that one fragment reduces at most, unless a row is longer. Enough to make partials few; few enough that a
/// software GPU's bound on loop iterations is far away and a real one stays busy.
const CHUNK_PIXELS: usize = 256;

/// The statistics of a tensor that exist so far, by tensor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Statistics {
    /// Mean and M2 of chunks.
    partials: Option<usize>,
    /// Mean and M2 of channels.
    moments: Option<usize>,
    /// Maxima of chunks.
    maxima: Option<usize>,
}

impl Lowering<'_> {
    pub(super) fn instance_norm(&mut self, id: NodeId) -> Result<View, PlanError> {
        let node = self.graph.node(id);
        let tensor = self.plain(node.inputs[0])?;
        let coefficients = match self.instance_norms.get(&tensor) {
            Some(coefficients) => *coefficients,
            None => {
                let partials = self.partials(tensor)?;
                let params = self.coefficient_params(tensor, partials);
                let coefficients =
                    self.coefficients(&node.name, tensor, partials, Norm::Instance, params, Vec::new())?;
                self.instance_norms.insert(tensor, coefficients);
                coefficients
            }
        };
        Ok(View::part(Part { tensor, affine: Some(coefficients), relu: false, up: false }))
    }

    /// LIN and AdaLIN.
    pub(super) fn layer_norm(&mut self, id: NodeId) -> Result<View, PlanError> {
        let node = self.graph.node(id);
        let tensor = self.plain(node.inputs[0])?;
        let moments = self.moments(tensor)?;
        let mut params = self.coefficient_params(tensor, moments);
        let mut textures = vec![(BIND_WEIGHTS, SourceSpec::Weights)];
        let mut owned = Vec::new();
        let norm = match node.op {
            Op::LayerInstanceNorm { rho, gamma, beta } => {
                for (param, word, at) in [
                    (rho, &mut params.rho, offset_of!(CoefficientParams, rho)),
                    (gamma, &mut params.gamma, offset_of!(CoefficientParams, gamma)),
                    (beta, &mut params.beta, offset_of!(CoefficientParams, beta)),
                ] {
                    let (offset, owner) = self.scalar_weights(param)?;
                    *word = offset;
                    owned.push((at, owner));
                }
                Norm::Layer
            }
            Op::AdaptiveLayerInstanceNorm { rho, gamma_at, beta_at } => {
                let modulation = self.plain(node.inputs[1])?;
                let (offset, owner) = self.scalar_weights(rho)?;
                owned.push((offset_of!(CoefficientParams, rho), owner));
                params.rho = offset;
                (params.gamma, params.beta) = (gamma_at as i32, beta_at as i32);
                params.modulation = self.layout(modulation).uniform();
                textures.push((BIND_VECTOR_A, SourceSpec::Plane(modulation, 0)));
                Norm::Adaptive
            }
            _ => return Err(self.unsupported(id, "not a layer norm")),
        };
        let coefficients = self.coefficients_with(&node.name, tensor, moments, norm, params, textures, &owned)?;
        Ok(View::part(Part { tensor, affine: Some(coefficients), relu: false, up: false }))
    }

    pub(super) fn global_pool(&mut self, id: NodeId) -> Result<usize, PlanError> {
        let node = self.graph.node(id);
        let tensor = self.plain(node.inputs[0])?;
        let (kernel, partials) = if node.op == Op::GlobalMaxPool {
            (Kernel::MergeVector(Reduction::Maximum), self.maxima(tensor)?)
        } else {
            (Kernel::MergeVector(Reduction::Moments), self.partials(tensor)?)
        };
        self.merge(&node.name, tensor, partials, kernel)
    }

    /// Coefficients `(0, weight, 0)` of a tensor's channels.
    pub(super) fn scale_coefficients(
        &mut self,
        name: &str,
        tensor: usize,
        weight: ParamId,
    ) -> Result<usize, PlanError> {
        let out = self.coefficient_tensor(name, tensor)?;
        let (weights, owner) = self.scalar_weights(weight)?;
        let channels = self.tensors[tensor].shape.channels as i32;
        let padded = self.layout(tensor).padded_channels() as i32;
        let params = ScaleParams { out: self.layout(out).uniform(), weights, channels, padded, pad: 0 };
        let params = ParamBlock::new(&params).weight(offset_of!(ScaleParams, weights), owner);
        let textures = vec![(BIND_WEIGHTS, SourceSpec::Weights)];
        self.emit(name, out, vec![DrawSpec { kernel: Kernel::Scale, textures, region: Region::Whole, params }]);
        Ok(out)
    }

    fn scalar_weights(&mut self, param: ParamId) -> Result<(i32, Owner), PlanError> {
        let place = self.packer.push(self.graph.param(param).owner, |source| Ok(scalars(source.get(param)?)))?;
        Ok((place.offset as i32, place.owner))
    }

    /// Mean and M2 of chunks of each channel.
    fn partials(&mut self, tensor: usize) -> Result<usize, PlanError> {
        if let Some(partials) = self.statistics(tensor).partials {
            return Ok(partials);
        }
        let partials = self.reduce(tensor, Reduction::Moments)?;
        self.statistics.entry(tensor).or_default().partials = Some(partials);
        Ok(partials)
    }

    fn maxima(&mut self, tensor: usize) -> Result<usize, PlanError> {
        if let Some(maxima) = self.statistics(tensor).maxima {
            return Ok(maxima);
        }
        let maxima = self.reduce(tensor, Reduction::Maximum)?;
        self.statistics.entry(tensor).or_default().maxima = Some(maxima);
        Ok(maxima)
    }

    /// Mean and M2 of each channel, for norms that read all channels.
    fn moments(&mut self, tensor: usize) -> Result<usize, PlanError> {
        if let Some(moments) = self.statistics(tensor).moments {
            return Ok(moments);
        }
        let partials = self.partials(tensor)?;
        let name = format!("{}.moments", self.tensors[tensor].name);
        let moments = self.merge(&name, tensor, partials, Kernel::MergeMoments)?;
        self.statistics.entry(tensor).or_default().moments = Some(moments);
        Ok(moments)
    }

    fn statistics(&self, tensor: usize) -> Statistics {
        self.statistics.get(&tensor).copied().unwrap_or_default()
    }

    /// One draw a plane: a fragment reads one channel's chunk from one texture, so nothing is gained by binding all.
    fn reduce(&mut self, tensor: usize, what: Reduction) -> Result<usize, PlanError> {
        let source = self.layout(tensor);
        let rows = chunk_rows(&source);
        let chunks = source.tile_height.div_ceil(rows);
        let kernel = Kernel::Reduce(what);
        let layout = Layout::partials(&source, chunks, kernel.targets(), self.limits.max_texture_size);
        let name = format!("{}.reduce", self.tensors[tensor].name);
        let shape = Shape { channels: source.padded_channels(), height: chunks, width: 1 };
        let out = self.tensor_in(&name, shape, layout)?;
        let layout = self.layout(out);
        let params = ReduceParams { out: layout.uniform(), a: source.uniform(), rows: rows as i32, pad: [0; 3] };
        let (width, _) = layout.size();
        let draws = (0..source.planes).map(|plane| {
            let (_, y) = layout.origin(0, plane * source.tiles);
            let rect = crate::plan::Rect { x: 0, y: y as u32, width: width as u32, height: chunks as u32 };
            DrawSpec {
                kernel,
                textures: vec![(BIND_A, SourceSpec::Plane(tensor, plane))],
                region: Region::Rect(rect),
                params: ParamBlock::new(&params),
            }
        });
        let draws = draws.collect();
        self.emit(&name, out, draws);
        Ok(out)
    }

    /// Statistics of chunks to statistics of channels.
    fn merge(&mut self, name: &str, tensor: usize, partials: usize, kernel: Kernel) -> Result<usize, PlanError> {
        let source = self.layout(tensor);
        let shape = Shape { channels: self.tensors[tensor].shape.channels, height: 1, width: 1 };
        let vector = Layout::tensor(shape, 1, self.batch, self.limits.max_texture_size);
        let layout = vector.map(|layout| Layout { planes: kernel.targets(), ..layout });
        let out = self.tensor_in(name, shape, layout)?;
        let params = MergeParams {
            out: self.layout(out).uniform(),
            a: self.layout(partials).uniform(),
            planes: source.planes as i32,
            tiles: source.tiles as i32,
            chunk: (chunk_rows(&source) * source.tile_width) as i32,
            pixels: (source.tile_width * source.tile_height) as i32,
        };
        let textures = self.planes(BIND_A, partials);
        let params = ParamBlock::new(&params);
        self.emit(name, out, vec![DrawSpec { kernel, textures, region: Region::Whole, params }]);
        Ok(out)
    }

    fn coefficient_tensor(&mut self, name: &str, tensor: usize) -> Result<usize, PlanError> {
        let padded = self.layout(tensor).padded_channels();
        self.tensor(&format!("{name}.coefficients"), Shape { channels: 3 * padded, height: 1, width: 1 })
    }

    fn coefficient_params(&self, tensor: usize, statistics: usize) -> CoefficientParams {
        let source = self.layout(tensor);
        CoefficientParams {
            a: self.layout(statistics).uniform(),
            planes: source.planes as i32,
            tiles: source.tiles as i32,
            chunk: (chunk_rows(&source) * source.tile_width) as i32,
            pixels: (source.tile_width * source.tile_height) as i32,
            channels: self.tensors[tensor].shape.channels as i32,
            ..CoefficientParams::default()
        }
    }

    fn coefficients(
        &mut self,
        name: &str,
        tensor: usize,
        statistics: usize,
        norm: Norm,
        params: CoefficientParams,
        textures: Vec<(u32, SourceSpec)>,
    ) -> Result<usize, PlanError> {
        self.coefficients_with(name, tensor, statistics, norm, params, textures, &[])
    }

    /// The pass that turns statistics into coefficients; `owned` lists the weight words of the parameters.
    #[expect(clippy::too_many_arguments, reason = "the parts of one pass, each used once")]
    fn coefficients_with(
        &mut self,
        name: &str,
        tensor: usize,
        statistics: usize,
        norm: Norm,
        mut params: CoefficientParams,
        mut textures: Vec<(u32, SourceSpec)>,
        owned: &[(usize, Owner)],
    ) -> Result<usize, PlanError> {
        let out = self.coefficient_tensor(name, tensor)?;
        params.out = self.layout(out).uniform();
        textures.extend(self.planes(BIND_A, statistics));
        let params = owned.iter().fold(ParamBlock::new(&params), |block, (at, owner)| block.weight(*at, *owner));
        let kernel = Kernel::Coefficients(norm);
        self.emit(name, out, vec![DrawSpec { kernel, textures, region: Region::Whole, params }]);
        Ok(out)
    }
}

/// Rows of a tile that one fragment reduces.
fn chunk_rows(layout: &Layout) -> usize {
    (CHUNK_PIXELS / layout.tile_width).clamp(1, layout.tile_height)
}
