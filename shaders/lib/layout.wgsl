// Where a tensor's values lie in its planes; the twin of src/plan/layout.rs.
// Channel c is in lane c % quad of tile c / quad. A texel of a tile stands for a block of pixels, one a plane. Tiles fill
// a picture's block in rows of grid.x, blocks fill the texture in rows of blocks_x.
#define_import_path bevy_toonface::lib::layout

struct Layout {
    tile: vec2<i32>,
    grid: vec2<i32>,
    // One over the size of the texture.
    texel: vec2<f32>,
    // First texel of the tensor: the texture may hold others beside it.
    base: vec2<i32>,
    blocks_x: i32,
    tiles: i32,
    pad: vec2<i32>,
}

// A texel of a tensor: picture, tile, and texel inside the tile.
struct Cell {
    item: i32,
    tile: i32,
    texel: vec2<i32>,
}

// i / n for small i >= 0. Integer division is slow, and slower on a software GPU than anything else.
fn quotient(i: i32, n: i32) -> i32 {
    return i32((f32(i) + 0.5) / f32(n));
}

// The bound of a loop, told so that it seems to differ between fragments. Mesa's lavapipe compiles a shader anew for every draw
// whose loops are bounded by a uniform.
fn bound(n: i32, item: i32) -> i32 {
    return n + min(item, 0);
}

// `position` is the middle of a texel, so no quotient is near a whole number.
fn locate(position: vec2<f32>, at: Layout) -> Cell {
    let tile_size = vec2<f32>(at.tile);
    let block_size = tile_size * vec2<f32>(at.grid);
    let place = position - vec2<f32>(at.base);
    let block = floor(place / block_size);
    let inside = place - block * block_size;
    let tile = floor(inside / tile_size);
    let cell = vec2<i32>(tile);
    return Cell(i32(block.y) * at.blocks_x + i32(block.x), cell.y * at.grid.x + cell.x, vec2<i32>(inside - tile * tile_size));
}

// First texel of a tile.
fn origin(item: i32, tile: i32, at: Layout) -> vec2<i32> {
    let block_y = quotient(item, at.blocks_x);
    let row = quotient(tile, at.grid.x);
    let block = vec2<i32>(item - block_y * at.blocks_x, block_y);
    return at.base + (block * at.grid + vec2<i32>(tile - row * at.grid.x, row)) * at.tile;
}

// Texture coordinates of the middle of a texel, for the nearest one to be sampled. On a software GPU a sample with level 0 costs
// half of what a texel load does.
fn uv_of(texel: vec2<i32>, at: Layout) -> vec2<f32> {
    return (vec2<f32>(texel) + 0.5) * at.texel;
}

// Reflect padding without the edge sample: -1 -> 1, n -> n - 2. Valid for pads below the size.
fn reflect_index(i: i32, size: i32) -> i32 {
    let last = size - 1;
    return last - abs(last - abs(i));
}
