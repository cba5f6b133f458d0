//! A crowd: 32 people from one atlas, four groups, some of them moving and some turning the pages of the atlas, all
//! within the default `CartoonBudget`: the game keeps its frame rate, and cartoons come as fast as the rest allows.
//!
//! `cargo run --release --example crowd` opens a window; with `-- --headless --out x.png` it draws one picture, and says
//! what the frames took. `--budget 2` is another budget.

mod figures;
#[path = "../shared/headless.rs"]
mod headless;
#[path = "../shared/scene.rs"]
mod scene;

use std::process::ExitCode;
use std::time::Duration;

use bevy::prelude::*;
use bevy::time::common_conditions::on_timer;
use bevy_toonface::prelude::*;
use clap::Parser;

use figures::{Figures, measure, show_figures};
use scene::{Scene, SceneArgs, SceneTarget};

/// A row of people for each.
const GROUPS: [&str; 4] = ["woman", "man", "kid", "elderly"];
/// The portraits of the atlas, and the column of each. In the last columns, people turn the pages.
const PORTRAITS: [&str; 8] = ["woman_1", "man_1", "kid_1", "elderly_1", "woman_2", "man_2", "kid_2", "elderly_2"];
/// Sides of a person on screen, and from one to the next, in pixels.
const SIZE: f32 = 112.0;
const STEP: f32 = 120.0;
/// Room for the line of figures.
const LINE: f32 = 40.0;

const SCENE: Scene = Scene {
    title: "bevy_toonface: crowd",
    size: UVec2::new(8 * STEP as u32, 4 * STEP as u32 + LINE as u32),
    build: |app| {
        app.init_resource::<Figures>().add_systems(Startup, (set_budget, spawn_camera, load_portraits)).add_systems(
            Update,
            (
                spawn_crowd.run_if(resource_exists::<Portraits>),
                sway,
                turn_pages.run_if(on_timer(Duration::from_secs(3))),
                measure,
                show_figures.run_if(on_timer(Duration::from_millis(500))),
            ),
        );
    },
    is_done: all_are_cartoons,
};

/// Four groups within a budget.
#[derive(Parser, Debug)]
struct Args {
    #[command(flatten)]
    scene: SceneArgs,
    /// GPU milliseconds that cartoons may take of a frame. Default: that of `CartoonBudget`.
    #[arg(long)]
    budget: Option<f32>,
}

fn main() -> ExitCode {
    SCENE.run(&Args::parse().scene)
}

fn set_budget(mut budget: ResMut<CartoonBudget>) {
    // Also where nobody watches: what a frame takes is what this shows.
    budget.milliseconds = Args::parse().budget.or(CartoonBudget::default().milliseconds);
}

/// Pictures on their way to the atlas.
#[derive(Resource)]
struct Portraits(Vec<Handle<Image>>);

/// Moves to and fro, with a phase of its own.
#[derive(Component)]
struct Sways {
    home: Vec3,
    phase: f32,
}

/// Shows another section of the atlas from time to time.
#[derive(Component)]
struct TurnsPages;

fn spawn_camera(mut commands: Commands, target: Res<SceneTarget>) {
    commands.spawn((Camera2d, target.0.clone()));
    let line = Transform::from_xyz(0.0, (LINE - SCENE.size.y as f32) / 2.0, 0.0);
    commands.spawn((Text2d::default(), TextFont::from_font_size(17.0), line, figures::FiguresLine));
}

fn load_portraits(mut commands: Commands, assets: Res<AssetServer>) {
    let load = |name| assets.load(format!("portraits/{name}.jpg"));
    commands.insert_resource(Portraits(PORTRAITS.map(load).into()));
}

/// Once all pictures are there: an atlas of them, and everybody in every group.
fn spawn_crowd(
    mut commands: Commands,
    portraits: Res<Portraits>,
    mut images: ResMut<Assets<Image>>,
    mut layouts: ResMut<Assets<TextureAtlasLayout>>,
) -> Result {
    let mut builder = TextureAtlasBuilder::default();
    for portrait in &portraits.0 {
        let Some(image) = images.get(portrait) else { return Ok(()) };
        builder.add_texture(Some(portrait.id()), image);
    }
    let (layout, sources, sheet) = builder.build()?;
    let (layout, sheet) = (layouts.add(layout), images.add(sheet));
    for (row, group) in GROUPS.into_iter().enumerate() {
        for (column, portrait) in portraits.0.iter().enumerate() {
            let atlas = sources.handle(layout.clone(), portrait.id()).ok_or("a portrait is not in the atlas")?;
            let mut sprite = Sprite::from_atlas_image(sheet.clone(), atlas);
            sprite.custom_size = Some(Vec2::splat(SIZE));
            let home = Vec3::new(column as f32 - 3.5, 1.5 - row as f32, 0.0) * STEP + Vec3::Y * LINE / 2.0;
            let mut person = commands.spawn((sprite, CartoonGroup::new(group), Transform::from_translation(home)));
            if (row + column) % 2 == 0 {
                person.insert(Sways { home, phase: (row + column) as f32 });
            }
            if column >= 6 {
                person.insert(TurnsPages);
            }
        }
    }
    commands.remove_resource::<Portraits>();
    Ok(())
}

fn sway(mut people: Query<(&mut Transform, &Sways)>, time: Res<Time>) {
    for (mut transform, Sways { home, phase }) in &mut people {
        transform.translation.y = home.y + 3.0 * (2.0 * time.elapsed_secs() + phase).sin();
    }
}

/// The next section is a new picture; until its cartoon is ready, the one before stays.
fn turn_pages(mut people: Query<&mut Sprite, With<TurnsPages>>) {
    for mut sprite in &mut people {
        if let Some(atlas) = &mut sprite.texture_atlas {
            atlas.index = (atlas.index + 1) % PORTRAITS.len();
        }
    }
}

/// Whether everybody shows a cartoon; if so, tells what it took.
fn all_are_cartoons(world: &mut World) -> Result<bool, String> {
    let mut people = world.query::<(&Sprite, &CartoonOutput, &CartoonStatus)>();
    let mut cartoons = 0;
    for (sprite, output, status) in people.iter(world) {
        if let Some(error) = status.error() {
            return Err(error.to_string());
        }
        cartoons += usize::from(sprite.image == output.image && output.image != Handle::default());
    }
    let all = cartoons == GROUPS.len() * PORTRAITS.len();
    if all {
        println!("{}", world.resource::<Figures>());
    }
    Ok(all)
}
