// Channel weights as coefficients: center = 0, scale = weight, shift = 0 (the CAM's rows, arXiv 1907.10830).
// In: a weight texel a tile. Out: three texels a tile: centers, scales, shifts.
// Defs: none.
#import bevy_toonface::lib::layout::{Layout, locate, quotient}
#import bevy_toonface::lib::weights::weight

struct Params {
    @align(16) out: Layout,
    weights: i32,
}

@group(0) @binding(0) var<uniform> params: Params;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let cell = locate(position.xy, params.out);
    let tile = quotient(cell.tile, 3);
    return select(vec4<f32>(0.0), weight(params.weights + tile), cell.tile - 3 * tile == 1);
}
