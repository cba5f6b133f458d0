//! An entity beside a cartoon's own that has its layers read back: the cartoon itself, its components and its chain of
//! passes stay as they are.

use bevy::prelude::*;

use crate::ecs::{Cartoon, CartoonGroup, CartoonSource, CartoonTaps, CartoonView, UpdateRate};

/// Updates a second of a reader whose cartoon is drawn again and again: reading back is slow.
const LIVE_RATE: f32 = 2.0;

/// Reads layers of another entity's cartoon.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerReader {
    /// The entity whose cartoon it is.
    pub of: Entity,
}

/// What a reader has to have of the cartoon that it reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Read {
    pub group: CartoonGroup,
    pub cartoon: Cartoon,
    pub source: CartoonSource,
    pub taps: CartoonTaps,
}

impl Read {
    /// What reads the layers `names` of a cartoon.
    pub fn new(
        group: &CartoonGroup,
        cartoon: &Cartoon,
        source: &CartoonSource,
        view: Option<&CartoonView>,
        names: Vec<String>,
    ) -> Self {
        let update = match cartoon.update {
            // What a camera draws changes unseen.
            _ if view.is_some() => UpdateRate::PerSecond(LIVE_RATE),
            UpdateRate::OnChange | UpdateRate::Once => UpdateRate::OnChange,
            UpdateRate::Always => UpdateRate::PerSecond(LIVE_RATE),
            UpdateRate::PerSecond(rate) => UpdateRate::PerSecond(rate.min(LIVE_RATE)),
        };
        Self {
            group: group.clone(),
            cartoon: Cartoon { strength: 1.0, update, ..cartoon.clone() },
            source: picture(source, view),
            taps: CartoonTaps { names },
        }
    }

    /// A new reader.
    pub fn spawn(self, of: Entity, commands: &mut Commands) -> Entity {
        let Self { group, cartoon, source, taps } = self;
        let name = Name::new(format!("layers of {of}"));
        commands.spawn((LayerReader { of }, name, source, cartoon, taps, group)).id()
    }
}

/// What the network sees: the picture of an entity, or of a camera the region of its view that is captured for it.
pub(super) fn picture(source: &CartoonSource, view: Option<&CartoonView>) -> CartoonSource {
    match view {
        None => source.clone(),
        Some(view) if view.picture == Handle::default() => CartoonSource::None,
        Some(view) => CartoonSource::Image(view.picture.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_has_what_its_cartoon_has_but_reads_rarely() {
        let group = CartoonGroup::new("kid");
        for (update, expected) in [
            (UpdateRate::OnChange, UpdateRate::OnChange),
            (UpdateRate::Once, UpdateRate::OnChange),
            (UpdateRate::Always, UpdateRate::PerSecond(2.0)),
            (UpdateRate::PerSecond(30.0), UpdateRate::PerSecond(2.0)),
            (UpdateRate::PerSecond(0.5), UpdateRate::PerSecond(0.5)),
        ] {
            let cartoon = Cartoon { update, strength: 0.3, ..default() };
            let read = Read::new(&group, &cartoon, &CartoonSource::None, None, vec!["heatmap".into()]);
            assert_eq!((read.cartoon.update, read.cartoon.strength), (expected, 1.0));
            assert_eq!((read.group, read.taps.names), (group.clone(), vec!["heatmap".to_owned()]));
        }
    }
}
