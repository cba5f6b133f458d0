// A norm as numbers for each channel, so that its reader applies it: norm(x) = (x - center) * scale + shift.
// INSTANCE: (x - mean) / sqrt(m2 / n + eps), biased (torch.nn.InstanceNorm2d). Otherwise AdaLIN / LIN (arXiv 1907.10830, eq. 1, with
// the unbiased variances of its code): (rho * IN(x) + (1 - rho) * LN(x)) * gamma + beta; LN statistics follow from the channels'.
// In: statistics of chunks. Out: three texels a tile: centers, scales, shifts; zeros in lanes without a channel.
// Defs: INSTANCE, ADAPTIVE (gamma and beta from a vector, else from weights).
#import bevy_toonface::lib::layout::{Layout, bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::moments::{Extent, merge_moments}
#import bevy_toonface::lib::nearest::nearest
#ifndef INSTANCE
#import bevy_toonface::lib::weights::weight
#endif

struct Params {
    out: Layout,
    a: Layout,
    modulation: Layout,
    quad: i32,
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

// 1 in lanes that hold a channel.
fn channel_mask(tile: i32) -> vec4<f32> {
    let lane = vec4<i32>(0, 1, 2, 3);
    let inside = lane < vec4<i32>(min(params.quad, params.channels - tile * params.quad));
    return select(vec4<f32>(0.0), vec4<f32>(1.0), inside);
}

struct Triple {
    center: vec4<f32>,
    scale: vec4<f32>,
    shift: vec4<f32>,
}

#ifdef INSTANCE
fn triple(item: i32, tile: i32) -> Triple {
    let m = merge_moments(item, tile, params.a, Extent(params.chunk, params.pixels));
    return Triple(m.mean, 1.0 / sqrt(m.spread / f32(params.pixels) + EPSILON), vec4<f32>(0.0));
}
#else
// Mean and M2 over all channels.
fn layer_moments(item: i32) -> vec2<f32> {
    let extent = Extent(params.chunk, params.pixels);
    var mean = 0.0;
    for (var tile = 0; tile < bound(params.a.tiles, item); tile++) {
        mean += dot(merge_moments(item, tile, params.a, extent).mean, channel_mask(tile)) / f32(params.channels);
    }
    var spread = 0.0;
    for (var tile = 0; tile < bound(params.a.tiles, item); tile++) {
        let m = merge_moments(item, tile, params.a, extent);
        let d = m.mean - mean;
        spread += dot(m.spread + f32(params.pixels) * d * d, channel_mask(tile));
    }
    return vec2<f32>(mean, spread);
}

#ifdef ADAPTIVE
fn modulated(item: i32, first: i32) -> vec4<f32> {
    let last = params.modulation.tiles - 1;
    let at = min(vec4<i32>(first) + vec4<i32>(0, 1, 2, 3), vec4<i32>(last));
    return vec4<f32>(
        textureSampleLevel(modulation, nearest, uv_of(origin(item, at.x, params.modulation), params.modulation), 0.0).r,
        textureSampleLevel(modulation, nearest, uv_of(origin(item, at.y, params.modulation), params.modulation), 0.0).r,
        textureSampleLevel(modulation, nearest, uv_of(origin(item, at.z, params.modulation), params.modulation), 0.0).r,
        textureSampleLevel(modulation, nearest, uv_of(origin(item, at.w, params.modulation), params.modulation), 0.0).r,
    );
}
#endif

fn triple(item: i32, tile: i32) -> Triple {
    let n = f32(params.pixels);
    let instance = merge_moments(item, tile, params.a, Extent(params.chunk, params.pixels));
    let layer = layer_moments(item);
    let rho = weight(params.rho + tile);
#ifdef ADAPTIVE
    let gamma = modulated(item, params.gamma + tile * params.quad);
    let beta = modulated(item, params.beta + tile * params.quad);
#else
    let gamma = weight(params.gamma + tile);
    let beta = weight(params.beta + tile);
#endif
    let of_instance = rho / sqrt(instance.spread / (n - 1.0) + EPSILON);
    let of_layer = (1.0 - rho) / sqrt(layer.y / (n * f32(params.channels) - 1.0) + EPSILON);
    // The layer's mean is another one than the channel's, which is subtracted.
    let shift = beta + gamma * of_layer * (instance.mean - layer.x);
    return Triple(instance.mean, gamma * (of_instance + of_layer), shift);
}
#endif

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let cell = locate(position.xy, params.out);
    let tile = quotient(cell.tile, 3);
    let all = triple(cell.item, tile);
    let which = cell.tile - 3 * tile;
    let value = select(select(all.shift, all.scale, which == 1), all.center, which == 0);
    return select(vec4<f32>(0.0), value, channel_mask(tile) > vec4<f32>(0.0));
}
