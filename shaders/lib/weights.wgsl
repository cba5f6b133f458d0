// The weight texture: RGBA texels in rows of 1024 (WEIGHT_TEXTURE_WIDTH in src/plan/weights.rs), by running index.
#define_import_path bevy_toonface::lib::weights

@group(0) @binding(1) var weights: texture_2d<f32>;

fn weight(index: i32) -> vec4<f32> {
    return textureLoad(weights, vec2<i32>(index & 1023, index >> 10u), 0);
}
