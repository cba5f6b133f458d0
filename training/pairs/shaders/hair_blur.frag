// Hair coverage averaged along a row: first half of the smoothing of the hair's outline.
uniform sampler2D region_map;
out vec4 coverage;

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(region_map, 0) - 1;
    float hair = 0.0;
    for (int i = -SMOOTH_RADIUS; i <= SMOOTH_RADIUS; i++)
        hair += float(texelFetch(region_map, clamp(at + ivec2(i, 0), ivec2(0), last), 0).r == HAIR_REGION);
    coverage = vec4(hair / float(2 * SMOOTH_RADIUS + 1));
}
