// out = f(x, y), value by value: factors.x * x + factors.y * y (WEIGHTED), x * y (MULTIPLY), x / y (DIVIDE), 1 where x is y (EQUAL),
// x where y > 0 (RELU), x * (1 - y^2) (TANH),
// factors.x * sign(x) (SIGN), factors.x * |x| (ABS), factors.x * x + (1 - factors.x) * y^2 (BLEND_SQUARE).
// In: A is x, B is y. Out: the same shape.
// Defs: WEIGHTED, MULTIPLY, DIVIDE, EQUAL, RELU, TANH, SIGN, ABS, BLEND_SQUARE.
#import bevy_toonface::lib::gradient::Gradient
#import bevy_toonface::lib::layout::{locate, origin, uv_of}
#import bevy_toonface::lib::nearest::nearest

@group(0) @binding(0) var<uniform> params: Gradient;

//@ planes

fn value(x: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
#ifdef WEIGHTED
    return params.factors.x * x + params.factors.y * y;
#endif
#ifdef MULTIPLY
    return x * y;
#endif
#ifdef DIVIDE
    return x / y;
#endif
#ifdef EQUAL
    return select(vec4<f32>(0.0), vec4<f32>(1.0), x == y);
#endif
#ifdef RELU
    return select(vec4<f32>(0.0), x, y > vec4<f32>(0.0));
#endif
#ifdef TANH
    return x * (1.0 - y * y);
#endif
#ifdef SIGN
    return params.factors.x * sign(x);
#endif
#ifdef ABS
    return params.factors.x * abs(x);
#endif
#ifdef BLEND_SQUARE
    return params.factors.x * x + (1.0 - params.factors.x) * y * y;
#endif
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> Targets {
    let cell = locate(position.xy, params.out);
    let uv_a = uv_of(origin(cell.item, cell.tile, params.a) + cell.texel, params.a);
    let uv_b = uv_of(origin(cell.item, cell.tile, params.b) + cell.texel, params.b);
    //@ each phase
    let r_$p = value(load_a_$p(uv_a), load_b_$p(uv_b));
    //@ end
    //@ body
}
