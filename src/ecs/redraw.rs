//! A cartoon now, whatever the update rate.

use bevy::prelude::*;

use super::CartoonRequest;

/// Draws an entity's cartoon anew, once, as soon as the budget allows: for pictures that were drawn on the GPU under
/// [`UpdateRate::OnChange`](super::UpdateRate::OnChange), and for tools. Nothing happens on an entity without a cartoon.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_toonface::ecs::RedrawCartoon;
/// # fn system(mut commands: Commands, portrait: Single<Entity, With<Name>>) {
/// commands.trigger(RedrawCartoon { entity: *portrait });
/// # }
/// ```
#[derive(EntityEvent, Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedrawCartoon {
    /// The entity.
    pub entity: Entity,
}

pub(super) fn redraw(asked: On<RedrawCartoon>, mut requests: Query<&mut CartoonRequest>) {
    if let Ok(mut request) = requests.get_mut(asked.entity) {
        request.redraw = true;
    }
}
