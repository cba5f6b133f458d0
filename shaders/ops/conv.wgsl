// out[o, y, x] = bias[o] + sum over i, ky, kx of w[o, i, ky, kx] * in[i, stride * y + ky - pad, stride * x + kx - pad] (+ residual)
// Cross-correlation as torch.nn.Conv2d; reflect padding (docs: torch.nn.ReflectionPad2d), pad = KERNEL / 2.
// In: A, then B: channels x height x width, read as max((x - center) * scale + shift, floor), perhaps up-sampled. Out: OUT_PLANES lanes a tile.
// Defs: KERNEL, A_PLANES, B_PLANES, C_PLANES (residual), OUT_PLANES, AFFINE_A, AFFINE_B, TANH.
#import bevy_toonface::lib::lanes::{Lanes, Targets, targets}
#import bevy_toonface::lib::layout::{Layout, locate, origin, reflect_index}
#import bevy_toonface::lib::operand_a as operand_a
#import bevy_toonface::lib::operand_b as operand_b
#import bevy_toonface::lib::operand_c as operand_c
#import bevy_toonface::lib::coefficients as coefficients
#import bevy_toonface::lib::weights::weight

struct Params {
    @align(16) out: Layout,
    a: Layout,
    b: Layout,
    c: Layout,
    coefficients_a: Layout,
    coefficients_b: Layout,
    weights: i32,
    weight_stride: i32,
    bias: i32,
    stride: i32,
    up_a: i32,
    up_b: i32,
    floor_a: f32,
    floor_b: f32,
    floor_out: f32,
}

@group(0) @binding(0) var<uniform> params: Params;

// Weight texels of one input lane.
#if OUT_PLANES > 4
const QUADS: i32 = 2;
#else
const QUADS: i32 = 1;
#endif

fn multiply(sums: ptr<function, Lanes>, x: f32, at: i32) {
    (*sums).lo += x * weight(at);
#if OUT_PLANES > 4
    (*sums).hi += x * weight(at + 1);
#endif
}

fn multiply_lanes(sums: ptr<function, Lanes>, v: Lanes, planes: i32, at: i32) {
    multiply(sums, v.lo.x, at);
    if planes > 1 { multiply(sums, v.lo.y, at + QUADS); }
    if planes > 2 { multiply(sums, v.lo.z, at + 2 * QUADS); }
    if planes > 3 { multiply(sums, v.lo.w, at + 3 * QUADS); }
    if planes > 4 { multiply(sums, v.hi.x, at + 4 * QUADS); }
    if planes > 5 { multiply(sums, v.hi.y, at + 5 * QUADS); }
    if planes > 6 { multiply(sums, v.hi.z, at + 6 * QUADS); }
    if planes > 7 { multiply(sums, v.hi.w, at + 7 * QUADS); }
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(vec2<i32>(position.xy), params.out);
    let corner = cell.pixel * params.stride - #{KERNEL} / 2;
    let bias = params.bias + cell.tile * QUADS;
    var sums = Lanes(weight(bias), vec4<f32>(0.0));
#if OUT_PLANES > 4
    sums.hi = weight(bias + 1);
#endif
    var at = params.weights + cell.tile * params.weight_stride;

    let size_a = params.a.tile << vec2<u32>(u32(params.up_a));
    for (var tile = 0; tile < params.a.tiles; tile++) {
        let base = origin(cell.item, tile, params.a);
#ifdef AFFINE_A
        let affine = coefficients::load_a(cell.item, tile, params.a, params.coefficients_a);
#endif
        for (var y = 0; y < #{KERNEL}; y++) {
            // Sums of sums: rounding errors grow with the longest run of additions.
            var row = Lanes(vec4<f32>(0.0), vec4<f32>(0.0));
            for (var x = 0; x < #{KERNEL}; x++) {
                let pixel = reflect_index(corner + vec2<i32>(x, y), size_a) >> vec2<u32>(u32(params.up_a));
                var v = operand_a::load(base + pixel);
#ifdef AFFINE_A
                v = coefficients::apply(v, affine);
#endif
                v = Lanes(max(v.lo, vec4<f32>(params.floor_a)), max(v.hi, vec4<f32>(params.floor_a)));
                multiply_lanes(&row, v, #{A_PLANES}, at);
                at += #{A_PLANES} * QUADS;
            }
            sums = Lanes(sums.lo + row.lo, sums.hi + row.hi);
        }
    }
#if B_PLANES > 0
    let size_b = params.b.tile << vec2<u32>(u32(params.up_b));
    for (var tile = 0; tile < params.b.tiles; tile++) {
        let base = origin(cell.item, tile, params.b);
#ifdef AFFINE_B
        let affine = coefficients::load_b(cell.item, tile, params.b, params.coefficients_b);
#endif
        for (var y = 0; y < #{KERNEL}; y++) {
            // Sums of sums: rounding errors grow with the longest run of additions.
            var row = Lanes(vec4<f32>(0.0), vec4<f32>(0.0));
            for (var x = 0; x < #{KERNEL}; x++) {
                let pixel = reflect_index(corner + vec2<i32>(x, y), size_b) >> vec2<u32>(u32(params.up_b));
                var v = operand_b::load(base + pixel);
#ifdef AFFINE_B
                v = coefficients::apply(v, affine);
#endif
                v = Lanes(max(v.lo, vec4<f32>(params.floor_b)), max(v.hi, vec4<f32>(params.floor_b)));
                multiply_lanes(&row, v, #{B_PLANES}, at);
                at += #{B_PLANES} * QUADS;
            }
            sums = Lanes(sums.lo + row.lo, sums.hi + row.hi);
        }
    }
#endif
#if C_PLANES > 0
    let residual = operand_c::load(origin(cell.item, cell.tile, params.c) + cell.pixel);
    sums = Lanes(sums.lo + residual.lo, sums.hi + residual.hi);
#endif
    sums = Lanes(max(sums.lo, vec4<f32>(params.floor_out)), max(sums.hi, vec4<f32>(params.floor_out)));
#ifdef TANH
    sums = Lanes(tanh(sums.lo), tanh(sums.hi));
#endif
    return targets(sums);
}
