//! Passes that do not need each other's results become one, with their targets side by side in the same textures.
//!
//! A pass costs its beginning and its end, whatever it draws, and a GPU drains before the next. An hourglass' skip blocks
//! do not depend on the levels below them, nor do weight gradients on each other: in one pass they run beside each other.

use std::cmp::Reverse;

use super::block::Block;
use super::lower::TensorSpec;
use super::pass::{PassSpec, SourceSpec};

/// What becomes one render pass: passes of which none reads what another one writes.
#[derive(Debug)]
pub(super) struct MergedPass(pub Vec<PassSpec>);

impl MergedPass {
    /// The tensors that are written.
    pub fn targets(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|pass| pass.target)
    }

    /// The tensors that are read, with repetitions.
    pub fn sources(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().flat_map(sources)
    }
}

fn sources(pass: &PassSpec) -> impl Iterator<Item = usize> + '_ {
    pass.draws.iter().flat_map(|draw| &draw.textures).filter_map(|(_, source)| match source {
        SourceSpec::Plane(tensor, _) => Some(*tensor),
        _ => None,
    })
}

/// Orders passes so that those on the longest way to the end come first, and lets others that are ready join them.
/// `alone` are tensors that share textures with no other: the states of training. A step of training keeps the order of its
/// graph: its gradients would come last, and what they read would stay alive till then.
pub(super) fn merge(
    tensors: &[TensorSpec],
    passes: Vec<PassSpec>,
    alone: &[usize],
    max_texture_size: usize,
) -> Vec<MergedPass> {
    let needs = needs(tensors.len(), &passes);
    let mut open: Vec<usize> = (0..passes.len()).collect();
    if alone.is_empty() {
        // In the order of the graph where ways are equally long.
        let heights = heights(&needs);
        open.sort_by_key(|i| Reverse(heights[*i]));
    }
    let waiting = passes.into_iter().map(Some).collect();
    let mut queue = Queue { tensors, alone, max_texture_size, most_bytes: most_bytes(tensors), waiting, needs, open };
    std::iter::from_fn(|| queue.next()).collect()
}

/// Passes that have no place yet.
struct Queue<'a> {
    tensors: &'a [TensorSpec],
    alone: &'a [usize],
    max_texture_size: usize,
    /// See [`most_bytes`].
    most_bytes: usize,
    /// All passes, without those that have a place.
    waiting: Vec<Option<PassSpec>>,
    needs: Vec<Vec<usize>>,
    /// Those that wait, the most urgent first.
    open: Vec<usize>,
}

impl Queue<'_> {
    /// The most urgent pass that is ready, with all that can join it.
    fn next(&mut self) -> Option<MergedPass> {
        let ready: Vec<usize> = self.open.iter().copied().filter(|i| self.is_ready(*i)).collect();
        let (first, others) = ready.split_first()?;
        let mut chosen = vec![*first];
        let target = |i: usize| self.waiting[i].as_ref().map(|pass| pass.target);
        let mut block = target(*first).map(|tensor| Block::of(tensor, &self.tensors[tensor].layout));
        for i in others {
            let grown = block.as_ref().zip(target(*i)).and_then(|(block, tensor)| self.grown(block, tensor));
            if grown.is_some() {
                block = grown;
                chosen.push(*i);
            }
        }
        self.open.retain(|i| !chosen.contains(i));
        Some(MergedPass(chosen.into_iter().filter_map(|i| self.waiting[i].take()).collect()))
    }

    fn is_ready(&self, pass: usize) -> bool {
        self.needs[pass].iter().all(|needed| self.waiting[*needed].is_none())
    }

    /// A block with one more tensor, if that may join it.
    fn grown(&self, block: &Block, tensor: usize) -> Option<Block> {
        if block.tensors().chain([tensor]).any(|tensor| self.alone.contains(&tensor)) {
            return None;
        }
        let grown = block.with(tensor, &self.tensors[tensor].layout)?;
        (grown.fits(self.max_texture_size) && grown.bytes() <= self.most_bytes).then_some(grown)
    }
}

/// What passes may write that are merged: three fifths of the largest tensor. Whatever is larger finds no room beside
/// others, and would save the usual networks four passes for textures of up to 1.4 times what is alive at once.
fn most_bytes(tensors: &[TensorSpec]) -> usize {
    tensors.iter().map(|tensor| tensor.layout.bytes()).max().unwrap_or(0) * 3 / 5
}

/// For each pass those that it has to come after: the writers of what it reads.
fn needs(tensors: usize, passes: &[PassSpec]) -> Vec<Vec<usize>> {
    let mut writer = vec![None; tensors];
    let mut needs = Vec::with_capacity(passes.len());
    for (i, pass) in passes.iter().enumerate() {
        needs.push(sources(pass).filter_map(|tensor| writer[tensor]).collect());
        writer[pass.target] = Some(i);
    }
    needs
}

/// Passes on the longest way from each one to the end.
fn heights(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut heights = vec![1; needs.len()];
    for (i, needed) in needs.iter().enumerate().rev() {
        for j in needed {
            heights[*j] = heights[*j].max(heights[i] + 1);
        }
    }
    heights
}
