// picture = the region of a camera's view, turned upright and filtered down with the triangle filter, as a screen shows it.
// In: the view, with premultiplied alpha. Out: linear colour and straight alpha, `texels` a side; beside the region transparent.
// Defs: SRGB_VIEW, OKLAB_VIEW (what the view's colours are, if not linear).
#import bevy_toonface::lib::color::decode_srgb
#import bevy_toonface::lib::picture::{taps, tap_index}
#import bevy_toonface::lib::region::{Region, texel_size, filled, turned_in, turned_out}
#import bevy_toonface::lib::space::shown

@group(0) @binding(0) var<uniform> region: Region;
@group(0) @binding(1) var view: texture_2d<f32>;

// Encoded, premultiplied colour and alpha; and 1, or 0 outside of the view.
struct Sample {
    colour: vec4<f32>,
    there: f32,
}

fn pixel(at: vec2<i32>) -> Sample {
    let there = all(at >= region.low) && all(at < region.high);
    let texel = textureLoad(view, clamp(at, region.low, region.high - 1), 0);
    let alpha = clamp(texel.a, 0.0, 1.0);
    let straight = shown(texel.rgb / max(alpha, 1e-4));
    return Sample(vec4<f32>(straight * alpha, alpha), select(0.0, 1.0, there));
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let size = texel_size(region);
    let place = (position.xy - 0.5 * region.texels) * size;
    let center = region.center + turned_out(place, region);
    // The filter's square is turned with the region; these are the rows and columns of pixels around it.
    let support = max(size, 1.0);
    let reach = support * (abs(region.axis.x) + abs(region.axis.y));
    let across = taps(center.x, reach);
    let down = taps(center.y, reach);
    var sum = vec4<f32>(0.0);
    var total = 0.0;
    for (var j = 0; j < down.count; j++) {
        for (var i = 0; i < across.count; i++) {
            let at = vec2<i32>(tap_index(across, i), tap_index(down, j));
            let away = abs(turned_in(vec2<f32>(at) + 0.5 - center, region)) / support;
            let near = max(1.0 - away, vec2<f32>(0.0));
            let found = pixel(at);
            let weight = near.x * near.y * found.there;
            sum += weight * found.colour;
            total += weight;
        }
    }
    let inside = all(abs(place) < filled(region) * size);
    let colour = vec4<f32>(decode_srgb(sum.rgb / max(sum.a, 1e-6)), sum.a / max(total, 1e-6));
    return select(vec4<f32>(0.0), colour, inside && total > 0.0);
}
