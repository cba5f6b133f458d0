//! The loss as a curve, and how far the training has come.

use std::time::Duration;

use bevy_toonface::few_shot::FewShotProgress;
use image::{Rgba, RgbaImage};

const SIZE: [u32; 2] = [640, 320];
const MARGIN: u32 = 16;
/// Characters of the bar.
const BAR: usize = 30;

/// A line of the terminal that is written over and over.
pub fn bar(progress: &FewShotProgress, elapsed: Duration) {
    let FewShotProgress { step, steps, losses, .. } = progress;
    let done = BAR * step / (*steps).max(1);
    let loss = losses.last().map_or_else(String::new, |loss| format!("loss {loss:.4}"));
    let bar = "#".repeat(done) + &".".repeat(BAR - done);
    eprint!("\r[{bar}] {step}/{steps} {loss}, {:.0} s ", elapsed.as_secs_f32());
}

/// The loss of every step in grey, its running mean in blue, and that of held-out pairs in orange; zero is at the bottom.
pub fn curve(FewShotProgress { losses, held_out, .. }: &FewShotProgress) -> RgbaImage {
    let [width, height] = SIZE;
    let mut picture = RgbaImage::from_pixel(width, height, Rgba([255; 4]));
    let top = top(losses, held_out);
    let x = |step: usize| MARGIN as f32 + (width - 2 * MARGIN) as f32 * step as f32 / losses.len().max(2) as f32;
    let y = |loss: f32| (height - MARGIN) as f32 - (height - 2 * MARGIN) as f32 * loss / top;
    for line in 0..=4 {
        let y = y(top * line as f32 / 4.0);
        segment(&mut picture, [MARGIN as f32, y], [(width - MARGIN) as f32, y], Rgba([225, 225, 225, 255]));
    }
    let smooth = smooth(losses);
    for (values, colour) in
        [(losses.as_slice(), Rgba([170, 170, 170, 255])), (smooth.as_slice(), Rgba([30, 90, 200, 255]))]
    {
        for (step, pair) in values.windows(2).enumerate() {
            segment(&mut picture, [x(step), y(pair[0])], [x(step + 1), y(pair[1])], colour);
        }
    }
    for pair in held_out.windows(2) {
        let [from, to] = [pair[0], pair[1]].map(|(step, loss)| [x(step), y(loss)]);
        segment(&mut picture, from, to, Rgba([225, 120, 20, 255]));
    }
    picture
}

/// The largest of both losses that is a number.
pub fn top(losses: &[f32], held_out: &[(usize, f32)]) -> f32 {
    let all = losses.iter().copied().chain(held_out.iter().map(|(_, loss)| *loss));
    all.filter(|loss| loss.is_finite()).fold(f32::MIN_POSITIVE, f32::max)
}

/// The running mean.
pub fn smooth(losses: &[f32]) -> Vec<f32> {
    let mut mean = losses.first().copied().unwrap_or_default();
    let next = |loss: &f32| {
        mean += 0.1 * (loss - mean);
        mean
    };
    losses.iter().map(next).collect()
}

fn segment(picture: &mut RgbaImage, from: [f32; 2], to: [f32; 2], colour: Rgba<u8>) {
    let steps = (to[0] - from[0]).abs().max((to[1] - from[1]).abs()).ceil().max(1.0);
    for k in 0..=steps as u32 {
        let t = k as f32 / steps;
        let at = [0, 1].map(|axis| (from[axis] + t * (to[axis] - from[axis])).round() as u32);
        if at[0] < picture.width() && at[1] < picture.height() {
            picture.put_pixel(at[0], at[1], colour);
        }
    }
}
