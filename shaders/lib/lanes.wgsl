// Up to eight values of one fragment, a plane each, and the colour attachments they are written to.
// Defs: OUT_PLANES = attachments.
#define_import_path bevy_toonface::lib::lanes

struct Lanes {
    lo: vec4<f32>,
    hi: vec4<f32>,
}

struct Targets {
    @location(0) plane0: f32,
#if OUT_PLANES >= 2
    @location(1) plane1: f32,
#endif
#if OUT_PLANES >= 3
    @location(2) plane2: f32,
#endif
#if OUT_PLANES >= 4
    @location(3) plane3: f32,
#endif
#if OUT_PLANES >= 5
    @location(4) plane4: f32,
#endif
#if OUT_PLANES >= 6
    @location(5) plane5: f32,
#endif
#if OUT_PLANES >= 7
    @location(6) plane6: f32,
#endif
#if OUT_PLANES >= 8
    @location(7) plane7: f32,
#endif
}

fn targets(v: Lanes) -> Targets {
    var t: Targets;
    t.plane0 = v.lo.x;
#if OUT_PLANES >= 2
    t.plane1 = v.lo.y;
#endif
#if OUT_PLANES >= 3
    t.plane2 = v.lo.z;
#endif
#if OUT_PLANES >= 4
    t.plane3 = v.lo.w;
#endif
#if OUT_PLANES >= 5
    t.plane4 = v.hi.x;
#endif
#if OUT_PLANES >= 6
    t.plane5 = v.hi.y;
#endif
#if OUT_PLANES >= 7
    t.plane6 = v.hi.z;
#endif
#if OUT_PLANES >= 8
    t.plane7 = v.hi.w;
#endif
    return t;
}
