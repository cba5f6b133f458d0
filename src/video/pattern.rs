//! A video that needs no device and no file.

use bevy::prelude::*;

use super::clock::Clock;
use super::{Frame, FrameSource, Reading, VideoError};

/// Colour bars with a bright square that moves a pixel a frame from left to right: for trying things out without a camera.
#[derive(Debug, Clone)]
pub struct TestPattern {
    size: UVec2,
    clock: Clock,
    frame: u32,
}

impl TestPattern {
    /// Width and height in pixels, and frames a second (above 0, at most 1000).
    ///
    /// # Errors
    /// At a rate that cannot be kept.
    pub fn new(size: UVec2, fps: f32) -> Result<Self, VideoError> {
        Ok(Self { size: size.max(UVec2::ONE), clock: Clock::new(fps)?, frame: 0 })
    }

    /// A pixel of frame number `frame`, counted from 0.
    pub fn pixel(size: UVec2, frame: u32, at: UVec2) -> [u8; 4] {
        let side = (size.min_element() / 4).max(1);
        let across = (at.x + size.x - frame % size.x) % size.x;
        if across < side && at.y.abs_diff(size.y / 2) < side / 2 + 1 {
            return [255; 4];
        }
        // White, yellow, cyan, green, magenta, red, blue, black: the bits of a number.
        let bar = 7 - (8 * at.x / size.x) as u8;
        let level = |bit: u8| if bar & bit == 0 { 16 } else { 192 };
        [level(2), level(4), level(1), 255]
    }
}

impl FrameSource for TestPattern {
    fn read(&mut self, frame: &mut Frame) -> Result<Reading, VideoError> {
        if !self.clock.is_due() {
            return Ok(Reading::Nothing);
        }
        let (size, number) = (self.size, self.frame);
        let (pixels, _) = frame.resize(size).as_chunks_mut::<4>();
        for (i, pixel) in (0..).zip(pixels) {
            *pixel = Self::pixel(size, number, UVec2::new(i % size.x, i / size.x));
        }
        self.frame = self.frame.wrapping_add(1);
        Ok(Reading::Frame)
    }
}
