//! Which texture each plane lives in: tensors whose lives do not meet take turns in a slot, and small tensors share a
//! large one side by side.
//!
//! A pass cannot sample its own target, so lives include the pass that writes a tensor and the last one that reads it,
//! and no pass reads a tensor that lies beside the one it writes. Tensors are placed from the largest down, each in the
//! smallest slots that have room for it all its life: "first fit decreasing" of interval colouring.

use std::collections::{BTreeSet, HashSet};

use super::layout::Layout;
use super::lower::TensorSpec;
use super::pass::{PassSpec, Slot, SourceSpec};

/// The result of slot assignment.
pub(super) struct Assignment {
    pub slots: Vec<Slot>,
    /// Slots of each tensor's planes; empty for a tensor that no pass touches.
    pub planes: Vec<Vec<usize>>,
    /// Left and top texel of each tensor in its slots.
    pub bases: Vec<(usize, usize)>,
    /// For each pass, whether its attachments hold other tensors that are still to be read.
    pub preserve: Vec<bool>,
    /// Bytes of the largest set of tensors that are alive at once: no assignment can do with less.
    pub live_bytes: usize,
}

/// First and last pass, inclusive.
type Life = (usize, usize);

/// First and last pass of each tensor, inclusive; `None` if it is never written.
fn lifetimes(tensors: usize, passes: &[PassSpec], input: usize, kept: &[usize], pinned: &[usize]) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; tensors];
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
    for tensor in pinned {
        lives[*tensor] = Some((0, passes.len()));
    }
    lives
}

/// Pairs of tensors that some pass reads and writes.
fn conflicts(passes: &[PassSpec]) -> HashSet<(usize, usize)> {
    let mut pairs = HashSet::new();
    for pass in passes {
        for (_, source) in pass.draws.iter().flat_map(|draw| &draw.textures) {
            if let SourceSpec::Plane(tensor, _) = source {
                pairs.extend([(*tensor, pass.target), (pass.target, *tensor)]);
            }
        }
    }
    pairs
}

/// Assigns slots; `kept` tensors are never handed on, and `pinned` ones have slots of their own that outlive a run.
pub(super) fn assign(
    tensors: &[TensorSpec],
    passes: &[PassSpec],
    input: usize,
    kept: &[usize],
    pinned: &[usize],
) -> Assignment {
    let lives = lifetimes(tensors.len(), passes, input, kept, pinned);
    let mut order: Vec<(usize, Life)> = lives.iter().enumerate().filter_map(|(t, life)| Some((t, (*life)?))).collect();
    let free = |t: &usize| !pinned.contains(t);
    order.sort_by_key(|(t, life)| (free(t), std::cmp::Reverse(slot_of(&tensors[*t].layout).bytes()), life.0));
    let mut places = Places { slots: Vec::new(), residents: Vec::new(), conflicts: conflicts(passes) };
    let mut planes: Vec<Vec<usize>> = vec![Vec::new(); tensors.len()];
    let mut bases = vec![(0, 0); tensors.len()];
    for (tensor, life) in &order {
        let layout = &tensors[*tensor].layout;
        let (slot, count) = (slot_of(layout), layout.planes());
        (planes[*tensor], bases[*tensor]) = if free(tensor) {
            places.take(slot, count, *tensor, *life)
        } else {
            places.pin(slot, count, *tensor, *life)
        };
    }
    let preserve = passes.iter().enumerate().map(|(at, pass)| {
        let beside =
            |resident: &Resident| resident.tensor != pass.target && (resident.life.0..=resident.life.1).contains(&at);
        planes[pass.target].iter().any(|slot| places.residents[*slot].iter().any(beside))
    });
    let live_bytes = (0..=passes.len()).map(|at| {
        let alive = order.iter().filter(|(_, life)| (life.0..=life.1).contains(&at));
        alive.map(|(t, _)| tensors[*t].layout.bytes()).sum()
    });
    let (preserve, live_bytes) = (preserve.collect(), live_bytes.max().unwrap_or(0));
    Assignment { slots: places.slots, planes, bases, preserve, live_bytes }
}

/// A tensor in a slot.
struct Resident {
    tensor: usize,
    life: Life,
    base: (usize, usize),
    size: (usize, usize),
}

/// Slots and who lives in them.
struct Places {
    slots: Vec<Slot>,
    residents: Vec<Vec<Resident>>,
    conflicts: HashSet<(usize, usize)>,
}

impl Places {
    /// `planes` slots of one size with the same place free in them: the smallest ones with room for `wanted`, else as
    /// many new ones of just that size as are missing.
    fn take(&mut self, wanted: Slot, planes: usize, tensor: usize, life: Life) -> (Vec<usize>, (usize, usize)) {
        let roomy =
            |slot: &&Slot| slot.format == wanted.format && slot.width >= wanted.width && slot.height >= wanted.height;
        let sizes: BTreeSet<(usize, usize, usize)> =
            self.slots.iter().filter(roomy).map(|s| (s.bytes(), s.width, s.height)).collect();
        for (_, width, height) in sizes {
            let size = Slot { width, height, ..wanted };
            for base in corners(&size, &wanted) {
                let free = self.free(&size, base, &wanted, tensor, life);
                if free.len() >= planes {
                    return (self.settle(free[..planes].to_vec(), base, &wanted, tensor, life), base);
                }
            }
        }
        let mut slots = self.free(&wanted, (0, 0), &wanted, tensor, life);
        while slots.len() < planes {
            slots.push(self.slots.len());
            self.slots.push(wanted);
            self.residents.push(Vec::new());
        }
        (self.settle(slots, (0, 0), &wanted, tensor, life), (0, 0))
    }

    /// New slots that nobody else will find room in.
    fn pin(&mut self, wanted: Slot, planes: usize, tensor: usize, life: Life) -> (Vec<usize>, (usize, usize)) {
        let first = self.slots.len();
        self.slots.extend(vec![wanted; planes]);
        self.residents.extend((0..planes).map(|_| Vec::new()));
        (self.settle((first..first + planes).collect(), (0, 0), &wanted, tensor, life), (0, 0))
    }

    /// Slots of exactly `size` in which a tensor can live at `base` in the size of `wanted`.
    fn free(&self, size: &Slot, base: (usize, usize), wanted: &Slot, tensor: usize, life: Life) -> Vec<usize> {
        let room = (wanted.width, wanted.height);
        let suits = |resident: &Resident| {
            let apart_in_time = resident.life.1 < life.0 || life.1 < resident.life.0;
            let apart = !overlap(resident.base, resident.size, base, room);
            apart_in_time || (apart && !self.conflicts.contains(&(resident.tensor, tensor)))
        };
        (0..self.slots.len()).filter(|i| self.slots[*i] == *size && self.residents[*i].iter().all(suits)).collect()
    }

    fn settle(
        &mut self,
        slots: Vec<usize>,
        base: (usize, usize),
        wanted: &Slot,
        tensor: usize,
        life: Life,
    ) -> Vec<usize> {
        for slot in &slots {
            self.residents[*slot].push(Resident { tensor, life, base, size: (wanted.width, wanted.height) });
        }
        slots
    }
}

/// Where something of the size of `wanted` may lie in a slot: in a grid of cells of that size.
fn corners(size: &Slot, wanted: &Slot) -> Vec<(usize, usize)> {
    let columns = (0..size.width / wanted.width).map(|column| column * wanted.width);
    let rows = || (0..size.height / wanted.height).map(|row| row * wanted.height);
    columns.flat_map(|x| rows().map(move |y| (x, y))).collect()
}

fn overlap(a: (usize, usize), a_size: (usize, usize), b: (usize, usize), b_size: (usize, usize)) -> bool {
    a.0 < b.0 + b_size.0 && b.0 < a.0 + a_size.0 && a.1 < b.1 + b_size.1 && b.1 < a.1 + a_size.1
}

fn slot_of(layout: &Layout) -> Slot {
    let (width, height) = layout.size();
    Slot { format: layout.arrangement.format, width, height }
}
