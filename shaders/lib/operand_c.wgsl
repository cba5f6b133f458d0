// The planes of operand C. Defs: C_PLANES = planes that are bound.
#define_import_path bevy_toonface::lib::operand_c

#import bevy_toonface::lib::lanes::Lanes

#if C_PLANES >= 1
@group(0) @binding(24) var c0: texture_2d<f32>;
#endif
#if C_PLANES >= 2
@group(0) @binding(25) var c1: texture_2d<f32>;
#endif
#if C_PLANES >= 3
@group(0) @binding(26) var c2: texture_2d<f32>;
#endif
#if C_PLANES >= 4
@group(0) @binding(27) var c3: texture_2d<f32>;
#endif
#if C_PLANES >= 5
@group(0) @binding(28) var c4: texture_2d<f32>;
#endif
#if C_PLANES >= 6
@group(0) @binding(29) var c5: texture_2d<f32>;
#endif
#if C_PLANES >= 7
@group(0) @binding(30) var c6: texture_2d<f32>;
#endif
#if C_PLANES >= 8
@group(0) @binding(31) var c7: texture_2d<f32>;
#endif

// All lanes at one texel; lanes that are not bound are zero.
fn load(at: vec2<i32>) -> Lanes {
    return load_each(array<vec2<i32>, 8>(at, at, at, at, at, at, at, at));
}

// Each lane at its own texel.
fn load_each(at: array<vec2<i32>, 8>) -> Lanes {
    var v = Lanes(vec4<f32>(0.0), vec4<f32>(0.0));
#if C_PLANES >= 1
    v.lo.x = textureLoad(c0, at[0], 0).r;
#endif
#if C_PLANES >= 2
    v.lo.y = textureLoad(c1, at[1], 0).r;
#endif
#if C_PLANES >= 3
    v.lo.z = textureLoad(c2, at[2], 0).r;
#endif
#if C_PLANES >= 4
    v.lo.w = textureLoad(c3, at[3], 0).r;
#endif
#if C_PLANES >= 5
    v.hi.x = textureLoad(c4, at[4], 0).r;
#endif
#if C_PLANES >= 6
    v.hi.y = textureLoad(c5, at[5], 0).r;
#endif
#if C_PLANES >= 7
    v.hi.z = textureLoad(c6, at[6], 0).r;
#endif
#if C_PLANES >= 8
    v.hi.w = textureLoad(c7, at[7], 0).r;
#endif
    return v;
}
