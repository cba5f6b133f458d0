//! The window of the example `few_shot`: pictures are dropped in, buttons are clicked, a group is learned, drawn and saved.
#![cfg(all(feature = "bundled_model", feature = "debug_ui", feature = "few_shot"))]
#![allow(dead_code, reason = "the example's modules have uses of their own for some of it")]

#[path = "../examples/few_shot/args.rs"]
mod args;
#[path = "../examples/few_shot/chart.rs"]
mod chart;
mod common;
#[path = "common/gpu.rs"]
mod gpu;
#[path = "../examples/few_shot/inbox.rs"]
mod inbox;
#[path = "../examples/few_shot/pairs.rs"]
mod pairs;
#[path = "../examples/few_shot/panel/mod.rs"]
mod panel;
#[path = "../examples/shared/scene.rs"]
mod scene;
#[path = "../examples/few_shot/studio.rs"]
mod studio;
#[path = "common/tool.rs"]
mod tool;
#[path = "../examples/few_shot/window.rs"]
mod window;

use gpu::headless;

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy::window::FileDragAndDrop;
use bevy_egui::egui::{Event, Modifiers, PointerButton, pos2};
use bevy_egui::{EguiContext, EguiPlugin, PrimaryEguiContext, input::EguiInputEvent};
use bevy_toonface::ecs::CartoonModel;
use bevy_toonface::few_shot::FewShotProgress;
use bevy_toonface::prelude::*;
use clap::Parser;
use gpu::headless::{read_image, run_until};
use gpu::{LIMIT, Lab};
use image::{RgbaImage, imageops};

use args::Args;
use inbox::{Inbox, Kind, Picture};
use scene::SceneTarget;
use studio::Studio;

/// A device with egui.
static WINDOW: Lab = Lab::new(TensorFormat::R32Float).with(|app| {
    app.add_plugins((EguiPlugin::default(), studio::plugin));
});

/// Four of the portraits as photographs, and their negatives as cartoons, each named after its group.
const PEOPLE: [&str; 4] = ["woman_1", "man_1", "kid_1", "elderly_1"];

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    /// `photo/NAME.png` and `cartoon/NAME.png`, 64 x 64.
    fn new(test: &str) -> Self {
        let folder = Self(std::env::temp_dir().join(format!("toonface_window_{test}_{}", std::process::id())));
        for kind in ["photo", "cartoon"] {
            std::fs::create_dir_all(folder.0.join(kind)).expect("a folder");
        }
        for name in PEOPLE {
            let path = format!("{}/assets/portraits/{name}.jpg", env!("CARGO_MANIFEST_DIR"));
            let mut picture = imageops::thumbnail(&image::open(path).expect("a portrait").to_rgba8(), 64, 64);
            picture.save(folder.path(&format!("photo/{name}.png"))).expect("a file");
            imageops::invert(&mut picture);
            picture.save(folder.path(&format!("cartoon/{name}.png"))).expect("a file");
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn picture() -> Picture {
    Picture { image: Handle::default(), size: UVec2::splat(64) }
}

fn names(inbox: &Inbox) -> Vec<(&str, bool, bool)> {
    inbox.slots.iter().map(|slot| (slot.name.as_str(), slot.photo.is_some(), slot.cartoon.is_some())).collect()
}

#[test]
fn a_dropped_picture_is_what_its_folder_says() {
    let folder = Folder::new("sort");
    let of = |name: &str| inbox::sort(&folder.path(name)).expect("pictures");
    assert_eq!(of("photo/man_1.png"), [(Kind::Photo, folder.path("photo/man_1.png"))]);
    let all = of("");
    assert_eq!(all.len(), 8);
    assert_eq!(all[0], (Kind::Photo, folder.path("photo/elderly_1.png")));
    assert_eq!(all[4], (Kind::Cartoon, folder.path("cartoon/elderly_1.png")));
    assert!(of("cartoon").iter().all(|(kind, _)| *kind == Kind::Cartoon));
    std::fs::rename(folder.path("photo"), folder.path("mixed")).expect("a folder");
    assert!(of("mixed").iter().all(|(kind, _)| *kind == Kind::Next));

    std::fs::create_dir(folder.path("mixed/empty")).expect("a folder");
    std::fs::write(folder.path("notes.txt"), "").expect("a file");
    for (name, word) in [("mixed/empty", "no pictures"), ("notes.txt", "is no picture")] {
        let message = inbox::sort(&folder.path(name)).expect_err("nothing to learn from");
        assert!(message.contains(word), "{name}: {message}");
    }
}

#[test]
fn pictures_find_their_pairs_by_name_or_in_turn() {
    let mut inbox = Inbox::default();
    let mut put = |kind, name: &str| inbox.put(kind, name.into(), picture());
    put(Kind::Cartoon, "ada");
    put(Kind::Photo, "bob");
    put(Kind::Photo, "ada");
    put(Kind::Cartoon, "bob");
    put(Kind::Next, "1");
    put(Kind::Next, "2");
    put(Kind::Next, "3");
    assert_eq!(names(&inbox), [("ada", true, true), ("bob", true, true), ("1", true, true), ("3", true, false)]);
    assert_eq!(inbox.pairs().len(), 3);
    let fault = inbox.fault().expect("half a pair");
    assert!(fault.contains("3: its cartoon is missing"), "{fault}");
    inbox.put(Kind::Cartoon, "3".into(), Picture { size: UVec2::new(64, 32), ..picture() });
    let fault = inbox.fault().expect("two sizes");
    assert!(fault.contains("64 x 64 and 64 x 32") && fault.contains("same size"), "{fault}");
}

/// The window's app with an image in its place.
struct Window<'a> {
    app: &'a mut App,
    target: Handle<Image>,
    context: Entity,
}

impl<'a> Window<'a> {
    fn open(app: &'a mut App, words: &[&str]) -> Self {
        let mut image = Image::new_target_texture(1280, 720, TextureFormat::Rgba8UnormSrgb, None);
        image.texture_descriptor.usage |= Image::default().texture_descriptor.usage;
        let target = app.world_mut().resource_mut::<Assets<Image>>().add(image);
        app.insert_resource(SceneTarget(bevy::camera::RenderTarget::Image(target.clone().into())));
        let model = common::fixture_path("lite/tiny.cartoon.ron").display().to_string();
        let args = [&["few_shot", "--model", &model], words].concat();
        window::open(app, &Args::parse_from(args));
        let context = run_until(app, LIMIT, |world| {
            let mut contexts = world.query_filtered::<Entity, With<PrimaryEguiContext>>();
            contexts.iter(world).next().filter(|_| !world.resource::<Studio>().settings.base.is_empty())
        });
        let context = context.expect("a context");
        // However long a frame takes, a click is a click.
        let mut egui = app.world_mut().get_mut::<EguiContext>(context).expect("a context");
        egui.get_mut().options_mut(|options| options.input_options.max_click_duration = f64::INFINITY);
        let mut window = Self { app, target, context };
        window.frames(3);
        window
    }

    fn frames(&mut self, count: usize) {
        (0..count).for_each(|_| self.app.update());
    }

    fn send(&mut self, event: Event) {
        self.app.world_mut().write_message(EguiInputEvent { context: self.context, event });
        self.app.update();
    }

    fn click(&mut self, x: f32, y: f32) {
        let pos = pos2(x, y);
        let button =
            |pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE };
        self.send(Event::PointerMoved(pos));
        [true, false].into_iter().for_each(|pressed| self.send(button(pressed)));
        self.send(Event::PointerMoved(pos2(640.0, 719.0)));
        self.frames(2);
    }

    fn drop(&mut self, paths: &[PathBuf]) {
        for path_buf in paths.iter().cloned() {
            self.app.world_mut().write_message(FileDragAndDrop::DroppedFile { window: Entity::PLACEHOLDER, path_buf });
        }
        run_until(self.app, LIMIT, |world| (!world.resource::<Inbox>().is_busy()).then_some(())).expect("pictures");
        self.frames(2);
    }

    fn inbox(&self) -> &Inbox {
        self.app.world().resource()
    }

    fn session(&self) -> Option<Entity> {
        self.app.world().resource::<Studio>().session
    }

    fn status(&self) -> FewShotStatus {
        let session = self.session().expect("a session");
        self.app.world().get::<FewShotStatus>(session).expect("a status").clone()
    }

    fn wait(&mut self, wanted: impl Fn(&FewShotStatus, &FewShotProgress) -> bool) {
        let session = self.session().expect("a session");
        run_until(self.app, LIMIT, |world| {
            let (status, progress) = (world.get::<FewShotStatus>(session)?, world.get::<FewShotProgress>(session)?);
            assert_eq!(status.error(), None);
            wanted(status, progress).then_some(())
        })
        .expect("a status");
        self.frames(3);
    }

    fn photo(&mut self) -> RgbaImage {
        self.frames(3);
        let target = self.target.clone();
        read_image(self.app, &target).expect("pixels")
    }
}

/// The big button, or the first of three; the others follow to the right.
const BUTTON: (f32, f32) = (70.0, 562.0);

#[test]
fn two_pairs_at_least_are_learned_from() {
    let settings = studio::Settings::new(&Args::parse_from(["few_shot", "--holdout", "4"]));
    assert_eq!([0, 1, 2, 3, 5, 6, 15].map(|pairs| settings.holdout_of(pairs)), [0, 0, 0, 1, 3, 4, 4]);
}

#[test]
fn a_group_is_learned_by_hand() {
    let folder = Folder::new("hand");
    WINDOW.run(move |app| {
        app.insert_resource(CartoonBudget::UNLIMITED);
        let saved = folder.path("kept");
        let mut window = Window::open(app, &["--steps", "100000", "--name", "robot"]);
        window.app.world_mut().resource_mut::<Studio>().settings.milliseconds = None;
        window.app.world_mut().resource_mut::<Studio>().settings.folder = saved.display().to_string();
        window.app.insert_resource(CartoonBudget::UNLIMITED);
        window.click(BUTTON.0, BUTTON.1);
        assert_eq!(window.session(), None, "there is nothing to learn from yet");

        // A folder, then two pictures more from elsewhere, then one that is none.
        window.drop(std::slice::from_ref(&folder.0));
        assert_eq!(window.inbox().pairs().len(), 4);
        let (one, two) = (folder.path("x_1.png"), folder.path("x_2.png"));
        for copy in [&one, &two] {
            std::fs::copy(folder.path("photo/man_1.png"), copy).expect("a file");
        }
        window.drop(&[two, one]);
        assert_eq!(names(window.inbox())[4], ("x_1", true, true), "in the order of their names");
        std::fs::write(folder.path("broken.png"), "no picture").expect("a file");
        window.drop(&[folder.path("broken.png"), folder.path("notes.txt")]);
        let errors = window.inbox().errors.join(" ");
        assert!(errors.contains("broken.png") && errors.contains("notes.txt"), "{errors}");
        // The fifth pair is the first of the second row; a click takes it out.
        window.click(40.0, 214.0);
        assert_eq!(window.inbox().slots.len(), 4, "{:?}", names(window.inbox()));
        let empty = window.photo();

        window.click(BUTTON.0, BUTTON.1);
        window.wait(|_, progress| progress.step >= 3);
        window.click(BUTTON.0, BUTTON.1);
        window.wait(|status, _| *status == FewShotStatus::Paused);
        window.click(BUTTON.0, BUTTON.1);
        window.wait(|status, progress| *status == FewShotStatus::Training && progress.step >= 40);
        let learning = window.photo();
        assert!(changed(&empty, &learning, LESSON) > 0.5, "what it draws is shown");
        window.click(BUTTON.0 + 116.0, BUTTON.1);
        window.wait(|status, _| *status == FewShotStatus::Finished);
        let studio = window.app.world().resource::<Studio>();
        assert_eq!(studio.learned, Some(["robot".into(), "first".into()]));
        assert_eq!(studio.settings.name, "robot2", "a name that is not taken");
        assert_eq!(window.inbox().slots.len(), 4);

        window.click(1220.0, 606.0);
        let studio = window.app.world().resource::<Studio>();
        assert!(matches!(&studio.saved, Some(Ok(_))), "{:?}", studio.saved);
        let model = bevy_toonface::model::Model::load(&saved.join("tiny.cartoon.ron")).expect("a package");
        assert_eq!(model.manifest.group_names(), ["first", "second", "robot"]);

        // Another one, and away with it.
        window.click(BUTTON.0, BUTTON.1);
        window.wait(|status, _| *status == FewShotStatus::Training);
        window.click(BUTTON.0 + 232.0, BUTTON.1);
        assert_eq!(window.status(), FewShotStatus::Cancelled);
        let models = window.app.world().resource::<Assets<CartoonModel>>();
        let most = models.iter().map(|(_, model)| model.model.manifest.groups.len()).max();
        assert_eq!(most, Some(3), "no group of it");
    });
}

/// Where the preview is, in the picture of the window.
const LESSON: [u32; 4] = [990, 50, 264, 264];

/// How much of a rectangle (`x, y, width, height`) is another colour in the second picture.
fn changed(a: &RgbaImage, b: &RgbaImage, [x, y, w, h]: [u32; 4]) -> f64 {
    let part = |picture: &RgbaImage| imageops::crop_imm(picture, x, y, w, h).to_image();
    let (a, b) = (part(a), part(b));
    let differ = a.pixels().zip(b.pixels()).filter(|(a, b)| (0..3).any(|c| a[c].abs_diff(b[c]) > 8)).count();
    differ as f64 / f64::from(w * h)
}

/// Mean difference of two rectangles of a picture, 0 to 255.
fn apart(picture: &RgbaImage, a: [u32; 2], b: [u32; 2], side: u32) -> f64 {
    let part = |[x, y]: [u32; 2]| imageops::crop_imm(picture, x, y, side, side).to_image();
    let (a, b) = (part(a), part(b));
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

/// The example as a user runs it, without a window.
#[test]
fn the_picture_of_the_window_shows_what_was_learned() {
    let folder = Folder::new("shot");
    if WINDOW.run(|_| ()).is_none() {
        return;
    }
    let shot = folder.path("shot.png");
    let run = |pairs: &Path| {
        let mut tool = tool::tool("few_shot");
        tool.args(["--steps", "120", "--learning-rate", "0.003", "--shot"]).arg(&shot).arg("--pairs").arg(pairs);
        tool.arg("--model").arg(common::fixture_path("lite/tiny.cartoon.ron")).output().expect("the example runs")
    };
    let done = run(&folder.0);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let picture = image::open(&shot).expect("a picture").to_rgba8();
    assert_eq!(picture.dimensions(), (1280, 720));
    // What it draws is nearer to the cartoon than the photograph is, which is its negative.
    let [photo, cartoon, drawn] = [440, 720, 1000].map(|x| [x, 60]);
    let (far, near) = (apart(&picture, cartoon, photo, 240), apart(&picture, cartoon, drawn, 240));
    assert!(near < 0.7 * far, "{near} of 255 from the cartoon, the photograph is {far}");
    // A blue curve from one side to the other that ends lower than it began.
    let is_blue = |x: u32, y: u32| {
        let [r, g, b, _] = picture.get_pixel(x, y).0;
        b > 180 && g > 100 && r < 140
    };
    let heights: Vec<u32> = (475..1240).filter_map(|x| (345..465).find(|y| is_blue(x, *y))).collect();
    assert!(heights.len() > 700, "the curve is {} pixels long", heights.len());
    assert!(heights[heights.len() - 1] > heights[0] + 20, "from {} to {}", heights[0], heights[heights.len() - 1]);
    // The portrait, by the group that it started from, and by the new one.
    let [portrait, before, after] = [430, 584, 738].map(|x| [x + 4, 540]);
    for (a, b) in [(portrait, before), (portrait, after), (before, after)] {
        assert!(apart(&picture, a, b, 132) > 5.0, "{a:?} and {b:?} are the same picture");
    }
    std::fs::remove_file(folder.path("cartoon/man_1.png")).expect("a file");
    let failed = run(&folder.0);
    let errors = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success() && errors.contains("man_1: its cartoon is missing"), "{errors}");
}
