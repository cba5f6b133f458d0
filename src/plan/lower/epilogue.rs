//! What a convolution's pass does with its sums: which of the following nodes it computes along.

use std::ops::Range;

use crate::model::{NodeId, Op, Shape};
use crate::plan::Arrangement;

use super::conv_weights::Weights;
use super::{Lowering, Part, PlanError};

/// What is done with the sums before they are written.
#[derive(Default)]
pub(super) struct Epilogue {
    /// A tensor that is added.
    pub sum: Option<usize>,
    /// The convolution ends a stack of parts that is added to `sum`.
    pub stack: Option<Stack>,
    /// Another one, up-sampled as it is read or not.
    pub other: Option<Part>,
    /// The branch beside the convolution that is added to it, if the two are one convolution.
    pub fold: Option<Weights>,
    pub relu: bool,
    pub tanh: bool,
    /// The nodes that the pass computes; it yields the value of the last.
    pub nodes: Vec<usize>,
}

/// Tensors whose channels precede those of a convolution in a concatenation.
pub(super) struct Stack {
    /// Tensor and first output tile of each, with the tiles that it fills alone.
    pub parts: Vec<(usize, Range<usize>)>,
    /// The first output tile of the convolution.
    pub first_tile: usize,
    /// Lanes of that tile that the last part takes.
    pub lanes: usize,
}

/// See [`Lowering::fold`].
pub(super) struct Fold {
    pub weights: Weights,
    pub absorbed: [NodeId; 2],
    /// The node that has the value.
    pub end: NodeId,
}

impl Epilogue {
    pub fn last(&self) -> usize {
        self.nodes[self.nodes.len() - 1]
    }

    /// Planes that are bound for what is added.
    pub fn planes(&self, out: &Arrangement) -> usize {
        let shared = self.stack.as_ref().is_some_and(|stack| stack.lanes > 0);
        out.planes() * (usize::from(self.sum.is_some()) + usize::from(shared || self.other.is_some()))
    }
}

impl Lowering<'_> {
    /// The sum that a stack is part of, if its other term is not there yet and the device can sample all of it at once.
    pub(super) fn later_sum(&self, epilogue: &Epilogue) -> Option<NodeId> {
        let stack = epilogue.stack.as_ref()?;
        let graph = self.graph;
        let sum = self.only_user(NodeId(epilogue.last())).filter(|user| graph.node(*user).op == Op::Add)?;
        let node = graph.node(sum);
        let later = node.inputs.iter().any(|input| input.0 > epilogue.last());
        let planes = self.arrangement(node.shape).planes();
        let fits = 3 * planes + 3 <= self.limits.max_sampled_textures;
        (later && fits && stack.lanes == 0 && node.inputs[0] != node.inputs[1]).then_some(sum)
    }

    /// `head` and `from_head` of `x + from_body(body) + from_head(head(body))`, by `from_body`: one convolution does it all.
    pub(super) fn fold(&self, from_body: NodeId) -> Option<Fold> {
        // Weights that are trained are packed one by one.
        if self.is_training() {
            return None;
        }
        let graph = self.graph;
        let one = |id: NodeId| match graph.node(id).op {
            Op::Conv2d { kernel: 1, stride: 1, weight, bias: Some(bias) } => Some([weight, bias]),
            _ => None,
        };
        let direct = one(from_body)?;
        let body = graph.node(from_body).inputs[0];
        let sum = self.only_user(from_body).filter(|user| graph.node(*user).op == Op::Add)?;
        let x = graph.node(sum).inputs.iter().find(|input| **input != from_body)?;
        self.addable(*x, graph.node(sum).shape)?;
        let end = self.only_user(sum).filter(|user| graph.node(*user).op == Op::Add)?;
        let from_head = *graph.node(end).inputs.iter().find(|input| **input != sum)?;
        let second = one(from_head).filter(|_| self.only_user(from_head) == Some(end))?;
        let head = graph.node(from_head).inputs[0];
        let first =
            one(head).filter(|_| self.only_user(head) == Some(from_head) && graph.node(head).inputs[0] == body)?;
        Some(Fold { weights: Weights::Folded { direct, first, second }, absorbed: [head, from_head], end })
    }

    /// Whether another convolution does the work of this one.
    pub(super) fn is_folded(&self, id: NodeId) -> bool {
        let mut around = vec![self.graph.node(id).inputs[0]];
        around.extend(self.graph.node(around[0]).inputs.first());
        let readers = around.iter().flat_map(|node| &self.users[node.0]);
        readers.into_iter().any(|reader| self.fold(*reader).is_some_and(|fold| fold.absorbed.contains(&id)))
    }

    /// Follows the chain of only readers: a sum with a value that exists (perhaps of a concatenation that ends in this
    /// convolution), then ReLU or tanh.
    pub(super) fn epilogue(&mut self, id: NodeId) -> Result<Epilogue, PlanError> {
        let graph = self.graph;
        let mut epilogue = Epilogue { nodes: vec![id.0], ..Epilogue::default() };
        while let Some(user) = self.only_user(NodeId(epilogue.last())) {
            let node = graph.node(user);
            match node.op {
                Op::Concat if epilogue.sum.is_none() => {
                    let Some((stack, sum, add)) = self.stack(id, user) else { break };
                    epilogue.stack = Some(stack);
                    epilogue.sum = Some(sum);
                    epilogue.nodes.push(user.0);
                    epilogue.nodes.push(add.0);
                    break;
                }
                Op::Add if epilogue.sum.is_none() => {
                    let other = node.inputs.iter().find(|input| input.0 != epilogue.last());
                    let Some(tensor) = other.and_then(|other| self.addable(*other, node.shape)) else { break };
                    epilogue.sum = Some(tensor);
                    if let Some(fold) = self.fold(id) {
                        epilogue.fold = Some(fold.weights);
                        epilogue.nodes.extend([user.0, fold.end.0]);
                        break;
                    }
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

    /// The tensor of a node that exists as it is, in the arrangement that a result of `shape` has.
    pub(super) fn addable(&self, id: NodeId, shape: Shape) -> Option<usize> {
        let tensor = self.values[id.0].as_ref()?.as_plain()?;
        (self.layout(tensor).arrangement == self.arrangement(shape)).then_some(tensor)
    }

    /// A sum with a concatenation of tensors that exist and, last, the convolution `conv`: the whole sum is drawn in the
    /// convolution's pass, its other tiles pixel by pixel.
    pub(super) fn stack(&self, conv: NodeId, concat: NodeId) -> Option<(Stack, usize, NodeId)> {
        let graph = self.graph;
        let inputs = &graph.node(concat).inputs;
        let add = self.only_user(concat).filter(|user| graph.node(*user).op == Op::Add)?;
        let other = graph.node(add).inputs.iter().find(|input| **input != concat)?;
        let sum = self.addable(*other, graph.node(add).shape)?;
        let arrangement = self.arrangement(graph.node(add).shape);
        if *inputs.last()? != conv || inputs.iter().filter(|i| **i == conv).count() > 1 {
            return None;
        }
        let quad = arrangement.quad;
        let mut parts = Vec::new();
        let mut channel = 0usize;
        for input in &inputs[..inputs.len() - 1] {
            let tensor = self.values[input.0].as_ref()?.as_plain()?;
            let channels = graph.node(*input).shape.channels;
            if !channel.is_multiple_of(quad) || self.layout(tensor).arrangement.phases != arrangement.phases {
                return None;
            }
            let first = channel / quad;
            channel += channels;
            parts.push((tensor, first..channel / quad));
        }
        let (first_tile, lanes) = (channel / quad, channel % quad);
        // A tile that is shared is the convolution's only one.
        let own = graph.node(conv).shape.channels;
        let fits = lanes == 0 || lanes + own <= quad;
        fits.then_some((Stack { parts, first_tile, lanes }, sum, add))
    }
}
