//! Pixel-wise kernels: for every pixel of the block, where its operands' pixels are.

use std::fmt::Write;

use crate::plan::format::Arrangement;
use crate::plan::kernel::{Affine, Operand, Read};

/// `let r_<phase> = ...` for every pixel of the block, and the end of the shader.
pub(super) fn combine(
    a: &(Operand, Read),
    b: Option<&(Operand, Read)>,
    c: Option<&(Arrangement, Read)>,
    out: &Arrangement,
) -> String {
    let mut text = String::new();
    let operands: Vec<(&str, &(Operand, Read))> = std::iter::once(("a", a)).chain(b.map(|b| ("b", b))).collect();
    for (name, (operand, _)) in &operands {
        _ = writeln!(text, "    let base_{name} = origin(cell.item, cell.tile - params.tile_{name}, params.{name});");
        if operand.affine != Affine::None {
            _ = writeln!(text, "    let affine_of_{name} = affine_{name}(cell.item, cell.tile - params.tile_{name});");
        }
    }
    if c.is_some() {
        text += "    let base_c = origin(cell.item, cell.tile - params.tile_c, params.c);\n";
    }
    let [px, py] = out.phases;
    for (p, (j, i)) in (0..py).flat_map(|j| (0..px).map(move |i| (j, i))).enumerate() {
        let mut values: Vec<String> = operands
            .iter()
            .map(|(name, (operand, read))| {
                let (lines, value) = value(name, operand, *read, (i, j), out);
                text += &lines;
                value
            })
            .collect();
        values.extend(c.map(|(arrangement, read)| plain("c", arrangement, *read, (i, j), out)));
        _ = writeln!(text, "    let r_{p} = finish({});", values.join(" + "));
    }
    text + &super::write_targets(out)
}

/// `let rgba = ...` of the pixel of a plain picture: three lanes, opaque.
pub(super) fn picture(a: &Arrangement) -> String {
    let mut text = String::new();
    let at = |name: &'static str| Coordinate { name, factor: Factor::Times(1), offset: 0 };
    let tiles = 3usize.div_ceil(a.quad);
    for tile in 0..tiles {
        _ = writeln!(text, "    let base_{tile} = origin(cell.item, {tile}, params.a);");
        let value = pixel("a", &format!("base_{tile}"), a, &at("x"), &at("y"));
        _ = writeln!(text, "    let v_{tile} = {value};");
    }
    let lanes: Vec<String> =
        (0..3).map(|channel| super::planes::lane(&format!("v_{}", channel / a.quad), channel % a.quad)).collect();
    _ = writeln!(text, "    return vec4<f32>({}, 1.0);", lanes.join(", "));
    text
}

/// The quad of an operand as it is, for pixel `(i, j)` of the block, from the tile at `base_<name>`. Not for pooling.
pub(super) fn plain(
    name: &str,
    arrangement: &Arrangement,
    read: Read,
    (i, j): (usize, usize),
    out: &Arrangement,
) -> String {
    let (x, y) = (coordinate("x", read, i, 0, out.phases[0]), coordinate("y", read, j, 0, out.phases[1]));
    pixel(name, &format!("base_{name}"), arrangement, &x, &y)
}

/// Lines that come first, and the expression of an operand's value for pixel `(i, j)` of the block.
fn value(name: &str, operand: &Operand, read: Read, (i, j): (usize, usize), out: &Arrangement) -> (String, String) {
    let one = |dx: usize, dy: usize| {
        let x = coordinate("x", read, i, dx, out.phases[0]);
        let y = coordinate("y", read, j, dy, out.phases[1]);
        let mut value = pixel(name, &format!("base_{name}"), &operand.arrangement, &x, &y);
        if operand.affine != Affine::None {
            value = format!("apply({value}, affine_of_{name})");
        }
        format!("max({value}, vec4<f32>(params.floor_{name}))")
    };
    if read != Read::Pool {
        return (String::new(), one(0, 0));
    }
    let sum = format!("pooled_{name}_{i}_{j}");
    let taps: Vec<String> = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| one(dx, dy)).to_vec();
    (format!("    let {sum} = 0.25 * ({});\n", taps.join(" + ")), sum)
}

/// How far a pixel of the input moves for a texel of the result.
enum Factor {
    Times(usize),
    /// Half a pixel: one pixel a block, up-sampled.
    Half,
}

/// A pixel coordinate of the input: the result's texel by a factor, plus an offset.
struct Coordinate {
    name: &'static str,
    factor: Factor,
    offset: usize,
}

fn coordinate(name: &'static str, read: Read, pixel: usize, tap: usize, phases: usize) -> Coordinate {
    let (factor, offset) = match read {
        Read::Same => (Factor::Times(phases), pixel),
        Read::Pool => (Factor::Times(2 * phases), 2 * pixel + tap),
        Read::Up if phases == 1 => (Factor::Half, 0),
        Read::Up => (Factor::Times(phases / 2), pixel / 2),
    };
    Coordinate { name, factor, offset }
}

impl Coordinate {
    /// Phase and texel where they are the same for all fragments, as numbers and text.
    fn fixed(&self, phases: usize) -> Option<(usize, String)> {
        match self.factor {
            Factor::Times(n) if n.is_multiple_of(phases) => {
                let texel = format!("cell.texel.{} * {} + {}", self.name, n / phases, self.offset / phases);
                Some((self.offset % phases, texel))
            }
            _ if phases == 1 => Some((0, self.pixel())),
            _ => None,
        }
    }

    /// The coordinate itself.
    fn pixel(&self) -> String {
        match self.factor {
            Factor::Times(n) => format!("(cell.texel.{} * {n} + {})", self.name, self.offset),
            Factor::Half => format!("(cell.texel.{} / 2)", self.name),
        }
    }
}

/// The quad of an input pixel. Where its phase differs from fragment to fragment, every phase that it may be in is
/// loaded and one is picked.
fn pixel(name: &str, base: &str, arrangement: &Arrangement, x: &Coordinate, y: &Coordinate) -> String {
    let [columns, rows] = arrangement.phases;
    let (fixed_x, fixed_y) = (x.fixed(columns), y.fixed(rows));
    let texel = |fixed: &Option<(usize, String)>, c: &Coordinate, phases: usize| {
        fixed.as_ref().map_or_else(|| format!("{} / {phases}", c.pixel()), |(_, texel)| texel.clone())
    };
    let texels = format!("vec2<i32>({}, {})", texel(&fixed_x, x, columns), texel(&fixed_y, y, rows));
    let load = |phase_x: usize, phase_y: usize| {
        format!("load_{name}_{}(uv_of({base} + {texels}, params.{name}))", phase_y * columns + phase_x)
    };
    let along_x = |phase_y: usize| match &fixed_x {
        Some((phase, _)) => load(*phase, phase_y),
        None => picked(columns, &x.pixel(), |phase| load(phase, phase_y)),
    };
    match &fixed_y {
        Some((phase, _)) => along_x(*phase),
        None => picked(rows, &y.pixel(), along_x),
    }
}

/// The value of the phase that `pixel` is in.
fn picked(phases: usize, pixel: &str, value: impl Fn(usize) -> String) -> String {
    let choose =
        |chosen: String, phase: usize| format!("select({chosen}, {}, {pixel} % {phases} == {phase})", value(phase));
    (1..phases).fold(value(0), choose)
}
