//! How much each pixel of a drawing counts in the loss.

use crate::model::Tensor;

/// Pixels a side of the surroundings of a pixel that may lie on a line.
const NEAR: usize = 3;
/// Pixels a side of the surroundings that a line is darker than.
const AROUND: usize = 9;

/// Weights of pixels, 1 on average: up to `line` more on and beside drawn lines, and up to `ink` more on what is darker
/// than its surroundings, the lines themselves. Plain L1 leaves a line out where it may or may not be.
///
/// The twin of `line_weight` in training/toonface/losses.py.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LineWeight {
    pub line: f32,
    pub ink: f32,
}

impl LineWeight {
    /// Whether all pixels count the same.
    pub fn is_flat(self) -> bool {
        self.line == 0.0 && self.ink == 0.0
    }

    /// For a drawing `[.., C, H, W]` in -1..1, a tensor of the same shape with equal channels.
    pub fn of(self, drawing: &Tensor) -> Tensor {
        let [.., channels, height, width] = drawing.dims[..] else { return drawing.clone() };
        let size = Size { height, width };
        if size.area() == 0 {
            return drawing.clone();
        }
        let strength = size.mean_over(NEAR, &size.contrast(&drawing.data));
        let grey = size.grey(&drawing.data, channels);
        let around = size.mean_over(AROUND, &grey);
        let darker = around.iter().zip(&grey).map(|(around, grey)| (around - grey).clamp(0.0, 1.0));
        let mut weights: Vec<f32> = strength
            .iter()
            .zip(darker)
            .map(|(strength, darker)| 1.0 + self.line * strength + self.ink * darker)
            .collect();
        let mean = (weights.iter().map(|w| f64::from(*w)).sum::<f64>() / weights.len().max(1) as f64) as f32;
        weights.iter_mut().for_each(|w| *w /= mean);
        Tensor { dims: drawing.dims.clone(), data: weights.repeat(channels) }
    }
}

/// Size of a channel.
#[derive(Clone, Copy)]
struct Size {
    height: usize,
    width: usize,
}

impl Size {
    fn area(self) -> usize {
        self.height * self.width
    }

    /// Of each pixel, the differences to its right and lower neighbours added up, of the channel where they are
    /// largest; at most 1.
    fn contrast(self, values: &[f32]) -> Vec<f32> {
        let Self { height, width } = self;
        let mut contrast = vec![0.0_f32; self.area()];
        for channel in values.chunks_exact(self.area()) {
            for (i, most) in contrast.iter_mut().enumerate() {
                let right = if i % width + 1 < width { (channel[i + 1] - channel[i]).abs() } else { 0.0 };
                let below = if i / width + 1 < height { (channel[i + width] - channel[i]).abs() } else { 0.0 };
                *most = most.max(right + below).min(1.0);
            }
        }
        contrast
    }

    /// The mean of the channels.
    fn grey(self, values: &[f32], channels: usize) -> Vec<f32> {
        let sum = |i: usize| (0..channels).map(|c| values[c * self.area() + i]).sum::<f32>();
        (0..self.area()).map(|i| sum(i) / channels as f32).collect()
    }

    /// The mean over a square of `side` pixels around each one, as far as it lies in the picture.
    fn mean_over(self, side: usize, values: &[f32]) -> Vec<f32> {
        let Self { height, width } = self;
        let reach = side / 2;
        let near = |at: usize, length: usize| at.saturating_sub(reach)..(at + reach + 1).min(length);
        let mean = |range: std::ops::Range<usize>, value: &dyn Fn(usize) -> f32| {
            range.clone().map(value).sum::<f32>() / range.len() as f32
        };
        let across: Vec<f32> =
            (0..self.area()).map(|i| mean(near(i % width, width), &|x| values[i / width * width + x])).collect();
        (0..self.area()).map(|i| mean(near(i / width, height), &|y| across[y * width + i % width])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{LineWeight, Tensor};

    /// A grey picture of 12 x 10 pixels with a dark line down the fifth column.
    fn drawing() -> Tensor {
        let value = |i: usize| if i % 10 == 4 { -0.5 } else { 0.5 };
        Tensor { dims: vec![3, 12, 10], data: (0..360).map(value).collect() }
    }

    #[test]
    fn a_line_counts_more_than_what_is_beside_it_and_that_more_than_the_rest() {
        let weights = LineWeight { line: 4.0, ink: 6.0 }.of(&drawing());
        let row = &weights.data[50..60];
        assert!(row[4] > row[3] && row[3] > row[0], "{row:?}");
        assert!((row[0] - row[9]).abs() < 1e-6, "{row:?}");
        let mean = weights.data.iter().sum::<f32>() / 360.0;
        assert!((mean - 1.0).abs() < 1e-5, "{mean}");
        assert_eq!(weights.data[..120], weights.data[240..], "channels count the same");
    }

    #[test]
    fn nothing_drawn_counts_the_same_everywhere() {
        let blank = Tensor { dims: vec![1, 3, 5, 7], data: vec![0.25; 105] };
        let weights = LineWeight { line: 4.0, ink: 6.0 }.of(&blank);
        assert!(weights.data.iter().all(|w| (w - 1.0).abs() < 1e-6));
        assert!(LineWeight { line: 0.0, ink: 0.0 }.is_flat());
    }
}
