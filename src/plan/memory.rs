//! Which texture each plane lives in: slots are handed on when the last reader's pass is over.
//!
//! A pass cannot sample its own target, so a slot that is read in a pass is free only for later ones. Slots are
//! reused by exact size; tensors of one size class are the rule in a network of this kind.

use std::collections::HashMap;

use super::layout::Layout;
use super::lower::TensorSpec;
use super::pass::{PassSpec, Slot, SourceSpec};

/// The result of slot assignment.
pub(super) struct Assignment {
    pub slots: Vec<Slot>,
    /// Slots of each tensor's planes; empty for a tensor that no pass touches.
    pub planes: Vec<Vec<usize>>,
    /// Bytes of the largest set of tensors that are alive at once: no assignment can do with less.
    pub live_bytes: usize,
}

/// First and last pass of each tensor, inclusive; `None` if it is never written.
fn lifetimes(tensors: usize, passes: &[PassSpec], input: usize, kept: &[usize]) -> Vec<Option<(usize, usize)>> {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; tensors];
    lives[input] = Some((0, 0));
    for (at, pass) in passes.iter().enumerate() {
        lives[pass.target].get_or_insert((at, at)).1 = at;
        for (_, source) in pass.draws.iter().flat_map(|draw| &draw.textures) {
            if let SourceSpec::Plane(tensor, _) = source
                && let Some(life) = &mut lives[*tensor]
            {
                life.1 = at;
            }
        }
    }
    for tensor in kept {
        if let Some(life) = &mut lives[*tensor] {
            life.1 = passes.len();
        }
    }
    lives
}

fn slot_of(layout: &Layout) -> Slot {
    let (width, height) = layout.size();
    Slot { format: layout.arrangement.format, width, height }
}

/// Assigns slots; `kept` tensors are never handed on.
pub(super) fn assign(tensors: &[TensorSpec], passes: &[PassSpec], input: usize, kept: &[usize]) -> Assignment {
    let lives = lifetimes(tensors.len(), passes, input, kept);
    let mut slots: Vec<Slot> = Vec::new();
    let mut planes: Vec<Vec<usize>> = vec![Vec::new(); tensors.len()];
    let mut free: HashMap<Slot, Vec<usize>> = HashMap::new();
    let mut live_bytes = 0;
    for at in 0..=passes.len() {
        let born = |t: &usize| lives[*t].is_some_and(|(first, _)| first == at);
        for tensor in (0..tensors.len()).filter(born) {
            let wanted = slot_of(&tensors[tensor].layout);
            for _ in 0..tensors[tensor].layout.planes() {
                let slot = free.get_mut(&wanted).and_then(Vec::pop).unwrap_or_else(|| {
                    slots.push(wanted);
                    slots.len() - 1
                });
                planes[tensor].push(slot);
            }
        }
        let alive = |t: &usize| lives[*t].is_some_and(|(first, last)| (first..=last).contains(&at));
        let bytes = (0..tensors.len()).filter(alive).map(|t| tensors[t].layout.bytes()).sum();
        live_bytes = live_bytes.max(bytes);
        let dies = |t: &usize| lives[*t].is_some_and(|(_, last)| last == at);
        for tensor in (0..tensors.len()).filter(dies) {
            free.entry(slot_of(&tensors[tensor].layout)).or_default().extend(planes[tensor].iter().rev());
        }
    }
    Assignment { slots, planes, live_bytes }
}
