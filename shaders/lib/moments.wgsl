// Mean and M2 of the channels of a tile from those of its chunks: M2 = sum of M2_k + n_k * (mean_k - mean)^2 (Chan et al. 1983).
#define_import_path bevy_toonface::lib::moments

#import bevy_toonface::lib::layout::{Layout, bound, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(8) var means: texture_2d<f32>;
@group(0) @binding(9) var squares: texture_2d<f32>;

struct Moments {
    mean: vec4<f32>,
    // M2; an imported struct's members must not end in a digit.
    spread: vec4<f32>,
}

// Pixels of a channel, and of every chunk of it but the last.
struct Extent {
    chunk: i32,
    pixels: i32,
}

fn count(k: i32, extent: Extent) -> f32 {
    return f32(min(extent.chunk, extent.pixels - k * extent.chunk));
}

fn merge_moments(item: i32, tile: i32, at: Layout, extent: Extent) -> Moments {
    let base = uv_of(origin(item, tile, at), at);
    var mean = vec4<f32>(0.0);
    for (var k = 0; k < bound(at.tile.y, item); k++) {
        let of_chunk = textureSampleLevel(means, nearest, base + vec2<f32>(0.0, f32(k) * at.texel.y), 0.0);
        mean += of_chunk * (count(k, extent) / f32(extent.pixels));
    }
    var spread = vec4<f32>(0.0);
    for (var k = 0; k < bound(at.tile.y, item); k++) {
        let uv = base + vec2<f32>(0.0, f32(k) * at.texel.y);
        let d = textureSampleLevel(means, nearest, uv, 0.0) - mean;
        spread += textureSampleLevel(squares, nearest, uv, 0.0) + count(k, extent) * d * d;
    }
    return Moments(mean, spread);
}
