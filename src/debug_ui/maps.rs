//! Tensors as pictures: feature maps in a grid, and heatmaps to lay over a picture.

use bevy_egui::egui::{Color32, ColorImage};

use super::stats::Stats;
use crate::model::Tensor;

/// What stands for a value that is not finite.
pub const NOT_FINITE: Color32 = Color32::from_rgb(255, 0, 255);
/// Texels between two tiles.
const GAP: usize = 1;

/// How values become colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colors {
    /// Viridis (S. van der Walt, N. Smith, 2015), dark blue to yellow. The default.
    #[default]
    Viridis,
    /// Black to white.
    Grey,
    /// Three channels of -1..1 as red, green and blue; viridis if there are not three.
    Rgb,
}

/// What the darkest and the brightest colour stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scale {
    /// The least and the greatest value of the tensor: channels can be compared. The default.
    #[default]
    Tensor,
    /// Those of each channel: all channels show what is in them.
    Channel,
}

/// How a tensor is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Colours.
    pub colors: Colors,
    /// Range of the colours.
    pub scale: Scale,
    /// Width over height that the picture should have, as far as whole tiles allow.
    pub aspect: f32,
    /// Largest side of the picture in texels.
    pub max_side: usize,
}

impl Default for Look {
    /// Viridis, comparable, square, on any WebGL2 device.
    fn default() -> Self {
        Self { colors: Colors::default(), scale: Scale::default(), aspect: 1.0, max_side: 2048 }
    }
}

/// A tensor's channels as tiles in a grid, row by row.
#[derive(Debug, Clone)]
pub struct Maps {
    /// The picture, a texel a value; or a texel `step` x `step` values, so that it is not too large.
    pub image: ColorImage,
    /// Tiles in a row.
    pub columns: usize,
    /// Width and height of a tile in texels.
    pub tile: [usize; 2],
    /// Values a texel along each axis.
    pub step: usize,
    /// Of each tile.
    pub channels: Vec<Stats>,
    /// Of the whole tensor.
    pub stats: Stats,
}

/// A tensor's values as planes of equal size.
struct Planes<'a> {
    values: &'a [f32],
    channels: usize,
    height: usize,
    width: usize,
}

impl<'a> Planes<'a> {
    /// `[1, C, H, W]` or `[C, H, W]`; a vector is one plane, as square as possible. `None` if there are no values.
    fn new(tensor: &'a Tensor) -> Option<Self> {
        let values = tensor.data.as_slice();
        let (channels, height, width) = match *tensor.dims.as_slice() {
            [1, c, h, w] | [c, h, w] if h * w > 1 || c == 1 => (c, h, w),
            _ => {
                let width = (1..).find(|side| side * side >= values.len())?;
                (1, values.len().div_ceil(width.max(1)), width)
            }
        };
        let complete = channels == 1 || values.len() == channels * height * width;
        (!values.is_empty() && complete).then_some(Self { values, channels, height, width })
    }

    /// The values of a plane; the last row of a vector may be short.
    fn plane(&self, channel: usize) -> &[f32] {
        let size = self.height * self.width;
        self.values.get(channel * size..).map_or(&[], |rest| &rest[..rest.len().min(size)])
    }

    /// The mean of a block of values, or one that is not finite if there is any; `None` where a vector has ended.
    fn block(&self, channel: usize, (x, y): (usize, usize), step: usize) -> Option<f32> {
        let plane = self.plane(channel);
        let (mut sum, mut count) = (0.0_f64, 0);
        for y in y..(y + step).min(self.height) {
            for x in x..(x + step).min(self.width) {
                let value = *plane.get(y * self.width + x)?;
                if !value.is_finite() {
                    return Some(value);
                }
                sum += f64::from(value);
                count += 1;
            }
        }
        (count > 0).then(|| (sum / f64::from(count)) as f32)
    }
}

impl Maps {
    /// Draws a tensor `[1, C, H, W]`, `[C, H, W]` or a vector. `None` if it has no values.
    pub fn new(tensor: &Tensor, look: &Look) -> Option<Self> {
        let planes = Planes::new(tensor)?;
        let stats = Stats::of(planes.values.iter().copied());
        let channels: Vec<Stats> = (0..planes.channels).map(|c| Stats::of(planes.plane(c).iter().copied())).collect();
        let rgb = look.colors == Colors::Rgb && planes.channels == 3;
        let tiles = if rgb { 1 } else { planes.channels };
        let (columns, step) = grid(tiles, [planes.width, planes.height], look);
        let tile = [planes.width.div_ceil(step), planes.height.div_ceil(step)];
        let mut maps = Self { image: blank(tiles, columns, tile), columns, tile, step, channels, stats };
        for channel in 0..tiles {
            let [x0, y0] = maps.origin(channel);
            for (y, x) in (0..tile[1]).flat_map(|y| (0..tile[0]).map(move |x| (y, x))) {
                let at = (x * step, y * step);
                let color = if rgb {
                    rgb_color([0, 1, 2].map(|c| planes.block(c, at, step)))
                } else {
                    let range = if look.scale == Scale::Channel { &maps.channels[channel] } else { &maps.stats };
                    planes.block(channel, at, step).map(|value| color(value, range, look.colors))
                };
                if let Some(color) = color {
                    maps.image[(x0 + x, y0 + y)] = color;
                }
            }
        }
        Some(maps)
    }

    /// The first texel of a channel's tile.
    pub fn origin(&self, channel: usize) -> [usize; 2] {
        [channel % self.columns * (self.tile[0] + GAP), channel / self.columns * (self.tile[1] + GAP)]
    }

    /// The channel whose tile a texel lies in.
    pub fn channel_at(&self, x: usize, y: usize) -> Option<usize> {
        let (column, row) = (x / (self.tile[0] + GAP), y / (self.tile[1] + GAP));
        let inside = x % (self.tile[0] + GAP) < self.tile[0] && y % (self.tile[1] + GAP) < self.tile[1];
        let channel = row * self.columns + column;
        (inside && column < self.columns && channel < self.channels.len()).then_some(channel)
    }
}

/// Columns of tiles, and values a texel, so that the picture has about the wanted aspect and is not too large.
fn grid(tiles: usize, [width, height]: [usize; 2], look: &Look) -> (usize, usize) {
    let aspect = if look.aspect.is_finite() && look.aspect > 0.0 { look.aspect } else { 1.0 };
    let wanted = (tiles as f32 * aspect * height as f32 / width as f32).sqrt().round() as usize;
    let columns = wanted.clamp(1, tiles);
    let side = |n: usize, size: usize, step: usize| n * (size.div_ceil(step) + GAP);
    let fits = |step: &usize| {
        let rows = tiles.div_ceil(columns);
        side(columns, width, *step).max(side(rows, height, *step)) <= look.max_side.max(1) + GAP
    };
    (columns, (1..=width.max(height)).find(fits).unwrap_or(width.max(height)))
}

/// A transparent picture for so many tiles.
fn blank(tiles: usize, columns: usize, tile: [usize; 2]) -> ColorImage {
    let side = |n: usize, size: usize| n * (size + GAP) - GAP;
    ColorImage::filled([side(columns, tile[0]), side(tiles.div_ceil(columns), tile[1])], Color32::TRANSPARENT)
}

fn color(value: f32, range: &Stats, colors: Colors) -> Color32 {
    if !value.is_finite() {
        return NOT_FINITE;
    }
    let place = range.place(value).clamp(0.0, 1.0);
    match colors {
        Colors::Grey => Color32::from_gray((place * 255.0).round() as u8),
        Colors::Viridis | Colors::Rgb => viridis(place),
    }
}

fn viridis(place: f32) -> Color32 {
    let colorous::Color { r, g, b } = colorous::VIRIDIS.eval_continuous(f64::from(place));
    Color32::from_rgb(r, g, b)
}

/// Values of -1..1 as sRGB.
fn rgb_color(values: [Option<f32>; 3]) -> Option<Color32> {
    let [r, g, b] = [values[0]?, values[1]?, values[2]?];
    if ![r, g, b].iter().all(|v| v.is_finite()) {
        return Some(NOT_FINITE);
    }
    let [r, g, b] = [r, g, b].map(|v| ((v.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8);
    Some(Color32::from_rgb(r, g, b))
}

/// A heatmap to lay over a picture: the greatest value is yellow and covers most (`opacity`, 0 to 1), the least is clear.
/// The first channel of `[1, C, H, W]` or `[C, H, W]`. `None` if it has no values.
pub fn heat(tensor: &Tensor, opacity: f32) -> Option<ColorImage> {
    let planes = Planes::new(tensor)?;
    let range = Stats::of(planes.plane(0).iter().copied());
    let pixel = |value: &f32| {
        if !value.is_finite() {
            return NOT_FINITE;
        }
        let place = range.place(*value);
        viridis(place).gamma_multiply(place * opacity.clamp(0.0, 1.0))
    };
    let pixels: Vec<Color32> = planes.plane(0).iter().map(pixel).collect();
    (pixels.len() == planes.width * planes.height).then(|| ColorImage::new([planes.width, planes.height], pixels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dims: &[usize], data: Vec<f32>) -> Tensor {
        Tensor::new(dims, data).expect("a tensor")
    }

    /// Channel `c` holds `c * 100 + y * 10 + x`.
    fn numbered(channels: usize, height: usize, width: usize) -> Tensor {
        let value = |c: usize, y: usize, x: usize| (c * 100 + y * 10 + x) as f32;
        let data = (0..channels)
            .flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| value(c, y, x))))
            .collect();
        tensor(&[1, channels, height, width], data)
    }

    #[test]
    fn every_value_has_its_texel_and_gaps_stay_clear() {
        let look = Look { colors: Colors::Grey, ..Look::default() };
        let maps = Maps::new(&numbered(5, 2, 3), &look).expect("maps");
        let rows = 5_usize.div_ceil(maps.columns);
        assert_eq!(maps.image.size, [maps.columns * 4 - 1, rows * 3 - 1]);
        let mut drawn = 0;
        for (y, x) in (0..maps.image.size[1]).flat_map(|y| (0..maps.image.size[0]).map(move |x| (y, x))) {
            let Some(channel) = maps.channel_at(x, y) else {
                assert_eq!(maps.image[(x, y)], Color32::TRANSPARENT, "({x}, {y})");
                continue;
            };
            let [x0, y0] = maps.origin(channel);
            let value = (channel * 100 + (y - y0) * 10 + (x - x0)) as f32;
            let grey = (value / 412.0 * 255.0).round() as u8;
            assert_eq!(maps.image[(x, y)], Color32::from_gray(grey), "({x}, {y}): {value}");
            drawn += 1;
        }
        assert_eq!(drawn, 5 * 2 * 3);
        assert_eq!((maps.channels[3].min, maps.channels[3].max), (300.0, 312.0));
        assert_eq!((maps.stats.min, maps.stats.max, maps.stats.count), (0.0, 412.0, 30));
    }

    #[test]
    fn colours_run_from_least_to_greatest_of_the_tensor_or_of_each_channel() {
        let look = Look { scale: Scale::Channel, ..Look::default() };
        let own = Maps::new(&numbered(2, 1, 2), &look).expect("maps");
        let all = Maps::new(&numbered(2, 1, 2), &Look::default()).expect("maps");
        let ends = [viridis(0.0), viridis(1.0)];
        // The ends of viridis in matplotlib are #440154 and #fde725.
        assert_eq!(ends, [Color32::from_rgb(0x44, 0x01, 0x54), Color32::from_rgb(0xfd, 0xe7, 0x25)]);
        for channel in 0..2 {
            let [x, y] = own.origin(channel);
            assert_eq!([own.image[(x, y)], own.image[(x + 1, y)]], ends, "channel {channel}");
        }
        let [x, y] = all.origin(1);
        assert_eq!([all.image[(0, 0)], all.image[(x + 1, y)]], ends);
        assert_ne!(all.image[(1, 0)], ends[1]);
    }

    #[test]
    fn what_is_not_finite_stands_out_and_does_not_bend_the_colours() {
        let values = vec![0.0, f32::NAN, f32::INFINITY, 1.0];
        let maps = Maps::new(&tensor(&[1, 1, 2, 2], values), &Look::default()).expect("maps");
        let colors = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|at| maps.image[at]);
        assert_eq!(colors, [viridis(0.0), NOT_FINITE, NOT_FINITE, viridis(1.0)]);
        assert_eq!((maps.stats.nan, maps.stats.infinite), (1, 1));
    }

    #[test]
    fn a_large_tensor_is_drawn_smaller_and_loses_no_nan() {
        let mut data = vec![0.0; 4 * 64 * 64];
        data[3 * 64 * 64 + 63 * 64 + 62] = f32::NAN;
        data[0] = 4.0;
        let look = Look { max_side: 40, ..Look::default() };
        let maps = Maps::new(&tensor(&[4, 64, 64], data), &look).expect("maps");
        assert!(maps.image.size.iter().all(|side| *side <= 40), "{:?}", maps.image.size);
        assert_eq!((maps.step, maps.tile), (4, [16, 16]));
        assert_eq!(maps.image.pixels.iter().filter(|pixel| **pixel == NOT_FINITE).count(), 1);
        // The mean of 16 values, one of them 4.
        assert_eq!(maps.image[(0, 0)], viridis(0.25 / 4.0));
    }

    #[test]
    fn three_channels_can_be_a_picture() {
        let data = vec![-1.0, 0.0, 1.0, 5.0, -5.0, f32::NAN];
        let look = Look { colors: Colors::Rgb, ..Look::default() };
        let maps = Maps::new(&tensor(&[1, 3, 1, 2], data), &look).expect("maps");
        assert_eq!(maps.image.pixels, [Color32::from_rgb(0, 255, 0), NOT_FINITE]);
        let grey = Maps::new(&numbered(2, 1, 1), &look).expect("maps");
        assert_eq!(grey.image[(0, 0)], viridis(0.0), "two channels are no picture");
    }

    #[test]
    fn a_vector_is_one_tile_and_nothing_is_none() {
        let maps = Maps::new(&tensor(&[1, 7, 1, 1], (0..7).map(|v| v as f32).collect()), &Look::default());
        let maps = maps.expect("maps");
        assert_eq!((maps.tile, maps.channels.len()), ([3, 3], 1));
        assert_eq!(maps.image[(0, 2)], viridis(1.0));
        assert_eq!(maps.image[(1, 2)], Color32::TRANSPARENT);
        assert!(Maps::new(&Tensor::default(), &Look::default()).is_none());
        let torn = Tensor { dims: vec![2, 3, 3], data: vec![0.0; 7] };
        assert!(Maps::new(&torn, &Look::default()).is_none());
    }

    #[test]
    fn a_grid_takes_the_aspect_that_there_is() {
        let wide = Look { aspect: 4.0, ..Look::default() };
        let tall = Look { aspect: 0.25, ..Look::default() };
        assert_eq!(grid(16, [8, 8], &wide).0, 8);
        assert_eq!(grid(16, [8, 8], &tall).0, 2);
        assert_eq!(grid(16, [8, 8], &Look { aspect: f32::NAN, ..Look::default() }).0, 4);
    }

    #[test]
    fn heat_covers_most_where_it_is_greatest() {
        let image = heat(&tensor(&[1, 1, 1, 3], vec![0.0, 1.0, 2.0]), 0.5).expect("a heatmap");
        assert_eq!(image.size, [3, 1]);
        assert_eq!(image.pixels[0], Color32::TRANSPARENT);
        assert!(image.pixels[0].a() < image.pixels[1].a() && image.pixels[1].a() < image.pixels[2].a());
        assert!(image.pixels[2].a().abs_diff(128) <= 1, "{:?}", image.pixels[2]);
        assert!(heat(&Tensor::default(), 1.0).is_none());
    }
}
