// color = mix(picture, (tensor + 1) / 2 resized to the picture, strength); alpha is the picture's.
// In: the network's output, 3 x S x S in -1..1, a pixel a texel, and the picture. Out: linear colour of the picture's size.
// Defs: NO_SOURCE (there is no picture: opaque, the cartoon alone).
#import bevy_toonface::lib::color::{encode_srgb, decode_srgb}
#import bevy_toonface::lib::layout::origin
#import bevy_toonface::lib::picture::{Picture, taps, tap_index, tap_weight}

@group(0) @binding(0) var<uniform> picture: Picture;
#ifndef NO_SOURCE
@group(0) @binding(1) var source: texture_2d<f32>;
#endif

//@ planes

// The cartoon at a point of the network's square, in texels, encoded.
fn cartoon(center: vec2<f32>) -> vec3<f32> {
    let across = taps(center.x, 1.0 / picture.scale);
    let down = taps(center.y, 1.0 / picture.scale);
    var sum = vec4<f32>(0.0);
    for (var j = 0; j < down.count; j++) {
        for (var i = 0; i < across.count; i++) {
            let weight = tap_weight(across, i) * tap_weight(down, j);
            let inside = clamp(vec2<i32>(tap_index(across, i), tap_index(down, j)), vec2<i32>(0), picture.tensor.tile - 1);
            sum += weight * vec4<f32>(drawn(picture.item, inside), 1.0);
        }
    }
    return 0.5 * sum.rgb / max(sum.a, 1e-6) + 0.5;
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let toon = cartoon((position.xy - picture.corner) / picture.scale);
#ifdef NO_SOURCE
    return vec4<f32>(decode_srgb(toon), 1.0);
#else
    let original = textureLoad(source, picture.first + vec2<i32>(position.xy), 0);
    return vec4<f32>(decode_srgb(mix(encode_srgb(original.rgb), toon, picture.strength)), original.a);
#endif
}
