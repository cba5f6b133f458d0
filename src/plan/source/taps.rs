//! What a convolution adds up: the weights of its taps, as they are stored and loaded, and the sums of a block's pixels.
//!
//! A tap times four pixels is one call and their sums are one matrix, a pixel a column: less text to parse before the first
//! cartoon (benches/NOTES.md, step 23). (As a matrix times a vector, Mesa's lavapipe makes half as much again of a tap.)

use std::fmt::Write;

use super::planes::{lane, narrow};
use crate::plan::WEIGHT_TEXTURE_WIDTH;
use crate::plan::format::Arrangement;

/// Largest kernel whose rows are all written out; of larger ones two rows at a time are, in a loop.
pub(in crate::plan) const UNROLLED: usize = 3;

/// How the weights of one tile of an operand follow each other: `steps` runs, each the taps of `rows` kernel rows.
///
/// A run is a list of scalars (kernel row, kernel column, input lane, output lane), where three output lanes count as
/// four, filled up with zeros to whole texels. The last run's rows may reach past the kernel; those weights are zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) struct WeightRuns {
    pub steps: usize,
    pub rows: usize,
    /// Output lanes that are stored.
    pub lanes: usize,
    /// Texels of a run.
    pub texels: usize,
}

impl WeightRuns {
    pub fn new(kernel: usize, quad: usize, out_quad: usize) -> Self {
        let (steps, rows) = if kernel <= UNROLLED { (1, kernel) } else { (kernel.div_ceil(2), 2) };
        let lanes = if out_quad > 2 { 4 } else { out_quad };
        Self { steps, rows, lanes, texels: (rows * kernel * quad * lanes).div_ceil(4) }
    }
}

/// The sums of a block's pixels, four or fewer at a time.
pub(super) struct Sums<'a>(pub &'a Arrangement);

impl Sums<'_> {
    /// How many there are at a time.
    fn pixels(&self) -> usize {
        self.0.phase_count().min(4)
    }

    pub fn groups(&self) -> usize {
        self.0.phase_count().div_ceil(4)
    }

    /// The type that holds the results of some pixels.
    fn ty(&self) -> String {
        let (one, _) = narrow(self.0.quad);
        match (self.pixels(), one) {
            (1, _) => one.to_owned(),
            (n, "f32") => format!("vec{n}<f32>"),
            (n, _) => format!("mat{n}x{}<f32>", self.0.quad.next_power_of_two()),
        }
    }

    /// A value of that type.
    fn of(&self, pixel: impl Fn(usize) -> String) -> String {
        let n = self.pixels();
        if n == 1 { pixel(0) } else { format!("{}({})", self.ty(), (0..n).map(pixel).collect::<Vec<_>>().join(", ")) }
    }

    /// Sums that start at the bias.
    pub fn at_bias(&self) -> String {
        let (_, swizzle) = narrow(self.0.quad);
        let value = self.of(|_| format!("bias{swizzle}"));
        (0..self.groups()).map(|g| format!("    var sum_{g} = {value};\n")).collect()
    }

    /// Sums of one tile.
    pub fn at_zero(&self) -> String {
        let ty = self.ty();
        (0..self.groups()).map(|g| format!("    var t_{g} = {ty}();\n")).collect()
    }

    /// Those of a tile join the others. Sums of sums: rounding errors grow with the longest run of additions.
    pub fn join(&self) -> String {
        (0..self.groups()).map(|g| format!("    sum_{g} += t_{g};\n")).collect()
    }

    /// The sum of a pixel.
    pub fn pixel(&self, p: usize) -> String {
        if self.pixels() == 1 { "sum_0".into() } else { format!("sum_{}[{}]", p / 4, p % 4) }
    }
}

/// The taps of an operand.
pub(super) struct Taps<'a> {
    pub name: &'a str,
    /// Input lanes.
    pub quad: usize,
    pub runs: WeightRuns,
    pub out: &'a Arrangement,
}

impl Taps<'_> {
    /// Texels of a tap's weights, if they are whole ones. Else the texels of a run are loaded, and a tap is given its lanes.
    fn texels(&self) -> Option<usize> {
        let scalars = self.quad * self.runs.lanes;
        scalars.is_multiple_of(4).then_some(scalars / 4)
    }

    /// `tap_<name>(w, v)`: a tap's weights times a pixel. `taps_<name>(w, v_0, ...)`: times some. `weights_<name>(w)`: the weights
    /// from a place on.
    pub fn functions(&self) -> String {
        let Self { name, quad, out, .. } = self;
        let sums = Sums(out);
        let n = sums.pixels();
        let list = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(", ");
        let (ty, _) = narrow(out.quad);
        let products = (0..*quad).map(|l| format!("{} * {}", self.weight(l), lane("v", l)));
        let products = products.collect::<Vec<_>>().join(" + ");
        let (parameters, arguments) = match self.texels() {
            Some(texels) => (format!("w: {}", texels_type(texels)), "w".into()),
            None => (list(*quad, &|l| format!("w_{l}: {ty}")), list(*quad, &|l| format!("w_{l}"))),
        };
        let mut text = format!("fn tap_{name}({parameters}, v: vec4<f32>) -> {ty} {{\n    return {products};\n}}\n");
        if n > 1 {
            let pixels = list(n, &|p| format!("v_{p}: vec4<f32>"));
            let value = sums.of(|p| format!("tap_{name}({arguments}, v_{p})"));
            _ = writeln!(text, "fn taps_{name}({parameters}, {pixels}) -> {} {{\n    return {value};\n}}", sums.ty());
        }
        if let Some(texels @ 2..) = self.texels() {
            let ty = texels_type(texels);
            let loads = list(texels, &|i| format!("weight_at({})", weight_uv(i)));
            _ = writeln!(text, "fn weights_{name}(w: vec2<f32>) -> {ty} {{\n    return {ty}({loads});\n}}");
        }
        text
    }

    /// The weights of an input lane, in `tap_<name>`.
    fn weight(&self, l: usize) -> String {
        let texel = |i: usize| if self.texels() == Some(1) { "w".into() } else { format!("w[{i}]") };
        match self.texels() {
            Some(_) => self.lanes(texel, l),
            None => format!("w_{l}"),
        }
    }

    /// Output lanes of the `nth` (tap, input lane) of some texels.
    fn lanes(&self, texel: impl Fn(usize) -> String, nth: usize) -> String {
        let scalar = nth * self.runs.lanes;
        let texel = texel(scalar / 4);
        match self.runs.lanes {
            4 => texel,
            2 => format!("{texel}.{}", if scalar.is_multiple_of(4) { "xy" } else { "zw" }),
            _ => lane(&texel, scalar % 4),
        }
    }

    /// All taps of a run times pixels `v_<row>_<column>`; `pixel` is the row and column of a block's pixel under the tap of a row
    /// and column. Where an output lane's weights fill whole texels they are loaded beside their tap, which leaves more
    /// registers than loading all of them first.
    pub fn all(&self, kernel: usize, pixel: impl Fn(usize, [usize; 2]) -> [usize; 2]) -> String {
        let Self { name, quad, runs, out } = self;
        let sums = Sums(out);
        let call = if sums.pixels() == 1 { "tap" } else { "taps" };
        let (mut loads, mut text) = (String::new(), String::new());
        if self.texels().is_none() {
            (0..runs.texels).for_each(|i| _ = writeln!(loads, "    let w_{i} = weight_at({});", weight_uv(i)));
        }
        for tap in 0..runs.rows * kernel {
            if let Some(texels) = self.texels() {
                let load = if texels > 1 { format!("weights_{name}") } else { "weight_at".into() };
                let to = if runs.lanes == 4 { &mut text } else { &mut loads };
                _ = writeln!(to, "    let w_{tap} = {load}({});", weight_uv(tap * texels));
            }
            let weights = match self.texels() {
                Some(_) => format!("w_{tap}"),
                None => {
                    let lanes = (0..*quad).map(|l| self.lanes(|i| format!("w_{i}"), tap * quad + l));
                    lanes.collect::<Vec<_>>().join(", ")
                }
            };
            for g in 0..sums.groups() {
                let pixels = (4 * g..4 * g + sums.pixels()).map(|p| pixel(p, [tap / kernel, tap % kernel]));
                let pixels: String = pixels.map(|[row, column]| format!(", v_{row}_{column}")).collect();
                _ = writeln!(text, "    t_{g} += {call}_{name}({weights}{pixels});");
            }
        }
        loads + &text
    }
}

/// Type of some texels of weights.
fn texels_type(texels: usize) -> String {
    if texels == 1 { "vec4<f32>".into() } else { format!("mat{texels}x4<f32>") }
}

/// Where texel `i` of a run of weights is.
fn weight_uv(i: usize) -> String {
    format!("w + vec2<f32>({:?}, 0.0)", i as f32 / WEIGHT_TEXTURE_WIDTH as f32)
}
