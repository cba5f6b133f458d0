// tensor[c, y, x] = history[y, x][c]: a settled picture of the network's size becomes its input.
// In: rgb in -1..1, a pixel a texel. Out: 3 x S x S, one picture of the batch.
// Defs: none.
#import bevy_toonface::lib::layout::locate
#import bevy_toonface::lib::picture::{Picture, rgb_lanes}

@group(0) @binding(0) var<uniform> picture: Picture;
@group(0) @binding(1) var source: texture_2d<f32>;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, picture.tensor);
    let block = picture.block;
    //@ each phase
    let r_$p = rgb_lanes(textureLoad(source, cell.texel * block + vec2<i32>($x, $y), 0).rgb, cell.tile);
    //@ end
    //@ body
}
