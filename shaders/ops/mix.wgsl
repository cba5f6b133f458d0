// out = (1 - w) * a + w * b: how SoftAdaLIN blends style and content (arXiv 2007.13332, code of few_shot_face2cartoon).
// In: two vectors. Out: a vector; the draw covers some of its values, from `first` on.
// Defs: none.
#import bevy_toonface::lib::layout::{Layout, locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest
#import bevy_toonface::lib::weights::weight

struct Params {
    @align(16) out: Layout,
    a: Layout,
    b: Layout,
    weights: i32,
    first: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var a: texture_2d<f32>;
@group(0) @binding(3) var b: texture_2d<f32>;

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let cell = locate(position.xy, params.out);
    let tile = min(cell.tile, params.out.tiles - 1);
    let w = weight(params.weights + tile - params.first).x;
    let from_a = textureSampleLevel(a, nearest, uv_of(origin(cell.item, tile, params.a), params.a), 0.0).r;
    let from_b = textureSampleLevel(b, nearest, uv_of(origin(cell.item, tile, params.b), params.b), 0.0).r;
    return (1.0 - w) * from_a + w * from_b;
}
