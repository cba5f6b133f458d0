// history' = history + a * (fresh - history): a picture that only noise moves comes to rest.
// a = 1 / (n + 1) where fresh is within the noise of history, n updates after the last change there; 1 where it is not.
// In: the picture as the network would see it, and the history before. Out: the history after; rgb in -1..1, alpha is n.
// Defs: none.

struct Settle {
    // In -1..1: differences of 3 x 3 pixels on average, then of one pixel, that begin to count and that count wholly.
    area: vec2<f32>,
    alone: vec2<f32>,
    // Most updates in the mean.
    frames: f32,
    // Whether the history is to be forgotten.
    restart: i32,
    // Width and height.
    size: vec2<i32>,
}

@group(0) @binding(0) var<uniform> settle: Settle;
@group(0) @binding(1) var fresh: texture_2d<f32>;
@group(0) @binding(2) var history: texture_2d<f32>;

fn difference(at: vec2<i32>) -> vec3<f32> {
    let inside = clamp(at, vec2<i32>(0), settle.size - 1);
    return textureLoad(fresh, inside, 0).rgb - textureLoad(history, inside, 0).rgb;
}

fn largest(v: vec3<f32>) -> f32 {
    return max(abs(v.r), max(abs(v.g), abs(v.b)));
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = vec2<i32>(position.xy);
    let now = textureLoad(fresh, at, 0).rgb;
    let before = textureLoad(history, at, 0);
    let step = now - before.rgb;
    let around = difference(at + vec2<i32>(-1, -1)) + difference(at + vec2<i32>(0, -1)) + difference(at + vec2<i32>(1, -1))
        + difference(at + vec2<i32>(-1, 0)) + step + difference(at + vec2<i32>(1, 0))
        + difference(at + vec2<i32>(-1, 1)) + difference(at + vec2<i32>(0, 1)) + difference(at + vec2<i32>(1, 1));
    let changed = max(
        smoothstep(settle.area.x, settle.area.y, largest(around) / 9.0),
        smoothstep(settle.alone.x, settle.alone.y, largest(step)),
    );
    // A change makes what was before worth less.
    let known = min(before.a, settle.frames - 1.0) * (1.0 - changed);
    let share = max(1.0 / (known + 1.0), changed);
    let settled = vec4<f32>(before.rgb + share * step, known + 1.0);
    return select(settled, vec4<f32>(now, 1.0), settle.restart != 0 || changed >= 1.0);
}
