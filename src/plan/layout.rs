//! Where a tensor's values lie in its textures. `shaders/lib/layout.wgsl` is the same in WGSL.
//!
//! Channel `c` is in lane `c % quad` of tile `c / quad`; which plane and component hold a pixel of a lane, the
//! [`Arrangement`] says. A tile has one texel for each block of pixels that a fragment covers. The tiles of one picture
//! fill a grid of `grid_x` columns, its block; the blocks of a batch fill a grid of `blocks_x` columns. All planes have
//! the same size.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::format::Arrangement;
use super::weights::WEIGHT_TEXTURE_WIDTH;
use crate::model::Shape;

/// A rectangle in texels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
}

/// Where the values of a tensor lie. See the module's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Format, quad and phases.
    pub arrangement: Arrangement,
    /// Width of a tile in texels.
    pub tile_width: usize,
    /// Height of a tile in texels.
    pub tile_height: usize,
    /// Tiles of one picture in each plane.
    pub tiles: usize,
    /// Columns of tiles in a picture's block.
    pub grid_x: usize,
    /// Pictures.
    pub batch: usize,
    /// Columns of blocks.
    pub blocks_x: usize,
    /// Width and height of the textures, which may be larger than what the tensor takes.
    pub texture: (usize, usize),
    /// Left and top texel of what the tensor takes of the textures.
    pub base: (usize, usize),
}

impl Layout {
    /// The layout of a tensor in a given arrangement, or `None` if no grid fits `max_size`.
    pub fn tensor(shape: Shape, arrangement: Arrangement, batch: usize, max_size: usize) -> Option<Self> {
        let tiles = shape.channels.div_ceil(arrangement.quad);
        let (width, height) = (shape.width / arrangement.phases[0], shape.height / arrangement.phases[1]);
        Self::grid(arrangement, (width, height), tiles, batch, max_size)
    }

    /// `tiles` tiles of a given size a picture, or `None` if no grid fits `max_size`.
    pub fn grid(
        arrangement: Arrangement,
        (tile_width, tile_height): (usize, usize),
        tiles: usize,
        batch: usize,
        max_size: usize,
    ) -> Option<Self> {
        // Tensors of one plane are looked at, or read up-sampled; they share textures with square ones.
        let square = arrangement.planes() == 1;
        let grid_x = best_columns(tiles, (tile_width, tile_height), square, max_size)?;
        let rows = tiles.div_ceil(grid_x);
        let blocks_x = best_columns(batch, (grid_x * tile_width, rows * tile_height), square, max_size)?;
        Some(
            Self {
                arrangement,
                tile_width,
                tile_height,
                tiles,
                grid_x,
                batch,
                blocks_x,
                texture: (0, 0),
                base: (0, 0),
            }
            .alone(),
        )
    }

    /// The same in textures that have no room to spare.
    pub fn alone(self) -> Self {
        Self { texture: self.size(), base: (0, 0), ..self }
    }

    /// Number of textures.
    pub fn planes(&self) -> usize {
        self.arrangement.planes()
    }

    /// Rows of tiles in a block.
    pub fn grid_y(&self) -> usize {
        self.tiles.div_ceil(self.grid_x)
    }

    /// Size of one picture's block in texels.
    pub fn block(&self) -> (usize, usize) {
        (self.grid_x * self.tile_width, self.grid_y() * self.tile_height)
    }

    /// Width and height that the tensor takes in each plane, in texels.
    pub fn size(&self) -> (usize, usize) {
        let (width, height) = self.block();
        (self.blocks_x * width, self.batch.div_ceil(self.blocks_x) * height)
    }

    /// Bytes that the tensor takes in all planes.
    pub fn bytes(&self) -> usize {
        let (width, height) = self.size();
        width * height * self.planes() * self.arrangement.format.bytes()
    }

    /// Texel of the first value of `tile` of picture `item`.
    pub fn origin(&self, item: usize, tile: usize) -> (usize, usize) {
        let (width, height) = self.block();
        let x = (item % self.blocks_x) * width + (tile % self.grid_x) * self.tile_width;
        let y = (item / self.blocks_x) * height + (tile / self.grid_x) * self.tile_height;
        (self.base.0 + x, self.base.1 + y)
    }

    /// All that the tensor takes.
    pub fn whole(&self) -> Rect {
        let (width, height) = self.size();
        Rect { x: self.base.0 as u32, y: self.base.1 as u32, width: width as u32, height: height as u32 }
    }

    /// Rectangles that cover exactly the tiles `range` of picture `item`: at most three, since the grid wraps.
    pub fn rects(&self, item: usize, range: Range<usize>) -> Vec<Rect> {
        let mut rects: Vec<Rect> = Vec::new();
        let mut tile = range.start;
        while tile < range.end {
            let column = tile % self.grid_x;
            let left = range.end - tile;
            // Whole rows go in one rectangle, a started row in its own.
            let (columns, rows) = if column == 0 && left >= self.grid_x {
                (self.grid_x, left / self.grid_x)
            } else {
                (left.min(self.grid_x - column), 1)
            };
            let (x, y) = self.origin(item, tile);
            rects.push(Rect {
                x: x as u32,
                y: y as u32,
                width: (columns * self.tile_width) as u32,
                height: (rows * self.tile_height) as u32,
            });
            tile += columns * rows;
        }
        rects
    }

    /// The layout as the shaders read it.
    pub fn uniform(&self) -> LayoutUniform {
        let (width, height) = self.texture;
        LayoutUniform {
            tile: [self.tile_width as i32, self.tile_height as i32],
            grid: [self.grid_x as i32, self.grid_y() as i32],
            texel: [1.0 / width as f32, 1.0 / height as f32],
            base: [self.base.0 as i32, self.base.1 as i32],
            blocks_x: self.blocks_x as i32,
            tiles: self.tiles as i32,
            pad: [0; 2],
        }
    }
}

/// [`Layout`] in a uniform buffer: `struct Layout` of `shaders/lib/layout.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct LayoutUniform {
    /// Width and height of a tile.
    pub tile: [i32; 2],
    /// Columns and rows of tiles in a block.
    pub grid: [i32; 2],
    /// Size of a texel: one over the texture's width and height.
    pub texel: [f32; 2],
    /// First texel of the tensor.
    pub base: [i32; 2],
    /// Columns of blocks.
    pub blocks_x: i32,
    /// Tiles of one picture.
    pub tiles: i32,
    /// Unused; a struct in a uniform struct is a multiple of 16 bytes.
    pub pad: [i32; 2],
}

impl LayoutUniform {
    /// In the weight texture: coefficients that leave every channel as it is. All tiles are the one at its beginning.
    pub(super) const IDENTITY: Self = Self {
        tile: [0; 2],
        grid: [1; 2],
        texel: [1.0 / WEIGHT_TEXTURE_WIDTH as f32, 0.0],
        base: [0; 2],
        blocks_x: 1,
        tiles: 1,
        pad: [0; 2],
    };
    /// In the weight texture: zeros. Every place in it is the first texel.
    pub(super) const NOTHING: Self = Self { texel: [0.0; 2], ..Self::IDENTITY };
}

/// Columns for `n` cells: no empty cell if possible, then a height that is a power of two, so that halves and quarters of a
/// tensor have room where it was; then as near as possible to the one shape that all tensors of this many texels have, so
/// that they can take turns in a texture.
fn best_columns(n: usize, (width, height): (usize, usize), square: bool, max_size: usize) -> Option<usize> {
    let wanted = preferred_height(n * width * height, square);
    (1..=n).filter(|columns| columns * width <= max_size && n.div_ceil(*columns) * height <= max_size).min_by_key(
        |columns| {
            let rows = n.div_ceil(*columns);
            let height = rows * height;
            (columns * rows - n, !height.is_power_of_two(), height.abs_diff(wanted), columns * width)
        },
    )
}

/// Software rasterisers share out a target among their threads in squares of 64 texels, so two squares are better than
/// one; from there on, wide is as good as tall. Smaller targets are square, or twice as tall as wide.
fn preferred_height(texels: usize, square: bool) -> usize {
    const TWO_BINS: usize = 128;
    let side = 1usize << texels.max(1).ilog2().div_ceil(2);
    if square || texels < 32 * TWO_BINS { side } else { TWO_BINS }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TensorFormat;

    const FORMATS: [TensorFormat; 3] = [TensorFormat::R32Float, TensorFormat::Rgba32Float, TensorFormat::Rgba16Float];

    fn layout(format: TensorFormat, planes: usize, c: usize, h: usize, w: usize, batch: usize) -> Layout {
        let shape = Shape { channels: c, height: h, width: w };
        Layout::tensor(shape, format.arrangement(shape, planes), batch, 2048).expect("fits")
    }

    #[test]
    fn every_value_has_a_place_of_its_own() {
        for format in FORMATS {
            for (planes, c, h, w) in [(8, 3, 6, 8), (8, 13, 5, 7), (4, 6, 4, 2), (2, 1, 3, 6), (8, 64, 4, 12)] {
                let l = layout(format, planes, c, h, w, 2);
                assert!(l.planes() <= planes, "{format:?} on {planes}: {l:?}");
                let [px, py] = l.arrangement.phases;
                let mut places = std::collections::BTreeSet::new();
                for (item, channel, y, x) in (0..2)
                    .flat_map(|i| (0..c).flat_map(move |c| (0..h).flat_map(move |y| (0..w).map(move |x| (i, c, y, x)))))
                {
                    let (x0, y0) = l.origin(item, channel / l.arrangement.quad);
                    let place = (l.arrangement.plane(channel, x, y), x0 + x / px, y0 + y / py);
                    assert!(place.1 < l.size().0 && place.2 < l.size().1 && place.0.0 < l.planes());
                    assert!(places.insert(place), "{format:?}: {place:?} twice");
                }
            }
        }
    }

    #[test]
    fn a_block_divides_the_picture() {
        let shape = |height, width| Shape { channels: 8, height, width };
        let phases = |format: TensorFormat, planes, h, w| format.arrangement(shape(h, w), planes).phases;
        assert_eq!(phases(TensorFormat::Rgba32Float, 8, 64, 64), [4, 2]);
        assert_eq!(phases(TensorFormat::Rgba32Float, 8, 2, 6), [2, 2]);
        assert_eq!(phases(TensorFormat::Rgba16Float, 4, 64, 64), [2, 2]);
        assert_eq!(phases(TensorFormat::Rgba32Float, 2, 64, 64), [2, 1]);
        assert_eq!(phases(TensorFormat::R32Float, 8, 64, 64), [2, 2]);
        assert_eq!(phases(TensorFormat::R32Float, 4, 64, 64), [2, 1]);
        assert_eq!(phases(TensorFormat::R32Float, 8, 7, 9), [1, 1]);
    }

    #[test]
    fn a_full_grid_is_preferred_to_a_square_one() {
        let l = layout(TensorFormat::R32Float, 8, 14, 16, 16, 1);
        assert_eq!(l.grid_x * l.grid_y(), 7);
    }

    #[test]
    fn rects_cover_a_range_exactly() {
        let l = layout(TensorFormat::R32Float, 8, 7 * 2, 6, 4, 2);
        let mut texels = std::collections::BTreeSet::new();
        for rect in l.rects(1, 2..6) {
            for y in rect.y..rect.y + rect.height {
                for x in rect.x..rect.x + rect.width {
                    assert!(texels.insert((x, y)), "covered twice");
                }
            }
        }
        let expected: std::collections::BTreeSet<_> = (2..6)
            .flat_map(|tile| {
                let (x0, y0) = l.origin(1, tile);
                (0..3).flat_map(move |y| (0..2).map(move |x| ((x0 + x) as u32, (y0 + y) as u32)))
            })
            .collect();
        assert_eq!(texels, expected);
    }

    #[test]
    fn nothing_fits_a_texture_smaller_than_a_tile() {
        let shape = Shape { channels: 4, height: 100, width: 100 };
        let arrangement = TensorFormat::Rgba32Float.arrangement(shape, 1);
        assert_eq!(Layout::tensor(shape, arrangement, 1, 64), None);
    }
}
