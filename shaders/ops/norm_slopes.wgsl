// The gradient of rho * IN(x) + (1 - rho) * LN(x), times gamma plus beta (AdaLIN, arXiv 1907.10830), as numbers for each channel:
// dx = a * dy + b * (x - mean) + c. PARAMS: the gradients of gamma, beta and rho instead. INSTANCE: biased IN alone.
// In: A has the sums of norm_sums; gamma and rho: texels `margin` and `first` of the weights, or gamma from value `margin` of a vector B.
// Out: a tile a channel with planes a, b, c and mean; or a vector of gammas, betas, rhos. `rows` pixels a channel.
// Defs: INSTANCE, ADAPTIVE, PARAMS.
#import bevy_toonface::lib::gradient::{Gradient, component}
#import bevy_toonface::lib::layout::{bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest
#ifndef INSTANCE
#import bevy_toonface::lib::weights::weight
#endif

@group(0) @binding(0) var<uniform> params: Gradient;
#ifdef ADAPTIVE
@group(0) @binding(2) var modulation: texture_2d<f32>;
#endif

//@ planes

const EPSILON: f32 = 1e-5;

struct Sums {
    mean: f32,
    spread: f32,
    slope: f32,
    product: f32,
}

fn sums(item: i32, channel: i32) -> Sums {
    let uv = uv_of(origin(item, channel, params.a), params.a);
    return Sums(load_a_0(uv).x, load_a_1(uv).x, load_a_2(uv).x, load_a_3(uv).x);
}

fn rho(channel: i32) -> f32 {
#ifdef INSTANCE
    return 1.0;
#else
    let tile = quotient(channel, params.quad);
    return component(weight(params.first + tile), channel - tile * params.quad);
#endif
}

fn gamma(item: i32, channel: i32) -> f32 {
#ifdef INSTANCE
    return 1.0;
#else
#ifdef ADAPTIVE
    return textureSampleLevel(modulation, nearest, uv_of(origin(item, params.margin + channel, params.b), params.b), 0.0).r;
#else
    let tile = quotient(channel, params.quad);
    return component(weight(params.margin + tile), channel - tile * params.quad);
#endif
#endif
}

// Of the whole layer: mean, one over the deviation, and the sums that all channels' gradients have in common.
struct Whole {
    mean: f32,
    scale: f32,
    slope: f32,
    product: f32,
}

#ifndef INSTANCE
fn whole(item: i32) -> Whole {
    let n = f32(params.rows);
    let channels = bound(params.channels, item);
    var mean = 0.0;
    for (var c = 0; c < channels; c++) {
        mean += sums(item, c).mean / f32(params.channels);
    }
    var spread = 0.0;
    for (var c = 0; c < channels; c++) {
        let s = sums(item, c);
        spread += s.spread + n * (s.mean - mean) * (s.mean - mean);
    }
    let scale = 1.0 / sqrt(spread / (n * f32(params.channels) - 1.0) + EPSILON);
    var slope = 0.0;
    var product = 0.0;
    for (var c = 0; c < channels; c++) {
        let s = sums(item, c);
        let share = gamma(item, c) * (1.0 - rho(c));
        slope += share * s.slope;
        product += share * (s.product + (s.mean - mean) * s.slope) * scale;
    }
    return Whole(mean, scale, slope, product);
}
#endif

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let which = quotient(cell.tile, params.channels);
    let channel = cell.tile - which * params.channels;
    let s = sums(cell.item, channel);
    let n = f32(params.rows);
#ifdef INSTANCE
    let free = n;
    let layer = Whole(0.0, 0.0, 0.0, 0.0);
#else
    let free = n - 1.0;
    let layer = whole(cell.item);
#endif
    let scale = 1.0 / sqrt(s.spread / free + EPSILON);
    let g = gamma(cell.item, channel);
    let r = rho(channel);
    let instance_product = s.product * scale;
    let layer_product = (s.product + (s.mean - layer.mean) * s.slope) * layer.scale;
#ifdef PARAMS
    let of_gamma = r * instance_product + (1.0 - r) * layer_product;
    let of_rho = g * (instance_product - layer_product);
    return Targets(select(select(of_rho, s.slope, which == 1), of_gamma, which == 0));
#else
    let all = n * f32(params.channels);
    let instance = g * r * scale;
    let slope = layer.scale * layer.scale * layer.product / (all - 1.0);
    let a = instance + g * (1.0 - r) * layer.scale;
    let b = -instance * scale * instance_product / free - slope;
    let c = -instance * s.slope / n - layer.scale * layer.slope / all - slope * (s.mean - layer.mean);
    return Targets(a, b, c, s.mean);
#endif
}
