// out[o, y, x] = bias[o] + sum over i, ky, kx of w[o, i, ky, kx] * in[i, stride * y + ky - pad, stride * x + kx - pad] (+ C) (+ D)
// Cross-correlation as torch.nn.Conv2d; reflect padding (docs: torch.nn.ReflectionPad2d), pad = kernel / 2.
// In: A, then B: channels x height x width, read as max((x - center) * scale + shift, floor). Out: tiles from `first` on.
// Defs: TANH.
// The body comes from src/plan/source/window.rs; weights lie as WeightRuns in taps.rs says.
#import bevy_toonface::lib::affine::{Affine, apply, instance}
#import bevy_toonface::lib::layout::{Layout, bound, locate, origin, quotient, reflect_index, uv_of}
#import bevy_toonface::lib::nearest::nearest
#import bevy_toonface::lib::weights::{fit, weight, weight_at, weight_uv}

struct Params {
    @align(16) out: Layout,
    a: Layout,
    b: Layout,
    c: Layout,
    d: Layout,
    coefficients_a: Layout,
    coefficients_b: Layout,
    weights: vec2<i32>,
    tiles_a_row: i32,
    rows_a_tile: i32,
    weight_stride: i32,
    bias: i32,
    first: i32,
    tile_d: i32,
    floor_a: f32,
    floor_b: f32,
    floor_out: f32,
    pixels_a: f32,
    pixels_b: f32,
    tanh: i32,
}

@group(0) @binding(0) var<uniform> params: Params;

//@ planes

fn finish(sum: vec4<f32>) -> vec4<f32> {
    let v = max(sum, vec4<f32>(params.floor_out));
#ifdef TANH
    // No branch: for one on a uniform, Mesa's lavapipe compiles the shader anew at every draw.
    return select(v, tanh(v), params.tanh == 1);
#else
    return v;
#endif
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let tile = cell.tile - params.first;
    let bias = weight(params.bias + tile);
    let sheet_row = quotient(tile, params.tiles_a_row);
    let sheet_column = (tile - sheet_row * params.tiles_a_row) * params.weight_stride;
    var at = params.weights + vec2<i32>(sheet_column, sheet_row * params.rows_a_tile);
    //@ body
}
