// dx[i] = sum over r of w[r, i] * dy[r]: the gradient of stacked linear maps to their input. Rows lie as in linear.wgsl, from texel `first`
// on, `stride` texels apart; `rows` of them belong to a part of `columns` inputs.
// In: A is dy, a vector. Out: a vector.
// Defs: none.
#import bevy_toonface::lib::gradient::{Gradient, component}
#import bevy_toonface::lib::layout::{bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest
#import bevy_toonface::lib::weights::weight

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    // The grid of a vector may end in empty cells.
    let index = min(cell.tile, params.out.tiles - 1);
    let part = quotient(index, params.columns);
    let column = index - part * params.columns;
    var r_0 = vec4<f32>(0.0);
    for (var r = 0; r < bound(params.rows, cell.item); r++) {
        let row = part * params.rows + r;
        let dy = load_a_0(uv_of(origin(cell.item, row, params.a), params.a)).x;
        r_0.x += dy * component(weight(params.first + row * params.stride + column / 4), column % 4);
    }
    //@ body
}
