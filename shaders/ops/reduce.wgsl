// Statistics of a chunk of rows of a tile's channels: mean and M2 = sum of (x - mean)^2, or the maximum.
// Sums are shifted by the chunk's first value (T. Chan, G. Golub, R. LeVeque 1983), so a large mean costs no digits.
// In: channels x height x width. Out: a tile of 1 x chunks for each tile, a plane for the mean and one for M2.
// Defs: MAXIMUM.
#import bevy_toonface::lib::layout::{Layout, bound, locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

struct Params {
    @align(16) out: Layout,
    a: Layout,
    rows: i32,
    phases: i32,
    first: i32,
    quad: i32,
}

@group(0) @binding(0) var<uniform> params: Params;

//@ planes

struct Statistics {
#ifdef MAXIMUM
    @location(0) maximum: vec4<f32>,
#else
    @location(0) mean: vec4<f32>,
    @location(1) spread: vec4<f32>,
#endif
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Statistics {
    let cell = locate(position.xy, params.out);
    let first_row = cell.texel.y * params.rows;
    let rows = bound(min(params.rows, params.a.tile.y - first_row), cell.item);
    let columns = bound(params.a.tile.x, cell.item);
    let base = uv_of(origin(cell.item, cell.tile, params.a) + vec2<i32>(0, first_row), params.a);
    let first = load_a_0(base);
    var maximum = first;
    var sum = vec4<f32>(0.0);
    var squares = vec4<f32>(0.0);
    for (var y = 0; y < rows; y++) {
        // Sums of sums: rounding errors grow with the longest run of additions.
        var row_sum = vec4<f32>(0.0);
        var row_squares = vec4<f32>(0.0);
        for (var x = 0; x < columns; x++) {
            let uv = base + vec2<f32>(f32(x), f32(y)) * params.a.texel;
#ifdef MAXIMUM
            //@ each phase
            maximum = max(maximum, load_a_$p(uv));
            //@ end
#else
            //@ each phase
            let d_$p = load_a_$p(uv) - first;
            row_sum += d_$p;
            row_squares += d_$p * d_$p;
            //@ end
#endif
        }
        sum += row_sum;
        squares += row_squares;
    }
#ifdef MAXIMUM
    return Statistics(maximum);
#else
    let n = f32(rows * params.a.tile.x * params.phases);
    return Statistics(first + sum / n, max(squares - sum * sum / n, vec4<f32>(0.0)));
#endif
}
