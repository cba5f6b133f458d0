// Of a difference d: factors.x * |d[y, x + 1] - d[y, x]| + factors.y * |d[y + 1, x] - d[y, x]| (SIZE); else the gradient of the sum of
// these over all pixels. Together, the L1 of the differences between neighbours.
// In: channels x height x width. Out: the same shape.
// Defs: SIZE.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

// The pixel at an offset, or the nearest in the picture: there, differences are zero.
fn pixel(base: vec2<i32>, at: vec2<i32>) -> vec4<f32> {
    return load_a_0(uv_of(base + clamp(at, vec2<i32>(0), params.a.tile - 1), params.a));
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let base = origin(cell.item, cell.tile, params.a);
    let here = pixel(base, cell.texel);
    let right = pixel(base, cell.texel + vec2<i32>(1, 0)) - here;
    let below = pixel(base, cell.texel + vec2<i32>(0, 1)) - here;
#ifdef SIZE
    let r_0 = params.factors.x * abs(right) + params.factors.y * abs(below);
#else
    let left = here - pixel(base, cell.texel - vec2<i32>(1, 0));
    let above = here - pixel(base, cell.texel - vec2<i32>(0, 1));
    let r_0 = params.factors.x * (sign(left) - sign(right)) + params.factors.y * (sign(above) - sign(below));
#endif
    //@ body
}
