// A norm as numbers for each channel, so that its reader applies it: norm(x) = (x - center) * scale + shift.
// kind 0: (x - mean) / sqrt(m2 / n + eps), biased (torch.nn.InstanceNorm2d). Otherwise LIN or AdaLIN (arXiv 1907.10830, eq. 1, with
// the unbiased variances of its code): (rho * IN(x) + (1 - rho) * LN(x)) * gamma + beta; LN statistics follow from the channels';
// gamma and beta are weights (kind 1) or values of a vector (kind 2). One kernel for all: few fragments do little.
// In: statistics of chunks. Out: three texels a tile: centers, scales, shifts; zeros in lanes without a channel.
// Defs: none.
#import bevy_toonface::lib::affine::{Affine, EPSILON, instance}
#import bevy_toonface::lib::layout::{Layout, bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::moments::{Extent, merge_moments}
#import bevy_toonface::lib::nearest::nearest
#import bevy_toonface::lib::weights::weight

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
    kind: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var modulation: texture_2d<f32>;

// 1 in lanes that hold a channel.
fn channel_mask(tile: i32) -> vec4<f32> {
    let lane = vec4<i32>(0, 1, 2, 3);
    let inside = lane < vec4<i32>(min(params.quad, params.channels - tile * params.quad));
    return select(vec4<f32>(0.0), vec4<f32>(1.0), inside);
}

// Mean and M2 over all channels.
fn layer_moments(item: i32) -> vec2<f32> {
    let tiles = select(params.a.tiles, 0, params.kind == 0);
    let extent = Extent(params.chunk, params.pixels);
    var mean = 0.0;
    for (var tile = 0; tile < bound(tiles, item); tile++) {
        mean += dot(merge_moments(item, tile, params.a, extent).mean, channel_mask(tile)) / f32(params.channels);
    }
    var spread = 0.0;
    for (var tile = 0; tile < bound(tiles, item); tile++) {
        let m = merge_moments(item, tile, params.a, extent);
        let d = m.mean - mean;
        spread += dot(m.spread + f32(params.pixels) * d * d, channel_mask(tile));
    }
    return vec2<f32>(mean, spread);
}

fn value_at(item: i32, index: i32) -> f32 {
    return textureSampleLevel(modulation, nearest, uv_of(origin(item, index, params.modulation), params.modulation), 0.0).r;
}

// Gammas or betas of a tile.
fn modulated(item: i32, first: i32, tile: i32) -> vec4<f32> {
    let i = min(vec4<i32>(first + tile * params.quad) + vec4<i32>(0, 1, 2, 3), vec4<i32>(params.modulation.tiles - 1));
    let values = vec4<f32>(value_at(item, i.x), value_at(item, i.y), value_at(item, i.z), value_at(item, i.w));
    return select(weight(first + tile), values, params.kind == 2);
}

fn coefficients(item: i32, tile: i32) -> Affine {
    let n = f32(params.pixels);
    let m = merge_moments(item, tile, params.a, Extent(params.chunk, params.pixels));
    let layer = layer_moments(item);
    let rho = weight(params.rho + tile);
    let gamma = modulated(item, params.gamma, tile);
    let of_instance = rho / sqrt(m.spread / (n - 1.0) + EPSILON);
    let of_layer = (1.0 - rho) / sqrt(layer.y / (n * f32(params.channels) - 1.0) + EPSILON);
    // The layer's mean is another one than the channel's, which is subtracted.
    let shift = modulated(item, params.beta, tile) + gamma * of_layer * (m.mean - layer.x);
    // No branch: for one on a uniform, Mesa's lavapipe compiles the shader anew at every draw.
    let plain = instance(m.mean, m.spread / n).scale;
    let is_plain = params.kind == 0;
    return Affine(
        m.mean,
        select(gamma * (of_instance + of_layer), plain, is_plain),
        select(shift, vec4<f32>(0.0), is_plain),
    );
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let cell = locate(position.xy, params.out);
    let tile = quotient(cell.tile, 3);
    let all = coefficients(cell.item, tile);
    let which = cell.tile - 3 * tile;
    let value = select(select(all.shift, all.scale, which == 1), all.center, which == 0);
    return select(vec4<f32>(0.0), value, channel_mask(tile) > vec4<f32>(0.0));
}
