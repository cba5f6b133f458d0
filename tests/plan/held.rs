//! What the texture slots hold while the passes of a plan run.

use std::collections::BTreeMap;

use bevy_toonface::plan::{LayoutUniform, Pass, Plan, Rect};

/// What the slots hold: tensors and their planes. Small tensors may share a slot.
#[derive(Default)]
pub struct Held(BTreeMap<usize, Vec<(usize, usize)>>);

impl Held {
    /// A pass leaves what it does not cover only if it preserves its attachments.
    fn begin(&mut self, plan: &Plan, pass: &Pass) {
        let attachments = pass.targets.iter().flat_map(|target| &plan.tensors[*target].slots);
        if !pass.preserve {
            attachments.for_each(|slot| self.0.entry(*slot).or_default().clear());
        }
    }

    fn write(&mut self, plan: &Plan, tensor: usize) {
        let place = plan.tensors[tensor].layout.whole();
        for (plane, slot) in plan.tensors[tensor].slots.iter().enumerate() {
            let inside = self.0.entry(*slot).or_default();
            inside.retain(|(other, _)| !meet(&plan.tensors[*other].layout.whole(), &place));
            inside.push((tensor, plane));
        }
    }

    /// Whether all of a tensor is still there.
    pub fn has(&self, plan: &Plan, tensor: usize) -> bool {
        let mut slots = plan.tensors[tensor].slots.iter().enumerate();
        let found = |(plane, slot)| self.0.get(slot).is_some_and(|inside| inside.contains(&(tensor, plane)));
        !plan.tensors[tensor].slots.is_empty() && slots.all(found)
    }

    /// The tensor that all of these slots hold, plane by plane, where a reader looks for it.
    pub fn tensor(&self, plan: &Plan, slots: &[usize], layout: LayoutUniform) -> Option<usize> {
        let inside = self.0.get(slots.first()?)?;
        let fits = |tensor: &usize| {
            let known = &plan.tensors[*tensor];
            known.slots == slots && known.layout.uniform() == layout && self.has(plan, *tensor)
        };
        inside.iter().map(|(tensor, _)| *tensor).find(fits)
    }
}

/// Whether two rectangles have a texel in common.
fn meet(a: &Rect, b: &Rect) -> bool {
    let along = |a: u32, length_a: u32, b: u32, length_b: u32| a < b + length_b && b < a + length_a;
    along(a.x, a.width, b.x, b.width) && along(a.y, a.height, b.y, b.height)
}

/// Calls `check` with each target of a pass, as a pass of its own, and with what the slots hold when it begins.
pub fn simulate(plan: &Plan, mut check: impl FnMut(&Pass, &Held)) -> Held {
    let mut held = Held::default();
    held.write(plan, plan.input);
    for pass in &plan.passes {
        parts(pass).iter().for_each(|part| check(part, &held));
        held.begin(plan, pass);
        pass.targets.iter().for_each(|target| held.write(plan, *target));
        assert!(pass.targets.iter().all(|target| held.has(plan, *target)), "`{}`: targets overlap", pass.label());
    }
    held
}

/// What a pass writes to each of its targets.
pub fn parts(pass: &Pass) -> Vec<Pass> {
    let of = |(label, target): (&String, &usize)| Pass {
        labels: vec![label.clone()],
        targets: vec![*target],
        draws: pass.draws.iter().filter(|draw| draw.target == *target).cloned().collect(),
        ..pass.clone()
    };
    pass.labels.iter().zip(&pass.targets).map(of).collect()
}
