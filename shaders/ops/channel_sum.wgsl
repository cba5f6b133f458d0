// out[y, x] = sum over channels of in[c, y, x]: the CAM's heatmap (torch.sum(x, dim=1)).
// In: channels x height x width. Out: 1 x height x width.
// Defs: none.
#import bevy_toonface::lib::layout::{Layout, bound, locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

struct Params {
    out: Layout,
    a: Layout,
}

@group(0) @binding(0) var<uniform> params: Params;

//@ planes

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    //@ each phase
    var r_$p = vec4<f32>(0.0);
    //@ end
    for (var tile = 0; tile < bound(params.a.tiles, cell.item); tile++) {
        let uv = uv_of(origin(cell.item, tile, params.a) + cell.texel, params.a);
        // Lanes without a channel hold zeros.
        //@ each phase
        r_$p.x += dot(load_a_$p(uv), vec4<f32>(1.0));
        //@ end
    }
    //@ body
}
