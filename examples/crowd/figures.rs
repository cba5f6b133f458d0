//! Frame times and updates, measured on the way.

use std::fmt;
use std::time::Duration;

use bevy::prelude::*;
use bevy_toonface::gpu::CartoonCounters;

/// Frames before the first are not counted: Bevy still compiles its own shaders.
const WARM_UP: usize = 30;

/// What has been measured since the first cartoon was begun.
#[derive(Resource, Debug, Default)]
pub struct Figures {
    frames: Vec<Duration>,
    skipped: usize,
    updates: u64,
    seconds: f32,
    /// Updates and seconds half a second ago.
    before: (u64, f32),
    per_second: f32,
}

/// The text that shows them.
#[derive(Component)]
pub struct FiguresLine;

/// Notes the time of every frame with cartoons.
pub fn measure(mut figures: ResMut<Figures>, time: Res<Time<Real>>, counters: Option<Res<CartoonCounters>>) {
    let Some(counters) = counters.filter(|counters| counters.begun > 0) else { return };
    if figures.skipped < WARM_UP {
        figures.skipped += 1;
        return;
    }
    figures.frames.push(time.delta());
    figures.updates = counters.cartoons;
    figures.seconds += time.delta_secs();
}

/// Writes the figures on screen.
pub fn show_figures(mut figures: ResMut<Figures>, mut line: Single<&mut Text2d, With<FiguresLine>>) {
    let (updates, seconds) = figures.before;
    let past = figures.seconds - seconds;
    if past > 0.0 {
        figures.per_second = (figures.updates - updates) as f32 / past;
    }
    figures.before = (figures.updates, figures.seconds);
    line.0 = figures.to_string();
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut frames = self.frames.clone();
        frames.sort();
        let ms = |frame: Option<&Duration>| frame.map_or(0.0, |frame| frame.as_secs_f32() * 1e3);
        let (median, worst) = (ms(frames.get(frames.len() / 2)), ms(frames.last()));
        let late = frames.get(frames.len() * 99 / 100);
        write!(
            f,
            "{} frames: median {median:.1} ms, 99 % within {:.1} ms, worst {worst:.1} ms; {} cartoons, {:.1} a second",
            frames.len(),
            ms(late),
            self.updates,
            if self.per_second > 0.0 { self.per_second } else { self.updates as f32 / self.seconds.max(1e-3) },
        )
    }
}
