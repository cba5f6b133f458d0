// out[y, x] = sum over channels of in[c, y, x]: the CAM's heatmap (torch.sum(x, dim=1)).
// In: channels x height x width. Out: 1 x height x width.
// Defs: A_PLANES.
#import bevy_toonface::lib::layout::{Layout, locate, origin}
#import bevy_toonface::lib::operand_a as operand_a

struct Params {
    out: Layout,
    a: Layout,
}

@group(0) @binding(0) var<uniform> params: Params;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let cell = locate(vec2<i32>(position.xy), params.out);
    var sum = 0.0;
    for (var tile = 0; tile < params.a.tiles; tile++) {
        // Lanes without a channel hold zeros.
        let v = operand_a::load(origin(cell.item, tile, params.a) + cell.pixel);
        sum += dot(v.lo, vec4<f32>(1.0)) + dot(v.hi, vec4<f32>(1.0));
    }
    return sum;
}
