// Where a tensor's values lie in its planes; the twin of src/plan/layout.rs.
// Channel c is in plane c % planes, tile c / planes. Tiles fill a picture's block in rows of grid_x,
// blocks fill the texture in rows of blocks_x.
#define_import_path bevy_toonface::lib::layout

struct Layout {
    tile: vec2<i32>,
    grid_x: i32,
    tiles: i32,
    block: vec2<i32>,
    blocks_x: i32,
    planes: i32,
}

// A texel of a tensor: picture, tile, and pixel inside the tile.
struct Cell {
    item: i32,
    tile: i32,
    pixel: vec2<i32>,
}

fn locate(texel: vec2<i32>, at: Layout) -> Cell {
    let block = texel / at.block;
    let inside = texel - block * at.block;
    let tile = inside / at.tile;
    return Cell(block.y * at.blocks_x + block.x, tile.y * at.grid_x + tile.x, inside - tile * at.tile);
}

// First texel of a tile.
fn origin(item: i32, tile: i32, at: Layout) -> vec2<i32> {
    let block = vec2<i32>(item % at.blocks_x, item / at.blocks_x) * at.block;
    return block + vec2<i32>(tile % at.grid_x, tile / at.grid_x) * at.tile;
}

// Reflect padding without the edge sample: -1 -> 1, n -> n - 2. Valid for pads below the size.
fn reflect_index(i: vec2<i32>, size: vec2<i32>) -> vec2<i32> {
    let last = size - 1;
    return last - abs(last - abs(i));
}
