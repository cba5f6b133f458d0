// position = a corner of a triangle that covers the target: (-1, -1), (-1, 3), (3, -1) in clip space. The vertex stage of every draw.
// In: the vertex' number. Out: its place.
// Defs: none.
@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(i32(index / 2u) * 4 - 1), f32(i32(index % 2u) * 4 - 1), 0.0, 1.0);
}
