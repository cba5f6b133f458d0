// Channel weights as coefficients: center = 0, scale = weight, shift = 0 (the CAM's rows, arXiv 1907.10830).
// In: one weight texel a channel. Out: a vector of centers, then scales, then shifts, padded to whole tiles with zeros.
// Defs: none.
#import bevy_toonface::lib::layout::{Layout, locate}
#import bevy_toonface::lib::weights::weight

struct Params {
    out: Layout,
    weights: i32,
    channels: i32,
    padded: i32,
}

@group(0) @binding(0) var<uniform> params: Params;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let cell = locate(vec2<i32>(position.xy), params.out);
    let channel = cell.tile - params.padded;
    let scale = weight(params.weights + clamp(channel, 0, params.channels - 1)).x;
    return select(0.0, scale, channel >= 0 && channel < params.channels);
}
