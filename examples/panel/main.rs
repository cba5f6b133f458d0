//! Four portraits as cartoons of four groups, and the panel for developers beside them.
//!
//! `cargo run --release --features debug_ui --example panel` opens a window (F12 hides the panel); with
//! `-- --headless --out x.png` it draws one picture, `--tab` says of which part of the panel.

#[path = "../shared/headless.rs"]
mod headless;
#[path = "../shared/scene.rs"]
mod scene;

use std::process::ExitCode;

use bevy::prelude::*;
use bevy_toonface::debug_ui::{CartoonPanel, CartoonPanelPlugin, LayerReader, PanelTab};
use bevy_toonface::ecs::CartoonTensors;
use bevy_toonface::gpu::{CartoonChains, CartoonProfiling};
use bevy_toonface::prelude::*;
use clap::{Parser, ValueEnum};

use scene::{Scene, SceneArgs, SceneTarget, all_running};

/// Group and portrait, row by row.
const PEOPLE: [(&str, &str); 4] = [
    ("woman", "portraits/woman_1.jpg"),
    ("man", "portraits/man_1.jpg"),
    ("kid", "portraits/kid_1.jpg"),
    ("elderly", "portraits/elderly_1.jpg"),
];
/// Frames after which nothing moves any more: the panel fades in, and lays itself out twice.
const SETTLED: u32 = 40;

const SCENE: Scene = Scene {
    title: "bevy_toonface: panel",
    size: UVec2::new(1280, 720),
    build: |app| {
        app.init_resource::<Settled>().add_systems(Startup, (open_panel, spawn_camera, spawn_people));
    },
    is_done,
};

/// Portraits, their cartoons, and the panel.
#[derive(Parser, Debug)]
struct Args {
    /// The part of the panel that is open.
    #[arg(long, value_enum, default_value_t)]
    tab: Tab,
    #[command(flatten)]
    scene: SceneArgs,
}

/// [`PanelTab`] as an argument.
#[derive(ValueEnum, Debug, Clone, Copy, Default)]
enum Tab {
    #[default]
    Picture,
    Layers,
    Time,
    Memory,
    Plan,
}

/// Frames in which everything has been there.
#[derive(Resource, Default)]
struct Settled(u32);

fn main() -> ExitCode {
    let args = Args::parse();
    SCENE.run_with(&args.scene, |app| {
        app.add_plugins(CartoonPanelPlugin::default());
    })
}

/// What somebody has touched already: a layer, the class attention, the times.
fn open_panel(mut panel: ResMut<CartoonPanel>, mut commands: Commands) {
    panel.tab = match Args::parse().tab {
        Tab::Picture => PanelTab::Picture,
        Tab::Layers => PanelTab::Layers,
        Tab::Time => PanelTab::Time,
        Tab::Memory => PanelTab::Memory,
        Tab::Plan => PanelTab::Plan,
    };
    panel.layer = Some("encode4".into());
    panel.heatmap = true;
    commands.insert_resource(CartoonProfiling { enabled: panel.tab == PanelTab::Time });
}

fn spawn_camera(mut commands: Commands, target: Res<SceneTarget>) {
    commands.spawn((Camera2d, target.0.clone()));
}

fn spawn_people(mut commands: Commands, assets: Res<AssetServer>) {
    for (i, (group, portrait)) in PEOPLE.into_iter().enumerate() {
        let (column, row) = ((i % 2) as f32, (i / 2) as f32);
        commands.spawn((
            Name::new(portrait.trim_start_matches("portraits/").trim_end_matches(".jpg")),
            Sprite { custom_size: Some(Vec2::splat(280.0)), ..Sprite::from_image(assets.load(portrait)) },
            CartoonGroup::new(group),
            Transform::from_xyz(-490.0 + 296.0 * column, 148.0 - 296.0 * row, 0.0),
        ));
    }
}

/// Whether all cartoons and what the panel shows of them are there, and have been for a while.
fn is_done(world: &mut World) -> Result<bool, String> {
    let chains = world.get_resource::<CartoonChains>().map_or(&[][..], |chains| &chains.0);
    let timed = chains.iter().any(|chain| chain.times.is_some() || !chain.has_timestamps);
    let mut readers = world.query_filtered::<(), (With<LayerReader>, With<CartoonTensors>)>();
    let shown = match world.resource::<CartoonPanel>().tab {
        PanelTab::Picture | PanelTab::Layers => readers.iter(world).next().is_some(),
        PanelTab::Time => timed,
        PanelTab::Memory | PanelTab::Plan => true,
    };
    let there = all_running(world)? && shown;
    let mut settled = world.resource_mut::<Settled>();
    settled.0 = if there { settled.0 + 1 } else { 0 };
    Ok(settled.0 > SETTLED)
}
