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
    let mut lets = Lets::default();
    for (p, (j, i)) in (0..py).flat_map(|j| (0..px).map(move |i| (j, i))).enumerate() {
        let mut values = Vec::new();
        for (name, (operand, read)) in &operands {
            let value = value(&mut lets, name, operand, *read, (i, j), out);
            values.push(lets.name(name, value));
        }
        values.extend(c.map(|(arrangement, read)| plain(&mut lets, "c", arrangement, *read, (i, j), out)));
        lets.push(&format!("r_{p}"), &format!("finish({})", values.join(" + ")));
    }
    text + &lets.text + &super::write_targets(out)
}

/// What has a name is not written again: the pixels of a block share places, and an up-sampled pixel is that of several.
#[derive(Default)]
pub(super) struct Lets {
    pub text: String,
    known: Vec<String>,
}

impl Lets {
    pub fn push(&mut self, name: &str, value: &str) {
        _ = writeln!(self.text, "    let {name} = {value};");
    }

    /// The name of a value; names begin with `prefix`.
    fn name(&mut self, prefix: &str, value: String) -> String {
        let known = self.known.iter().position(|known| *known == value);
        let name = |index: usize| format!("{prefix}_at_{index}");
        known.map(name).unwrap_or_else(|| {
            let name = name(self.known.len());
            self.push(&name, &value);
            self.known.push(value);
            name
        })
    }
}

/// The quad of an operand as it is, for pixel `(i, j)` of the block, from the tile at `base_<name>`. Not for pooling.
pub(super) fn plain(
    lets: &mut Lets,
    name: &str,
    arrangement: &Arrangement,
    read: Read,
    (i, j): (usize, usize),
    out: &Arrangement,
) -> String {
    let (x, y) = (coordinate("x", read, i, 0, out.phases[0]), coordinate("y", read, j, 0, out.phases[1]));
    pixel(lets, name, arrangement, &x, &y)
}

/// The expression of an operand's value for pixel `(i, j)` of the block.
fn value(
    lets: &mut Lets,
    name: &str,
    operand: &Operand,
    read: Read,
    (i, j): (usize, usize),
    out: &Arrangement,
) -> String {
    let mut one = |dx: usize, dy: usize| {
        let x = coordinate("x", read, i, dx, out.phases[0]);
        let y = coordinate("y", read, j, dy, out.phases[1]);
        let mut value = pixel(lets, name, &operand.arrangement, &x, &y);
        if operand.affine != Affine::None {
            value = format!("apply({value}, affine_of_{name})");
        }
        format!("max({value}, vec4<f32>(params.floor_{name}))")
    };
    if read != Read::Pool {
        return one(0, 0);
    }
    format!("0.25 * ({})", [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| one(dx, dy)).join(" + "))
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
                Some((self.offset % phases, scaled(self.name, n / phases, (self.offset / phases) as isize)))
            }
            _ if phases == 1 => Some((0, self.pixel())),
            _ => None,
        }
    }

    /// The coordinate itself.
    fn pixel(&self) -> String {
        match self.factor {
            Factor::Times(n) => scaled(self.name, n, self.offset as isize),
            Factor::Half => format!("cell.texel.{} / 2", self.name),
        }
    }
}

/// A coordinate of the result's texel by a factor, plus an offset.
pub(super) fn scaled(axis: &str, factor: usize, offset: isize) -> String {
    let factor = if factor == 1 { String::new() } else { format!(" * {factor}") };
    let offset = if offset == 0 { String::new() } else { format!(" + {offset}") };
    format!("cell.texel.{axis}{factor}{offset}")
}

/// The quad of an input pixel. Where its phase differs from fragment to fragment, every phase that it may be in is
/// loaded and one is picked.
fn pixel(lets: &mut Lets, name: &str, arrangement: &Arrangement, x: &Coordinate, y: &Coordinate) -> String {
    let [columns, rows] = arrangement.phases;
    let (fixed_x, fixed_y) = (x.fixed(columns), y.fixed(rows));
    let texel = |fixed: &Option<(usize, String)>, c: &Coordinate, phases: usize| {
        fixed.as_ref().map_or_else(|| format!("({}) / {phases}", c.pixel()), |(_, texel)| texel.clone())
    };
    let texel = format!("vec2<i32>({}, {})", texel(&fixed_x, x, columns), texel(&fixed_y, y, rows));
    let uv = lets.name(&format!("uv_{name}"), format!("uv_of(base_{name} + {texel}, params.{name})"));
    let load = |phase_x: usize, phase_y: usize| format!("load_{name}_{}({uv})", phase_y * columns + phase_x);
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
        |chosen: String, phase: usize| format!("select({chosen}, {}, ({pixel}) % {phases} == {phase})", value(phase));
    (1..phases).fold(value(0), choose)
}
