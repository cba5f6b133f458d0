// Materials of the photo-like render, linear light.
struct Surface {
    vec3 albedo;
    vec3 normal;
    float roughness;
    float specular; // reflectance head on
    float wrap;     // light that creeps round the terminator
    vec3 scatter;   // the same per channel: red travels furthest under skin
};

uniform sampler2D mask_map; // r lips, g scalp, b beard zone, a ink
uniform sampler2D wrinkle_map;
uniform vec3 tone, hair_colour, brow_colour, frame_colour;
uniform float saturation, beard, bald, freckles, blotches, oil, wrinkle;
uniform float lip_fade; // 0..1: how much of the sheet's lipstick is taken off

const vec3 LUMA = vec3(0.30, 0.59, 0.11);

vec3 to_linear(vec3 c) {
    return pow(c, vec3(2.2));
}

Surface skin_surface(vec3 sheet, vec3 at, vec2 at_uv, vec3 n, float island) {
    vec3 c = to_linear(sheet);
    c = max(vec3(0.0), mix(vec3(dot(c, LUMA)), c, saturation)) * tone;
    if (island < 0.5) {
        vec4 mask = texture(mask_map, at_uv);
        c = mix(c, 0.6 * hair_colour + 0.12 * c, 0.85 * mask.g * (1.0 - bald));
        float stubble = 0.55 + 0.9 * noise3(vec3(at_uv * 420.0, 1.0));
        float value = dot(c, LUMA);
        c = mix(c, 0.55 * hair_colour, clamp(1.1 * beard * beard_at(mask.b, at_uv) * stubble, 0.0, 0.92));
        c = mix(c, value * vec3(1.28, 1.0, 0.92), mask.r * lip_fade);
        c *= 0.95 + 0.1 * noise3(at * 9.0);
        c = mix(c, c * vec3(1.10, 0.92, 0.90), (0.3 + 0.9 * blotches) * noise3(at * 2.3 + 7.0));
        c *= 1.0 - 0.12 * blotches * noise3(at * 5.0 + 3.0);
        float spot = smoothstep(0.70, 0.85, noise3(vec3(at_uv * vec2(230.0, 380.0), 4.0)));
        c = mix(c, c * vec3(0.62, 0.47, 0.38), 0.7 * freckles * spot * (1.0 - mask.r));
        float line = smoothstep(0.2, 0.7, texture(wrinkle_map, at_uv).r);
        c = mix(c, c * vec3(0.55, 0.42, 0.38), wrinkle * line * (0.6 + 0.6 * noise3(at * 8.0)));
    }
    n = normalize(n + (0.04 + 0.04 * blotches) * noise_vector(at * 55.0));
    return Surface(c, n, 0.52 - 0.08 * oil, 0.04 * oil, 0.25, vec3(0.35, 0.12, 0.06));
}

Surface cloth_surface(vec3 at, vec3 n, vec3 rest) {
    vec3 c = cloth_colour(cloth_at(rest)) * (0.9 + 0.2 * noise3(at * 30.0));
    c *= 0.65 + 0.35 * smoothstep(0.0, 0.05, collar - rest.y); // the hem
    n = normalize(n + 0.25 * noise_vector(at * 3.0));
    return Surface(c, n, 0.9, 0.01, 0.1, vec3(0.0));
}

Surface eye_surface(vec3 sheet, vec3 n) {
    vec3 c = to_linear(sheet);
    c = 0.9 * mix(vec3(dot(c, vec3(0.333))), c, 0.7);
    return Surface(c, n, 0.2, 0.05, 0.25, vec3(0.05));
}

Surface teeth_surface(vec3 sheet, vec3 n) {
    vec3 c = to_linear(sheet);
    float enamel = step(abs(sheet.r - sheet.g), 0.13); // gums are red, teeth are not
    c = mix(c, vec3(0.90, 0.87, 0.79), 0.85 * enamel);
    return Surface(c, n, 0.3, 0.04, 0.25, vec3(0.35, 0.12, 0.06));
}

Surface frame_surface(vec3 n) {
    return Surface(frame_colour, n, 0.3, 0.06, 0.1, vec3(0.0));
}

// What a lens reflects, or the dark glass itself.
Surface lens_surface(vec3 n) {
    return Surface(mix(vec3(0.55, 0.58, 0.62), vec3(0.015), tint), n, 0.4, mix(0.04, 0.01, tint), 0.1, vec3(0.0));
}

Surface matte_surface(vec3 colour, vec3 n) {
    return Surface(colour, n, 0.45, 0.0, 0.25, vec3(0.0));
}
