//! Whose turn it is. Pure: entities and numbers come in, an order comes out.
//!
//! Every update that an entity gets moves its turn on by one; the lowest turn is served first, and nobody gets further
//! ahead of a waiting entity than one update. Who was away (a picture at rest, a slow rate) joins at the turn that is
//! being served: nobody saves turns up.

use bevy::platform::collections::{HashMap, HashSet};
use bevy::prelude::Entity;

/// How many updates a served entity may be ahead of one that waits.
const MAX_LEAD: u64 = 1;

/// What every entity has been given.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accounts: HashMap<Entity, Account>,
    /// The latest turn that was served.
    now: u64,
}

/// What an entity has been given.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    /// Latest revision that was answered; 0 is none.
    answered: u64,
    turn: u64,
    /// Whether it asked for something when it was last looked at.
    open: bool,
}

impl Ledger {
    /// Looks at what an entity asks for: its latest revision, and whether it always wants more. Returns whether it
    /// waits for anything.
    pub fn ask(&mut self, entity: Entity, revision: u64, always: bool) -> bool {
        let account = self.accounts.entry(entity).or_default();
        let open = always || account.answered < revision;
        if open && !account.open {
            account.turn = account.turn.max(self.now);
        }
        account.open = open;
        open
    }

    /// The turn of an entity.
    pub fn turn(&self, entity: Entity) -> u64 {
        self.accounts.get(&entity).map_or(self.now, |account| account.turn)
    }

    /// Whether an entity may be served now if the lowest turn of all that wait is `lowest`.
    pub fn may_serve(&self, entity: Entity, lowest: u64) -> bool {
        self.turn(entity) <= lowest + MAX_LEAD
    }

    /// Notes that an entity gets an update.
    pub fn serve(&mut self, entity: Entity, revision: u64) {
        let now = &mut self.now;
        let account = self.accounts.entry(entity).or_default();
        *now = account.turn.max(*now);
        account.turn += 1;
        account.answered = revision;
    }

    /// Notes that a revision got an answer that is no update, such as an error.
    pub fn refuse(&mut self, entity: Entity, revision: u64) {
        self.accounts.entry(entity).or_default().answered = revision;
    }

    /// Forgets all but these entities.
    pub fn retain(&mut self, alive: &HashSet<Entity>) {
        self.accounts.retain(|entity, _| alive.contains(entity));
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;
    use bevy::prelude::Entity;

    /// An entity of a simulated app: it asks every so many frames, and shares a chain with others.
    struct Asker {
        entity: Entity,
        chain: usize,
        every: u64,
        revision: u64,
        updates: u64,
    }

    /// Chains with these numbers of entities, all of which ask every so many frames.
    fn askers(chains: &[(usize, u64)]) -> Vec<Asker> {
        let mut list = Vec::new();
        for (chain, (entities, every)) in chains.iter().enumerate() {
            for _ in 0..*entities {
                let entity = Entity::from_raw_u32(list.len() as u32 + 1).expect("an id");
                list.push(Asker { entity, chain, every: *every, revision: 0, updates: 0 });
            }
        }
        list
    }

    /// As `prepare` does it: every frame, up to `batches` chains serve up to `room` entities each.
    fn run(askers: &mut [Asker], frames: u64, batches: usize, room: usize) {
        let mut ledger = Ledger::default();
        for frame in 1..=frames {
            let mut waiting: Vec<usize> = Vec::new();
            for (i, asker) in askers.iter_mut().enumerate() {
                if frame % asker.every == 0 {
                    asker.revision = frame;
                }
                if ledger.ask(asker.entity, asker.revision, asker.every == 1) {
                    waiting.push(i);
                }
            }
            waiting.sort_by_key(|i| (ledger.turn(askers[*i].entity), askers[*i].entity));
            let Some(lowest) = waiting.first().map(|i| ledger.turn(askers[*i].entity)) else { continue };
            let mut chains: Vec<usize> = Vec::new();
            waiting.iter().map(|i| askers[*i].chain).for_each(|c| {
                if !chains.contains(&c) {
                    chains.push(c)
                }
            });
            for chain in chains.into_iter().take(batches) {
                let of_chain = waiting.iter().copied().filter(|i| askers[*i].chain == chain);
                let served: Vec<usize> =
                    of_chain.filter(|i| ledger.may_serve(askers[*i].entity, lowest)).take(room).collect();
                for i in served {
                    ledger.serve(askers[i].entity, askers[i].revision);
                    askers[i].updates += 1;
                }
            }
        }
    }

    /// Most over fewest updates.
    fn spread<'a>(askers: impl Iterator<Item = &'a Asker> + Clone) -> f64 {
        let updates = askers.map(|asker| asker.updates);
        updates.clone().max().unwrap_or(0) as f64 / updates.min().unwrap_or(0) as f64
    }

    #[test]
    fn hungry_entities_get_the_same_whatever_their_models_and_batches() {
        for chains in
            [vec![(12, 1), (1, 1)], vec![(1, 1), (1, 1), (1, 1)], vec![(8, 1), (3, 1), (20, 1)], vec![(17, 1)]]
        {
            for (batches, room) in [(1, 8), (2, 8), (9, 8), (1, 1), (3, 2)] {
                let mut list = askers(&chains);
                run(&mut list, 600, batches, room);
                let spread = spread(list.iter());
                assert!(spread <= 1.2, "{chains:?}, {batches} batches of {room}: {spread}");
            }
        }
    }

    #[test]
    fn slow_rates_get_all_they_ask_for_and_take_nothing_from_the_equality_of_the_others() {
        let mut list = askers(&[(5, 1), (3, 1), (2, 20), (1, 45)]);
        run(&mut list, 1800, 1, 4);
        let (hungry, slow): (Vec<&Asker>, Vec<&Asker>) = list.iter().partition(|asker| asker.every == 1);
        assert!(spread(hungry.into_iter()) <= 1.2);
        for asker in slow {
            let asked = 1800 / asker.every;
            assert!(asked - asker.updates <= 1, "asked {asked} times, served {}", asker.updates);
        }
    }

    #[test]
    fn who_was_away_has_saved_nothing_up() {
        let mut ledger = Ledger::default();
        let [busy, idle] = [1, 2].map(|i| Entity::from_raw_u32(i).expect("an id"));
        assert!(ledger.ask(busy, 1, true) && ledger.ask(idle, 1, false));
        ledger.serve(idle, 1);
        (0..1000).for_each(|_| ledger.serve(busy, 1));
        assert!(!ledger.ask(idle, 1, false), "nothing new");
        assert!(ledger.ask(idle, 2, false));
        assert!(ledger.turn(busy) - ledger.turn(idle) <= 1);
    }

    #[test]
    fn an_answered_revision_is_not_asked_for_again() {
        let mut ledger = Ledger::default();
        let entity = Entity::from_raw_u32(1).expect("an id");
        assert!(ledger.ask(entity, 1, false));
        ledger.refuse(entity, 1);
        assert!(!ledger.ask(entity, 1, false));
        assert!(ledger.ask(entity, 2, false));
        ledger.serve(entity, 2);
        assert!(!ledger.ask(entity, 2, false));
        ledger.retain(&Default::default());
        assert!(ledger.ask(entity, 2, false), "forgotten");
    }
}
