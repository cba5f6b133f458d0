// Outlines: a pixel within `INK_RADIUS` of another region, or of a jump in depth, is inked. Output is premultiplied.
uniform sampler2D colour_map, region_map;
out vec4 colour;

const vec3 INK = vec3(0.13, 0.075, 0.08);

// Depth jump in decimetres that a hand would draw. Hair is all jumps, so it has none.
float jump_of(float label) {
    return label == SKIN ? 0.22 : label == SHIRT || label == JACKET ? 0.5 : 1e9;
}

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(region_map, 0) - 1;
    vec4 paint = texelFetch(colour_map, at, 0);
    vec2 here = texelFetch(region_map, at, 0).rg;
    float jump = jump_of(here.r), ink = 0.0;
    if (here.r == SPECTACLES) {
        colour = vec4(paint.rgb * paint.a, paint.a);
        return;
    }
    for (int j = -INK_RADIUS; j <= INK_RADIUS; j++)
        for (int i = -INK_RADIUS; i <= INK_RADIUS; i++) {
            if (i * i + j * j > INK_RADIUS * INK_RADIUS + 1) continue;
            vec2 other = texelFetch(region_map, clamp(at + ivec2(i, j), ivec2(0), last), 0).rg;
            if (other.r == SPECTACLES) continue; // a frame is a line already
            bool crossing = other.r != here.r || abs(other.g - here.g) > jump;
            ink = max(ink, float(crossing));
        }
    vec3 line = mix(INK, 0.22 * paint.rgb, 0.35); // a touch of the paint keeps lines from looking pasted on
    colour = mix(vec4(paint.rgb * paint.a, paint.a), vec4(line, 1.0), ink);
}
