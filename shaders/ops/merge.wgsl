// Statistics of chunks to one value a channel: the mean, or the maximum (MAXIMUM).
// Global average pool and global max pool end here (torch.nn.AdaptiveAvgPool2d(1), AdaptiveMaxPool2d(1)).
// In: tiles of 1 x chunks. Out: a vector, a value a channel.
// Defs: MAXIMUM.
#import bevy_toonface::lib::layout::{Layout, bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest
#ifndef MAXIMUM
#import bevy_toonface::lib::moments::{Extent, merge_moments}
#endif

struct Params {
    out: Layout,
    a: Layout,
    quad: i32,
    chunk: i32,
    pixels: i32,
}

@group(0) @binding(0) var<uniform> params: Params;

#ifdef MAXIMUM
@group(0) @binding(8) var maxima: texture_2d<f32>;

fn merged(item: i32, tile: i32) -> vec4<f32> {
    let base = uv_of(origin(item, tile, params.a), params.a);
    var maximum = textureSampleLevel(maxima, nearest, base, 0.0);
    for (var k = 1; k < bound(params.a.tile.y, item); k++) {
        maximum = max(maximum, textureSampleLevel(maxima, nearest, base + vec2<f32>(0.0, f32(k) * params.a.texel.y), 0.0));
    }
    return maximum;
}
#else
fn merged(item: i32, tile: i32) -> vec4<f32> {
    return merge_moments(item, tile, params.a, Extent(params.chunk, params.pixels)).mean;
}
#endif

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let cell = locate(position.xy, params.out);
    // The grid of a vector may end in empty cells.
    let channel = min(cell.tile, params.out.tiles - 1);
    let tile = quotient(channel, params.quad);
    let of_tile = merged(cell.item, tile);
    let lane = vec4<i32>(channel - tile * params.quad) == vec4<i32>(0, 1, 2, 3);
    return dot(of_tile, select(vec4<f32>(0.0), vec4<f32>(1.0), lane));
}
