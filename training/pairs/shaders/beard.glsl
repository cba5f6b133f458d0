// Where a beard grows: the mask's zone, cut into moustache, chin and cheeks in atlas pixels (the lips are at 283, 360).
uniform vec3 beard_zones; // moustache, chin, cheeks: 0..1

float beard_at(float mask, vec2 at_uv) {
    vec2 p = vec2(at_uv.x * 600.0 - 283.0, abs(at_uv.y * 1000.0 - 360.0));
    float over_lip = (1.0 - smoothstep(-4.0, 4.0, p.x)) * (1.0 - smoothstep(34.0, 42.0, p.y));
    float chin = smoothstep(-4.0, 4.0, p.x) * (1.0 - smoothstep(30.0, 40.0, p.y));
    float cheeks = 1.0 - over_lip - chin;
    return mask * dot(vec3(over_lip, chin, cheeks), beard_zones);
}
