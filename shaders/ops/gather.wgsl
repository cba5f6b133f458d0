// out[first + i] = mean over the pictures of the batch of in[i], in row-major order: gradients as one vector.
// In: channels in quads of `quad`, each `rows` x `columns`; `stride` rows of them share a texel. Out: a vector that all pictures share; the
// draw covers some of its values. `side` pictures.
// Defs: none.
#import bevy_toonface::lib::gradient::{Gradient, component}
#import bevy_toonface::lib::layout::{bound, locate, origin, quotient, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let index = cell.tile - params.first;
    let line = quotient(index, params.columns);
    let x = index - line * params.columns;
    let channel = quotient(line, params.rows);
    let y = line - channel * params.rows;
    let tile = quotient(channel, params.quad);
    let row = quotient(y, params.stride);
    let phase = y - row * params.stride;
    var sum = 0.0;
    for (var item = 0; item < bound(params.side, cell.item); item++) {
        let uv = uv_of(origin(item, tile, params.a) + vec2<i32>(x, row), params.a);
        var quad = vec4<f32>(0.0);
        //@ each phase
        quad = select(quad, load_a_$p(uv), phase == $p);
        //@ end
        sum += component(quad, channel - tile * params.quad);
    }
    let r_0 = vec4<f32>(sum / f32(params.side), 0.0, 0.0, 0.0);
    //@ body
}
