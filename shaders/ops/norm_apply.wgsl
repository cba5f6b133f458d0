// dx = a * dy + b * (x - mean) + c: the gradient of a norm to its input, with the numbers of norm_slopes.
// In: A is dy, B is x, C has a tile a channel with planes a, b, c and mean. Out: the shape of x.
// Defs: none.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

// Of one channel; zeros for lanes without.
fn slopes(item: i32, channel: i32) -> vec4<f32> {
    let uv = uv_of(origin(item, min(channel, params.channels - 1), params.c), params.c);
    let v = vec4<f32>(load_c_0(uv).x, load_c_1(uv).x, load_c_2(uv).x, load_c_3(uv).x);
    return select(vec4<f32>(0.0), v, channel < params.channels);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let dy = load_a_0(uv_of(origin(cell.item, cell.tile, params.a) + cell.texel, params.a));
    let x = load_b_0(uv_of(origin(cell.item, cell.tile, params.b) + cell.texel, params.b));
    let channel = cell.tile * params.quad;
    let k = mat4x4<f32>(
        slopes(cell.item, channel),
        slopes(cell.item, channel + 1),
        slopes(cell.item, channel + 2),
        slopes(cell.item, channel + 3),
    );
    let s = transpose(k);
    let r_0 = s[0] * dy + s[1] * (x - s[3]) + s[2];
    //@ body
}
