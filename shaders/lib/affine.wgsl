// What a norm does to the channels of one tile: (x - center) * scale + shift. A coefficient vector holds three texels a tile: centers,
// scales, shifts. Subtracting first keeps the digits of channels whose mean is large against their spread.
#define_import_path bevy_toonface::lib::affine

struct Affine {
    center: vec4<f32>,
    scale: vec4<f32>,
    shift: vec4<f32>,
}

fn apply(v: vec4<f32>, affine: Affine) -> vec4<f32> {
    return (v - affine.center) * affine.scale + affine.shift;
}

const EPSILON: f32 = 1e-5;

// An instance norm with biased variance, as torch.nn.InstanceNorm2d.
fn instance(mean: vec4<f32>, variance: vec4<f32>) -> Affine {
    return Affine(mean, 1.0 / sqrt(variance + EPSILON), vec4<f32>(0.0));
}
