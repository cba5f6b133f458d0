// The planes of operand B. Defs: B_PLANES = planes that are bound.
#define_import_path bevy_toonface::lib::operand_b

#import bevy_toonface::lib::lanes::Lanes

#if B_PLANES >= 1
@group(0) @binding(16) var b0: texture_2d<f32>;
#endif
#if B_PLANES >= 2
@group(0) @binding(17) var b1: texture_2d<f32>;
#endif
#if B_PLANES >= 3
@group(0) @binding(18) var b2: texture_2d<f32>;
#endif
#if B_PLANES >= 4
@group(0) @binding(19) var b3: texture_2d<f32>;
#endif
#if B_PLANES >= 5
@group(0) @binding(20) var b4: texture_2d<f32>;
#endif
#if B_PLANES >= 6
@group(0) @binding(21) var b5: texture_2d<f32>;
#endif
#if B_PLANES >= 7
@group(0) @binding(22) var b6: texture_2d<f32>;
#endif
#if B_PLANES >= 8
@group(0) @binding(23) var b7: texture_2d<f32>;
#endif

// All lanes at one texel; lanes that are not bound are zero.
fn load(at: vec2<i32>) -> Lanes {
    return load_each(array<vec2<i32>, 8>(at, at, at, at, at, at, at, at));
}

// Each lane at its own texel.
fn load_each(at: array<vec2<i32>, 8>) -> Lanes {
    var v = Lanes(vec4<f32>(0.0), vec4<f32>(0.0));
#if B_PLANES >= 1
    v.lo.x = textureLoad(b0, at[0], 0).r;
#endif
#if B_PLANES >= 2
    v.lo.y = textureLoad(b1, at[1], 0).r;
#endif
#if B_PLANES >= 3
    v.lo.z = textureLoad(b2, at[2], 0).r;
#endif
#if B_PLANES >= 4
    v.lo.w = textureLoad(b3, at[3], 0).r;
#endif
#if B_PLANES >= 5
    v.hi.x = textureLoad(b4, at[4], 0).r;
#endif
#if B_PLANES >= 6
    v.hi.y = textureLoad(b5, at[5], 0).r;
#endif
#if B_PLANES >= 7
    v.hi.z = textureLoad(b6, at[6], 0).r;
#endif
#if B_PLANES >= 8
    v.hi.w = textureLoad(b7, at[7], 0).r;
#endif
    return v;
}
