// The planes of operand A. Defs: A_PLANES = planes that are bound.
#define_import_path bevy_toonface::lib::operand_a

#import bevy_toonface::lib::lanes::Lanes

#if A_PLANES >= 1
@group(0) @binding(8) var a0: texture_2d<f32>;
#endif
#if A_PLANES >= 2
@group(0) @binding(9) var a1: texture_2d<f32>;
#endif
#if A_PLANES >= 3
@group(0) @binding(10) var a2: texture_2d<f32>;
#endif
#if A_PLANES >= 4
@group(0) @binding(11) var a3: texture_2d<f32>;
#endif
#if A_PLANES >= 5
@group(0) @binding(12) var a4: texture_2d<f32>;
#endif
#if A_PLANES >= 6
@group(0) @binding(13) var a5: texture_2d<f32>;
#endif
#if A_PLANES >= 7
@group(0) @binding(14) var a6: texture_2d<f32>;
#endif
#if A_PLANES >= 8
@group(0) @binding(15) var a7: texture_2d<f32>;
#endif

// All lanes at one texel; lanes that are not bound are zero.
fn load(at: vec2<i32>) -> Lanes {
    return load_each(array<vec2<i32>, 8>(at, at, at, at, at, at, at, at));
}

// Each lane at its own texel.
fn load_each(at: array<vec2<i32>, 8>) -> Lanes {
    var v = Lanes(vec4<f32>(0.0), vec4<f32>(0.0));
#if A_PLANES >= 1
    v.lo.x = textureLoad(a0, at[0], 0).r;
#endif
#if A_PLANES >= 2
    v.lo.y = textureLoad(a1, at[1], 0).r;
#endif
#if A_PLANES >= 3
    v.lo.z = textureLoad(a2, at[2], 0).r;
#endif
#if A_PLANES >= 4
    v.lo.w = textureLoad(a3, at[3], 0).r;
#endif
#if A_PLANES >= 5
    v.hi.x = textureLoad(a4, at[4], 0).r;
#endif
#if A_PLANES >= 6
    v.hi.y = textureLoad(a5, at[5], 0).r;
#endif
#if A_PLANES >= 7
    v.hi.z = textureLoad(a6, at[6], 0).r;
#endif
#if A_PLANES >= 8
    v.hi.w = textureLoad(a7, at[7], 0).r;
#endif
    return v;
}
