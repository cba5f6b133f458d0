//! Videos without a GPU: threads begin and end with their entities, the newest frame wins, nothing blocks the app, and
//! whatever goes wrong stands in the status.
#![cfg(feature = "video")]

#[path = "common/theatre.rs"]
mod theatre;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy_toonface::ecs::PictureLimits;
use bevy_toonface::prelude::*;
use bevy_toonface::video::{Frame, FrameSource, Reading, TestPattern};
use theatre::{Script, Theatre, numbered, shown};

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(20);

fn failed(error: VideoError) -> VideoStatus {
    VideoStatus::Failed(error)
}

#[test]
fn the_newest_frame_wins_and_none_queues_up() {
    let mut theatre = Theatre::new();
    let made = Arc::new(AtomicU64::new(0));
    let counter = made.clone();
    let source = move |frame: &mut Frame| {
        numbered(frame, counter.fetch_add(1, Ordering::SeqCst) + 1);
        Ok(Reading::Frame)
    };
    let entity = theatre.spawn(Video::new(move || Ok(Script(source.clone()))));
    let mut seen = 0;
    for _ in 0..20 {
        let before = made.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        theatre.app.update();
        let Some(now) = shown(&theatre.app, entity) else { continue };
        // The frame that was being written when we looked may not have arrived.
        assert!(now + 1 >= before, "frame {now} is shown when {before} have been made");
        assert!(now >= seen, "{now} after {seen}");
        seen = now;
    }
    assert!(made.load(Ordering::SeqCst) > 100, "far more frames than updates");
}

#[test]
fn a_source_that_sends_nothing_does_not_hold_up_the_app() {
    let mut theatre = Theatre::new();
    let (sender, receiver) = channel::<()>();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let entity = theatre.spawn(Video::new(move || {
        let receiver = receiver.lock().expect("a lock").take();
        Ok(Script(move |frame: &mut Frame| {
            // Until the test is over.
            receiver.as_ref().map(|r| r.recv());
            numbered(frame, 1);
            Ok(Reading::Frame)
        }))
    }));
    (0..200).for_each(|_| theatre.app.update());
    assert_eq!(theatre.status(entity), VideoStatus::Starting);
    sender.send(()).expect("a thread that waits");
    theatre.until(|app| shown(app, entity) == Some(1));
}

/// A source that tells when it is dropped.
struct Guarded(Arc<AtomicUsize>);

impl Guarded {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(alive.clone())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FrameSource for Guarded {
    fn read(&mut self, frame: &mut Frame) -> Result<Reading, VideoError> {
        std::thread::sleep(Duration::from_millis(1));
        numbered(frame, 7);
        Ok(Reading::Frame)
    }
}

fn guarded(alive: &Arc<AtomicUsize>) -> Video {
    let alive = alive.clone();
    Video::new(move || Ok(Guarded::new(&alive)))
}

fn wait_for_none(alive: &Arc<AtomicUsize>, why: &str) {
    let started = Instant::now();
    while alive.load(Ordering::SeqCst) > 0 {
        assert!(started.elapsed() < PATIENCE, "{why}: the thread lives on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_thread_ends_with_the_entity_the_component_and_the_app() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut theatre = Theatre::new();
    let begin = |theatre: &mut Theatre| {
        let entity = theatre.spawn(guarded(&alive));
        theatre.until(|app| shown(app, entity) == Some(7));
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        entity
    };
    let entity = begin(&mut theatre);
    theatre.app.world_mut().despawn(entity);
    wait_for_none(&alive, "despawned");
    let entity = begin(&mut theatre);
    theatre.app.world_mut().entity_mut(entity).remove::<Video>();
    wait_for_none(&alive, "removed");
    assert!(!theatre.app.world().entity(entity).contains::<VideoStatus>(), "nothing of it stays");
    begin(&mut theatre);
    drop(theatre);
    wait_for_none(&alive, "the app is gone");
}

#[test]
fn a_stopped_video_frees_its_source_keeps_its_picture_and_starts_again() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut theatre = Theatre::new();
    let entity = theatre.spawn(guarded(&alive));
    theatre.until(|app| shown(app, entity) == Some(7));
    theatre.video(entity).active = false;
    theatre.app.update();
    assert_eq!(theatre.status(entity), VideoStatus::Stopped);
    wait_for_none(&alive, "stopped");
    assert_eq!(shown(&theatre.app, entity), Some(7));
    theatre.video(entity).active = true;
    theatre.app.update();
    assert!(matches!(theatre.status(entity), VideoStatus::Starting | VideoStatus::Running { .. }));
    theatre.until(|app| app.world().get::<VideoStatus>(entity).is_some_and(VideoStatus::is_running));
}

#[test]
fn a_device_is_let_go_before_it_is_opened_again() {
    let alive = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let mut theatre = Theatre::new();
    let video = || {
        let (alive, most) = (alive.clone(), most.clone());
        Video::new(move || {
            let source = Guarded::new(&alive);
            most.fetch_max(alive.load(Ordering::SeqCst), Ordering::SeqCst);
            Ok(source)
        })
    };
    let entity = theatre.spawn(video());
    for _ in 0..20 {
        theatre.until(|app| app.world().get::<VideoStatus>(entity).is_some_and(VideoStatus::is_running));
        theatre.app.world_mut().entity_mut(entity).insert(video());
        theatre.app.update();
    }
    assert_eq!(most.load(Ordering::SeqCst), 1, "sources at a time");
}

#[test]
fn a_camera_that_is_unplugged_ends_in_an_error_and_comes_back_on_demand() {
    let gone = VideoError::Unplugged { camera: "Cam (0)".into(), reason: "No such device (os error 19)".into() };
    let mut theatre = Theatre::new();
    let (error, opened) = (gone.clone(), Arc::new(AtomicUsize::new(0)));
    let count = opened.clone();
    let entity = theatre.spawn(Video::new(move || {
        let again = count.fetch_add(1, Ordering::SeqCst) > 0;
        let (error, mut frames) = (error.clone(), 0);
        Ok(Script(move |frame: &mut Frame| {
            std::thread::sleep(Duration::from_millis(2));
            frames += 1;
            if frames > 5 && !again {
                return Err(error.clone());
            }
            numbered(frame, frames);
            Ok(Reading::Frame)
        }))
    }));
    theatre.until(|app| app.world().get::<VideoStatus>(entity) == Some(&failed(gone.clone())));
    assert_eq!(shown(&theatre.app, entity), Some(5), "the last picture stays");
    (0..50).for_each(|_| theatre.app.update());
    assert_eq!((theatre.status(entity), opened.load(Ordering::SeqCst)), (failed(gone), 1), "nothing happens by itself");
    theatre.video(entity).set_changed();
    theatre.until(|app| shown(app, entity).is_some_and(|n| n > 5));
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}

#[test]
fn a_camera_that_is_not_there_yet_is_opened_on_demand() {
    let mut theatre = Theatre::new();
    let tries = Arc::new(AtomicUsize::new(0));
    let count = tries.clone();
    let entity = theatre.spawn(Video::new(move || {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            Err(VideoError::NoCamera)
        } else {
            TestPattern::new((32, 32).into(), 100.0)
        }
    }));
    theatre.until(|app| app.world().get::<VideoStatus>(entity) == Some(&failed(VideoError::NoCamera)));
    assert_eq!(shown(&theatre.app, entity), None);
    theatre.video(entity).set_changed();
    theatre.until(|app| app.world().get::<VideoStatus>(entity).is_some_and(VideoStatus::is_running));
}

#[test]
fn a_source_that_panics_ends_alone() {
    let mut theatre = Theatre::new();
    let entity = theatre.spawn(Video::new(|| Ok(Script(|_: &mut Frame| panic!("a driver's bug")))));
    let reason = "a driver's bug".to_owned();
    theatre.until(|app| {
        app.world().get::<VideoStatus>(entity) == Some(&failed(VideoError::Panicked { reason: reason.clone() }))
    });
    (0..10).for_each(|_| theatre.app.update());
}

#[test]
fn the_last_frame_of_a_video_stays() {
    let mut theatre = Theatre::new();
    let entity = theatre.spawn(Video::new(|| {
        let mut number = 37;
        Ok(Script(move |frame: &mut Frame| {
            number += 1;
            numbered(frame, number);
            Ok(if number <= 40 { Reading::Frame } else { Reading::End })
        }))
    }));
    theatre.until(|app| app.world().get::<VideoStatus>(entity) == Some(&VideoStatus::Ended));
    assert_eq!(shown(&theatre.app, entity), Some(40));
}

#[test]
fn frames_that_no_texture_can_hold_are_refused() {
    for (size, bytes, expected) in [
        ((300, 8), 300 * 8 * 4, VideoError::TooLarge { width: 300, height: 8, max: 256 }),
        ((8, 300), 300 * 8 * 4, VideoError::TooLarge { width: 8, height: 300, max: 256 }),
        ((8, 8), 8 * 8 * 3, VideoError::BadFrame { width: 8, height: 8, bytes: 192 }),
        ((0, 0), 0, VideoError::BadFrame { width: 0, height: 0, bytes: 0 }),
    ] {
        let mut theatre = Theatre::new();
        theatre.app.insert_resource(PictureLimits { max_side: 256 });
        let entity = theatre.spawn(Video::new(move || {
            Ok(Script(move |frame: &mut Frame| {
                *frame = Frame::new(size.into(), vec![9; bytes]);
                Ok(Reading::Frame)
            }))
        }));
        theatre.until(|app| app.world().get::<VideoStatus>(entity) == Some(&failed(expected.clone())));
        assert_eq!(shown(&theatre.app, entity), None);
    }
}

#[test]
fn a_mirror_is_exact_and_can_be_turned_while_it_runs() {
    let size = UVec2::new(48, 20);
    let mut theatre = Theatre::new();
    let entity = theatre.spawn(Video::new(move || TestPattern::new(size, 200.0)).mirrored());
    let pixels = |app: &App, entity| theatre::pixels(app, entity).map(|(_, pixels)| pixels);
    // Which frame it is, the square's place tells; every frame of the pattern is a different one.
    let is_frame = |pixels: &[u8], mirror: bool| {
        (0..size.x).any(|number| {
            pixels.as_chunks::<4>().0.iter().zip(0..).all(|(pixel, i)| {
                let (x, y) = (i % size.x, i / size.x);
                let x = if mirror { size.x - 1 - x } else { x };
                *pixel == TestPattern::pixel(size, number, UVec2::new(x, y))
            })
        })
    };
    theatre.until(|app| pixels(app, entity).is_some());
    for mirror in [true, false, true] {
        theatre.video(entity).mirror = mirror;
        theatre.until(|app| pixels(app, entity).is_some_and(|pixels| is_frame(&pixels, mirror)));
        assert!(theatre.status(entity).is_running(), "without a new start");
        assert!(!is_frame(&pixels(&theatre.app, entity).expect("pixels"), !mirror));
    }
}

#[test]
fn a_square_video_shows_the_middle() {
    let mut theatre = Theatre::new();
    let entity = theatre.spawn(Video::new(|| TestPattern::new((64, 20).into(), 100.0)).squared());
    theatre.until(|app| theatre::pixels(app, entity).is_some_and(|(size, _)| size == UVec2::splat(20)));
    assert!(matches!(theatre.status(entity), VideoStatus::Running { size, .. } if size == UVec2::splat(20)));
}

#[test]
fn the_rate_is_measured_in_whole_frames() {
    let mut theatre = Theatre::new();
    let entity = theatre.spawn(Video::new(|| TestPattern::new((16, 16).into(), 25.0)));
    let rate = |app: &App| match app.world().get::<VideoStatus>(entity) {
        Some(VideoStatus::Running { fps, .. }) => *fps,
        _ => 0.0,
    };
    theatre.until(|app| rate(app) > 0.0);
    let fps = rate(&theatre.app);
    // No faster than it is told to be; a busy machine may be slower.
    assert!(fps <= 27.0 && fps == fps.round(), "{fps}");
}

#[test]
fn a_source_gets_its_frames_memory_back() {
    let mut theatre = Theatre::new();
    let memory = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let (known, made) = (memory.clone(), Arc::new(AtomicU64::new(0)));
    let count = made.clone();
    theatre.spawn(Video::new(move || {
        let (known, count) = (known.clone(), count.clone());
        Ok(Script(move |frame: &mut Frame| {
            known.lock().expect("a lock").insert(frame.resize((256, 256).into()).as_ptr() as usize);
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Reading::Frame)
        }))
    }));
    // Nobody takes them: two frames take turns.
    theatre.app.update();
    let started = Instant::now();
    while made.load(Ordering::SeqCst) < 500 {
        assert!(started.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    let used = memory.lock().expect("a lock").len();
    assert!(used <= 3, "{used} pieces of memory for 500 frames");
}

#[test]
fn a_sprite_and_a_cartoon_wait_for_the_picture_without_an_error() {
    let mut theatre = Theatre::new();
    let (sender, receiver) = channel::<()>();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let video = Video::new(move || {
        let receiver = receiver.lock().expect("a lock").take();
        Ok(Script(move |frame: &mut Frame| {
            receiver.as_ref().map(|r| r.recv());
            numbered(frame, 3);
            Ok(Reading::Frame)
        }))
    });
    let entity = theatre.app.world_mut().spawn((video, CartoonGroup::new("man"))).id();
    theatre.app.update();
    let picture = theatre.app.world().get::<VideoImage>(entity).expect("a picture").image.clone();
    assert_ne!(picture, Handle::default());
    assert_eq!(theatre.app.world().get::<CartoonSource>(entity), Some(&CartoonSource::Image(picture)));
    drop(sender);
    theatre.until(|app| shown(app, entity) == Some(3));
}

#[cfg(feature = "sprite")]
#[test]
fn an_empty_sprite_shows_the_video_at_once_and_another_from_the_first_frame_on() {
    let mut theatre = Theatre::new();
    let placeholder = theatre.app.world_mut().resource_mut::<Assets<Image>>().add(Image::default());
    let video = || Video::new(|| TestPattern::new((32, 32).into(), 100.0));
    let world = theatre.app.world_mut();
    let empty = world.spawn((video(), Sprite::default())).id();
    let full = world.spawn((video(), Sprite::from_image(placeholder.clone()))).id();
    let image = |app: &App, entity: Entity| app.world().get::<Sprite>(entity).map(|sprite| sprite.image.clone());
    let picture = |app: &App, entity: Entity| app.world().get::<VideoImage>(entity).map(|video| video.image.clone());
    theatre.app.update();
    assert_eq!(image(&theatre.app, empty), picture(&theatre.app, empty));
    theatre.until(|app| image(app, full) == picture(app, full) && image(app, full) != Some(placeholder.clone()));
    assert!(theatre::pixels(&theatre.app, full).is_some());
}

#[cfg(feature = "ui")]
#[test]
fn an_image_node_shows_the_video() {
    let mut theatre = Theatre::new();
    let node = theatre.spawn((Video::new(|| TestPattern::new((32, 32).into(), 100.0)), ImageNode::default()));
    theatre.app.update();
    let world = theatre.app.world();
    let picture = &world.get::<VideoImage>(node).expect("a picture").image;
    assert_eq!(&world.get::<ImageNode>(node).expect("a node").image, picture);
}

#[test]
fn every_error_says_what_and_most_say_what_to_do() {
    let (camera, reason) = ("Cam (0)".to_owned(), "the system's words".to_owned());
    for (error, words) in [
        (VideoError::NoCamera, vec!["no camera", "connect"]),
        (VideoError::UnknownCamera { wanted: "`x`".into(), known: vec!["0: Cam".into()] }, vec!["`x`", "0: Cam"]),
        (
            VideoError::PermissionRefused { camera: camera.clone(), reason: reason.clone() },
            vec!["Cam (0)", "allow", "words"],
        ),
        (
            VideoError::Busy { camera: camera.clone(), reason: reason.clone() },
            vec!["Cam (0)", "in use", "close", "words"],
        ),
        (
            VideoError::UnsupportedFormat { camera: camera.clone(), reason: reason.clone() },
            vec!["Cam (0)", "MJPEG", "words"],
        ),
        (VideoError::Unplugged { camera: camera.clone(), reason: reason.clone() }, vec!["Cam (0)", "connect", "words"]),
        (VideoError::Camera { camera, reason: reason.clone() }, vec!["Cam (0)", "words"]),
        (
            VideoError::Decode { source_name: "Cam".into(), frames: 30, reason: reason.clone() },
            vec!["Cam", "30", "words"],
        ),
        (VideoError::Stalled { seconds: 10 }, vec!["10 s"]),
        (VideoError::NoPictures { folder: "clips".into(), extensions: "png".into() }, vec!["`clips`", "png"]),
        (VideoError::File { path: "a.png".into(), reason }, vec!["`a.png`", "words"]),
        (VideoError::Rate { fps: -1.0 }, vec!["-1", "above 0"]),
        (VideoError::TooLarge { width: 9, height: 8, max: 7 }, vec!["9 x 8", "7"]),
        (VideoError::BadFrame { width: 2, height: 2, bytes: 5 }, vec!["2 x 2", "5", "16"]),
    ] {
        let text = failed(error).to_string();
        assert!(words.iter().all(|word| text.contains(word)), "`{text}` lacks one of {words:?}");
    }
}
