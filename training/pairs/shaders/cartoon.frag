// The cartoon before smoothing and ink: flat paint, one shadow tone, and a region label with view depth.
#include "cutout.glsl"
#include "key_shadow.glsl"
#include "outfit.glsl"
#include "beard.glsl"
#include "cartoon_paint.glsl"
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec3 tangent;
in float height;
flat in float island;
uniform sampler2D albedo_map;
uniform float mouth_open; // 0 or 1
uniform float brow_cut;   // 0..1, more: thinner brows
uniform vec3 eye_position, head_centre, key_direction;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec2 region; // label, view depth in decimetres

// Alpha is read from blurred levels: strands merge into one clean shape.
bool is_cut(vec3 at, vec2 at_uv) {
    if (is_cornea(at_uv) || is_fringe(at)) return true;
    if (kind == HAIR) return textureLod(albedo_map, at_uv, 1.5).g < 0.36;
    if (kind == BROW) return textureLod(albedo_map, at_uv, 2.0).g < brow_cut;
    if (kind == LASH) return height < 0.03 || textureLod(albedo_map, at_uv, 2.6).g < mix(0.56, 0.24, lash_strength);
    return false;
}

vec3 hair(vec3 n, vec3 v, float lit_key) {
    vec3 outwards = normalize(position - head_centre);
    n = normalize(mix(n * sign(dot(n, outwards) + 1e-4), outwards, 0.65));
    float strand = textureLod(albedo_map, uv, 2.5).r, nl = dot(n, key_direction);
    float lit = step_soft(0.06 + 0.3 * (0.45 - strand), nl, 0.06) * step_soft(0.4, lit_key, 0.3);
    vec3 h = normalize(key_direction + v);
    float th = dot(normalize(tangent), h), band = pow(max(0.0, 1.0 - th * th), 8.0);
    float shine = step_soft(0.80, band * (0.55 + 0.9 * strand) * clamp(nl + 0.5, 0.0, 1.0), 0.08) * lit_key;
    return paint_hair(lit, shine, textureLod(albedo_map, uv, 1.5).r);
}

void main() {
    if (is_cut(position, uv)) discard;
    vec3 n = normalize(normal), v = normalize(eye_position - position);
    if (!gl_FrontFacing && kind != BODY) n = -n;
    float lit_key = key_light_at(position + 0.02 * n, 0.002, 0.008);
    float lit = step_soft(0.02, dot(n, key_direction), 0.05) * step_soft(0.5, lit_key, 0.25);
    float label = SKIN;
    vec3 c;
    if (kind == EYE) {
        c = paint_eye(uv);
        label = EYEBALL;
    } else if (kind == BROW) {
        c = brow_colour;
    } else if (kind == LASH) {
        c = vec3(0.09, 0.06, 0.055);
    } else if (kind == TEETH) {
        c = paint_teeth();
        label = MOUTH;
    } else if (kind == GLASSES || kind == LENS) {
        c = kind == LENS ? paint_lens(uv) : paint_frame();
        label = SPECTACLES;
    } else if (kind == HAIR) {
        c = hair(n, v, lit_key);
        label = HAIR_REGION;
    } else if (island > 1.5) {
        c = mix(vec3(0.20, 0.06, 0.06), vec3(0.45, 0.13, 0.12), mouth_open);
        if (mouth_open > 0.5) label = MOUTH; // slits between closed lips are part of the lip line
    } else if (island > 0.5 && height < collar) {
        int cloth = cloth_at(tangent);
        c = cloth_colour(cloth) * mix(0.72, 1.0, lit);
        label = cloth == TIE_CLOTH ? TIE : cloth == JACKET_CLOTH ? JACKET : SHIRT;
    } else {
        c = paint_skin(uv, lit, island);
    }
    colour = vec4(c, 1.0);
    region = vec2(label, 1.0 / gl_FragCoord.w);
}
