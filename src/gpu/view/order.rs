//! When a view is captured and drawn over: after all post-processing, before UI and whatever else comes on top.
//!
//! Bevy has no set for what follows post-processing, and this crate knows neither the UI's crate nor a debug panel's. So
//! the schedule itself is asked who comes later.

use std::collections::HashSet;

use bevy::core_pipeline::upscaling::upscaling;
use bevy::ecs::schedule::graph::Direction;
use bevy::ecs::schedule::{
    InternedSystemSet, IntoSystemSet, NodeId, Schedule, ScheduleGraph, ScheduleLabel, Schedules, SystemSet,
};
use bevy::ecs::system::System;
use bevy::prelude::*;

/// What this plugin does in a camera's schedule.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CartoonViewSystems;

/// Puts [`CartoonViewSystems`] between post-processing and everything that is ordered after it.
pub(super) fn place_last(render_app: &mut SubApp, label: impl ScheduleLabel, post_process: impl SystemSet) {
    let mut schedules = render_app.world_mut().resource_mut::<Schedules>();
    let Some(schedule) = schedules.get_mut(label) else { return };
    let before = post_process.intern();
    for later in later_sets(schedule, before) {
        schedule.configure_sets(CartoonViewSystems.before(later));
    }
    schedule.configure_sets(CartoonViewSystems.after(before).before(upscaling));
}

/// Sets of everything that is ordered after `post_process`, or before nothing but the last step of a frame.
fn later_sets(schedule: &Schedule, post_process: InternedSystemSet) -> Vec<InternedSystemSet> {
    let graph = schedule.graph();
    let key = |set: InternedSystemSet| graph.system_sets.get_key(set).map(NodeId::Set);
    let outgoing = |node: NodeId| graph.dependency().graph().neighbors_directed(node, Direction::Outgoing);
    let followers = key(post_process).into_iter().flat_map(outgoing);
    let last = key(upscaling.into_system_set().intern());
    let finals = last.into_iter().flat_map(|last| {
        let before = graph.dependency().graph().neighbors_directed(last, Direction::Incoming);
        before.filter(move |node| {
            family(graph, *node, Direction::Incoming).into_iter().all(|n| outgoing(n).all(|to| to == last))
        })
    });
    let followers = followers.chain(finals).filter(|node| Some(*node) != key(post_process));
    let nodes: HashSet<NodeId> = followers.flat_map(|node| family(graph, node, Direction::Outgoing)).collect();
    nodes.into_iter().filter_map(|node| set_of(graph, node)).collect()
}

/// A node and all sets that it is in (incoming), or all that is in it (outgoing).
fn family(graph: &ScheduleGraph, node: NodeId, direction: Direction) -> Vec<NodeId> {
    let mut list = vec![node];
    let mut next = 0;
    while let Some(node) = list.get(next).copied() {
        list.extend(graph.hierarchy().graph().neighbors_directed(node, direction));
        next += 1;
    }
    list
}

/// The set that holds nothing but this system. `None` for one that is there twice, which cannot be named.
fn set_of(graph: &ScheduleGraph, node: NodeId) -> Option<InternedSystemSet> {
    let NodeId::System(key) = node else { return None };
    let system = graph.systems.get(key)?;
    let alike = graph.systems.iter().filter(|(_, other, _)| other.system_type() == system.system_type());
    (alike.count() == 1).then(|| system.default_system_sets().first().copied())?
}
