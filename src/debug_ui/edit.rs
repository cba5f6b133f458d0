//! What a touch in the panel changes. Drawing the panel changes nothing by itself.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use super::probe::NanProbe;
use super::reader::LayerReader;
use crate::ecs::{Cartoon, CartoonBudget, CartoonGroup, RedrawCartoon, UpdateRate};
use crate::gpu::CartoonProfiling;

/// A change that somebody made in the panel.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Edit {
    Group(Entity, String),
    Strength(Entity, f32),
    Update(Entity, UpdateRate),
    Budget(CartoonBudget),
    Redraw(Entity),
    Probe(Entity),
    /// Whether every pass is timed.
    Profile(bool),
}

/// What edits are applied to.
#[derive(SystemParam)]
pub(super) struct Edited<'w, 's> {
    cartoons: Query<'w, 's, (&'static mut CartoonGroup, &'static mut Cartoon), Without<LayerReader>>,
    budget: ResMut<'w, CartoonBudget>,
    commands: Commands<'w, 's>,
}

impl Edited<'_, '_> {
    /// Applies an edit. The entity may be gone, or may have lost its cartoon; then there is nothing to change.
    pub fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::Group(entity, group) => {
                if let Ok((mut tag, _)) = self.cartoons.get_mut(entity) {
                    tag.0 = group;
                }
            }
            Edit::Strength(entity, strength) => {
                if let Ok((_, mut cartoon)) = self.cartoons.get_mut(entity) {
                    cartoon.strength = strength;
                }
            }
            Edit::Update(entity, update) => {
                if let Ok((_, mut cartoon)) = self.cartoons.get_mut(entity) {
                    cartoon.update = update;
                }
            }
            Edit::Budget(budget) => *self.budget = budget,
            Edit::Redraw(entity) => {
                if self.cartoons.contains(entity) {
                    self.commands.trigger(RedrawCartoon { entity });
                }
            }
            Edit::Probe(entity) => {
                if self.cartoons.contains(entity) {
                    self.commands.entity(entity).try_insert(NanProbe::default());
                }
            }
            Edit::Profile(enabled) => self.commands.insert_resource(CartoonProfiling { enabled }),
        }
    }
}

#[cfg(test)]
mod tests {
    use bevy::ecs::system::RunSystemOnce;

    use super::*;

    fn apply(world: &mut World, edit: Edit) {
        world.run_system_once(move |mut edited: Edited| edited.apply(edit.clone())).expect("to run");
    }

    #[test]
    fn edits_reach_their_components_and_no_others() {
        let mut world = World::new();
        world.init_resource::<CartoonBudget>();
        let [entity, other] = ["woman", "man"].map(|group| world.spawn(CartoonGroup::new(group)).id());
        apply(&mut world, Edit::Group(entity, "kid".into()));
        apply(&mut world, Edit::Strength(entity, 0.25));
        apply(&mut world, Edit::Update(entity, UpdateRate::PerSecond(5.0)));
        let budget = CartoonBudget { passes_per_frame: Some(9), frames_in_flight: 1, ..CartoonBudget::UNLIMITED };
        apply(&mut world, Edit::Budget(budget));
        apply(&mut world, Edit::Probe(entity));
        apply(&mut world, Edit::Profile(true));
        let expected = Cartoon { strength: 0.25, update: UpdateRate::PerSecond(5.0), ..default() };
        assert_eq!(world.get::<CartoonGroup>(entity), Some(&CartoonGroup::new("kid")));
        assert_eq!(world.get::<Cartoon>(entity), Some(&expected));
        assert_eq!(world.get::<CartoonGroup>(other), Some(&CartoonGroup::new("man")));
        assert_eq!(world.get::<Cartoon>(other), Some(&Cartoon::default()));
        assert_eq!(*world.resource::<CartoonBudget>(), budget);
        assert!(world.get::<NanProbe>(entity).is_some() && world.get::<NanProbe>(other).is_none());
        assert!(world.resource::<CartoonProfiling>().enabled);
    }

    #[test]
    fn an_edit_of_an_entity_that_is_gone_does_nothing() {
        let mut world = World::new();
        world.init_resource::<CartoonBudget>();
        let gone = world.spawn(CartoonGroup::new("woman")).id();
        world.despawn(gone);
        let untagged = world.spawn(Cartoon::default()).id();
        for entity in [gone, untagged] {
            apply(&mut world, Edit::Group(entity, "kid".into()));
            apply(&mut world, Edit::Strength(entity, 0.0));
            apply(&mut world, Edit::Update(entity, UpdateRate::Once));
            apply(&mut world, Edit::Redraw(entity));
            apply(&mut world, Edit::Probe(entity));
        }
        assert_eq!(world.get::<Cartoon>(untagged), Some(&Cartoon::default()));
        assert!(world.get::<NanProbe>(untagged).is_none());
    }
}
