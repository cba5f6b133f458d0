//! The panel in a running app: it shows and reads without touching anything, follows entities that come and go, finds
//! the first NaN, and leaves nothing behind when it is closed.
#![cfg(feature = "debug_ui")]

mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "common/stage.rs"]
mod stage;

use bevy::prelude::*;
use bevy_toonface::debug_ui::{CartoonPanel, CartoonPanelPlugin, LayerReader, NanProbe, PanelTab, ProbeReport};
use bevy_toonface::ecs::CartoonTensors;
use bevy_toonface::gpu::{CartoonChains, CartoonProfiling};
use bevy_toonface::model::{Generator, Model};
use bevy_toonface::prelude::*;
use common::random_model;
use gpu::{Lab, add_model};
use stage::Stage;

const TABS: [PanelTab; 5] = [PanelTab::Picture, PanelTab::Layers, PanelTab::Time, PanelTab::Memory, PanelTab::Plan];
const CONV: &str = "encode2.conv1";

/// A device with the panel.
static PANEL: Lab = Lab::new(TensorFormat::R32Float).open().with(|app| {
    let panel = CartoonPanel { open: false, ..default() };
    app.add_plugins(CartoonPanelPlugin { panel });
});

fn lite() -> Model {
    let branch = ["stem", "head"].map(String::from).to_vec();
    random_model(Generator::Lite { base_channels: 4, image_size: 64, branch }, 2, 7)
}

/// A stage with a camera for the panel, and entities of the groups of `model`.
fn with_stage(app: &mut App, model: Model, work: impl FnOnce(&mut Stage, &[Entity])) {
    let camera = app.world_mut().spawn(Camera2d).id();
    let mut stage = Stage::new(app);
    let handle = add_model(stage.app, model);
    let entities: Vec<Entity> = ["g0", "g1"].map(|group| stage.spawn(&handle, group, UpdateRate::OnChange)).to_vec();
    entities.iter().for_each(|entity| stage.wait(*entity));
    work(&mut stage, &entities);
    *stage.app.world_mut().resource_mut::<CartoonPanel>() = CartoonPanel { open: false, ..default() };
    stage.app.world_mut().despawn(camera);
    (0..3).for_each(|_| stage.frame());
}

fn panel(stage: &mut Stage, change: impl FnOnce(&mut CartoonPanel)) {
    change(&mut stage.app.world_mut().resource_mut::<CartoonPanel>());
    (0..4).for_each(|_| stage.frame());
}

fn readers(stage: &mut Stage) -> Vec<Entity> {
    let mut query = stage.app.world_mut().query_filtered::<Entity, With<LayerReader>>();
    query.iter(stage.app.world()).collect()
}

/// The names of what a reader has read, once it is there.
fn read(stage: &mut Stage) -> Vec<String> {
    let mut names = Vec::new();
    stage.frames_until(|stage| {
        let mut query = stage.app.world_mut().query_filtered::<&CartoonTensors, With<LayerReader>>();
        names = query.iter(stage.app.world()).flat_map(|t| t.0.iter().map(|(name, _)| name.clone())).collect();
        !names.is_empty()
    });
    names
}

/// What a probe of an entity finds.
fn probe(stage: &mut Stage, entity: Entity) -> ProbeReport {
    stage.app.world_mut().entity_mut(entity).insert(NanProbe::default());
    stage.frames_until(|stage| stage.app.world().get::<NanProbe>(entity).is_none());
    stage.frames_until(|stage| readers(stage).is_empty());
    stage.app.world().get::<ProbeReport>(entity).expect("a report").clone()
}

#[test]
fn a_healthy_model_is_healthy() {
    PANEL.run(|app| {
        let model = lite();
        let layers = model.graph.nodes().len();
        with_stage(app, model, |stage, entities| {
            let updates = stage.updates(entities[0]);
            assert_eq!(probe(stage, entities[0]), ProbeReport::Healthy { layers });
            assert_eq!(stage.updates(entities[0]), updates, "the entity's own cartoon is not drawn for it");
        });
    });
}

#[test]
fn a_poisoned_weight_is_found_where_it_is_used_first() {
    PANEL.run(|app| {
        let mut model = lite();
        let weight = model.weights.trunk.tensors.get_mut(&format!("{CONV}.weight")).expect("a weight");
        let out = weight.dims[0];
        // One value, of the fourth channel.
        let per_channel = weight.data.len() / out;
        weight.data[3 * per_channel + 5] = f32::NAN;
        let shape = model.graph.node(model.graph.layer(CONV).expect("a node")).shape;
        with_stage(app, model, |stage, entities| match probe(stage, entities[0]) {
            ProbeReport::NotFinite { layer, what, stats } => {
                assert_eq!((layer.as_str(), what), (CONV, format!("conv2d, {shape}")));
                assert_eq!((stats.nan, stats.infinite, stats.count), (shape.pixels(), 0, shape.elements()));
            }
            other => panic!("{other}"),
        });
    });
}

#[test]
fn a_poisoned_branch_ails_its_own_group_alone() {
    PANEL.run(|app| {
        let mut model = lite();
        let layers = model.graph.nodes().len();
        model.weights.branches[1].tensors.get_mut("stem.bias").expect("a bias").data[0] = f32::INFINITY;
        with_stage(app, model, |stage, entities| {
            assert_eq!(probe(stage, entities[0]), ProbeReport::Healthy { layers });
            match probe(stage, entities[1]) {
                ProbeReport::NotFinite { layer, stats, .. } => {
                    assert_eq!((layer.as_str(), stats.nan, stats.infinite), ("stem", 0, 64 * 64));
                }
                other => panic!("{other}"),
            }
        });
    });
}

#[test]
fn a_probe_of_nothing_fails_in_words_and_one_of_a_gone_entity_leaves_nothing() {
    PANEL.run(|app| {
        with_stage(app, lite(), |stage, entities| {
            let bare = stage.app.world_mut().spawn(NanProbe::default()).id();
            stage.frames_until(|stage| stage.app.world().get::<NanProbe>(bare).is_none());
            let report = stage.app.world().get::<ProbeReport>(bare).expect("a report").to_string();
            assert!(report.contains("no cartoon"), "{report}");
            stage.app.world_mut().despawn(bare);
            for entity in entities {
                stage.app.world_mut().entity_mut(*entity).insert(NanProbe::default());
            }
            stage.frames_until(|stage| readers(stage).len() == 2);
            // Put anew, the probe starts over; its entity gone, it stops.
            stage.app.world_mut().entity_mut(entities[0]).insert(NanProbe::default());
            stage.app.world_mut().despawn(entities[1]);
            stage.frames_until(|stage| stage.app.world().get::<NanProbe>(entities[0]).is_none());
            stage.frames_until(|stage| readers(stage).is_empty());
        });
    });
}

#[test]
fn looking_changes_nothing() {
    PANEL.run(|app| {
        with_stage(app, lite(), |stage, entities| {
            let world = stage.app.world_mut();
            let ticks = |world: &World| {
                let of = |entity: &Entity| {
                    let entity = world.entity(*entity);
                    let group = entity.get_change_ticks::<CartoonGroup>().expect("a group").changed;
                    let cartoon = entity.get_change_ticks::<Cartoon>().expect("settings").changed;
                    (group.get(), cartoon.get())
                };
                let budget = world.resource_ref::<CartoonBudget>().last_changed().get();
                (entities.iter().map(of).collect::<Vec<_>>(), budget)
            };
            let (before, updates) = (ticks(world), entities.iter().map(|e| stage.updates(*e)).collect::<Vec<_>>());
            for tab in TABS {
                panel(stage, |panel| {
                    *panel = CartoonPanel { tab, layer: Some(CONV.into()), heatmap: true, ..default() };
                });
                (0..5).for_each(|_| stage.frame());
                assert_eq!(ticks(stage.app.world()), before, "{tab:?}");
            }
            assert_eq!(entities.iter().map(|e| stage.updates(*e)).collect::<Vec<_>>(), updates);
            assert!(stage.app.world().get_resource::<CartoonProfiling>().is_none_or(|p| !p.enabled));
        });
    });
}

#[test]
fn layers_are_read_while_they_are_shown_and_no_longer() {
    PANEL.run(|app| {
        with_stage(app, lite(), |stage, entities| {
            let chains = |stage: &Stage| stage.app.world().resource::<CartoonChains>().0.clone();
            let first = entities[0];
            panel(stage, |panel| {
                *panel = CartoonPanel { tab: PanelTab::Layers, layer: Some(CONV.into()), ..default() }
            });
            assert_eq!(read(stage), ["input", CONV]);
            let reading = chains(stage);
            assert_eq!(reading.len(), 2, "the reader has a chain of its own");
            assert_eq!(reading.iter().filter(|chain| *chain.taps == ["input", CONV].map(String::from)).count(), 1);
            panel(stage, |panel| (panel.tab, panel.heatmap, panel.entity) = (PanelTab::Picture, true, Some(first)));
            assert_eq!(read(stage), ["input", "cam_logit", "heatmap"]);
            panel(stage, |panel| panel.tab = PanelTab::Plan);
            assert_eq!(readers(stage), []);
            panel(stage, |panel| panel.tab = PanelTab::Picture);
            assert_eq!(readers(stage).len(), 1);
            stage.app.insert_resource(CartoonProfiling { enabled: true });
            panel(stage, |panel| panel.open = false);
            assert_eq!((readers(stage), chains(stage).len()), (Vec::new(), 1), "closed");
            assert!(!stage.app.world().resource::<CartoonProfiling>().enabled);
        });
    });
}

#[test]
fn an_entity_may_vanish_while_it_is_looked_at() {
    PANEL.run(|app| {
        for tab in TABS {
            with_stage(app, lite(), |stage, entities| {
                let (chosen, other) = (entities[1], entities[0]);
                panel(stage, |panel| {
                    let (layer, entity) = (Some(CONV.into()), Some(chosen));
                    *panel = CartoonPanel { tab, layer, entity, heatmap: true, ..default() };
                });
                stage.app.world_mut().despawn(chosen);
                (0..6).for_each(|_| stage.frame());
                // The other takes its place, and loses its tag; then there is none left.
                stage.app.world_mut().entity_mut(other).remove::<CartoonGroup>();
                (0..6).for_each(|_| stage.frame());
                assert_eq!(readers(stage), [], "{tab:?}");
                // The reader itself may go, too.
                stage.app.world_mut().entity_mut(other).insert(CartoonGroup::new("g0"));
                (0..6).for_each(|_| stage.frame());
                for reader in readers(stage) {
                    stage.app.world_mut().despawn(reader);
                }
                (0..6).for_each(|_| stage.frame());
                stage.app.world_mut().despawn(other);
            });
        }
    });
}

#[test]
fn the_key_opens_and_closes_it() {
    PANEL.run(|app| {
        with_stage(app, lite(), |stage, _| {
            let press = |stage: &mut Stage| {
                let mut keys = stage.app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
                keys.reset_all();
                keys.press(KeyCode::F12);
                stage.app.world_mut().run_schedule(Update);
                stage.app.world_mut().resource_mut::<ButtonInput<KeyCode>>().reset_all();
                stage.app.world().resource::<CartoonPanel>().open
            };
            assert!(press(stage));
            assert!(!press(stage));
            stage.app.world_mut().resource_mut::<CartoonPanel>().key = None;
            assert!(!press(stage), "no key");
        });
    });
}

#[test]
fn without_a_camera_there_is_no_panel_and_no_fault() {
    PANEL.run(|app| {
        let mut stage = Stage::new(app);
        let model = stage.model(1, 1);
        stage.spawn(&model, "g0", UpdateRate::OnChange);
        for tab in TABS {
            panel(&mut stage, |panel| *panel = CartoonPanel { tab, heatmap: true, ..default() });
        }
        panel(&mut stage, |panel| panel.open = false);
    });
}
