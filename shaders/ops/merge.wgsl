// Statistics of chunks to statistics of channels: mean and M2 (MOMENTS), the mean alone, or the maximum (MAXIMUM).
// Global average pool and global max pool end here (torch.nn.AdaptiveAvgPool2d(1), AdaptiveMaxPool2d(1)).
// In: tiles of 1 x chunks. Out: a vector, a value a channel.
// Defs: MOMENTS, MAXIMUM.
#import bevy_toonface::lib::layout::{Layout, locate}
#import bevy_toonface::lib::moments as statistics

struct Params {
    out: Layout,
    a: Layout,
    planes: i32,
    tiles: i32,
    chunk: i32,
    pixels: i32,
}

@group(0) @binding(0) var<uniform> params: Params;

struct Merged {
    @location(0) value: f32,
#ifdef MOMENTS
    @location(1) m2: f32,
#endif
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Merged {
    let cell = locate(vec2<i32>(position.xy), params.out);
    // The grid of a vector may end in empty cells.
    let channel = min(cell.tile, params.out.tiles - 1);
    let base = statistics::partial_origin(cell.item, channel, params.planes, params.tiles, params.a);
#ifdef MAXIMUM
    var maximum = textureLoad(statistics::means, base, 0).r;
    for (var k = 1; k < params.a.tile.y; k++) {
        maximum = max(maximum, textureLoad(statistics::means, base + vec2<i32>(0, k), 0).r);
    }
    return Merged(maximum);
#else
    let merged = statistics::merge_moments(base, params.a.tile.y, params.chunk, params.pixels);
#ifdef MOMENTS
    return Merged(merged.mean, merged.spread);
#else
    return Merged(merged.mean);
#endif
#endif
}
