// What a view's texture holds, and encoded sRGB: linear colours, encoded ones, or Oklab
// (B. Ottosson, "A perceptual color space for image processing", 2020), as the camera's CompositingSpace says.
// Defs: SRGB_VIEW, OKLAB_VIEW.
#define_import_path bevy_toonface::lib::space

#import bevy_toonface::lib::color::{encode_srgb, decode_srgb}

#ifdef OKLAB_VIEW
fn oklab_to_linear(lab: vec3<f32>) -> vec3<f32> {
    let root = mat3x3<f32>(
        vec3<f32>(1.0, 1.0, 1.0),
        vec3<f32>(0.3963377774, -0.1055613458, -0.0894841775),
        vec3<f32>(0.2158037573, -0.0638541728, -1.2914855480),
    ) * lab;
    return mat3x3<f32>(
        vec3<f32>(4.0767416621, -1.2684380046, -0.0041960863),
        vec3<f32>(-3.3077115913, 2.6097574011, -0.7034186147),
        vec3<f32>(0.2309699292, -0.3413193965, 1.7076147010),
    ) * (root * root * root);
}

fn linear_to_oklab(linear: vec3<f32>) -> vec3<f32> {
    let cone = mat3x3<f32>(
        vec3<f32>(0.4122214708, 0.2119034982, 0.0883024619),
        vec3<f32>(0.5363325363, 0.6806995451, 0.2817188376),
        vec3<f32>(0.0514459929, 0.1073969566, 0.6299787005),
    ) * linear;
    return mat3x3<f32>(
        vec3<f32>(0.2104542553, 1.9779984951, 0.0259040371),
        vec3<f32>(0.7936177850, -2.4285922050, 0.7827717662),
        vec3<f32>(-0.0040720468, 0.4505937099, -0.8086757660),
    ) * pow(max(cone, vec3<f32>(0.0)), vec3<f32>(1.0 / 3.0));
}
#endif

// A colour of the view as a screen shows it: encoded sRGB, 0..1.
fn shown(colour: vec3<f32>) -> vec3<f32> {
#ifdef SRGB_VIEW
    return clamp(colour, vec3<f32>(0.0), vec3<f32>(1.0));
#else
#ifdef OKLAB_VIEW
    return encode_srgb(oklab_to_linear(colour));
#else
    return encode_srgb(colour);
#endif
#endif
}

// The other way.
fn held(encoded: vec3<f32>) -> vec3<f32> {
#ifdef SRGB_VIEW
    return encoded;
#else
#ifdef OKLAB_VIEW
    return linear_to_oklab(decode_srgb(encoded));
#else
    return decode_srgb(encoded);
#endif
#endif
}
