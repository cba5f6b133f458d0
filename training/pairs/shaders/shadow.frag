// Depth only, for shadow maps. Brows and lashes are left out by the caller.
#include "cutout.glsl"
in vec3 position;
in vec2 uv;
uniform sampler2D albedo_map;

void main() {
    if (is_cornea(uv) || is_fringe(position)) discard;
    if (kind == HAIR && texture(albedo_map, uv).g < 0.45) discard;
}
