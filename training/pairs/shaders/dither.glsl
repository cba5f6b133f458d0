// Alpha of strands in the photo: dithered per pixel, so that the down-sampling makes it soft.
uniform float lash_strength; // 0..1

bool is_cut(vec3 at, vec2 at_uv, float alpha) {
    if (is_cornea(at_uv) || is_fringe(at)) return true;
    if (!has_alpha() && kind != LENS) return false;
    float dither = hash3(floor(vec3(gl_FragCoord.xy, 0.0)));
    if (kind == LENS) return lens_cover(at_uv) < dither;
    if (kind == LASH) return alpha < 1.15 - lash_strength + 0.35 * dither;
    if (kind == HAIR) return alpha < 0.25 + 0.5 * dither;
    return alpha < 0.15 + 0.5 * dither;
}
