// A small tensor to the coefficients of its instance norm, without a pass for the statistics:
// norm(x) = (x - mean) / sqrt(var + eps), biased (torch.nn.InstanceNorm2d). Sums are shifted by the first value, as in reduce.wgsl.
// In: channels x height x width. Out: three texels a tile: centers, scales, shifts.
// Defs: none.
#import bevy_toonface::lib::layout::{Layout, bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest

struct Params {
    out: Layout,
    a: Layout,
    rows: i32,
    phases: i32,
    first: i32,
    quad: i32,
}

@group(0) @binding(0) var<uniform> params: Params;

//@ planes

const EPSILON: f32 = 1e-5;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let cell = locate(position.xy, params.out);
    let tile = quotient(cell.tile, 3);
    let base = uv_of(origin(cell.item, tile, params.a), params.a);
    let first = load_a_0(base);
    let rows = bound(params.rows, cell.item);
    let columns = bound(params.a.tile.x, cell.item);
    var sum = vec4<f32>(0.0);
    var squares = vec4<f32>(0.0);
    for (var y = 0; y < rows; y++) {
        var row_sum = vec4<f32>(0.0);
        var row_squares = vec4<f32>(0.0);
        for (var x = 0; x < columns; x++) {
            let uv = base + vec2<f32>(f32(x), f32(y)) * params.a.texel;
            //@ each phase
            let d_$p = load_a_$p(uv) - first;
            row_sum += d_$p;
            row_squares += d_$p * d_$p;
            //@ end
        }
        sum += row_sum;
        squares += row_squares;
    }
    let n = f32(params.rows * params.a.tile.x * params.phases);
    let scale = 1.0 / sqrt(max(squares - sum * sum / n, vec4<f32>(0.0)) / n + EPSILON);
    switch cell.tile - 3 * tile {
        case 0: { return first + sum / n; }
        case 1: { return scale; }
        default: { return vec4<f32>(0.0); }
    }
}
