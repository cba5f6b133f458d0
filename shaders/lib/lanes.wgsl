// Up to eight values of one fragment, a plane each, and the colour attachments they are written to.
// Names of members must not end in a digit: naga renames them when naga_oil writes an imported module back.
// Defs: OUT_PLANES = attachments.
#define_import_path bevy_toonface::lib::lanes

struct Lanes {
    lo: vec4<f32>,
    hi: vec4<f32>,
}

struct Targets {
    @location(0) lo_x: f32,
#if OUT_PLANES >= 2
    @location(1) lo_y: f32,
#endif
#if OUT_PLANES >= 3
    @location(2) lo_z: f32,
#endif
#if OUT_PLANES >= 4
    @location(3) lo_w: f32,
#endif
#if OUT_PLANES >= 5
    @location(4) hi_x: f32,
#endif
#if OUT_PLANES >= 6
    @location(5) hi_y: f32,
#endif
#if OUT_PLANES >= 7
    @location(6) hi_z: f32,
#endif
#if OUT_PLANES >= 8
    @location(7) hi_w: f32,
#endif
}

fn targets(v: Lanes) -> Targets {
    var t: Targets;
    t.lo_x = v.lo.x;
#if OUT_PLANES >= 2
    t.lo_y = v.lo.y;
#endif
#if OUT_PLANES >= 3
    t.lo_z = v.lo.z;
#endif
#if OUT_PLANES >= 4
    t.lo_w = v.lo.w;
#endif
#if OUT_PLANES >= 5
    t.hi_x = v.hi.x;
#endif
#if OUT_PLANES >= 6
    t.hi_y = v.hi.y;
#endif
#if OUT_PLANES >= 7
    t.hi_z = v.hi.z;
#endif
#if OUT_PLANES >= 8
    t.hi_w = v.hi.w;
#endif
    return t;
}
