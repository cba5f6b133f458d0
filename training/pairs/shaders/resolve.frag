// Average of SAMPLES x SAMPLES source pixels.
uniform sampler2D colour_map;
out vec4 colour;

void main() {
    ivec2 first = ivec2(gl_FragCoord.xy) * SAMPLES;
    vec4 sum = vec4(0.0);
    for (int j = 0; j < SAMPLES; j++)
        for (int i = 0; i < SAMPLES; i++)
            sum += texelFetch(colour_map, first + ivec2(i, j), 0);
    colour = sum / float(SAMPLES * SAMPLES);
}
