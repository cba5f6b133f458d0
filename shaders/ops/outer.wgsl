// dw[r, c] = dy[first + r] * x[margin + c]: the gradient of a linear map's weights (torch.nn.Linear).
// In: A is dy, B is x, both vectors. Out: a tile a row, a texel a column.
// Defs: none.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let row = params.first + min(cell.tile, params.out.tiles - 1);
    let dy = load_a_0(uv_of(origin(cell.item, row, params.a), params.a));
    let x = load_b_0(uv_of(origin(cell.item, params.margin + cell.texel.x, params.b), params.b));
    let r_0 = dy * x;
    //@ body
}
