// The weight texture: RGBA texels in rows of 2048 (WEIGHT_TEXTURE_WIDTH in src/plan/weights.rs). Vectors are found by running
// index; the weights of a convolution by column and row, in runs that never break off at the end of a row.
#define_import_path bevy_toonface::lib::weights

#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(1) var weights: texture_2d<f32>;

const WIDTH: i32 = 2048;

fn weight_uv(at: vec2<i32>) -> vec2<f32> {
    return (vec2<f32>(at) + 0.5) / vec2<f32>(textureDimensions(weights));
}

fn weight_at(uv: vec2<f32>) -> vec4<f32> {
    return textureSampleLevel(weights, nearest, uv, 0.0);
}

fn weight(index: i32) -> vec4<f32> {
    return weight_at(weight_uv(vec2<i32>(index & (WIDTH - 1), index >> 11u)));
}

// The place for a run of `texels` from `at` on.
fn fit(at: vec2<i32>, texels: i32) -> vec2<i32> {
    return select(at, vec2<i32>(0, at.y + 1), at.x + texels > WIDTH);
}
