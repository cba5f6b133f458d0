// Which cloth covers a place of the torso, by its position in the rest pose (decimetres, y up, z forwards).
uniform int suit, tied; // 0 or 1
uniform vec3 shirt_colour, jacket_colour, tie_colour;
uniform float collar;

const int SHIRT_CLOTH = 0, JACKET_CLOTH = 1, TIE_CLOTH = 2;

int cloth_at(vec3 rest) {
    if (suit == 0) return SHIRT_CLOTH;
    float drop = collar - rest.y, x = abs(rest.x);
    bool before = rest.z > 0.3;
    float knot = 0.09 + 0.07 * max(0.0, drop - 0.25);
    if (tied == 1 && before && drop > 0.04 && x < knot) return TIE_CLOTH;
    if (before && x < 0.62 - 0.42 * drop) return SHIRT_CLOTH; // the opening of the jacket
    return drop < 0.16 ? SHIRT_CLOTH : JACKET_CLOTH;          // the collar stands out of the jacket
}

vec3 cloth_colour(int cloth) {
    return cloth == TIE_CLOTH ? tie_colour : cloth == JACKET_CLOTH ? jacket_colour : shirt_colour;
}
