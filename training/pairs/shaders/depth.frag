// Depth pre-pass of the photo: the expensive shading then runs once a pixel.
#include "noise.glsl"
#include "cutout.glsl"
#include "dither.glsl"
in vec3 position;
in vec2 uv;
uniform sampler2D albedo_map;

void main() {
    if (is_cut(position, uv, texture(albedo_map, uv).g)) discard;
}
