// The sums of norm_sums.wgsl over all pixels of a channel from those of bands of rows. Sums of squares are merged without loss of digits
// (T. Chan, G. Golub, R. LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979).
// In: for each of `side` bands, a tile for each of `channels` channels. Out: a tile a channel. A channel has `rows` pixels, a band `stride`
// of them, or what is left.
// Defs: none.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{bound, locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

fn place(item: i32, band: i32, channel: i32) -> vec2<f32> {
    return uv_of(origin(item, band * params.channels + channel, params.a), params.a);
}

fn pixels(band: i32) -> f32 {
    return f32(min(params.stride, params.rows - band * params.stride));
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let channel = min(cell.tile, params.channels - 1);
    let bands = bound(params.side, cell.item);
    // Means are near each other: what they differ by has all its digits.
    let first = load_a_0(place(cell.item, 0, channel)).x;
    var offset = 0.0;
    for (var band = 1; band < bands; band++) {
        offset += pixels(band) * (load_a_0(place(cell.item, band, channel)).x - first);
    }
    let mean = first + offset / f32(params.rows);
    var spread = 0.0;
    var slope = 0.0;
    var product = 0.0;
    for (var band = 0; band < bands; band++) {
        let uv = place(cell.item, band, channel);
        let off = load_a_0(uv).x - mean;
        let band_slope = load_a_2(uv).x;
        spread += load_a_1(uv).x + pixels(band) * off * off;
        slope += band_slope;
        product += load_a_3(uv).x + off * band_slope;
    }
    return Targets(mean, spread, slope, product);
}
