// w - rate * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps), as torch.optim.Adam (arXiv 1412.6980). The clock has b1^t, b2^t and t.
// The rate is factors.x, and falls to 0 over the second half of `rows` steps; factors.y is eps; results are kept in factors.zw.
// CLOCK: the clock one step later, with decays factors.xy.
// In: A is w, B is m, C is v, all vectors; or A is the clock. Out: a vector, all of it or a part.
// Defs: CLOCK.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;
#ifndef CLOCK
@group(0) @binding(2) var clock: texture_2d<f32>;
#endif

//@ planes

#ifndef CLOCK
fn ticks(i: i32) -> f32 {
    let size = vec2<f32>(textureDimensions(clock));
    // Four values in a row, or in two.
    let row = f32(i) / size.x;
    let at = vec2<f32>(f32(i) - floor(row) * size.x, floor(row));
    return textureSampleLevel(clock, nearest, (at + 0.5) / size, 0.0).r;
}
#endif

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let tile = min(cell.tile, params.out.tiles - 1);
    let a = load_a_0(uv_of(origin(cell.item, tile, params.a), params.a)).x;
#ifdef CLOCK
    let next = select(select(select(0.0, a + 1.0, tile == 2), a * params.factors.y, tile == 1), a * params.factors.x, tile == 0);
    let r_0 = vec4<f32>(next, 0.0, 0.0, 0.0);
#else
    let m = load_b_0(uv_of(origin(cell.item, tile, params.b), params.b)).x / (1.0 - ticks(0));
    let v = load_c_0(uv_of(origin(cell.item, tile, params.c), params.c)).x / (1.0 - ticks(1));
    let steps = f32(params.rows);
    let rate = params.factors.x * clamp(2.0 * (steps - ticks(2) + 1.0) / steps, 0.0, 1.0);
    let next = a - rate * m / (sqrt(v) + params.factors.y);
    let r_0 = vec4<f32>(clamp(next, params.factors.z, params.factors.w), 0.0, 0.0, 0.0);
#endif
    //@ body
}
