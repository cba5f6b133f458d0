// Flat paint of the cartoon, display space. Edges between paints are `step_soft`, about a pixel wide.
uniform sampler2D mask_map;    // r lips, g scalp, b beard zone, a ink
uniform sampler2D wrinkle_map;
uniform vec3 skin_colour, hair_colour, brow_colour, iris_colour, lip_colour, frame_colour;
uniform float beard, bald, blush, wrinkle, lip_amount, lash_strength;

const vec3 SKIN_SHADE = vec3(0.85, 0.73, 0.73);
const vec3 HAIR_SHADE = vec3(0.66, 0.62, 0.68);

float step_soft(float edge, float x, float width) {
    return smoothstep(edge - width, edge + width, x);
}

// Blush in atlas pixels: cheeks and a little on the nose, mirrored about the face's midline y = 360.
float blush_at(vec2 at_uv) {
    vec2 p = vec2(at_uv.x * 600.0, abs(at_uv.y * 1000.0 - 360.0));
    vec2 cheek = (p - vec2(252.0, 56.0)) / vec2(17.0, 20.0), nose = (p - vec2(250.0, 0.0)) / 9.0;
    return exp(-dot(cheek, cheek)) + 0.3 * exp(-dot(nose, nose));
}

// The line between the lips, in atlas pixels: the sheet folds into the mouth at x = 283.
float lip_seam(vec2 at_uv) {
    vec2 p = vec2(at_uv.x * 600.0 - 283.0, at_uv.y * 1000.0 - 360.0);
    return (1.0 - step_soft(4.4, abs(p.x), 0.7)) * (1.0 - step_soft(17.0, abs(p.y), 2.0));
}

// The shadow under the nose, in atlas pixels: a short stroke between the nostrils.
float under_nose(vec2 at_uv) {
    vec2 p = vec2(at_uv.x * 600.0 - 254.5, at_uv.y * 1000.0 - 360.0) / vec2(3.4, 11.0);
    return 1.0 - step_soft(1.0, dot(p, p), 0.35);
}

// A drawn wrinkle is wider than the fold it stands for: the most of the map within a few atlas pixels.
float wrinkle_line(vec2 at_uv) {
    const vec2 REACH = 0.9 / vec2(600.0, 1000.0);
    float most = texture(wrinkle_map, at_uv).r;
    for (int i = 0; i < 8; i++) {
        float angle = 0.785398 * float(i);
        most = max(most, texture(wrinkle_map, at_uv + REACH * vec2(cos(angle), sin(angle))).r);
    }
    return step_soft(0.25, most, 0.14);
}

vec3 paint_skin(vec2 at_uv, float lit, float island) {
    vec3 c = skin_colour * mix(SKIN_SHADE, vec3(1.0), lit);
    if (island > 0.5) return c;
    vec4 mask = texture(mask_map, at_uv);
    c = mix(c, c * vec3(1.02, 0.80, 0.78), 0.8 * blush * blush_at(at_uv));
    c = mix(c, c * vec3(0.72, 0.57, 0.55), under_nose(at_uv));
    c = mix(c, lip_colour * mix(0.84, 1.0, lit), step_soft(0.42, mask.r, 0.12) * lip_amount);
    c = mix(c, hair_colour * mix(0.7, 1.0, lit), step_soft(0.45, mask.g, 0.1) * (1.0 - bald));
    // A beard is paint with a clear edge whatever its density; a shadow of one is a tint.
    float growth = mix(0.22, 0.78, step_soft(0.28, beard, 0.08)) * smoothstep(0.0, 0.1, beard);
    c = mix(c, hair_colour * mix(0.8, 0.95, lit), growth * step_soft(0.42, beard_at(mask.b, at_uv), 0.08) * (1.0 - mask.r));
    float ink = max(step_soft(0.34, mask.a, 0.14), lip_seam(at_uv));
    c = mix(c, c * 0.30 + vec3(0.06, 0.0, 0.0), 0.9 * ink);
    return mix(c, c * vec3(0.46, 0.37, 0.36), wrinkle_line(at_uv) * wrinkle);
}

// Both irises lie on one sheet; `p` is relative to the nearer one.
vec3 paint_eye(vec2 at_uv) {
    const float IRIS_RADIUS = 0.148;
    vec2 a = at_uv - vec2(0.711, 0.298), b = at_uv - vec2(0.289, 0.711);
    vec2 p = dot(a, a) < dot(b, b) ? a : b;
    float r = length(p * vec2(1.0, 0.93)) / IRIS_RADIUS;
    vec3 white = mix(vec3(0.80, 0.83, 0.88), vec3(0.985, 0.985, 1.0), step_soft(-0.035, p.y, 0.03)); // lid's shadow
    vec3 iris = mix(0.42 * iris_colour, 1.25 * iris_colour, smoothstep(-0.9, 0.9, p.y / IRIS_RADIUS));
    iris = mix(iris, 0.25 * iris_colour, step_soft(0.80, r, 0.06));
    iris = mix(iris, vec3(0.03, 0.025, 0.03), 1.0 - step_soft(0.46, r, 0.04));
    vec3 c = mix(white, iris, 1.0 - step_soft(1.0, r, 0.05));
    vec2 glint = (p - vec2(-0.052, -0.062)) / vec2(0.046, 0.050), glow = (p - vec2(0.055, 0.070)) / vec2(0.024, 0.026);
    c = mix(c, vec3(1.0), 1.0 - step_soft(1.0, dot(glint, glint), 0.15));
    return mix(c, vec3(1.0), 0.85 * (1.0 - step_soft(1.0, dot(glow, glow), 0.2)));
}

// One white shape: gums and gaps are left out.
vec3 paint_teeth() {
    return vec3(0.97, 0.96, 0.95);
}

vec3 paint_frame() {
    return 0.85 * pow(frame_colour, vec3(1.0 / 2.2)) + vec3(0.03);
}

// Sunglasses; `at_uv` is -1 .. 1 over a lens.
vec3 paint_lens(vec2 at_uv) {
    float band = step_soft(0.25, at_uv.x + 0.6 * at_uv.y, 0.03) * (1.0 - step_soft(0.6, at_uv.x + 0.6 * at_uv.y, 0.03));
    return mix(vec3(0.16, 0.15, 0.18), vec3(0.42, 0.43, 0.48), band);
}

// `shine` and `lit` are 0..1; `strand` is the sheet's blurred value, which gives a few broad locks.
vec3 paint_hair(float lit, float shine, float strand) {
    vec3 c = hair_colour * mix(HAIR_SHADE, vec3(1.0), lit);
    c = mix(c, min(hair_colour * 1.30 + 0.07, vec3(0.94)), 0.6 * shine);
    return c * mix(0.88, 1.04, step_soft(0.42, strand, 0.10));
}
