// Mean and M2 of a channel from those of its chunks: M2 = sum of M2_k + n_k * (mean_k - mean)^2 (Chan et al. 1983).
#define_import_path bevy_toonface::lib::moments

#import bevy_toonface::lib::layout::{Layout, origin}

@group(0) @binding(8) var means: texture_2d<f32>;
#ifndef MAXIMUM
@group(0) @binding(9) var squares: texture_2d<f32>;
#endif

struct Moments {
    mean: f32,
    // M2; an imported struct's members must not end in a digit.
    spread: f32,
}

// Where the statistics of a channel begin: a tile a channel, in plane-major order.
fn partial_origin(item: i32, channel: i32, planes: i32, tiles: i32, at: Layout) -> vec2<i32> {
    return origin(item, (channel % planes) * tiles + channel / planes, at);
}

#ifndef MAXIMUM
// `chunk` is the pixel count of every chunk but the last, `pixels` that of the channel.
fn merge_moments(base: vec2<i32>, chunks: i32, chunk: i32, pixels: i32) -> Moments {
    var mean = 0.0;
    for (var k = 0; k < chunks; k++) {
        let n = f32(min(chunk, pixels - k * chunk));
        mean += textureLoad(means, base + vec2<i32>(0, k), 0).r * (n / f32(pixels));
    }
    var m2 = 0.0;
    for (var k = 0; k < chunks; k++) {
        let n = f32(min(chunk, pixels - k * chunk));
        let d = textureLoad(means, base + vec2<i32>(0, k), 0).r - mean;
        m2 += textureLoad(squares, base + vec2<i32>(0, k), 0).r + n * d * d;
    }
    return Moments(mean, m2);
}
#endif
