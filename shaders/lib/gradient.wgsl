// What the kernels of a training step have in common: their parameters (GradientParams in src/plan/params.rs), and how a
// channel is found in a quad. What a field means, the header of each kernel says.
#define_import_path bevy_toonface::lib::gradient

#import bevy_toonface::lib::layout::Layout

struct Gradient {
    out: Layout,
    a: Layout,
    b: Layout,
    c: Layout,
    first: i32,
    channels: i32,
    columns: i32,
    rows: i32,
    stride: i32,
    margin: i32,
    side: i32,
    quad: i32,
    factors: vec4<f32>,
}

// One component by index.
fn component(v: vec4<f32>, lane: i32) -> f32 {
    return dot(v, select(vec4<f32>(0.0), vec4<f32>(1.0), vec4<i32>(lane) == vec4<i32>(0, 1, 2, 3)));
}

fn all_true(v: vec2<bool>) -> bool {
    return v.x && v.y;
}
