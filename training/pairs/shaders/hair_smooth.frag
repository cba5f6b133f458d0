// Where hair covers most of the neighbourhood the pixel becomes hair, where little it stops being hair.
// This rounds off the saw teeth of alpha-tested cards. Changed pixels take the colour of their new region nearby.
uniform sampler2D colour_map, region_map, coverage_map;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec2 region;

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(region_map, 0) - 1;
    colour = texelFetch(colour_map, at, 0);
    region = texelFetch(region_map, at, 0).rg;
    float cover = 0.0;
    for (int i = -SMOOTH_RADIUS; i <= SMOOTH_RADIUS; i++)
        cover += texelFetch(coverage_map, clamp(at + ivec2(0, i), ivec2(0), last), 0).r;
    cover /= float(2 * SMOOTH_RADIUS + 1);
    bool was_hair = region.r == HAIR_REGION, becomes_hair = cover > 0.5;
    // Skin under a parting and eyes keep their place: only the outer outline may grow.
    if (was_hair == becomes_hair || region.r == EYEBALL || region.r == MOUTH || region.r == SPECTACLES) return;
    vec4 sum = vec4(0.0);
    vec3 found = vec3(0.0); // label and depth of the new region, count
    for (int j = -SMOOTH_RADIUS; j <= SMOOTH_RADIUS; j++)
        for (int i = -SMOOTH_RADIUS; i <= SMOOTH_RADIUS; i++) {
            ivec2 near = clamp(at + ivec2(i, j), ivec2(0), last);
            vec2 other = texelFetch(region_map, near, 0).rg;
            if ((other.r == HAIR_REGION) != becomes_hair) continue;
            // Average one region only (the first found), or skin and backdrop would mix.
            if (found.z > 0.0 && other.r != found.r) continue;
            sum += texelFetch(colour_map, near, 0);
            found = vec3(other, found.z + 1.0);
        }
    if (found.z == 0.0) return;
    colour = sum / found.z;
    region = found.rg;
}
