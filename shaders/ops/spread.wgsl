// out[y, x] = factors.x * in[(y - margin) / stride, (x - margin) / stride], 0 outside: the adjoint of pooling, a vector as maps, and
// what a transposed convolution reads: there, only whole multiples of the stride count (DILATED).
// In: `channels` channels in quads of `quad`. Out: as many in quads of `columns`.
// Defs: DILATED, LANES (the quads differ).
#import bevy_toonface::lib::gradient::{Gradient, all_true, component}
#import bevy_toonface::lib::layout::{locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

#ifdef LANES
fn channel(item: i32, lane: i32, tile: i32, texel: vec2<i32>) -> f32 {
    let c = tile * params.columns + lane;
    let inside = min(c, params.channels - 1);
    let source = quotient(inside, params.quad);
    let quad = load_a_0(uv_of(origin(item, source, params.a) + texel, params.a));
    return select(0.0, component(quad, inside - source * params.quad), c == inside && lane < params.columns);
}

fn source(item: i32, tile: i32, texel: vec2<i32>) -> vec4<f32> {
    return vec4<f32>(
        channel(item, 0, tile, texel),
        channel(item, 1, tile, texel),
        channel(item, 2, tile, texel),
        channel(item, 3, tile, texel),
    );
}
#else
fn source(item: i32, tile: i32, texel: vec2<i32>) -> vec4<f32> {
    return load_a_0(uv_of(origin(item, tile, params.a) + texel, params.a));
}
#endif

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let at = cell.texel - params.margin;
    let clamped = max(at, vec2<i32>(0));
    let wanted = vec2<i32>(quotient(clamped.x, params.stride), quotient(clamped.y, params.stride));
    let texel = min(wanted, params.a.tile - 1);
    var inside = all_true(at == clamped) && all_true(texel == wanted);
#ifdef DILATED
    inside = inside && all_true(texel * params.stride == at);
#endif
    let r_0 = select(vec4<f32>(0.0), params.factors.x * source(cell.item, cell.tile, texel), inside);
    //@ body
}
