// dx = w * dy (SECOND) or (1 - w) * dy: the gradient of mix.wgsl to one of its inputs. Weights begin at texel `margin`.
// In: A is dy, a vector. Out: a vector; the draw covers some of its values, from `first` on.
// Defs: SECOND.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest
#import bevy_toonface::lib::weights::weight

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let index = min(cell.tile, params.out.tiles - 1);
    let w = weight(params.margin + index - params.first).x;
    let dy = load_a_0(uv_of(origin(cell.item, index, params.a), params.a));
#ifdef SECOND
    let r_0 = w * dy;
#else
    let r_0 = (1.0 - w) * dy;
#endif
    //@ body
}
