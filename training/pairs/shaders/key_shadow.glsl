// Soft lookup in the key light's shadow map, 0 in shadow .. 1 lit.
uniform sampler2DShadow key_shadow_map;
uniform mat4 key_matrix;

float key_light_at(vec3 at, float spread, float bias) {
    vec4 clip = key_matrix * vec4(at, 1.0);
    vec3 s = clip.xyz / clip.w * 0.5 + 0.5;
    float lit = 0.0;
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++)
            lit += texture(key_shadow_map, vec3(s.xy + vec2(i, j) * spread, s.z - bias));
    return lit / 9.0;
}
