// The photo-like render: key light with GGX and wrapped diffuse, sky of small shadowed lights, strand-lit hair.
#include "noise.glsl"
#include "cutout.glsl"
#include "dither.glsl"
#include "key_shadow.glsl"
#include "outfit.glsl"
#include "beard.glsl"
#include "photo_surface.glsl"
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec3 tangent;
in float height;
flat in float island;
uniform sampler2D albedo_map;
uniform sampler2DShadow sky_shadow_map; // tiles, SKY_COLUMNS a row
uniform mat4 sky_matrix[SKY_LIGHTS];
uniform vec3 sky_direction[SKY_LIGHTS], sky_colour[SKY_LIGHTS];
uniform vec3 eye_position, head_centre, key_direction, key_colour;
out vec4 colour;

float sky_light_at(int k, vec3 at) {
    vec3 s = (sky_matrix[k] * vec4(at, 1.0)).xyz * 0.5 + 0.5;
    vec2 tile = vec2(k % SKY_COLUMNS, k / SKY_COLUMNS);
    vec2 grid = vec2(SKY_COLUMNS, (SKY_LIGHTS + SKY_COLUMNS - 1) / SKY_COLUMNS);
    return texture(sky_shadow_map, vec3((clamp(s.xy, 0.01, 0.99) + tile) / grid, s.z - 0.012));
}

float square(float x) {
    return x * x; // pow is undefined for negative x
}

float fresnel(float base, vec3 h, vec3 v) {
    // Rounding can take dot(h, v) just over 1 where a light stands exactly behind the eye; pow of negatives is NaN.
    return base + (1.0 - base) * pow(clamp(1.0 - dot(h, v), 0.0, 1.0), 5.0);
}

vec3 key_on_surface(Surface s, vec3 v, float lit) {
    float nl = dot(s.normal, key_direction);
    vec3 w = vec3(s.wrap) + s.scatter;
    vec3 diffuse = clamp((vec3(nl) + w) / ((1.0 + w) * (1.0 + w)), 0.0, 1.0);
    vec3 soft = mix(vec3(lit), vec3(sqrt(lit)), 1.2 * s.scatter); // shadow edges glow red on skin
    vec3 h = normalize(key_direction + v);
    float a2 = pow(s.roughness, 4.0), nh = max(dot(s.normal, h), 0.0);
    float d = nh * nh * (a2 - 1.0) + 1.0;
    float shine = a2 / (3.14159 * d * d) * fresnel(s.specular, h, v) * (kind == EYE ? 0.6 : 0.5);
    return key_colour * (s.albedo * diffuse * soft + lit * max(nl, 0.0) * shine);
}

vec3 sky_on_surface(Surface s, vec3 v) {
    vec3 sum = vec3(0.0);
    bool shiny = kind == EYE || kind == BODY;
    float power = kind == EYE ? 140.0 : 18.0;
    for (int k = 0; k < SKY_LIGHTS; k++) {
        float open = sky_light_at(k, position + 0.03 * s.normal);
        float nl = dot(s.normal, sky_direction[k]);
        vec3 w = 0.8 * s.scatter;
        vec3 diffuse = clamp((vec3(nl) + w) / (1.0 + w), 0.0, 1.0);
        sum += sky_colour[k] * s.albedo * diffuse * mix(vec3(open), vec3(1.0), 0.35 * s.scatter);
        if (!shiny) continue;
        vec3 h = normalize(sky_direction[k] + v);
        float shine = pow(max(dot(s.normal, h), 0.0), power) * (power + 8.0) / 25.0;
        sum += sky_colour[k] * open * max(nl, 0.0) * shine * fresnel(s.specular, h, v) * (kind == EYE ? 1.0 : 0.55);
    }
    return sum;
}

// Kajiya-Kay: a strand is lit by the angle to its direction, not to a normal.
vec3 hair_light(vec3 n, vec3 v, float lit, float strand) {
    vec3 albedo = hair_colour * (0.35 + 1.3 * strand), shine_tint = mix(vec3(1.0), 3.0 * albedo, 0.55);
    vec3 t = normalize(tangent + 0.12 * (noise3(position * 40.0) - 0.5));
    vec3 towards = key_direction, h = normalize(towards + v);
    float nl = dot(n, towards), across = sqrt(max(0.0, 1.0 - square(dot(t, towards))));
    float shine = 0.09 * pow(max(0.0, 1.0 - square(dot(t, h))), 45.0) * clamp(nl + 0.4, 0.0, 1.0);
    vec3 diffuse = 0.55 * albedo * across * clamp(0.5 * nl + 0.55, 0.0, 1.0);
    vec3 sum = key_colour * lit * (diffuse + shine_tint * shine * (0.4 + strand));
    for (int k = 0; k < SKY_LIGHTS; k++) {
        towards = sky_direction[k];
        h = normalize(towards + v);
        nl = dot(n, towards);
        across = sqrt(max(0.0, 1.0 - square(dot(t, towards))));
        shine = (0.0012 + 0.05 * dot(albedo, vec3(0.333))) * pow(max(0.0, 1.0 - square(dot(t, h))), 25.0);
        diffuse = 0.55 * albedo * across * clamp(0.5 * nl + 0.5, 0.0, 1.0);
        vec3 reflected = diffuse + shine_tint * shine * clamp(nl + 0.3, 0.0, 1.0);
        sum += sky_colour[k] * sky_light_at(k, position + 0.03 * n) * reflected;
    }
    return sum;
}

// Hair cards face anywhere; lean their normals outwards so that the head shades as one body.
vec3 hair_normal(vec3 n) {
    vec3 outwards = normalize(position - head_centre);
    return normalize(mix(n * sign(dot(n, outwards) + 1e-4), outwards, 0.5));
}

Surface surface_of(vec4 sheet, vec3 n) {
    if (kind == EYE) return eye_surface(sheet.rgb, n);
    if (kind == TEETH) return teeth_surface(sheet.rgb, n);
    if (kind == BROW) return matte_surface(brow_colour * (0.5 + sheet.r), n);
    if (kind == LASH) return matte_surface(vec3(0.012, 0.010, 0.009), n);
    if (kind == GLASSES) return frame_surface(n);
    if (kind == LENS) return lens_surface(n);
    if (island > 0.5 && island < 1.5 && height < collar) return cloth_surface(position, n, tangent);
    return skin_surface(sheet.rgb, position, uv, n, island);
}

void main() {
    vec4 sheet = texture(albedo_map, uv);
    if (is_cut(position, uv, sheet.g)) discard;
    vec3 n = normalize(normal), v = normalize(eye_position - position);
    if (!gl_FrontFacing && kind != BODY) n = -n;
    if (kind == HAIR) n = hair_normal(n);
    float lit = key_light_at(position + 0.015 * n, 0.0035, 0.006);
    if (kind == HAIR) {
        colour = vec4(hair_light(n, v, lit, sheet.r), 1.0);
        return;
    }
    Surface s = surface_of(sheet, n);
    colour = vec4(key_on_surface(s, v, lit) + sky_on_surface(s, v), 1.0);
}
