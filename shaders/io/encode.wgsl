// tensor[c, y, x] = 2 * srgb(filtered picture over white) - 1: a picture of any size becomes the network's input in -1..1.
// In: a picture with straight alpha. Out: 3 x S x S, one picture of the batch.
// Defs: none.
#import bevy_toonface::lib::color::encode_srgb
#import bevy_toonface::lib::layout::locate
#import bevy_toonface::lib::picture::{Picture, rgb_lanes, taps, tap_index, tap_weight}

@group(0) @binding(0) var<uniform> picture: Picture;
@group(0) @binding(1) var source: texture_2d<f32>;

//@ planes

// A pixel over white, encoded. Outside the picture is white.
fn pixel(at: vec2<i32>) -> vec3<f32> {
    let inside = all(at >= vec2<i32>(0)) && all(at < picture.size);
    let texel = textureLoad(source, picture.first + clamp(at, vec2<i32>(0), picture.size - 1), 0);
    let matted = mix(vec3<f32>(1.0), encode_srgb(texel.rgb), clamp(texel.a, 0.0, 1.0));
    return select(vec3<f32>(1.0), matted, inside);
}

// The network's pixel, in -1..1.
fn encoded(at: vec2<i32>) -> vec3<f32> {
    let center = picture.corner + (vec2<f32>(at) + 0.5) * picture.scale;
    let across = taps(center.x, picture.scale);
    let down = taps(center.y, picture.scale);
    var sum = vec4<f32>(0.0);
    for (var j = 0; j < down.count; j++) {
        for (var i = 0; i < across.count; i++) {
            let weight = tap_weight(across, i) * tap_weight(down, j);
            sum += weight * vec4<f32>(pixel(vec2<i32>(tap_index(across, i), tap_index(down, j))), 1.0);
        }
    }
    return 2.0 * sum.rgb / max(sum.a, 1e-6) - 1.0;
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, picture.tensor);
    let block = picture.block;
    //@ each phase
    let r_$p = rgb_lanes(encoded(cell.texel * block + vec2<i32>($x, $y)), cell.tile);
    //@ end
    //@ body
}
