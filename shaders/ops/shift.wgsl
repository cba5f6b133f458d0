// out[c] = in[c + first], 0 where there is no such channel: a slice, and the adjoint of a slice.
// In: `channels` channels in quads of `quad`. Out: `rows` channels in quads of `columns`.
// Defs: none.
#import bevy_toonface::lib::gradient::{Gradient, component}
#import bevy_toonface::lib::layout::{locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

fn channel(item: i32, lane: i32, tile: i32, texel: vec2<i32>) -> f32 {
    let c = tile * params.columns + lane;
    let from_channel = c + params.first;
    let inside = clamp(from_channel, 0, params.channels - 1);
    let source = quotient(inside, params.quad);
    let quad = load_a_0(uv_of(origin(item, source, params.a) + texel, params.a));
    let there = from_channel == inside && lane < params.columns && c < params.rows;
    return select(0.0, component(quad, inside - source * params.quad), there);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let r_0 = vec4<f32>(
        channel(cell.item, 0, cell.tile, cell.texel),
        channel(cell.item, 1, cell.tile, cell.texel),
        channel(cell.item, 2, cell.tile, cell.texel),
        channel(cell.item, 3, cell.tile, cell.texel),
    );
    //@ body
}
