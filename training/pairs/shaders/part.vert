// Transforms a part's vertices (mesh.Part) by `camera`, which may be a light's matrix.
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec3 in_tangent;
in float in_height;
in float in_island;
uniform mat4 camera;
out vec3 position;
out vec3 normal;
out vec2 uv;
out vec3 tangent;
out float height;
flat out float island;
invariant gl_Position;  // the depth pre-pass and the shading pass must agree to the bit

void main() {
    position = in_position;
    normal = in_normal;
    uv = in_uv;
    tangent = in_tangent;
    height = in_height;
    island = in_island;
    gl_Position = camera * vec4(in_position, 1.0);
}
