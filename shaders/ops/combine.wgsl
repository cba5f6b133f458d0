// out = f(A) + g(B), pixel by pixel; f and g are max((x - center) * scale + shift, floor), perhaps up-sampled (torch.nn.Upsample, nearest)
// or, for A, averaged over 2 x 2 (torch.nn.AvgPool2d). Each lane has its own plane and tile: concatenation is a matter of bindings.
// In: channels x height x width. Out: OUT_PLANES lanes a tile.
// Defs: A_PLANES = OUT_PLANES, B_PLANES (0 or OUT_PLANES), AFFINE_A, AFFINE_B, POOL, TANH.
#import bevy_toonface::lib::lanes::{Lanes, Targets, targets}
#import bevy_toonface::lib::layout::{Layout, Cell, locate, origin}
#import bevy_toonface::lib::operand_a as operand_a
#import bevy_toonface::lib::operand_b as operand_b
#import bevy_toonface::lib::coefficients as coefficients

struct Params {
    out: Layout,
    a: Layout,
    b: Layout,
    coefficients_a: Layout,
    coefficients_b: Layout,
    tile_a: array<vec4<i32>, 2>,
    tile_b: array<vec4<i32>, 2>,
    up_a: i32,
    up_b: i32,
    floor_a: f32,
    floor_b: f32,
}

@group(0) @binding(0) var<uniform> params: Params;

fn texel(item: i32, tile: i32, at: Layout, pixel: vec2<i32>) -> vec2<i32> {
    // An empty lane reads texel 0 of what it is bound to and is masked below.
    return origin(item, max(tile, 0), at) + pixel;
}

// The texel of each lane.
fn texels(cell: Cell, tiles: array<vec4<i32>, 2>, at: Layout, pixel: vec2<i32>) -> array<vec2<i32>, 8> {
    let lo = tiles[0] + cell.tile;
    let hi = tiles[1] + cell.tile;
    return array<vec2<i32>, 8>(
        texel(cell.item, lo.x, at, pixel),
        texel(cell.item, lo.y, at, pixel),
        texel(cell.item, lo.z, at, pixel),
        texel(cell.item, lo.w, at, pixel),
        texel(cell.item, hi.x, at, pixel),
        texel(cell.item, hi.y, at, pixel),
        texel(cell.item, hi.z, at, pixel),
        texel(cell.item, hi.w, at, pixel),
    );
}

// Zero where a lane has no source.
fn masked(v: Lanes, tiles: array<vec4<i32>, 2>, tile: i32) -> Lanes {
    let none = vec4<f32>(0.0);
    return Lanes(select(none, v.lo, tiles[0] + tile >= vec4<i32>(0)), select(none, v.hi, tiles[1] + tile >= vec4<i32>(0)));
}

fn clamped(v: Lanes, low: f32) -> Lanes {
    return Lanes(max(v.lo, vec4<f32>(low)), max(v.hi, vec4<f32>(low)));
}

fn value_a(cell: Cell) -> Lanes {
#ifdef AFFINE_A
    let affine = coefficients::load_a(cell.item, cell.tile, params.a, params.coefficients_a);
#endif
#ifdef POOL
    var sum = Lanes(vec4<f32>(0.0), vec4<f32>(0.0));
    for (var tap = 0; tap < 4; tap++) {
        var v = operand_a::load_each(texels(cell, params.tile_a, params.a, 2 * cell.pixel + vec2<i32>(tap & 1, tap >> 1u)));
#ifdef AFFINE_A
        v = coefficients::apply(v, affine);
#endif
        v = clamped(v, params.floor_a);
        sum = Lanes(sum.lo + 0.25 * v.lo, sum.hi + 0.25 * v.hi);
    }
    return masked(sum, params.tile_a, cell.tile);
#else
    var v = operand_a::load_each(texels(cell, params.tile_a, params.a, cell.pixel >> vec2<u32>(u32(params.up_a))));
#ifdef AFFINE_A
    v = coefficients::apply(v, affine);
#endif
    return masked(clamped(v, params.floor_a), params.tile_a, cell.tile);
#endif
}

#if B_PLANES > 0
fn value_b(cell: Cell) -> Lanes {
    var v = operand_b::load_each(texels(cell, params.tile_b, params.b, cell.pixel >> vec2<u32>(u32(params.up_b))));
#ifdef AFFINE_B
    let affine = coefficients::load_b(cell.item, cell.tile, params.b, params.coefficients_b);
    v = coefficients::apply(v, affine);
#endif
    return masked(clamped(v, params.floor_b), params.tile_b, cell.tile);
}
#endif

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(vec2<i32>(position.xy), params.out);
    var v = value_a(cell);
#if B_PLANES > 0
    let w = value_b(cell);
    v = Lanes(v.lo + w.lo, v.hi + w.hi);
#endif
#ifdef TANH
    v = Lanes(tanh(v.lo), tanh(v.hi));
#endif
    return targets(v);
}
