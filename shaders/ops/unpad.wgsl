// out[y, x] = sum of in at all places that reflect padding copies the pixel to: the adjoint of torch.nn.ReflectionPad2d(margin).
// In: padded tensors; `first` rows and columns come before their padding. Out: channels x height x width.
// Defs: none.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

// Whether a pixel is reflected before the first one, and behind the last.
fn mirrored(i: i32, size: i32) -> vec2<bool> {
    return vec2<bool>(i >= 1 && i <= params.margin, i >= size - 1 - params.margin && i <= size - 2);
}

fn places(i: i32, size: i32) -> i32 {
    let mirror = mirrored(i, size);
    return 1 + select(0, 1, mirror.x) + select(0, 1, mirror.y);
}

// The k-th place of a pixel along an axis.
fn place(k: i32, i: i32, size: i32) -> i32 {
    let behind = params.margin + 2 * (size - 1) - i;
    let second = select(behind, params.margin - i, mirrored(i, size).x);
    return params.first + select(select(behind, second, k == 1), i + params.margin, k == 0);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let base = origin(cell.item, cell.tile, params.a);
    let size = params.out.tile;
    let rows = places(cell.texel.y, size.y);
    let columns = places(cell.texel.x, size.x);
    var r_0 = vec4<f32>(0.0);
    for (var j = 0; j < rows; j++) {
        for (var i = 0; i < columns; i++) {
            let texel = vec2<i32>(place(i, cell.texel.x, size.x), place(j, cell.texel.y, size.y));
            r_0 += load_a_0(uv_of(base + texel, params.a));
        }
    }
    //@ body
}
