//! Bindings and loads of operands, and the struct of colour attachments.

use std::fmt::Write;

use super::LANES;
use crate::plan::format::Arrangement;
use crate::plan::kernel::{BIND_VECTOR_A, BIND_VECTOR_B};

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
