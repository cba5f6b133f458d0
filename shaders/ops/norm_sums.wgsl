// Of a channel: mean of x, sum of (x - mean)^2, sum of dy, sum of dy * (x - mean): what the gradient of a norm is made of.
// Of `side` rows from row `margin` on, which are `rows` pixels; the draw covers the channels of a band, from tile `first` on.
// In: A is dy, B is x. Out: a tile a channel, a plane for each of the four.
// Defs: none.
#import bevy_toonface::lib::gradient::{Gradient, component}
#import bevy_toonface::lib::layout::{bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let channel = clamp(cell.tile - params.first, 0, params.channels - 1);
    let tile = quotient(channel, params.quad);
    let lane = channel - tile * params.quad;
    let start = vec2<i32>(0, params.margin);
    let base_a = uv_of(origin(cell.item, tile, params.a) + start, params.a);
    let base_b = uv_of(origin(cell.item, tile, params.b) + start, params.b);
    let rows = bound(params.side, cell.item);
    let columns = bound(params.a.tile.x, cell.item);
    // Sums are shifted by the first value, so a large mean costs no digits.
    let first = load_b_0(base_b);
    var total = vec4<f32>(0.0);
    for (var y = 0; y < rows; y++) {
        var row = vec4<f32>(0.0);
        for (var x = 0; x < columns; x++) {
            row += load_b_0(base_b + vec2<f32>(f32(x), f32(y)) * params.b.texel) - first;
        }
        total += row;
    }
    let mean = first + total / f32(params.rows);
    var spread = vec4<f32>(0.0);
    var slope = vec4<f32>(0.0);
    var product = vec4<f32>(0.0);
    for (var y = 0; y < rows; y++) {
        var row_spread = vec4<f32>(0.0);
        var row_slope = vec4<f32>(0.0);
        var row_product = vec4<f32>(0.0);
        for (var x = 0; x < columns; x++) {
            let at = vec2<f32>(f32(x), f32(y));
            let d = load_b_0(base_b + at * params.b.texel) - mean;
            let dy = load_a_0(base_a + at * params.a.texel);
            row_spread += d * d;
            row_slope += dy;
            row_product += dy * d;
        }
        spread += row_spread;
        slope += row_slope;
        product += row_product;
    }
    return Targets(component(mean, lane), component(spread, lane), component(slope, lane), component(product, lane));
}
