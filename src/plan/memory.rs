//! Which texture each plane lives in: tensors whose lives do not meet take turns in a slot, and small tensors share a
//! large one side by side.
//!
//! A pass cannot sample its own target, so lives include the pass that writes a tensor and the last one that reads it,
//! and no pass reads a tensor that lies beside one that it writes. What one pass writes lies in the same slots: a
//! [`Block`]. Blocks are placed from the largest down, each in the smallest slots that have room for it all its life:
//! "first fit decreasing" of interval colouring.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use super::block::{Area, Block, Member, Place, overlap};
use super::lower::TensorSpec;
use super::merge::MergedPass;
use super::pass::Slot;

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
fn lifetimes(
    tensors: usize,
    passes: &[MergedPass],
    input: usize,
    kept: &[usize],
    pinned: &[usize],
) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; tensors];
    lives[input] = Some((0, 0));
    for (at, pass) in passes.iter().enumerate() {
        for target in pass.targets() {
            lives[target].get_or_insert((at, at)).1 = at;
        }
        for source in pass.sources() {
            if let Some(life) = &mut lives[source] {
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
fn conflicts(passes: &[MergedPass]) -> HashSet<(usize, usize)> {
    let mut pairs = HashSet::new();
    for pass in passes {
        for source in pass.sources() {
            pairs.extend(pass.targets().flat_map(|target| [(source, target), (target, source)]));
        }
    }
    pairs
}

/// The blocks of all passes, the input and what else lives without being written.
fn blocks(tensors: &[TensorSpec], passes: &[MergedPass], lives: &[Option<Life>]) -> Vec<Block> {
    let of = |tensor: usize| Block::of(tensor, &tensors[tensor].layout);
    let mut lonely: BTreeSet<usize> = (0..tensors.len()).filter(|t| lives[*t].is_some()).collect();
    let mut blocks: Vec<Block> = Vec::new();
    for pass in passes {
        let fresh: Vec<usize> = pass.targets().filter(|target| lonely.remove(target)).collect();
        let grown = |block: Block, target: &usize| block.with(*target, &tensors[*target].layout).unwrap_or(block);
        blocks.extend(fresh.split_first().map(|(first, others)| others.iter().fold(of(*first), grown)));
    }
    blocks.extend(lonely.into_iter().map(of));
    blocks
}

/// Assigns slots; `kept` tensors are never handed on, and `pinned` ones have slots of their own that outlive a run.
pub(super) fn assign(
    tensors: &[TensorSpec],
    passes: &[MergedPass],
    input: usize,
    kept: &[usize],
    pinned: &[usize],
) -> Assignment {
    let lives = lifetimes(tensors.len(), passes, input, kept, pinned);
    let mut blocks = blocks(tensors, passes, &lives);
    let free = |block: &Block| !block.tensors().any(|tensor| pinned.contains(&tensor));
    let birth = |block: &Block| lives[block.members[0].tensor].map(|life| life.0);
    blocks.sort_by_key(|block| (free(block), Reverse(block.alone().0.bytes()), birth(block)));
    let mut places = Places { slots: Vec::new(), residents: Vec::new(), conflicts: conflicts(passes), lives: &lives };
    let mut planes: Vec<Vec<usize>> = vec![Vec::new(); tensors.len()];
    let mut bases = vec![(0, 0); tensors.len()];
    for block in &blocks {
        let (slots, at) = if free(block) { places.take(block) } else { places.pin(block) };
        for (tensor, base) in block.tensors().zip(at) {
            planes[tensor].clone_from(&slots);
            bases[tensor] = base;
        }
    }
    let preserve = passes.iter().enumerate().map(|(at, pass)| places.hold_others(at, pass, &planes)).collect();
    let live_bytes = live_bytes(tensors, &lives, passes.len());
    Assignment { slots: places.slots, planes, bases, preserve, live_bytes }
}

/// Bytes of the largest set of tensors that are alive at once.
fn live_bytes(tensors: &[TensorSpec], lives: &[Option<Life>], passes: usize) -> usize {
    let alive = |at: usize| {
        let alive = lives.iter().zip(tensors).filter(move |(life, _)| life.is_some_and(|life| is_alive(life, at)));
        alive.map(|(_, tensor)| tensor.layout.bytes()).sum()
    };
    (0..=passes).map(alive).max().unwrap_or(0)
}

fn is_alive((first, last): Life, at: usize) -> bool {
    (first..=last).contains(&at)
}

/// A tensor in a slot.
struct Resident {
    tensor: usize,
    life: Life,
    area: Area,
}

/// Slots and who lives in them.
struct Places<'a> {
    slots: Vec<Slot>,
    residents: Vec<Vec<Resident>>,
    conflicts: HashSet<(usize, usize)>,
    lives: &'a [Option<Life>],
}

impl Places<'_> {
    /// Slots of one size with the same places free in them: the smallest ones with room for a block, else as many new
    /// ones of just its size as are missing. Returns them with the place of each member.
    fn take(&mut self, block: &Block) -> (Vec<usize>, Vec<Place>) {
        let Block { kind: (format, planes), members } = block;
        let roomy = |slot: &&Slot| slot.format == *format && slot.width * slot.height >= block.texels();
        let sizes: BTreeSet<(usize, usize, usize)> =
            self.slots.iter().filter(roomy).map(|s| (s.bytes(), s.width, s.height)).collect();
        for (_, width, height) in sizes {
            let size = Slot { width, height, format: *format };
            if let Some((mut slots, places)) = self.fit(size, *planes, members) {
                slots.truncate(*planes);
                return (self.settle(slots, members, &places), places);
            }
        }
        let (wanted, places) = block.alone();
        let mut slots: Vec<usize> = (0..self.slots.len()).filter(|i| self.slots[*i] == wanted).collect();
        slots.retain(|slot| members.iter().zip(&places).all(|(member, at)| self.suits(*slot, member, *at)));
        while slots.len() < *planes {
            slots.push(self.add(wanted));
        }
        (self.settle(slots, members, &places), places)
    }

    fn add(&mut self, slot: Slot) -> usize {
        self.slots.push(slot);
        self.residents.push(Vec::new());
        self.slots.len() - 1
    }

    /// Places for all members in at least `planes` slots of one size: for each the first that is free.
    fn fit(&self, size: Slot, planes: usize, members: &[Member]) -> Option<(Vec<usize>, Vec<Place>)> {
        let mut slots: Vec<usize> = (0..self.slots.len()).filter(|i| self.slots[*i] == size).collect();
        let mut taken: Vec<Area> = Vec::new();
        for member in members {
            let known: Vec<(usize, Vec<Area>)> =
                slots.iter().filter_map(|slot| Some((*slot, self.occupied(*slot, member.tensor)?))).collect();
            let others = known.iter().flat_map(|(_, areas)| areas).chain(&taken);
            let is_free = |areas: &[Area], at: Place| areas.iter().all(|area| !overlap(*area, (at, member.size)));
            let suiting = |at: Place| -> Option<Vec<usize>> {
                let slots = known.iter().filter(|(_, areas)| is_free(areas, at)).map(|(slot, _)| *slot);
                Some(slots.collect::<Vec<_>>()).filter(|slots| slots.len() >= planes)
            };
            let mut free = corners(&size, member.size, others).into_iter().filter(|at| is_free(&taken, *at));
            let (at, suiting) = free.find_map(|at| Some((at, suiting(at)?)))?;
            slots = suiting;
            taken.push((at, member.size));
        }
        Some((slots, taken.into_iter().map(|(place, _)| place).collect()))
    }

    /// What of a slot is taken while a tensor lives, or `None` if it cannot live there at all.
    fn occupied(&self, slot: usize, tensor: usize) -> Option<Vec<Area>> {
        let (first, last) = self.lives[tensor]?;
        let together = self.residents[slot].iter().filter(|other| other.life.0 <= last && first <= other.life.1);
        let area = |other: &Resident| (!self.conflicts.contains(&(other.tensor, tensor))).then_some(other.area);
        together.map(area).collect()
    }

    /// New slots that nobody else will find room in.
    fn pin(&mut self, block: &Block) -> (Vec<usize>, Vec<Place>) {
        let (wanted, places) = block.alone();
        let slots = (0..block.kind.1).map(|_| self.add(wanted)).collect();
        (self.settle(slots, &block.members, &places), places)
    }

    /// Whether a tensor can live at a place of a slot.
    fn suits(&self, slot: usize, member: &Member, at: Place) -> bool {
        let occupied = self.occupied(slot, member.tensor);
        occupied.is_some_and(|areas| areas.iter().all(|area| !overlap(*area, (at, member.size))))
    }

    /// Whether the attachments of a pass hold other tensors than its targets while it runs.
    fn hold_others(&self, at: usize, pass: &MergedPass, planes: &[Vec<usize>]) -> bool {
        let is_other =
            |resident: &Resident| is_alive(resident.life, at) && pass.targets().all(|target| target != resident.tensor);
        // All targets have the same slots.
        let mut slots = pass.targets().take(1).flat_map(|target| &planes[target]);
        slots.any(|slot| self.residents[*slot].iter().any(is_other))
    }

    fn settle(&mut self, slots: Vec<usize>, members: &[Member], places: &[Place]) -> Vec<usize> {
        for (member, base) in members.iter().zip(places) {
            let Some(life) = self.lives[member.tensor] else { continue };
            for slot in &slots {
                let resident = Resident { tensor: member.tensor, life, area: (*base, member.size) };
                self.residents[*slot].push(resident);
            }
        }
        slots
    }
}

/// Where something of a size may lie in a slot: at its edges, and right of or below something else.
fn corners<'a>(slot: &Slot, (width, height): (usize, usize), others: impl Iterator<Item = &'a Area>) -> Vec<Place> {
    let (mut columns, mut rows) = (BTreeSet::from([0]), BTreeSet::from([0]));
    for (base, size) in others {
        columns.insert(base.0 + size.0);
        rows.insert(base.1 + size.1);
    }
    columns.retain(|x| x + width <= slot.width);
    rows.retain(|y| y + height <= slot.height);
    columns.iter().flat_map(|x| rows.iter().map(|y| (*x, *y))).collect()
}
