// A small tensor to one value a channel, without a pass for the statistics: the mean, or the maximum (MAXIMUM), over its pixels
// (torch.nn.AdaptiveAvgPool2d(1), AdaptiveMaxPool2d(1)). Sums are shifted by the first value, as in reduce.wgsl.
// In: channels x height x width. Out: a vector; the draw covers some of its values, from `first` on.
// Defs: MAXIMUM.
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

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let cell = locate(position.xy, params.out);
    let channel = cell.tile - params.first;
    let tile = quotient(channel, params.quad);
    let base = uv_of(origin(cell.item, tile, params.a), params.a);
    let first = load_a_0(base);
    var result = first;
    var sum = vec4<f32>(0.0);
    let rows = bound(params.rows, cell.item);
    let columns = bound(params.a.tile.x, cell.item);
    for (var y = 0; y < rows; y++) {
        // Sums of sums: rounding errors grow with the longest run of additions.
        var row_sum = vec4<f32>(0.0);
        for (var x = 0; x < columns; x++) {
            let uv = base + vec2<f32>(f32(x), f32(y)) * params.a.texel;
#ifdef MAXIMUM
            //@ each phase
            result = max(result, load_a_$p(uv));
            //@ end
#else
            //@ each phase
            row_sum += load_a_$p(uv) - first;
            //@ end
#endif
        }
        sum += row_sum;
    }
#ifndef MAXIMUM
    result = first + sum / f32(params.rows * params.a.tile.x * params.phases);
#endif
    let lane = vec4<i32>(channel - tile * params.quad) == vec4<i32>(0, 1, 2, 3);
    return dot(result, select(vec4<f32>(0.0), vec4<f32>(1.0), lane));
}
