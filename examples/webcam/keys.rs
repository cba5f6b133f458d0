//! What keys do.

use bevy::prelude::*;
use bevy_toonface::prelude::*;

use super::Live;
use super::screen::{Cameras, Guide};

pub const HELP: &str = "1 to 4 group   S smoothing   M mirror   G guide   D next camera   Space stop   R retry";

const GROUPS: [(KeyCode, &str); 4] =
    [(KeyCode::Digit1, "woman"), (KeyCode::Digit2, "man"), (KeyCode::Digit3, "kid"), (KeyCode::Digit4, "elderly")];

type LiveParts =
    (&'static mut CartoonGroup, &'static mut CartoonSmoothing, Option<&'static mut Webcam>, &'static mut Video);

pub fn press(
    keys: Res<ButtonInput<KeyCode>>,
    live: Single<LiveParts, With<Live>>,
    mut guide: Single<&mut Visibility, With<Guide>>,
    mut cameras: ResMut<Cameras>,
) {
    let (mut group, mut smoothing, mut webcam, mut video) = live.into_inner();
    if let Some((_, name)) = GROUPS.iter().find(|(key, _)| keys.just_pressed(*key)) {
        group.0 = (*name).into();
    }
    if keys.just_pressed(KeyCode::KeyS) {
        let off = smoothing.effective().is_none();
        *smoothing = if off { CartoonSmoothing::default() } else { CartoonSmoothing::OFF };
    }
    if keys.just_pressed(KeyCode::KeyG) {
        guide.toggle_visible_hidden();
    }
    // A webcam's settings are its own; those of its video follow.
    match &mut webcam {
        Some(webcam) => {
            if keys.just_pressed(KeyCode::KeyM) {
                webcam.mirror = !webcam.mirror;
            }
            if keys.just_pressed(KeyCode::Space) {
                webcam.active = !webcam.active;
            }
            if keys.just_pressed(KeyCode::KeyR) {
                webcam.set_changed();
            }
            if keys.just_pressed(KeyCode::KeyD) {
                cameras.look();
                webcam.device = next(&webcam.device);
            }
        }
        None => {
            if keys.just_pressed(KeyCode::KeyM) {
                video.mirror = !video.mirror;
            }
            if keys.just_pressed(KeyCode::Space) {
                video.active = !video.active;
            }
            if keys.just_pressed(KeyCode::KeyR) {
                video.set_changed();
            }
        }
    }
}

/// The camera after this one in the list, and after the last the first again.
fn next(device: &WebcamDevice) -> WebcamDevice {
    let Ok(list) = list_webcams() else { return WebcamDevice::First };
    let number = if let WebcamDevice::Index(index) = device { Some(*index) } else { None };
    let after = list.iter().find(|camera| number.is_none_or(|n| camera.index > n)).or(list.first());
    after.map_or(WebcamDevice::First, |camera| WebcamDevice::Index(camera.index))
}
