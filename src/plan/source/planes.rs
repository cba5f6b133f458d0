//! Bindings and loads of operands, and the struct of colour attachments.

use std::fmt::Write;

use super::LANES;
use crate::plan::format::Arrangement;
use crate::plan::kernel::{BIND_SQUARES_A, BIND_SQUARES_B, BIND_VECTOR_A, BIND_VECTOR_B, QUARTERS};

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

/// `struct Targets`: the colour attachments, in the order of the planes.
pub(super) fn targets(out: &Arrangement) -> String {
    let ty = if out.format.lanes() == 4 { "vec4<f32>" } else { "f32" };
    let mut text = String::from("struct Targets {\n");
    for plane in 0..out.planes() {
        _ = writeln!(text, "    @location({plane}) plane_{plane}_: {ty},");
    }
    text + "}\n"
}

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
