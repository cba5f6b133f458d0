// out = f(A) (+ f(B)) (+ C), pixel by pixel, f(x) = max((x - center) * scale + shift, floor), perhaps tanh of it. A pixel of an operand is
// the one at the same place, the mean of 2 x 2 (torch.nn.AvgPool2d(2)), or that of the nearest-neighbour up-sampled operand.
// In: A, B, C: channels x height x width; their tile 0 is added to the result's tile `tile_a`, `tile_b`, `tile_c`. Out: channels x height x width.
// Defs: TANH.
// The body comes from src/plan/source/pixel.rs.
#import bevy_toonface::lib::affine::{Affine, apply, instance}
#import bevy_toonface::lib::layout::{Layout, locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

struct Params {
    out: Layout,
    a: Layout,
    b: Layout,
    c: Layout,
    coefficients_a: Layout,
    coefficients_b: Layout,
    tile_a: i32,
    tile_b: i32,
    tile_c: i32,
    floor_a: f32,
    floor_b: f32,
    pixels_a: f32,
    pixels_b: f32,
}

@group(0) @binding(0) var<uniform> params: Params;

//@ planes

fn finish(v: vec4<f32>) -> vec4<f32> {
#ifdef TANH
    return tanh(v);
#else
    return v;
#endif
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    //@ body
}
