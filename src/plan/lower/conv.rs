//! Convolutions: sources with their prologues, weights, and what of the readers fits in the epilogue.

use std::mem::offset_of;

use crate::model::{NodeId, Op, Owner, ParamId};
use crate::plan::kernel::{BIND_A, BIND_B, BIND_C, BIND_VECTOR_A, BIND_VECTOR_B, BIND_WEIGHTS, Kernel, Operand};
use crate::plan::layout::LayoutUniform;
use crate::plan::params::{ConvParams, NO_FLOOR};
use crate::plan::pass::{DrawSpec, ParamBlock, Region, SourceSpec};
use crate::plan::weights::{WeightRef, quads};

use super::{Lowering, Part, PlanError, View};

/// What is done with the sums before they are written.
#[derive(Default)]
struct Epilogue {
    residual: Option<usize>,
    relu: bool,
    tanh: bool,
    /// The nodes that the pass computes; it yields the value of the last.
    nodes: Vec<usize>,
}

impl Epilogue {
    fn last(&self) -> usize {
        self.nodes[self.nodes.len() - 1]
    }
}

impl Lowering<'_> {
    pub(super) fn conv(&mut self, id: NodeId) -> Result<(), PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let Op::Conv2d { kernel, stride, weight, bias } = node.op else {
            return Err(self.unsupported(id, "not a convolution"));
        };
        let epilogue = self.epilogue(id)?;
        let out = self.tensor(&graph.nodes()[epilogue.last()].name, node.shape)?;
        let out_planes = self.layout(out).planes;
        let sources = self.sources(node.inputs[0], if epilogue.residual.is_some() { out_planes } else { 0 })?;

        let weights = self.conv_weights(&sources, out, kernel, weight)?;
        let bias = self.conv_bias(out, bias, graph.param(weight).owner)?;
        let part = |i: usize| sources.get(i).copied();
        let operand = |part: Part| Operand { planes: self.layout(part.tensor).planes, affine: part.affine.is_some() };
        let key = Kernel::Conv {
            kernel,
            a: operand(sources[0]),
            b: part(1).map(operand),
            residual: epilogue.residual.is_some(),
            tanh: epilogue.tanh,
            out: out_planes,
        };
        let layout = |tensor: Option<usize>| tensor.map_or_else(LayoutUniform::default, |t| self.layout(t).uniform());
        let floor = |relu: bool| if relu { 0.0 } else { NO_FLOOR };
        let steps: usize = sources.iter().map(|p| self.layout(p.tensor).padded_channels()).sum();
        let params = ConvParams {
            out: layout(Some(out)),
            a: layout(Some(sources[0].tensor)),
            b: layout(part(1).map(|p| p.tensor)),
            c: layout(epilogue.residual),
            coefficients_a: layout(sources[0].affine),
            coefficients_b: layout(part(1).and_then(|p| p.affine)),
            weights: weights.offset as i32,
            weight_stride: (steps * kernel * kernel * out_planes.div_ceil(4)) as i32,
            bias: bias.offset as i32,
            stride: stride as i32,
            up_a: sources[0].up.into(),
            up_b: part(1).is_some_and(|p| p.up).into(),
            floor_a: floor(sources[0].relu),
            floor_b: floor(part(1).is_some_and(|p| p.relu)),
            floor_out: floor(epilogue.relu),
            pad: [0; 3],
        };
        let params = ParamBlock::new(&params)
            .weight(offset_of!(ConvParams, weights), weights.owner)
            .weight(offset_of!(ConvParams, bias), bias.owner);
        let textures = self.conv_textures(&sources, epilogue.residual);
        let label = graph.nodes()[epilogue.last()].name.clone();
        self.emit(&label, out, vec![DrawSpec { kernel: key, textures, region: Region::Whole, params }]);
        // Nobody reads those before the last: they only count as done.
        epilogue.nodes.iter().for_each(|node| self.values[*node] = Some(View::plain(out)));
        Ok(())
    }

    /// Follows the chain of only readers: a sum with a value that exists, then ReLU or tanh.
    fn epilogue(&mut self, id: NodeId) -> Result<Epilogue, PlanError> {
        let graph = self.graph;
        let mut epilogue = Epilogue { nodes: vec![id.0], ..Epilogue::default() };
        while let Some(user) = self.only_user(NodeId(epilogue.last())) {
            let node = graph.node(user);
            match node.op {
                Op::Add if epilogue.residual.is_none() => {
                    let other = node.inputs.iter().find(|input| input.0 != epilogue.last());
                    let Some(tensor) = other.and_then(|other| self.values[other.0].as_ref()?.as_plain()) else { break };
                    epilogue.residual = Some(tensor);
                }
                Op::Relu => epilogue.relu = true,
                Op::Tanh => epilogue.tanh = true,
                _ => break,
            }
            epilogue.nodes.push(user.0);
            if epilogue.relu || epilogue.tanh {
                break;
            }
        }
        Ok(epilogue)
    }

    /// The parts that the convolution reads: at most two, as many textures as the device samples.
    fn sources(&mut self, input: NodeId, residual_planes: usize) -> Result<Vec<Part>, PlanError> {
        let parts = self.view(input)?.parts;
        let textures: usize =
            parts.iter().map(|p| self.layout(p.tensor).planes + usize::from(p.affine.is_some())).sum();
        if parts.len() <= 2 && textures + residual_planes < self.limits.max_sampled_textures {
            return Ok(parts);
        }
        Ok(View::plain(self.plain(input)?).parts)
    }

    /// Packs `[out, in, k, k]` as the kernel walks it: output tile, source tile, tap, source lane, then the
    /// output lanes in quads. Lanes without a channel get zeros.
    fn conv_weights(
        &mut self,
        sources: &[Part],
        out: usize,
        kernel: usize,
        weight: ParamId,
    ) -> Result<WeightRef, PlanError> {
        let out_channels = self.tensors[out].shape.channels;
        let out_layout = self.layout(out);
        let inputs: Vec<(usize, crate::plan::Layout)> =
            sources.iter().map(|p| (self.tensors[p.tensor].shape.channels, self.layout(p.tensor))).collect();
        let in_channels: usize = inputs.iter().map(|(n, _)| n).sum();
        let taps = kernel * kernel;
        self.packer.push(self.graph.param(weight).owner, |source| {
            let w = source.get(weight)?;
            let mut texels = Vec::new();
            for out_tile in 0..out_layout.tiles {
                let lanes: Vec<usize> = (0..out_layout.planes).map(|p| out_tile * out_layout.planes + p).collect();
                let mut first = 0;
                for (channels, layout) in &inputs {
                    for tile in 0..layout.tiles {
                        for tap in 0..taps {
                            for plane in 0..layout.planes {
                                let channel = tile * layout.planes + plane;
                                let value = |o: &usize| {
                                    let inside = *o < out_channels && channel < *channels;
                                    if inside { w[(o * in_channels + first + channel) * taps + tap] } else { 0.0 }
                                };
                                texels.extend(quads(&lanes.iter().map(value).collect::<Vec<_>>()));
                            }
                        }
                    }
                    first += channels;
                }
            }
            Ok(texels)
        })
    }

    /// One value an output lane, in quads; zeros without a bias, so that the kernel has no special case.
    fn conv_bias(&mut self, out: usize, bias: Option<ParamId>, owner: Owner) -> Result<WeightRef, PlanError> {
        let layout = self.layout(out);
        let owner = bias.map_or(owner, |b| self.graph.param(b).owner);
        self.packer.push(owner, |source| {
            let mut values = match bias {
                Some(bias) => source.get(bias)?.to_vec(),
                None => Vec::new(),
            };
            values.resize(layout.padded_channels(), 0.0);
            Ok(values.chunks(layout.planes).flat_map(quads).collect())
        })
    }

    fn conv_textures(&self, sources: &[Part], residual: Option<usize>) -> Vec<(u32, SourceSpec)> {
        let mut textures = vec![(BIND_WEIGHTS, SourceSpec::Weights)];
        let bindings = [(BIND_VECTOR_A, BIND_A), (BIND_VECTOR_B, BIND_B)];
        for (part, (vector, planes)) in sources.iter().zip(bindings) {
            textures.extend(part.affine.map(|t| (vector, SourceSpec::Plane(t, 0))));
            textures.extend(self.planes(planes, part.tensor));
        }
        textures.extend(residual.into_iter().flat_map(|t| self.planes(BIND_C, t)));
        textures.sort_by_key(|(binding, _)| *binding);
        textures
    }

    /// Bindings of all planes of a tensor.
    pub(super) fn planes(&self, first: u32, tensor: usize) -> Vec<(u32, SourceSpec)> {
        (0..self.layout(tensor).planes).map(|p| (first + p as u32, SourceSpec::Plane(tensor, p))).collect()
    }
}
