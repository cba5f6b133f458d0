//! The panel for developers (feature `debug_ui`): cartoons and their settings, layers as pictures, times, memory, passes.
//!
//! ```no_run
//! # use bevy::prelude::*;
//! # use bevy_toonface::prelude::*;
//! # use bevy_toonface::debug_ui::CartoonPanelPlugin;
//! App::new().add_plugins((DefaultPlugins, ToonfacePlugin::default(), CartoonPanelPlugin::default())).run();
//! ```
//!
//! It is drawn by [`bevy_egui`] to the primary context, that is the first camera unless the game says otherwise. It changes
//! nothing unless it is touched, and closed it does nothing a frame but look at its key.

mod edit;
mod layers;
mod maps;
mod memory;
mod picture;
mod plan;
mod probe;
mod reader;
mod rows;
mod scene;
mod state;
mod stats;
mod style;
mod time;
mod window;

use bevy::prelude::*;
use bevy_egui::{EguiPlugin, EguiPrimaryContextPass, PrimaryEguiContext};

pub use maps::{Colors, Look, Maps, NOT_FINITE, Scale, heat};
pub use probe::{NanProbe, ProbeReport};
pub use reader::LayerReader;
pub use state::{CartoonPanel, PanelTab};
pub use stats::Stats;

use state::PanelState;

/// Adds the panel, and [`EguiPlugin`] if the game has not. Add it after [`ToonfacePlugin`](crate::ToonfacePlugin).
#[derive(Debug, Clone, Default)]
pub struct CartoonPanelPlugin {
    /// The panel as it is at first.
    pub panel: CartoonPanel,
}

impl Plugin for CartoonPanelPlugin {
    fn build(&self, app: &mut App) {
        if !app.is_plugin_added::<EguiPlugin>() {
            app.add_plugins(EguiPlugin::default());
        }
        app.insert_resource(self.panel.clone())
            .init_resource::<PanelState>()
            .add_systems(
                Update,
                (
                    toggle.run_if(key_is_pressed),
                    move_context.run_if(is_open),
                    window::sync_reader.run_if(is_open),
                    window::close.run_if(is_to_be_closed),
                    probe::run_probes.run_if(any_with_component::<NanProbe>),
                )
                    .chain(),
            )
            .add_systems(EguiPrimaryContextPass, window::draw.run_if(is_open))
            .add_observer(probe::drop_reader);
    }
}

fn key_is_pressed(panel: Res<CartoonPanel>, keys: Option<Res<ButtonInput<KeyCode>>>) -> bool {
    panel.key.is_some_and(|key| keys.is_some_and(|keys| keys.just_pressed(key)))
}

fn toggle(mut panel: ResMut<CartoonPanel>) {
    panel.open = !panel.open;
}

/// `bevy_egui` draws to the first camera that there ever is; when that is gone, the panel moves to another.
fn move_context(
    contexts: Query<(), With<PrimaryEguiContext>>,
    cameras: Query<Entity, With<Camera>>,
    mut was_there: Local<bool>,
    mut commands: Commands,
) {
    if !contexts.is_empty() {
        *was_there = true;
    } else if *was_there && let Some(camera) = cameras.iter().min_by_key(|camera| scene::order(*camera)) {
        commands.entity(camera).insert(PrimaryEguiContext);
    }
}

fn is_open(panel: Res<CartoonPanel>) -> bool {
    panel.open
}

fn is_to_be_closed(panel: Res<CartoonPanel>, state: Res<PanelState>) -> bool {
    !panel.open && (state.active || state.reader.is_some())
}
