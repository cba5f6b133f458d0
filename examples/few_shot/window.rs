//! The window, or a picture of it.

use std::process::ExitCode;

use bevy::prelude::*;
use bevy_egui::{EguiPlugin, EguiPrimaryContextPass};
use bevy_toonface::ecs::{CartoonModel, DefaultCartoonModel};
use bevy_toonface::model::Model;
use bevy_toonface::prelude::*;
use clap::Parser;

use crate::args::Args;
use crate::inbox::{self, Inbox};
use crate::panel;
use crate::scene::{Scene, SceneArgs, SceneTarget};
use crate::studio::{self, Action, Easel, PORTRAITS, Settings, Studio};

/// Frames after which nothing moves any more.
const SETTLED: u32 = 40;

const SCENE: Scene = Scene { title: "bevy_toonface: a new group", size: UVec2::new(1280, 720), build, is_done };

/// Frames in which everything has been there.
#[derive(Resource, Default)]
struct Settled(u32);

/// Opens the window, or takes the picture.
pub fn main(args: &Args) -> ExitCode {
    if let Some(Err(error)) = args.model.as_ref().map(|path| Model::load(path)) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    let scene = SceneArgs { headless: args.shot.is_some(), out: args.shot.clone() };
    SCENE.run_with(&scene, |app| {
        app.add_plugins((EguiPlugin::default(), studio::plugin));
    })
}

fn build(app: &mut App) {
    open(app, &Args::parse());
}

/// All but the window itself.
pub fn open(app: &mut App, args: &Args) {
    if let Some(Ok(model)) = args.model.as_ref().map(|path| Model::load(path)) {
        let model = CartoonModel::new(model);
        let handle = app.world_mut().resource_mut::<Assets<CartoonModel>>().add(model);
        app.insert_resource(DefaultCartoonModel(handle));
    }
    let mut inbox = Inbox::default();
    inbox.drop(args.pairs.as_slice());
    let portraits = PORTRAITS.iter().map(|path| app.world().resource::<AssetServer>().load(*path)).collect();
    app.insert_resource(inbox)
        .insert_resource(Studio::new(Settings::new(args), portraits))
        .init_resource::<Settled>()
        .add_systems(Startup, spawn_camera)
        .add_systems(Update, (inbox::receive, inbox::unpack).chain())
        .add_systems(EguiPrimaryContextPass, panel::draw);
    if args.train || args.shot.is_some() {
        app.add_systems(Update, begin_at_once.after(inbox::unpack));
    }
}

fn spawn_camera(mut commands: Commands, target: Res<SceneTarget>) {
    commands.spawn((Camera2d, target.0.clone()));
}

/// As if somebody had touched the button.
fn begin_at_once(inbox: Res<Inbox>, studio: Res<Studio>, mut begun: Local<bool>, mut actions: MessageWriter<Action>) {
    if !*begun && !inbox.is_busy() && inbox.fault().is_none() && !studio.settings.base.is_empty() {
        *begun = true;
        actions.write(Action::Train);
    }
}

/// Whether the group has been learned, and has drawn its portrait, for a while.
fn is_done(world: &mut World) -> Result<bool, String> {
    let inbox = world.resource::<Inbox>();
    if let Some(error) = inbox.errors.first().cloned().or_else(|| inbox.fault().filter(|_| !inbox.is_busy())) {
        return Err(error);
    }
    let session = world.resource::<Studio>().session;
    if let Some(error) = session.and_then(|s| world.get::<FewShotStatus>(s)).and_then(FewShotStatus::error) {
        return Err(error.to_string());
    }
    let mut easels = world.query::<(&Easel, &CartoonStatus)>();
    let running = easels.iter(world).filter(|(_, status)| status.is_running()).count();
    let mut settled = world.resource_mut::<Settled>();
    settled.0 = if running == 2 { settled.0 + 1 } else { 0 };
    Ok(settled.0 > SETTLED)
}
