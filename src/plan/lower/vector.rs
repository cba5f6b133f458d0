//! Ops on vectors: stacked linear maps, mixes, the CAM logits; and the sum over channels.

use std::mem::offset_of;
use std::ops::Range;

use crate::model::{NodeId, Op, Owner, ParamId};
use crate::plan::PlanError;
use crate::plan::kernel::{BIND_A, BIND_VECTOR_A, BIND_VECTOR_B, BIND_WEIGHTS, Kernel};
use crate::plan::params::{LinearParams, MixParams, NO_FLOOR, PlainParams};
use crate::plan::pass::{DrawSpec, ParamBlock, Patch, Region, SourceSpec};
use crate::plan::weights::{WeightRef, quads, scalars};

use super::{Lowering, View};

impl Lowering<'_> {
    pub(super) fn linear(&mut self, id: NodeId) -> Result<(), PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let Op::Linear { groups, weights, biases } = &node.op else {
            return Err(self.unsupported(id, "not a linear map"));
        };
        let relu = self.only_user(id).filter(|user| graph.node(*user).op == Op::Relu);
        let last = relu.unwrap_or(id);
        let input = self.plain(node.inputs[0])?;
        let out = self.tensor(&graph.node(last).name, node.shape)?;
        let columns = graph.node(node.inputs[0]).shape.channels / groups;
        let mut draws = Vec::new();
        for (run, owner) in self.owner_runs(weights) {
            let place = self.linear_weights(owner, &weights[run.clone()], &biases[run.clone()], columns)?;
            let rows = |maps: &[ParamId]| -> usize { maps.iter().map(|w| graph.param(*w).dims[0]).sum() };
            let first = rows(&weights[..run.start]);
            let params = LinearParams {
                out: self.layout(out).uniform(),
                a: self.layout(input).uniform(),
                weights: place.offset as i32,
                row_stride: row_texels(columns) as i32,
                columns: columns as i32,
                rows_per_part: (node.shape.channels / groups) as i32,
                first: first as i32,
                floor_out: if relu.is_some() { 0.0 } else { NO_FLOOR },
                pad: [0; 2],
            };
            let params =
                ParamBlock::new(&params, &[Some(out), Some(input)]).weight(offset_of!(LinearParams, weights), owner);
            draws.push(DrawSpec {
                kernel: Kernel::Linear,
                textures: vec![(BIND_WEIGHTS, SourceSpec::Weights), (BIND_VECTOR_A, SourceSpec::Plane(input, 0))],
                region: Region::Tiles(first..first + rows(&weights[run])),
                params,
            });
        }
        self.emit(&graph.node(last).name, out, draws);
        self.values[last.0] = Some(View::plain(out));
        Ok(())
    }

    pub(super) fn mix(&mut self, id: NodeId) -> Result<usize, PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let Op::Mix { weights } = &node.op else {
            return Err(self.unsupported(id, "not a mix"));
        };
        let (a, b) = (self.plain(node.inputs[0])?, self.plain(node.inputs[1])?);
        let out = self.tensor(&node.name, node.shape)?;
        let mut draws = Vec::new();
        for (run, owner) in self.owner_runs(weights) {
            let length = |maps: &[ParamId]| -> usize { maps.iter().map(|w| graph.param(*w).elements()).sum() };
            let first = length(&weights[..run.start]);
            let part = &weights[run];
            let place = self.packer.push(owner, |source| {
                let mut texels = Vec::new();
                for weight in part {
                    texels.extend(scalars(source.get(*weight)?));
                }
                Ok(texels)
            })?;
            let params = MixParams {
                out: self.layout(out).uniform(),
                a: self.layout(a).uniform(),
                b: self.layout(b).uniform(),
                weights: place.offset as i32,
                first: first as i32,
                pad: [0; 2],
            };
            draws.push(DrawSpec {
                kernel: Kernel::Mix,
                textures: vec![
                    (BIND_WEIGHTS, SourceSpec::Weights),
                    (BIND_VECTOR_A, SourceSpec::Plane(a, 0)),
                    (BIND_VECTOR_B, SourceSpec::Plane(b, 0)),
                ],
                region: Region::Tiles(first..first + length(part)),
                params: ParamBlock::new(&params, &[out, a, b].map(Some)).weight(offset_of!(MixParams, weights), owner),
            });
        }
        self.emit(&node.name, out, draws);
        Ok(out)
    }

    /// Every group's row of the CAM head: the same linear kernel, with the step from row to row that lies between
    /// two groups' regions of the weight texture.
    pub(super) fn cam_logits(&mut self, id: NodeId) -> Result<usize, PlanError> {
        let graph = self.graph;
        let node = graph.node(id);
        let Op::CamLogits { gap_weight, gap_bias, gmp_weight, gmp_bias } = node.op else {
            return Err(self.unsupported(id, "not the CAM logits"));
        };
        let out = self.tensor(&node.name, node.shape)?;
        let mut draws = Vec::new();
        for (k, (weight, bias)) in [(gap_weight, gap_bias), (gmp_weight, gmp_bias)].into_iter().enumerate() {
            let input = self.plain(node.inputs[k])?;
            let columns = graph.node(node.inputs[k]).shape.channels;
            let place = self.linear_weights(Owner::Branch, &[weight], &[bias], columns)?;
            let params = LinearParams {
                out: self.layout(out).uniform(),
                a: self.layout(input).uniform(),
                weights: place.offset as i32,
                row_stride: 0,
                columns: columns as i32,
                rows_per_part: node.shape.channels as i32,
                first: (k * graph.groups()) as i32,
                floor_out: NO_FLOOR,
                pad: [0; 2],
            };
            let params = ParamBlock::new(&params, &[Some(out), Some(input)])
                .patch(offset_of!(LinearParams, weights), Patch::FirstBranch)
                .patch(offset_of!(LinearParams, row_stride), Patch::BranchLength);
            draws.push(DrawSpec {
                kernel: Kernel::Linear,
                textures: vec![(BIND_WEIGHTS, SourceSpec::Weights), (BIND_VECTOR_A, SourceSpec::Plane(input, 0))],
                region: Region::Tiles(k * graph.groups()..(k + 1) * graph.groups()),
                params,
            });
        }
        self.emit(&node.name, out, draws);
        Ok(out)
    }

    pub(super) fn channel_sum(&mut self, id: NodeId) -> Result<usize, PlanError> {
        let node = self.graph.node(id);
        let input = self.plain(node.inputs[0])?;
        let out = self.tensor(&node.name, node.shape)?;
        let (a, layout) = (self.layout(input), self.layout(out));
        let params = ParamBlock::new(&PlainParams { out: layout.uniform(), a: a.uniform() }, &[Some(out), Some(input)]);
        let kernel = Kernel::ChannelSum { a: a.arrangement, out: layout.arrangement };
        let textures = self.planes(BIND_A, input);
        self.emit(&node.name, out, vec![DrawSpec { kernel, textures, region: Region::Whole, params }]);
        Ok(out)
    }

    /// Runs of neighbouring weights with the same owner: each is one draw.
    fn owner_runs(&self, weights: &[ParamId]) -> Vec<(Range<usize>, Owner)> {
        let mut runs: Vec<(Range<usize>, Owner)> = Vec::new();
        for (i, weight) in weights.iter().enumerate() {
            let owner = self.graph.param(*weight).owner;
            match runs.last_mut() {
                Some((run, last)) if *last == owner => run.end = i + 1,
                _ => runs.push((i..i + 1, owner)),
            }
        }
        runs
    }

    /// Rows of stacked maps: the weights in quads, then the bias.
    fn linear_weights(
        &mut self,
        owner: Owner,
        weights: &[ParamId],
        biases: &[ParamId],
        columns: usize,
    ) -> Result<WeightRef, PlanError> {
        self.packer.push(owner, |source| {
            let mut texels = Vec::new();
            for (weight, bias) in weights.iter().zip(biases) {
                for (row, bias) in source.get(*weight)?.chunks(columns).zip(source.get(*bias)?) {
                    texels.extend(quads(row));
                    texels.extend(scalars(&[*bias]));
                }
            }
            Ok(texels)
        })
    }
}

/// Texels of a row: its weights in quads and its bias.
fn row_texels(columns: usize) -> usize {
    columns.div_ceil(4) + 1
}
