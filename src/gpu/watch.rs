//! Notices, without waiting, when the GPU is done with a batch.

use bevy::prelude::*;
use bevy::render::render_resource::PollType;
use bevy::render::renderer::{RenderDevice, RenderQueue};

use super::exchange::{Exchange, Report};
use super::state::{Chains, InFlight};

/// Runs after submission: registers new batches and reports finished ones.
pub(super) fn watch(
    mut chains: ResMut<Chains>,
    mut exchange: ResMut<Exchange>,
    queue: Res<RenderQueue>,
    device: Res<RenderDevice>,
) {
    let mut busy = false;
    for state in chains.chains.values_mut() {
        if let Some(in_flight) = state.in_flight.as_mut().filter(|f| !f.submitted) {
            in_flight.submit(&queue);
            state.readbacks.iter().for_each(|readback| readback.map());
        }
        busy |= state.in_flight.is_some() || !state.readbacks.is_empty();
    }
    // A failed poll means a lost device, which Bevy's own error handling deals with.
    if busy && device.poll(PollType::Poll).is_err() {
        return;
    }
    for state in chains.chains.values_mut() {
        if let Some(milliseconds) = state.in_flight.as_ref().and_then(InFlight::milliseconds)
            && let Some(done) = state.in_flight.take()
        {
            let report = |(entity, revision)| (entity, Report::Drawn { revision, milliseconds });
            exchange.reports.extend(done.drawn.into_iter().map(report));
        }
        state.readbacks.retain(|readback| match readback.take() {
            Some(tensors) => {
                exchange.reports.push((readback.entity, Report::Tensors(tensors)));
                false
            }
            None => true,
        });
    }
}
