// dw[o, i, ky, kx] = sum over y, x of dy[o, y, x] * in[i, stride * y + ky - pad, stride * x + kx - pad], reflected into the picture
// (the gradient of torch.nn.Conv2d(padding_mode="reflect")). A fragment has four outputs o and, in its targets, neighbouring inputs i.
// Of `columns` rows of dy, from row `first` on.
// In: A is dy, B is the convolution's input. Out: a tile for four outputs, a row of texels for inputs, a column for each tap.
// Defs: none.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{bound, locate, origin, quotient, reflect_index, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let ky = quotient(cell.texel.x, params.side);
    let offset = vec2<i32>(cell.texel.x - ky * params.side, ky) - params.margin;
    // Inputs in a texel: all four of a quad, or half of them.
    let input = cell.texel.y * params.rows;
    let tile = min(input / 4, params.b.tiles - 1);
    let second_half = input % 4 != 0;
    let base_a = uv_of(origin(cell.item, min(cell.tile, params.a.tiles - 1), params.a), params.a);
    let base_b = uv_of(origin(cell.item, tile, params.b), params.b);
    //@ each phase
    var r_$p = vec4<f32>(0.0);
    //@ end
    let end = params.first + params.columns;
    for (var y = params.first; y < bound(end, cell.item); y++) {
        // Sums of sums: rounding errors grow with the longest run of additions.
        //@ each phase
        var row_$p = vec4<f32>(0.0);
        //@ end
        let row = reflect_index(params.stride * y + offset.y, params.b.tile.y);
        for (var x = 0; x < bound(params.a.tile.x, cell.item); x++) {
            let column = reflect_index(params.stride * x + offset.x, params.b.tile.x);
            let dy = load_a_0(base_a + vec2<f32>(f32(x), f32(y)) * params.a.texel);
            let quad = load_b_0(base_b + vec2<f32>(f32(column), f32(row)) * params.b.texel);
            let in = select(quad, quad.zwxy, second_half);
            //@ each phase
            row_$p += dy * in[$p];
            //@ end
        }
        //@ each phase
        r_$p += row_$p;
        //@ end
    }
    //@ body
}
