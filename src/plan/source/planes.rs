//! Bindings and loads of operands, and the struct of colour attachments.

use std::fmt::Write;

use super::LANES;
use crate::plan::format::{Arrangement, TensorFormat};
use crate::plan::kernel::{BIND_A, BIND_SQUARES_A, BIND_SQUARES_B, BIND_VECTOR_A, BIND_VECTOR_B, QUARTERS};

/// The textures of an operand and, for every phase, `load_<name>_<phase>(uv)`: a quad, zeros in lanes it lacks.
pub(super) fn operand(name: &str, first: u32, arrangement: &Arrangement) -> String {
    let mut text = String::new();
    for plane in 0..arrangement.planes() {
        let binding = first + plane as u32;
        _ = writeln!(text, "@group(0) @binding({binding}) var {name}_{plane}: texture_2d<f32>;");
    }
    for phase in 0..arrangement.phase_count() {
        let sample = |lane: usize| {
            let plane = phase * arrangement.depth() + lane / arrangement.format.lanes();
            format!("textureSampleLevel({name}_{plane}, nearest, uv, 0.0)")
        };
        let value = if arrangement.format.lanes() == 4 {
            sample(0)
        } else {
            let lanes: Vec<String> =
                (0..4).map(|lane| if lane < arrangement.quad { sample(lane) + ".r" } else { "0.0".into() }).collect();
            format!("vec4<f32>({})", lanes.join(", "))
        };
        _ = writeln!(text, "fn load_{name}_{phase}(uv: vec2<f32>) -> vec4<f32> {{ return {value}; }}");
    }
    text
}

/// The planes of a picture and `drawn(item, at)`: the three channels of a pixel.
pub(super) fn picture(arrangement: &Arrangement) -> String {
    let mut text = String::new();
    for plane in 0..arrangement.planes() {
        let binding = BIND_A + plane as u32;
        _ = writeln!(text, "@group(0) @binding({binding}) var drawn_{plane}: texture_2d<f32>;");
    }
    let channel = |c: usize| {
        let (plane, component) = arrangement.plane(c, 0, 0);
        let tile = c / arrangement.quad;
        lane(&format!("textureLoad(drawn_{plane}, origin(item, {tile}, picture.tensor) + at, 0)"), component)
    };
    let channels: Vec<String> = (0..3).map(channel).collect();
    _ = writeln!(text, "fn drawn(item: i32, at: vec2<i32>) -> vec3<f32> {{");
    text + &format!("    return vec3<f32>(\n        {},\n    );\n}}\n", channels.join(",\n        "))
}

/// The coefficient vector of an operand and `affine_<name>(item, tile)`.
pub(super) fn coefficients(name: &str) -> String {
    let binding = if name == "a" { BIND_VECTOR_A } else { BIND_VECTOR_B };
    format!(
        "@group(0) @binding({binding}) var vector_{name}: texture_2d<f32>;
fn affine_{name}(item: i32, tile: i32) -> Affine {{
    let uv = uv_of(origin(item, 3 * tile, params.coefficients_{name}), params.coefficients_{name});
    let step = vec2<f32>(params.coefficients_{name}.texel.x, 0.0);
    return Affine(
        textureSampleLevel(vector_{name}, nearest, uv, 0.0),
        textureSampleLevel(vector_{name}, nearest, uv + step, 0.0),
        textureSampleLevel(vector_{name}, nearest, uv + 2.0 * step, 0.0),
    );
}}
"
    )
}

/// The statistics of an operand and `affine_<name>(item, tile)`: M2 = sum of M2_k + n / 4 * (mean_k - mean)^2 (Chan et al.
/// 1983), then an instance norm (torch.nn.InstanceNorm2d).
pub(super) fn quarters(name: &str) -> String {
    let (means, squares) = if name == "a" { (BIND_VECTOR_A, BIND_SQUARES_A) } else { (BIND_VECTOR_B, BIND_SQUARES_B) };
    let mut text = format!(
        "@group(0) @binding({means}) var vector_{name}: texture_2d<f32>;
@group(0) @binding({squares}) var squares_{name}: texture_2d<f32>;
fn affine_{name}(item: i32, tile: i32) -> Affine {{
    let uv = uv_of(origin(item, tile, params.coefficients_{name}), params.coefficients_{name});
    let step = vec2<f32>(0.0, params.coefficients_{name}.texel.y);
"
    );
    for k in 0..QUARTERS {
        _ = writeln!(text, "    let mean_{k} = textureSampleLevel(vector_{name}, nearest, uv + {k}.0 * step, 0.0);");
        _ = writeln!(text, "    let square_{k} = textureSampleLevel(squares_{name}, nearest, uv + {k}.0 * step, 0.0);");
    }
    let sum = |term: &dyn Fn(usize) -> String| (0..QUARTERS).map(term).collect::<Vec<_>>().join(" + ");
    let share = 1.0 / QUARTERS as f32;
    _ = writeln!(text, "    let mean = {share:?} * ({});", sum(&|k| format!("mean_{k}")));
    let spread = sum(&|k| format!("(mean_{k} - mean) * (mean_{k} - mean)"));
    _ = writeln!(text, "    let between = {share:?} * params.pixels_{name} * ({spread});");
    _ = writeln!(text, "    let spread = between + {};", sum(&|k| format!("square_{k}")));
    text + &format!("    return instance(mean, spread / params.pixels_{name});\n}}\n")
}

/// `affine_<name>(item, tile)` from the operand itself: an instance norm (torch.nn.InstanceNorm2d). Sums are shifted by the
/// first value, as in `ops/norm.wgsl`.
pub(super) fn own(name: &str, arrangement: &Arrangement) -> String {
    let phases = arrangement.phase_count();
    let mut text = format!(
        "fn affine_{name}(item: i32, tile: i32) -> Affine {{
    let base = uv_of(origin(item, tile, params.{name}), params.{name});
    let first = load_{name}_0(base);
    let size = params.{name}.tile;
    let rows = bound(size.y, item);
    let columns = bound(size.x, item);
    var sum = vec4<f32>(0.0);
    var squares = vec4<f32>(0.0);
    for (var y = 0; y < rows; y++) {{
        for (var x = 0; x < columns; x++) {{
            let uv = base + vec2<f32>(f32(x), f32(y)) * params.{name}.texel;
"
    );
    for phase in 0..phases {
        _ = writeln!(text, "            let d_{phase} = load_{name}_{phase}(uv) - first;");
    }
    let all = |term: &dyn Fn(usize) -> String| (0..phases).map(term).collect::<Vec<_>>().join(" + ");
    _ = writeln!(text, "            sum += {};", all(&|p| format!("d_{p}")));
    _ = writeln!(text, "            squares += {};", all(&|p| format!("d_{p} * d_{p}")));
    text + &format!(
        "        }}
    }}
    let n = f32(size.x * size.y * {phases});
    return instance(first + sum / n, max(squares - sum * sum / n, vec4<f32>(0.0)) / n);
}}
"
    )
}

/// `struct Targets`: the colour attachments, in the order of the planes.
pub(super) fn targets(out: &Arrangement) -> String {
    let ty = if out.format.lanes() == 4 { "vec4<f32>" } else { "f32" };
    let mut text = String::from("struct Targets {\n");
    for plane in 0..out.planes() {
        _ = writeln!(text, "    @location({plane}) plane_{plane}_: {ty},");
    }
    text += "}\n";
    if out.format == TensorFormat::Rgba16Float {
        text += NEAREST_HALF;
    }
    text
}

/// Drivers may cut off what does not fit a half; with the values in range of an activation this rounds it first.
const NEAREST_HALF: &str = "fn nearest_half(v: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>((bitcast<vec4<u32>>(v) + vec4<u32>(0x1000u)) & vec4<u32>(0xffffe000u));
}
";

/// An expression for a quad from a narrower value of `lanes` lanes.
pub(super) fn widen(value: &str, lanes: usize) -> String {
    match lanes {
        1 => format!("vec4<f32>({value}, 0.0, 0.0, 0.0)"),
        2 => format!("vec4<f32>({value}, 0.0, 0.0)"),
        _ => value.to_owned(),
    }
}

/// The type that holds `lanes` lanes of a result, and the swizzle that takes them from a quad.
pub(super) fn narrow(lanes: usize) -> (&'static str, &'static str) {
    match lanes {
        1 => ("f32", ".x"),
        2 => ("vec2<f32>", ".xy"),
        _ => ("vec4<f32>", ""),
    }
}

/// A component by index.
pub(super) fn lane(value: &str, index: usize) -> String {
    format!("{value}.{}", LANES[index])
}
