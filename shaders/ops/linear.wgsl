// out[r] = max(bias[r] + sum over i of w[r, i] * x[part(r) * columns + i], floor); torch.nn.Linear, stacked or in parts.
// A row is its weights in quads, then the bias; rows lie row_stride texels apart.
// In: a vector. Out: a vector; the draw covers some of its values, from `first` on.
// Defs: none.
#import bevy_toonface::lib::layout::{Layout, bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest
#import bevy_toonface::lib::weights::weight

struct Params {
    @align(16) out: Layout,
    a: Layout,
    weights: i32,
    row_stride: i32,
    columns: i32,
    rows_per_part: i32,
    first: i32,
    floor_out: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var x: texture_2d<f32>;

fn input(item: i32, part: i32, i: i32) -> f32 {
    // The last quad may reach past the columns; its weights are zero there.
    let column = min(i, params.columns - 1);
    return textureSampleLevel(x, nearest, uv_of(origin(item, part * params.columns + column, params.a), params.a), 0.0).r;
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let cell = locate(position.xy, params.out);
    let row = params.weights + (cell.tile - params.first) * params.row_stride;
    let part = quotient(cell.tile, params.rows_per_part);
    let quads = bound((params.columns + 3) / 4, cell.item);
    var sum = 0.0;
    for (var q = 0; q < quads; q++) {
        let i = 4 * q;
        let v = vec4<f32>(
            input(cell.item, part, i),
            input(cell.item, part, i + 1),
            input(cell.item, part, i + 2),
            input(cell.item, part, i + 3),
        );
        sum += dot(weight(row + q), v);
    }
    return max(sum + weight(row + quads).x, params.floor_out);
}
