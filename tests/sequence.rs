//! Folders of pictures as videos, and the webcams of a machine that has none.
#![cfg(feature = "video")]

#[path = "common/theatre.rs"]
mod theatre;

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy_toonface::prelude::*;
use bevy_toonface::video::{Frame, FrameSource, ImageSequence, Reading};
use image::{DynamicImage, GrayImage, Rgb, RgbImage, Rgba, RgbaImage};
use theatre::{Theatre, pixels};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("toonface_sequence_{name}_{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn add(&self, name: &str, picture: impl Into<DynamicImage>) {
        picture.into().save(self.0.join(name)).expect("a picture");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All frames of a sequence that plays once.
fn frames(sequence: ImageSequence) -> Result<Vec<Frame>, VideoError> {
    let (mut sequence, mut frame, mut list) = (sequence.once(), Frame::default(), Vec::new());
    loop {
        match sequence.read(&mut frame)? {
            Reading::Frame => list.push(frame.clone()),
            Reading::Nothing => {}
            Reading::End => return Ok(list),
        }
    }
}

#[test]
fn pictures_come_in_the_order_of_their_names_whatever_their_size_and_kind() {
    let folder = Folder::new("kinds");
    folder.add("b.png", RgbaImage::from_pixel(5, 3, Rgba([1, 2, 3, 4])));
    folder.add("a.png", RgbImage::from_pixel(2, 4, Rgb([9, 8, 7])));
    folder.add("c.PNG", GrayImage::from_pixel(3, 3, image::Luma([77])));
    folder.add("d.jpg", RgbImage::from_pixel(8, 8, Rgb([128; 3])));
    std::fs::write(folder.0.join("notes.txt"), "no picture").expect("a file");
    let list = frames(ImageSequence::open(&folder.0, 1000.0).expect("a sequence")).expect("frames");
    let first = |frame: &Frame| frame.pixels()[..4].to_vec();
    let sizes: Vec<(u32, u32)> = list.iter().map(|frame| frame.size().into()).collect();
    assert_eq!(sizes, [(2, 4), (5, 3), (3, 3), (8, 8)]);
    assert_eq!(first(&list[0]), [9, 8, 7, 255]);
    assert_eq!(first(&list[1]), [1, 2, 3, 4]);
    assert_eq!(first(&list[2]), [77, 77, 77, 255]);
    assert!(first(&list[3])[..3].iter().all(|v| v.abs_diff(128) <= 2), "{:?}", first(&list[3]));
    folder.add("e.png", DynamicImage::ImageRgb16(image::ImageBuffer::from_pixel(2, 2, Rgb([257_u16 * 50; 3]))));
    let error = frames(ImageSequence::open(&folder.0, 1000.0).expect("a sequence")).expect_err("16 bits");
    assert!(error.to_string().contains("e.png") && error.to_string().contains("save it with 8 bits"), "{error}");
}

#[test]
fn a_sequence_starts_over_and_keeps_its_rate() {
    let folder = Folder::new("loop");
    (0..3_u8).for_each(|i| folder.add(&format!("{i}.png"), RgbImage::from_pixel(1, 1, Rgb([i; 3]))));
    let mut sequence = ImageSequence::open(&folder.0, 50.0).expect("a sequence");
    let (mut frame, mut seen) = (Frame::default(), Vec::new());
    let started = std::time::Instant::now();
    while seen.len() < 7 {
        match sequence.read(&mut frame).expect("no error") {
            Reading::Frame => seen.push(frame.pixels()[0]),
            Reading::Nothing => {}
            Reading::End => panic!("it has an end"),
        }
    }
    assert_eq!(seen, [0, 1, 2, 0, 1, 2, 0]);
    // The first comes at once.
    assert!(started.elapsed().as_secs_f32() >= 0.95 * 6.0 / 50.0, "{:?}", started.elapsed());
}

#[test]
fn what_is_no_sequence_is_refused_by_name() {
    let folder = Folder::new("bad");
    let missing = folder.0.join("missing");
    let text = |error: VideoError| error.to_string();
    let error = ImageSequence::open(&missing, 10.0).expect_err("no folder");
    assert!(matches!(&error, VideoError::File { path, .. } if *path == missing), "{error}");
    let error = ImageSequence::open(&folder.0, 10.0).expect_err("no pictures");
    assert!(text(error).contains("has no pictures (png, jpg, jpeg)"));
    folder.add("a.png", RgbImage::new(1, 1));
    for fps in [0.0, -1.0, f32::NAN, 1e9] {
        assert!(matches!(ImageSequence::open(&folder.0, fps), Err(VideoError::Rate { .. })), "{fps}");
    }
    // Not a picture, though its name says so; and one that is cut short.
    for bytes in [b"not a picture".to_vec(), std::fs::read(folder.0.join("a.png")).expect("a file")[..20].to_vec()] {
        std::fs::write(folder.0.join("b.png"), bytes).expect("a file");
        let error = frames(ImageSequence::open(&folder.0, 1000.0).expect("a sequence")).expect_err("a bad file");
        assert!(text(error).contains("b.png"));
    }
}

#[test]
fn the_bundled_portraits_play_mirrored() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/portraits");
    let mut theatre = Theatre::new();
    let open = move || Ok(ImageSequence::open(&folder, 500.0)?.once());
    let entity = theatre.spawn(Video::new(open).mirrored().squared());
    theatre.until(|app| app.world().get::<VideoStatus>(entity) == Some(&VideoStatus::Ended));
    let last = image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/portraits/woman_3.jpg")).expect("a portrait");
    let mirrored = image::imageops::flip_horizontal(&last.to_rgba8());
    let (size, found) = pixels(&theatre.app, entity).expect("a picture");
    assert_eq!((size.x, size.y), mirrored.dimensions());
    assert!(found == *mirrored.as_raw(), "not the mirrored portrait, pixel for pixel");
}

/// On a machine with cameras, one that it has not.
#[cfg(feature = "webcam")]
#[test]
fn a_webcam_that_is_not_there_ends_in_words_and_the_game_runs_on() {
    let mut theatre = Theatre::new();
    let entity = theatre.spawn((Webcam::new(9999), CartoonGroup::new("man")));
    theatre.until(|app| app.world().get::<VideoStatus>(entity).is_some_and(|status| status.error().is_some()));
    let error = theatre.status(entity).error().cloned().expect("an error");
    match list_webcams() {
        Err(none) => assert_eq!(error, none),
        Ok(_) => assert!(matches!(&error, VideoError::UnknownCamera { wanted, .. } if wanted == "number 9999")),
    }
    assert!(error.to_string().contains("camera"), "{error}");
    // Again, on demand, and then without it.
    theatre.app.world_mut().get_mut::<Webcam>(entity).expect("a webcam").set_changed();
    theatre.app.update();
    assert_eq!(theatre.status(entity), VideoStatus::Starting);
    theatre.until(|app| app.world().get::<VideoStatus>(entity) == Some(&VideoStatus::Failed(error.clone())));
    theatre.app.world_mut().get_mut::<Webcam>(entity).expect("a webcam").active = false;
    theatre.app.update();
    assert_eq!(theatre.status(entity), VideoStatus::Stopped);
    theatre.app.world_mut().entity_mut(entity).remove::<Webcam>();
    theatre.app.update();
    assert!(!theatre.app.world().entity(entity).contains::<Video>(), "nothing of it stays");
}

#[cfg(feature = "webcam")]
#[test]
fn a_webcam_passes_its_settings_on_and_smooths() {
    let mut theatre = Theatre::new();
    let webcam = Webcam { mirror: false, square: false, ..Webcam::new("no such camera") };
    let entity = theatre.spawn(webcam);
    theatre.app.update();
    let video = theatre.video(entity);
    assert_eq!((video.mirror, video.square, video.active), (false, false, true));
    assert_eq!(theatre.app.world().get(entity), Some(&CartoonSmoothing::default()));
    theatre.app.world_mut().get_mut::<Webcam>(entity).expect("a webcam").mirror = true;
    theatre.app.update();
    assert!(theatre.video(entity).mirror);
    let calm = theatre.spawn((Webcam::default(), CartoonSmoothing::OFF));
    theatre.app.update();
    assert_eq!(theatre.app.world().get(calm), Some(&CartoonSmoothing::OFF));
}
