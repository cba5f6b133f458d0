// What is cut away from every picture: the cornea shell and hair that would hang over the face.
uniform int kind;
uniform mat3 face_matrix;   // world to face axes, in eye distances
uniform vec3 between_eyes;
uniform float tint, glare;    // of spectacles, 0..1
uniform float face_opening; // 0: leave the hair alone; 1: keep the usual oval free

bool is_cornea(vec2 at) {
    return kind == EYE && distance(at, vec2(0.935)) < 0.075;
}

bool is_fringe(vec3 at) {
    if (kind != HAIR || face_opening <= 0.0) return false;
    vec3 q = face_matrix * (at - between_eyes);
    vec2 oval = (q.xy - vec2(0.0, -0.62)) / vec2(1.02, 1.28) / face_opening;
    return q.z > -0.9 && dot(oval, oval) < 1.0;
}

// A window's reflection on a lens: a slanted band; `at_uv` is -1 .. 1 over the lens.
float lens_cover(vec2 at_uv) {
    float band = smoothstep(0.15, 0.3, at_uv.x + 0.6 * at_uv.y) * (1.0 - smoothstep(0.75, 0.9, at_uv.x + 0.6 * at_uv.y));
    return max(1.01 * tint, glare * (0.15 + 0.85 * band));
}

bool has_alpha() {
    return kind == BROW || kind == LASH || kind == HAIR;
}
