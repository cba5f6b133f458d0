// rgba[y, x] = (in[0, y, x], in[1, y, x], in[2, y, x], 1): the cartoon as a texture that whoever shows it samples once a pixel.
// In: 3 x height x width. Out: one RGBA texel a pixel.
// Defs: none.
// The body comes from src/plan/source/pixel.rs.
#import bevy_toonface::lib::layout::{Layout, locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

struct Params {
    out: Layout,
    a: Layout,
}

@group(0) @binding(0) var<uniform> params: Params;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let cell = locate(position.xy, params.out);
    //@ body
}
