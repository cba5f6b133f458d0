// view = mix(view, cartoon turned back and resized * the view's alpha, strength * coverage * min(4 * the cartoon's alpha, 1)):
// blending does the mix.
// In: a square cartoon drawn over white, with the alpha of what it was drawn of. Out: colour * weight, and the weight; only pixels around the region are drawn.
// Defs: SRGB_VIEW, OKLAB_VIEW (what the view's colours are, if not linear).
#import bevy_toonface::lib::color::encode_srgb
#import bevy_toonface::lib::picture::{taps, tap_index, tap_weight}
#import bevy_toonface::lib::region::{Region, texel_size, filled, turned_in, coverage}
#import bevy_toonface::lib::space::held

// A cartoon of less than this alpha fades out: it may be of an earlier view, in which there was nothing here.
const LEAST_ALPHA: f32 = 0.25;

@group(0) @binding(0) var<uniform> region: Region;
@group(0) @binding(1) var cartoon: texture_2d<f32>;

// The cartoon at a point, in its texels; encoded, and its alpha. The white that the network saw behind what is transparent
// is taken out again: toon = colour * alpha + 1 - alpha. Else the figure would get a white rim.
fn drawn(center: vec2<f32>, scale: f32) -> vec4<f32> {
    let across = taps(center.x, scale);
    let down = taps(center.y, scale);
    let last = vec2<i32>(i32(region.texels)) - 1;
    var sum = vec4<f32>(0.0);
    var total = 0.0;
    for (var j = 0; j < down.count; j++) {
        for (var i = 0; i < across.count; i++) {
            let at = vec2<i32>(tap_index(across, i), tap_index(down, j));
            let texel = textureLoad(cartoon, clamp(at, vec2<i32>(0), last), 0);
            let colour = encode_srgb(texel.rgb) - (1.0 - texel.a);
            let weight = tap_weight(across, i) * tap_weight(down, j);
            sum += weight * vec4<f32>(colour, texel.a);
            total += weight;
        }
    }
    let colour = clamp(sum.rgb / max(sum.a, 1e-6), vec3<f32>(0.0), vec3<f32>(1.0));
    return vec4<f32>(colour, sum.a / max(total, 1e-6));
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let size = texel_size(region);
    let place = turned_in(position.xy - region.center, region);
    // Beside a region that is no square, the picture is empty: its last row goes on there.
    let edge = max(filled(region) - 0.5, vec2<f32>(0.0));
    let toon = drawn(clamp(place / size, -edge, edge) + 0.5 * region.texels, 1.0 / size);
    let weight = region.strength * coverage(place, region) * min(toon.a / LEAST_ALPHA, 1.0);
    return vec4<f32>(held(toon.rgb) * weight, weight);
}
