// out[c] = in[0] for every channel c: the adjoint of the sum over channels.
// In: one channel. Out: `channels` channels in quads of `quad`.
// Defs: none.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let value = load_a_0(uv_of(origin(cell.item, 0, params.a) + cell.texel, params.a)).x;
    let lane = vec4<i32>(0, 1, 2, 3);
    let there = (lane < vec4<i32>(params.quad)) & (lane < vec4<i32>(params.channels - cell.tile * params.quad));
    let r_0 = select(vec4<f32>(0.0), vec4<f32>(value), there);
    //@ body
}
