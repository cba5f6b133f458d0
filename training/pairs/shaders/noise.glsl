// Value noise in 0..1.
float hash3(vec3 p) {
    p = fract(p * vec3(0.1031, 0.1030, 0.0973));
    p += dot(p, p.yxz + 33.33);
    return fract((p.x + p.y) * p.z);
}

float noise3(vec3 x) {
    vec3 i = floor(x), f = fract(x);
    f = f * f * (3.0 - 2.0 * f);
    vec2 o = vec2(0.0, 1.0);
    vec4 low = vec4(hash3(i + o.xxx), hash3(i + o.yxx), hash3(i + o.xyx), hash3(i + o.yyx));
    vec4 high = vec4(hash3(i + o.xxy), hash3(i + o.yxy), hash3(i + o.xyy), hash3(i + o.yyy));
    vec4 z = mix(low, high, f.z);
    vec2 y = mix(z.xy, z.zw, f.y);
    return mix(y.x, y.y, f.x);
}

vec3 noise_vector(vec3 x) {
    return vec3(noise3(x), noise3(x + 31.0), noise3(x + 67.0)) - 0.5;
}
