// A region of a camera's view: a rectangle, perhaps turned, with soft edges and round corners. In its middle lies the
// picture, a square around it. The twin of RegionUniform in src/gpu/view/uniform.rs.
#define_import_path bevy_toonface::lib::region

struct Region {
    // Middle of the region, in pixels of the texture.
    center: vec2<f32>,
    // Direction of its x axis, of length 1. The y axis is a quarter turn further, downwards.
    axis: vec2<f32>,
    // Half of its width and height in pixels.
    half_size: vec2<f32>,
    // First pixel of the view, and the one behind its last.
    low: vec2<i32>,
    high: vec2<i32>,
    // Texels a side of the picture.
    texels: f32,
    // Width of the soft edge and radius of the corners in pixels.
    feather: f32,
    radius: f32,
    // Blend of cartoon over view, 0..1.
    strength: f32,
    // Unused: WebGL2 binds whole multiples of 16 bytes only.
    pad: vec2<f32>,
}

// Pixels of the view for one texel of the picture.
fn texel_size(region: Region) -> f32 {
    return 2.0 * max(region.half_size.x, region.half_size.y) / region.texels;
}

// Rows and columns of the picture from its middle to the region's edge: those whose middles are in the region.
fn filled(region: Region) -> vec2<f32> {
    return floor(region.half_size / texel_size(region) + 0.501);
}

// From the view's axes to the region's.
fn turned_in(offset: vec2<f32>, region: Region) -> vec2<f32> {
    return vec2<f32>(dot(offset, region.axis), dot(offset, vec2<f32>(-region.axis.y, region.axis.x)));
}

// From the region's axes to the view's.
fn turned_out(offset: vec2<f32>, region: Region) -> vec2<f32> {
    return offset.x * region.axis + offset.y * vec2<f32>(-region.axis.y, region.axis.x);
}

// How much a pixel belongs to the region, 0..1: its distance from the edge, in the region's axes, over the soft edge.
fn coverage(place: vec2<f32>, region: Region) -> f32 {
    let beyond = abs(place) - region.half_size + region.radius;
    let outside = length(max(beyond, vec2<f32>(0.0))) + min(max(beyond.x, beyond.y), 0.0) - region.radius;
    return smoothstep(0.0, 1.0, (0.5 - outside) / max(region.feather, 1.0));
}
