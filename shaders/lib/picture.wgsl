// Where a picture lies in the network's square, and the triangle filter that resizes between the two
// (as Pillow's BILINEAR: the support grows with the reduction). The twin of PictureUniform in src/gpu/picture.rs.
#define_import_path bevy_toonface::lib::picture

#import bevy_toonface::lib::layout::Layout

struct Picture {
    // The network's input or output tensor.
    tensor: Layout,
    // Size of the picture in pixels.
    size: vec2<i32>,
    // Pixel coordinates of the square's upper left corner; outside the picture is white.
    corner: vec2<f32>,
    // Pixels of the picture for one of the network.
    scale: f32,
    // Blend of cartoon over picture, 0..1.
    strength: f32,
    // Place in the batch.
    item: i32,
    // Columns and rows of pixels in a texel of the tensor.
    block: vec2<i32>,
    // First pixel of the picture in its image, which may hold others beside it.
    first: vec2<i32>,
}

// The channels that a tile holds: all three, or red and green, then blue.
fn rgb_lanes(rgb: vec3<f32>, tile: i32) -> vec4<f32> {
    return select(vec4<f32>(rgb, 0.0), vec4<f32>(rgb.b, 0.0, 0.0, 0.0), tile == 1);
}

// The taps of one axis: first index, count, step between them, and what their weights are computed from.
struct Taps {
    first: i32,
    count: i32,
    step: i32,
    center: f32,
    support: f32,
}

// Most taps an axis; a larger reduction skips pixels evenly.
const MAX_TAPS: i32 = 48;

// Taps around `center` (in texels, 0.5 is the middle of texel 0) for `scale` source texels per result texel.
fn taps(center: f32, scale: f32) -> Taps {
    let support = max(scale, 1.0);
    let first = i32(floor(center - support));
    let last = i32(ceil(center + support));
    let step = max((last - first + MAX_TAPS - 1) / MAX_TAPS, 1);
    return Taps(first, (last - first + step - 1) / step, step, center, support);
}

fn tap_index(t: Taps, k: i32) -> i32 {
    return t.first + k * t.step;
}

fn tap_weight(t: Taps, k: i32) -> f32 {
    return max(1.0 - abs(f32(tap_index(t, k)) + 0.5 - t.center) / t.support, 0.0);
}
