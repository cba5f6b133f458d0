// Statistics of a chunk of rows of one channel: mean and M2 = sum of (x - mean)^2, or the maximum.
// Sums are shifted by the chunk's first value (T. Chan, G. Golub, R. LeVeque 1983), so a large mean costs no digits.
// In: one plane. Out: tiles of 1 x chunks, a tile a channel, in plane-major order. One fragment reads at most a few hundred texels.
// Defs: MAXIMUM.
#import bevy_toonface::lib::layout::{Layout, locate, origin}

struct Params {
    @align(16) out: Layout,
    a: Layout,
    rows: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(8) var source: texture_2d<f32>;

struct Statistics {
#ifdef MAXIMUM
    @location(0) maximum: f32,
#else
    @location(0) mean: f32,
    @location(1) m2: f32,
#endif
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Statistics {
    let cell = locate(vec2<i32>(position.xy), params.out);
    // A row of tiles holds the channels of one plane, so the column is the tile in the source.
    let base = origin(cell.item, cell.tile % params.out.grid_x, params.a);
    let first_row = cell.pixel.y * params.rows;
    let end_row = min(first_row + params.rows, params.a.tile.y);
    let first = textureLoad(source, base + vec2<i32>(0, first_row), 0).r;
#ifdef MAXIMUM
    var maximum = first;
#else
    var sum = 0.0;
    var squares = 0.0;
#endif
    for (var y = first_row; y < end_row; y++) {
#ifndef MAXIMUM
        // Sums of sums: rounding errors grow with the longest run of additions.
        var row_sum = 0.0;
        var row_squares = 0.0;
#endif
        for (var x = 0; x < params.a.tile.x; x++) {
            let v = textureLoad(source, base + vec2<i32>(x, y), 0).r;
#ifdef MAXIMUM
            maximum = max(maximum, v);
#else
            let d = v - first;
            row_sum += d;
            row_squares += d * d;
#endif
        }
#ifndef MAXIMUM
        sum += row_sum;
        squares += row_squares;
#endif
    }
#ifdef MAXIMUM
    return Statistics(maximum);
#else
    let n = f32((end_row - first_row) * params.a.tile.x);
    return Statistics(first + sum / n, max(squares - sum * sum / n, 0.0));
#endif
}
