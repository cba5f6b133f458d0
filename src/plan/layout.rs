//! Where a tensor's values lie in its textures. `shaders/lib/layout.wgsl` is the same in WGSL.
//!
//! Channel `c` is in plane `c % planes`, tile `c / planes`. A tile is one channel's height x width rectangle. The
//! tiles of one picture fill a grid of `grid_x` columns, its block; the blocks of a batch fill a grid of `blocks_x`
//! columns. All planes have the same size.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

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
    /// Number of textures.
    pub planes: usize,
    /// Width of a tile.
    pub tile_width: usize,
    /// Height of a tile.
    pub tile_height: usize,
    /// Tiles of one picture in each plane.
    pub tiles: usize,
    /// Columns of tiles in a picture's block.
    pub grid_x: usize,
    /// Pictures.
    pub batch: usize,
    /// Columns of blocks.
    pub blocks_x: usize,
}

impl Layout {
    /// The layout of an activation on at most `planes` planes, or `None` if no grid fits `max_size`.
    ///
    /// A vector lies in one plane, a tile a value: it is read by index, so spreading it would only cost bindings.
    pub fn tensor(shape: Shape, planes: usize, batch: usize, max_size: usize) -> Option<Self> {
        let planes = if shape.is_vector() { 1 } else { planes.min(shape.channels) };
        let tiles = shape.channels.div_ceil(planes);
        let grid_x = best_columns(tiles, shape.width, shape.height, max_size)?;
        let rows = tiles.div_ceil(grid_x);
        let blocks_x = best_columns(batch, grid_x * shape.width, rows * shape.height, max_size)?;
        Some(Self { planes, tile_width: shape.width, tile_height: shape.height, tiles, grid_x, batch, blocks_x })
    }

    /// The layout of partial statistics of a tensor: a tile of 1 x `chunks` a channel, in plane-major order, so that
    /// the channels of one source plane are one row of tiles and can be drawn as one rectangle.
    pub fn partials(source: &Self, chunks: usize, planes: usize, max_size: usize) -> Option<Self> {
        let layout = Self {
            planes,
            tile_width: 1,
            tile_height: chunks,
            tiles: source.tiles * source.planes,
            grid_x: source.tiles,
            batch: source.batch,
            blocks_x: source.batch,
        };
        let (width, height) = layout.size();
        (width <= max_size && height <= max_size).then_some(layout)
    }

    /// Rows of tiles in a block.
    pub fn grid_y(&self) -> usize {
        self.tiles.div_ceil(self.grid_x)
    }

    /// Size of one picture's block in texels.
    pub fn block(&self) -> (usize, usize) {
        (self.grid_x * self.tile_width, self.grid_y() * self.tile_height)
    }

    /// Size of each plane's texture in texels.
    pub fn size(&self) -> (usize, usize) {
        let (width, height) = self.block();
        (self.blocks_x * width, self.batch.div_ceil(self.blocks_x) * height)
    }

    /// Channels including the empty lanes of the last tile.
    pub fn padded_channels(&self) -> usize {
        self.tiles * self.planes
    }

    /// Bytes of all planes in R32F.
    pub fn bytes(&self) -> usize {
        let (width, height) = self.size();
        width * height * self.planes * 4
    }

    /// Texel of the first value of `tile` of picture `item`.
    pub fn origin(&self, item: usize, tile: usize) -> (usize, usize) {
        let (width, height) = self.block();
        let x = (item % self.blocks_x) * width + (tile % self.grid_x) * self.tile_width;
        let y = (item / self.blocks_x) * height + (tile / self.grid_x) * self.tile_height;
        (x, y)
    }

    /// The whole texture.
    pub fn whole(&self) -> Rect {
        let (width, height) = self.size();
        Rect { x: 0, y: 0, width: width as u32, height: height as u32 }
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
        let (width, height) = self.block();
        LayoutUniform {
            tile: [self.tile_width as i32, self.tile_height as i32],
            grid_x: self.grid_x as i32,
            tiles: self.tiles as i32,
            block: [width as i32, height as i32],
            blocks_x: self.blocks_x as i32,
            planes: self.planes as i32,
        }
    }
}

/// [`Layout`] in a uniform buffer: `struct Layout` of `shaders/lib/layout.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Default)]
#[repr(C)]
pub struct LayoutUniform {
    /// Width and height of a tile.
    pub tile: [i32; 2],
    /// Columns of tiles in a block.
    pub grid_x: i32,
    /// Tiles of one picture.
    pub tiles: i32,
    /// Width and height of a block.
    pub block: [i32; 2],
    /// Columns of blocks.
    pub blocks_x: i32,
    /// Number of planes.
    pub planes: i32,
}

/// Columns for `n` cells: no empty cell if possible, then as square as possible.
fn best_columns(n: usize, cell_width: usize, cell_height: usize, max_size: usize) -> Option<usize> {
    (1..=n)
        .filter(|columns| columns * cell_width <= max_size && n.div_ceil(*columns) * cell_height <= max_size)
        .min_by_key(|columns| {
            let rows = n.div_ceil(*columns);
            (columns * rows - n, (columns * cell_width).max(rows * cell_height))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(c: usize, h: usize, w: usize, planes: usize, batch: usize) -> Layout {
        let shape = Shape { channels: c, height: h, width: w };
        Layout::tensor(shape, planes, batch, 2048).expect("fits")
    }

    #[test]
    fn planes_and_tiles_hold_every_channel_once() {
        for (c, planes) in [(1, 4), (3, 4), (8, 4), (13, 8), (64, 8)] {
            let l = layout(c, 5, 7, planes, 3);
            assert_eq!(l.planes, planes.min(c));
            assert!(l.padded_channels() >= c && l.padded_channels() < c + planes);
        }
    }

    #[test]
    fn a_full_grid_is_preferred_to_a_square_one() {
        let l = layout(64, 16, 16, 8, 1);
        assert_eq!(l.grid_x * l.grid_y(), 8);
        assert_eq!(l.size(), (32, 64));
    }

    #[test]
    fn rects_cover_a_range_exactly() {
        let l = layout(7 * 4, 3, 2, 4, 2);
        let mut texels = std::collections::BTreeSet::new();
        for rect in l.rects(1, 2..6) {
            for y in rect.y..rect.y + rect.height {
                for x in rect.x..rect.x + rect.width {
                    assert!(texels.insert((x, y)), "drawn twice");
                }
            }
        }
        let mut expected = std::collections::BTreeSet::new();
        for tile in 2..6 {
            let (x0, y0) = l.origin(1, tile);
            for y in 0..3 {
                for x in 0..2 {
                    expected.insert(((x0 + x) as u32, (y0 + y) as u32));
                }
            }
        }
        assert_eq!(texels, expected);
    }

    #[test]
    fn too_large_is_refused() {
        let shape = Shape { channels: 64, height: 1024, width: 1024 };
        assert!(Layout::tensor(shape, 4, 1, 2048).is_none());
    }
}
