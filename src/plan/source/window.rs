//! Convolutions as straight-line code. A fragment computes a block of pixels; it loads the window of input pixels that
//! the block needs once, and every weight once, and multiplies them from there.
//!
//! Measured on a software GPU (3x3, 32 to 32 channels at 64 x 64): one pixel a fragment 2.5 GFLOP/s, blocks of 2 x 2 in
//! R32F 8.2, blocks of 4 x 2 in RGBA32F 25, on one core. A fetch costs as much as twenty multiply-adds there.

use std::fmt::Write;

use super::pixel::{Lets, plain, scaled};
use super::planes::widen;
use super::taps::{Sums, Taps, WeightRuns};
use crate::plan::format::Arrangement;
use crate::plan::kernel::{Affine, Operand, Read};

/// `read_<name>_<phase>(uv)`: a quad as the convolution takes it.
fn reads(name: &str, operand: &Operand) -> String {
    let Operand { arrangement, affine, .. } = operand;
    let mut text = String::new();
    let (parameter, value) = match affine {
        Affine::None => ("", "LOAD"),
        _ => (", affine: Affine", "apply(LOAD, affine)"),
    };
    for phase in 0..arrangement.phase_count() {
        let value = value.replace("LOAD", &format!("load_{name}_{phase}(uv)"));
        _ = writeln!(
            text,
            "fn read_{name}_{phase}(uv: vec2<f32>{parameter}) -> vec4<f32> {{
    return max({value}, vec4<f32>(params.floor_{name}));
}}"
        );
    }
    text
}

/// A convolution's geometry.
pub(super) struct Window<'a> {
    pub kernel: usize,
    pub stride: usize,
    pub out: &'a Arrangement,
}

/// One axis of the window.
struct Axis {
    /// `x` or `y`.
    name: &'static str,
    /// Pixels of the input from block to block.
    step: usize,
    /// Phases of the operand along the axis.
    phases: usize,
    /// Pixels before the block's first.
    pad: usize,
    stride: usize,
    /// Pixels of the window for one of the operand: 2 if it is up-sampled, else 1.
    up: usize,
}

impl Axis {
    /// Phase of the pixel at `offset` from the block's first input pixel.
    fn phase(&self, offset: isize) -> usize {
        offset.div_euclid(self.up as isize).rem_euclid(self.phases as isize) as usize
    }

    /// Whether a pixel at `offset` may lie outside the picture.
    fn leaves(&self, offset: isize) -> bool {
        // Twice an odd side's half is one more than the side.
        offset < 0
            || offset >= self.step as isize
            || !self.step.is_multiple_of(self.phases * self.up)
            || (self.stride == 2 && self.phases == 1)
    }

    /// The pixel that reflects one outside may be in another phase: with four of them, or two and up-sampling. Then it is
    /// picked, not computed.
    fn picks(&self) -> bool {
        self.phases * self.up > 2
    }

    /// The texel of the pixel at `offset` (plus `shift`, an even number of pixels), reflected into the picture.
    fn texel(&self, operand: &str, offset: isize, shift: Option<&str>) -> String {
        let Self { name, step, up, .. } = self;
        let phases = self.phases * up;
        if shift.is_none() && (self.picks() || !self.leaves(offset)) {
            let texels = offset.div_euclid(phases as isize);
            return scaled(name, step / phases, texels);
        }
        let shift = shift.map_or_else(String::new, |shift| format!(" + {shift}"));
        let pixel = format!("{}{shift}", scaled(name, *step, offset));
        let side = format!("params.{operand}.tile.{name} * {phases}");
        // Zero weights may reach further out than a picture is wide: any pixel will do, but it has to be one.
        format!("max(reflect_index({pixel}, {side}), 0) / {phases}")
    }
}

impl Window<'_> {
    fn taps<'a>(&'a self, name: &'a str, operand: &Operand) -> Taps<'a> {
        let quad = operand.arrangement.quad;
        Taps { name, quad, runs: WeightRuns::new(self.kernel, quad, self.out.quad), out: self.out }
    }

    /// The functions that an operand needs.
    pub fn functions(&self, name: &str, operand: &Operand) -> String {
        reads(name, operand) + &self.taps(name, operand).functions()
    }

    fn axis(&self, name: &'static str, operand: &Operand) -> Axis {
        let index = usize::from(name == "y");
        Axis {
            name,
            step: self.stride * self.out.phases[index],
            phases: operand.arrangement.phases[index],
            pad: self.kernel / 2,
            stride: self.stride,
            up: if operand.up { 2 } else { 1 },
        }
    }

    /// Adds an operand's products to the sums.
    pub fn operand(&self, name: &str, operand: &Operand) -> String {
        let (taps, sums) = (self.taps(name, operand), Sums(self.out));
        let runs = taps.runs;
        let (x, y) = (self.axis("x", operand), self.axis("y", operand));
        let columns = self.stride * (self.out.phases[0] - 1) + self.kernel;
        let rows = self.stride * (self.out.phases[1] - 1) + runs.rows;
        let mut text = String::from("    {\n");
        for c in 0..columns {
            let texel = x.texel(name, c as isize - x.pad as isize, None);
            _ = writeln!(text, "    let x_{c} = f32({texel}) * params.{name}.texel.x;");
        }
        if x.picks() {
            text += "    let first = cell.texel.x == 0;\n    let last = cell.texel.x == params.out.tile.x - 1;\n";
        }
        let row_offsets = |shift: Option<&str>| -> String {
            let row = |r: usize| {
                let texel = y.texel(name, r as isize - y.pad as isize, shift);
                format!("    let y_{r} = f32({texel}) * params.{name}.texel.y;\n")
            };
            (0..rows).map(row).collect()
        };
        if runs.steps == 1 {
            text += &row_offsets(None);
        }
        _ = writeln!(text, "    let tiles = bound(params.{name}.tiles, cell.item);");
        _ = writeln!(text, "    var tile_{name} = 0;\n    loop {{");
        _ = writeln!(text, "    let base = uv_of(origin(cell.item, tile_{name}, params.{name}), params.{name});");
        if operand.affine != Affine::None {
            _ = writeln!(text, "    let affine = affine_{name}(cell.item, tile_{name});");
        }
        text += &sums.at_zero();
        if runs.steps > 1 {
            text += "    var row = 0;\n    loop {\n";
            text += &row_offsets(Some("row"));
        }
        _ = writeln!(text, "    at = fit(at, {});\n    let w = weight_uv(at);", runs.texels);
        for r in 0..rows {
            text += &self.load_row(name, operand, (&x, &y), (r, columns));
        }
        text += &taps.all(self.kernel, |p, [row, column]| {
            let px = self.out.phases[0];
            [self.stride * (p / px) + row, self.stride * (p % px) + column]
        });
        _ = writeln!(text, "    at.x += {};", runs.texels);
        if runs.steps > 1 {
            _ = writeln!(text, "    continuing {{ row += 2; break if row >= {}; }}\n    }}", 2 * runs.steps);
        }
        text += &sums.join();
        _ = writeln!(text, "    continuing {{ tile_{name} += 1; break if tile_{name} >= tiles; }}\n    }}\n    }}");
        text
    }

    /// The pixels of one row of the window, as `v_<row>_<column>`.
    fn load_row(&self, name: &str, operand: &Operand, (x, y): (&Axis, &Axis), (r, columns): (usize, usize)) -> String {
        let mut text = String::new();
        let offset = |c: usize| c as isize - x.pad as isize;
        let last = x.step as isize - 1;
        let outside = |c: usize| x.picks() && (offset(c) < 0 || offset(c) > last);
        let phase_y = y.phase(r as isize - y.pad as isize);
        for c in 0..columns {
            let phase = phase_y * operand.arrangement.phases[0] + x.phase(offset(c));
            let affine = if operand.affine == Affine::None { "" } else { ", affine" };
            let prefix = if outside(c) { "raw" } else { "v" };
            _ = writeln!(
                text,
                "    let {prefix}_{r}_{c} = read_{name}_{phase}(base + vec2<f32>(x_{c}, y_{r}){affine});"
            );
        }
        for c in (0..columns).filter(|c| outside(*c)) {
            let (edge, mirrored) = if offset(c) < 0 { ("first", -offset(c)) } else { ("last", 2 * last - offset(c)) };
            let partner = mirrored + x.pad as isize;
            _ = writeln!(text, "    let v_{r}_{c} = select(raw_{r}_{c}, v_{r}_{partner}, {edge});");
        }
        text
    }

    /// The sums with what is added to them, clamped, to the attachments.
    pub fn results(&self, c: bool, d: Option<&(Arrangement, Read)>) -> String {
        let mut text = String::new();
        if c {
            text += "    let uv_c = uv_of(origin(cell.item, cell.tile, params.c) + cell.texel, params.c);\n";
        }
        if d.is_some() {
            text += "    let base_d = origin(cell.item, cell.tile - params.tile_d, params.d);\n";
        }
        let mut lets = Lets::default();
        for p in 0..self.out.phase_count() {
            let mut value = widen(&Sums(self.out).pixel(p), self.out.quad);
            if c {
                value += &format!(" + load_c_{p}(uv_c)");
            }
            if let Some((arrangement, read)) = d {
                let place = (p % self.out.phases[0], p / self.out.phases[0]);
                value += &format!(" + {}", plain(&mut lets, "d", arrangement, *read, place, self.out));
            }
            lets.push(&format!("r_{p}"), &format!("finish({value})"));
        }
        text + &lets.text + &super::write_targets(self.out)
    }
}
