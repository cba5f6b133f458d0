// out = example `first` of the examples: one picture of a batch.
// In: A, all examples. Out: a tensor of the batch; a draw covers one picture.
// Defs: none.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let uv = uv_of(origin(params.first, cell.tile, params.a) + cell.texel, params.a);
    //@ each phase
    let r_$p = load_a_$p(uv);
    //@ end
    //@ body
}
