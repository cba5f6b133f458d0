//! Which texture each plane lives in: tensors whose lives do not meet take turns in a slot.
//!
//! A pass cannot sample its own target, so lives include the pass that writes a tensor and the last one that reads it.
//! Tensors are placed from the largest down, each in the smallest slots that are free all its life and have room for
//! it; a small tensor may lie in a corner of a large texture. That is "first fit decreasing" of interval colouring.

use std::collections::BTreeSet;

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

/// Assigns slots; `kept` tensors are never handed on.
pub(super) fn assign(tensors: &[TensorSpec], passes: &[PassSpec], input: usize, kept: &[usize]) -> Assignment {
    let lives = lifetimes(tensors.len(), passes, input, kept);
    let mut order: Vec<(usize, Life)> = lives.iter().enumerate().filter_map(|(t, life)| Some((t, (*life)?))).collect();
    order.sort_by_key(|(t, life)| (std::cmp::Reverse(slot_of(&tensors[*t].layout).bytes()), life.0));
    let mut places = Places::default();
    let mut planes: Vec<Vec<usize>> = vec![Vec::new(); tensors.len()];
    for (tensor, life) in &order {
        let layout = &tensors[*tensor].layout;
        planes[*tensor] = places.take(slot_of(layout), layout.planes(), *life);
    }
    let live_bytes = (0..=passes.len())
        .map(|at| {
            let alive = order.iter().filter(|(_, life)| (life.0..=life.1).contains(&at));
            alive.map(|(t, _)| tensors[*t].layout.bytes()).sum()
        })
        .max();
    Assignment { slots: places.slots, planes, live_bytes: live_bytes.unwrap_or(0) }
}

/// First and last pass, inclusive.
type Life = (usize, usize);

/// Slots and the lives that are spent in them.
#[derive(Default)]
struct Places {
    slots: Vec<Slot>,
    lives: Vec<Vec<Life>>,
}

impl Places {
    /// `planes` slots of one size: the smallest with room for `wanted` of which enough are free, else as many new ones
    /// of just that size as are missing.
    fn take(&mut self, wanted: Slot, planes: usize, life: Life) -> Vec<usize> {
        let roomy = |slot: &&Slot| {
            slot.format == wanted.format && slot.width >= wanted.width && slot.height >= wanted.height
        };
        let sizes: BTreeSet<(usize, usize, usize)> =
            self.slots.iter().filter(roomy).map(|s| (s.bytes(), s.width, s.height)).collect();
        for (_, width, height) in sizes {
            let free = self.free(Slot { width, height, ..wanted }, life);
            if free.len() >= planes {
                return self.settle(free.into_iter().take(planes).collect(), life);
            }
        }
        let mut slots = self.free(wanted, life);
        while slots.len() < planes {
            slots.push(self.slots.len());
            self.slots.push(wanted);
            self.lives.push(Vec::new());
        }
        self.settle(slots, life)
    }

    /// Slots of exactly this size in which nobody lives at that time.
    fn free(&self, size: Slot, (first, last): Life) -> Vec<usize> {
        let apart = |other: &Life| other.1 < first || last < other.0;
        (0..self.slots.len()).filter(|i| self.slots[*i] == size && self.lives[*i].iter().all(apart)).collect()
    }

    fn settle(&mut self, slots: Vec<usize>, life: Life) -> Vec<usize> {
        slots.iter().for_each(|slot| self.lives[*slot].push(life));
        slots
    }
}

fn slot_of(layout: &Layout) -> Slot {
    let (width, height) = layout.size();
    Slot { format: layout.arrangement.format, width, height }
}
