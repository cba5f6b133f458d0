// What a norm does to the channels of one tile: (x - center) * scale + shift. A coefficient vector holds the centers of all channels,
// then the scales, then the shifts. Subtracting first keeps the digits of channels whose mean is large against their spread.
// Defs: AFFINE_A, AFFINE_B, A_PLANES, B_PLANES.
#define_import_path bevy_toonface::lib::coefficients

#import bevy_toonface::lib::lanes::Lanes
#import bevy_toonface::lib::layout::{Layout, origin}

struct Affine {
    center: Lanes,
    scale: Lanes,
    shift: Lanes,
}

fn apply(v: Lanes, affine: Affine) -> Lanes {
    return Lanes(
        (v.lo - affine.center.lo) * affine.scale.lo + affine.shift.lo,
        (v.hi - affine.center.hi) * affine.scale.hi + affine.shift.hi,
    );
}

#ifdef AFFINE_A
@group(0) @binding(2) var vector_a: texture_2d<f32>;

fn lane_a(lane: i32, item: i32, first: i32, at: Layout) -> f32 {
    // Lanes that are not bound need a texel that exists; what they get is multiplied by zero.
    return textureLoad(vector_a, origin(item, first + min(lane, #{A_PLANES} - 1), at), 0).r;
}

fn lanes_a(item: i32, first: i32, at: Layout) -> Lanes {
    var v = Lanes(vec4<f32>(0.0), vec4<f32>(0.0));
    v.lo = vec4<f32>(lane_a(0, item, first, at), lane_a(1, item, first, at), lane_a(2, item, first, at), lane_a(3, item, first, at));
#if A_PLANES > 4
    v.hi = vec4<f32>(lane_a(4, item, first, at), lane_a(5, item, first, at), lane_a(6, item, first, at), lane_a(7, item, first, at));
#endif
    return v;
}

// Coefficients of the channels in `tile` of a tensor with layout `source`.
fn load_a(item: i32, tile: i32, source: Layout, at: Layout) -> Affine {
    let first = tile * source.planes;
    let padded = source.tiles * source.planes;
    return Affine(
        lanes_a(item, first, at),
        lanes_a(item, padded + first, at),
        lanes_a(item, 2 * padded + first, at),
    );
}
#endif

#ifdef AFFINE_B
@group(0) @binding(3) var vector_b: texture_2d<f32>;

fn lane_b(lane: i32, item: i32, first: i32, at: Layout) -> f32 {
    return textureLoad(vector_b, origin(item, first + min(lane, #{B_PLANES} - 1), at), 0).r;
}

fn lanes_b(item: i32, first: i32, at: Layout) -> Lanes {
    var v = Lanes(vec4<f32>(0.0), vec4<f32>(0.0));
    v.lo = vec4<f32>(lane_b(0, item, first, at), lane_b(1, item, first, at), lane_b(2, item, first, at), lane_b(3, item, first, at));
#if B_PLANES > 4
    v.hi = vec4<f32>(lane_b(4, item, first, at), lane_b(5, item, first, at), lane_b(6, item, first, at), lane_b(7, item, first, at));
#endif
    return v;
}

fn load_b(item: i32, tile: i32, source: Layout, at: Layout) -> Affine {
    let first = tile * source.planes;
    let padded = source.tiles * source.planes;
    return Affine(
        lanes_b(item, first, at),
        lanes_b(item, padded + first, at),
        lanes_b(item, 2 * padded + first, at),
    );
}
#endif
