// The weight texture with the trained weights as they are now: a component whose index i is above 0 is value i - 1 of the vector, any
// other one is as it was packed.
// In: the packed weights, indices in the same places, and the vector of trained weights, A. Out: packed weights.
// Defs: none.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{origin, uv_of}
#import bevy_toonface::lib::nearest::nearest
#import bevy_toonface::lib::weights::weight_at

@group(0) @binding(0) var<uniform> params: Gradient;
@group(0) @binding(2) var indices: texture_2d<f32>;

//@ planes

fn value(index: f32, packed: f32) -> f32 {
    let i = clamp(i32(index) - 1, 0, params.a.tiles - 1);
    return select(packed, load_a_0(uv_of(origin(0, i, params.a), params.a)).x, index > 0.0);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let uv = position.xy * params.out.texel;
    let packed = weight_at(uv);
    let index = textureSampleLevel(indices, nearest, uv, 0.0);
    let r_0 = vec4<f32>(
        value(index.x, packed.x),
        value(index.y, packed.y),
        value(index.z, packed.z),
        value(index.w, packed.w),
    );
    //@ body
}
