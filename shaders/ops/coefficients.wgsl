// A norm as numbers for each channel, so that its reader applies it: norm(x) = (x - center) * scale + shift.
// INSTANCE: (x - mean) / sqrt(m2 / n + eps), biased (torch.nn.InstanceNorm2d). Otherwise AdaLIN / LIN (arXiv 1907.10830, eq. 1, with
// the unbiased variances of its code): (rho * IN(x) + (1 - rho) * LN(x)) * gamma + beta; LN statistics follow from the channels'.
// In: statistics of chunks (INSTANCE) or channels. Out: a vector of centers, then scales, then shifts, padded to whole tiles with zeros.
// Defs: INSTANCE, ADAPTIVE (gamma and beta from a vector, else from weights).
#import bevy_toonface::lib::layout::{Layout, locate, origin}
#import bevy_toonface::lib::moments as statistics
#ifndef INSTANCE
#import bevy_toonface::lib::weights::weight
#endif

struct Params {
    out: Layout,
    a: Layout,
    modulation: Layout,
    planes: i32,
    tiles: i32,
    chunk: i32,
    pixels: i32,
    channels: i32,
    rho: i32,
    gamma: i32,
    beta: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
#ifdef ADAPTIVE
@group(0) @binding(2) var modulation: texture_2d<f32>;
#endif

const EPSILON: f32 = 1e-5;

#ifdef INSTANCE
fn coefficients(item: i32, channel: i32) -> vec3<f32> {
    let base = statistics::partial_origin(item, channel, params.planes, params.tiles, params.a);
    let channel_moments = statistics::merge_moments(base, params.a.tile.y, params.chunk, params.pixels);
    let scale = 1.0 / sqrt(channel_moments.spread / f32(params.pixels) + EPSILON);
    return vec3<f32>(channel_moments.mean, scale, 0.0);
}
#else
fn moment(item: i32, channel: i32) -> vec2<f32> {
    let at = origin(item, channel, params.a);
    return vec2<f32>(textureLoad(statistics::means, at, 0).r, textureLoad(statistics::squares, at, 0).r);
}

fn layer_moments(item: i32) -> vec2<f32> {
    var mean = 0.0;
    for (var c = 0; c < params.channels; c++) {
        mean += moment(item, c).x / f32(params.channels);
    }
    var m2 = 0.0;
    for (var c = 0; c < params.channels; c++) {
        let m = moment(item, c);
        m2 += m.y + f32(params.pixels) * (m.x - mean) * (m.x - mean);
    }
    return vec2<f32>(mean, m2);
}

fn gamma_and_beta(item: i32, channel: i32) -> vec2<f32> {
#ifdef ADAPTIVE
    let gamma = textureLoad(modulation, origin(item, params.gamma + channel, params.modulation), 0).r;
    let beta = textureLoad(modulation, origin(item, params.beta + channel, params.modulation), 0).r;
    return vec2<f32>(gamma, beta);
#else
    return vec2<f32>(weight(params.gamma + channel).x, weight(params.beta + channel).x);
#endif
}

fn coefficients(item: i32, channel: i32) -> vec3<f32> {
    let n = f32(params.pixels);
    let instance = moment(item, channel);
    let layer = layer_moments(item);
    let rho = weight(params.rho + channel).x;
    let of_instance = rho / sqrt(instance.y / (n - 1.0) + EPSILON);
    let of_layer = (1.0 - rho) / sqrt(layer.y / (n * f32(params.channels) - 1.0) + EPSILON);
    let affine = gamma_and_beta(item, channel);
    // The layer's mean is another one than the channel's, which is subtracted.
    let shift = affine.y + affine.x * of_layer * (instance.x - layer.x);
    return vec3<f32>(instance.x, affine.x * (of_instance + of_layer), shift);
}
#endif

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let cell = locate(vec2<i32>(position.xy), params.out);
    let padded = params.planes * params.tiles;
    let channel = cell.tile % padded;
    let all = coefficients(cell.item, min(channel, params.channels - 1));
    let value = select(select(all.z, all.y, cell.tile < 2 * padded), all.x, cell.tile < padded);
    return select(0.0, value, channel < params.channels);
}
