//! Notices, without waiting, when the GPU is done with a frame.

use bevy::prelude::*;
use bevy::render::render_resource::PollType;
use bevy::render::renderer::{RenderDevice, RenderQueue};

use super::exchange::{Exchange, Report};
use super::in_flight::{InFlight, Slice};
use super::news::News;
use super::schedule::Costs;
use super::state::{ChainState, Chains};
use super::timer::Timer;

/// Runs after submission: registers the frame.
pub(super) fn register(
    mut chains: ResMut<Chains>,
    mut exchange: ResMut<Exchange>,
    news: Res<News>,
    timer: Res<Timer>,
    queue: Res<RenderQueue>,
) {
    exchange.idle = false;
    for frame in &mut chains.in_flight {
        if frame.submit(&queue, &news) {
            frame.stopwatch.into_iter().for_each(|watch| timer.request(watch));
        }
    }
}

/// Reports the frames that are finished: after submission, and before the next exchange, which comes later by as long as
/// a frame of the game takes.
pub(super) fn watch(
    mut chains: ResMut<Chains>,
    mut exchange: ResMut<Exchange>,
    timer: Res<Timer>,
    device: Res<RenderDevice>,
    #[cfg(feature = "few_shot")] mut trainings: ResMut<super::training::Trainings>,
) {
    let Chains { chains, in_flight, counters, .. } = &mut *chains;
    // A failed poll means a lost device, which Bevy's own error handling deals with.
    if !in_flight.is_empty() && device.poll(PollType::Poll).is_err() {
        return;
    }
    in_flight.retain_mut(|frame| {
        if !frame.is_done() {
            return true;
        }
        counters.cartoons += std::mem::take(&mut frame.cartoons);
        exchange.reports.extend(frame.take_reports());
        frame.readbacks.retain(|readback| match readback.take() {
            Some(tensors) => {
                #[cfg(feature = "few_shot")]
                if let Some(run) = readback.run {
                    exchange.reports.push((readback.entity, Report::Trained { run, tensors }));
                    return false;
                }
                exchange.reports.push((readback.entity, Report::Tensors(tensors)));
                false
            }
            None => true,
        });
        if let Some(watch) = frame.stopwatch.take_if(|watch| !timer.is_waiting(*watch))
            && let Some(reading) = timer.read(watch)
        {
            note_laps(chains.values_mut().collect(), frame, &reading.laps);
            let costs = chains.values_mut().map(|state| (state.number, &mut state.costs));
            #[cfg(feature = "few_shot")]
            let costs = costs.chain(trainings.costs());
            learn(costs.collect(), frame, reading.milliseconds);
        }
        !frame.readbacks.is_empty() || frame.stopwatch.is_some()
    });
    counters.in_flight = in_flight.len();
    exchange.counters = *counters;
}

/// Tells the chains what their steps of a frame took. They are timed together and share what was thought wrong.
fn learn(mut costs: Vec<(u64, &mut Costs)>, frame: &InFlight, milliseconds: f32) {
    let mut thought = 0.0;
    for Slice { chain, steps, .. } in &frame.slices {
        match costs.iter().find(|(of, _)| of == chain) {
            Some((_, costs)) => thought += costs.sum(steps.clone()),
            // The chain is gone, and nobody knows its share.
            None => return,
        }
    }
    for Slice { chain, steps, .. } in &frame.slices {
        let found = costs.iter_mut().find(|(of, _)| of == chain);
        found.into_iter().for_each(|(_, costs)| costs.learn(steps.clone(), milliseconds / thought));
    }
}

/// Tells the chains what each of their steps of a frame took, if that was asked for.
fn note_laps(mut chains: Vec<&mut ChainState>, frame: &InFlight, mut laps: &[[f32; 2]]) {
    for slice in &frame.slices {
        let Some((own, rest)) = laps.split_at_checked(slice.passes) else { return };
        laps = rest;
        let state = chains.iter_mut().find(|state| state.number == slice.chain);
        state.into_iter().for_each(|state| state.profile.note(slice, own));
    }
}
