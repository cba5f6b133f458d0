//! Shapes of the training graph's ops.

use super::{GradientOp, Norm};
use crate::model::{Graph, ModelError, Shape};

/// The shape that an op yields for inputs of the right number.
pub(in crate::model) fn infer(
    name: &str,
    op: &GradientOp,
    inputs: &[Shape],
    graph: &Graph,
) -> Result<Shape, ModelError> {
    let same = |a: Shape, b: Shape| {
        let reason = || format!("takes two equal shapes, got {a} and {b}");
        if a == b { Ok(a) } else { Err(ModelError::shape(name, reason())) }
    };
    let vector = |x: Shape| {
        if x.is_vector() { Ok(x) } else { Err(ModelError::shape(name, format!("takes a vector, got {x}"))) }
    };
    let fits = |holds: bool, reason: &str| if holds { Ok(()) } else { Err(ModelError::shape(name, reason)) };
    match op {
        GradientOp::Example(shape) => Shape::new(name, shape.channels, shape.height, shape.width),
        GradientOp::State(n) => Shape::vector(name, *n),
        GradientOp::ConvInput { kernel, stride, weight, height, width } => {
            let dims = &graph.param(*weight).dims;
            let [out, channels, rows, _] = dims[..] else {
                return Err(ModelError::shape(name, format!("weights of shape {dims:?} are not a convolution's")));
            };
            let expected = Shape { channels: out, height: height.div_ceil(*stride), width: width.div_ceil(*stride) };
            fits(rows == *kernel && inputs[0] == expected, "the gradient has another shape than the result")?;
            Shape::new(name, channels, *height, *width)
        }
        GradientOp::ConvWeight { kernel, stride } => {
            let (dy, x) = (inputs[0], inputs[1]);
            let expected = (x.height.div_ceil(*stride), x.width.div_ceil(*stride));
            fits((dy.height, dy.width) == expected, "the gradient has another shape than the result")?;
            fits(kernel / 2 < x.height && kernel / 2 < x.width, "the padding is wider than the input")?;
            Shape::new(name, dy.channels, x.channels, kernel * kernel)
        }
        GradientOp::LinearInput { groups, weights } => {
            let rows: usize = weights.iter().map(|w| rows(&graph.param(*w).dims)).sum();
            let columns = weights.first().map_or(0, |w| graph.param(*w).dims.last().copied().unwrap_or(0));
            fits(vector(inputs[0])?.channels == rows, "the gradient has another length than the maps' outputs")?;
            Shape::vector(name, columns * groups)
        }
        GradientOp::Outer { rows, columns } => {
            let (dy, x) = (vector(inputs[0])?, vector(inputs[1])?);
            fits(rows.end <= dy.channels && columns.end <= x.channels, "the map reaches beyond its vectors")?;
            Shape::new(name, rows.len(), 1, columns.len())
        }
        GradientOp::MixInput { weights, .. } => {
            let n: usize = weights.iter().map(|w| graph.param(*w).elements()).sum();
            fits(vector(inputs[0])?.channels == n, "the gradient has another length than the weights")?;
            Ok(inputs[0])
        }
        GradientOp::Pointwise(op) if op.arity() == 1 => Ok(inputs[0]),
        GradientOp::Pointwise(_) => same(inputs[0], inputs[1]),
        GradientOp::Shift { channels, .. } => Shape::new(name, *channels, inputs[0].height, inputs[0].width),
        GradientOp::Spread { height, width } => {
            let pooled = (height / 2, width / 2);
            fits((inputs[0].height, inputs[0].width) == pooled, "the gradient has another shape than the pool")?;
            Shape::new(name, inputs[0].channels, *height, *width)
        }
        GradientOp::Broadcast { height, width, .. } => Shape::new(name, vector(inputs[0])?.channels, *height, *width),
        GradientOp::Repeat(channels) => {
            fits(inputs[0].channels == 1, "there is more than one channel")?;
            Shape::new(name, *channels, inputs[0].height, inputs[0].width)
        }
        GradientOp::Total => Shape::vector(name, inputs[0].channels),
        GradientOp::NormSums => Shape::new(name, same(inputs[0], inputs[1])?.channels, 1, 4),
        GradientOp::NormSlopes(norm, _) => {
            let sums = sums(name, norm, inputs)?;
            Ok(sums)
        }
        GradientOp::NormParams(norm, _) => Shape::vector(name, 3 * sums(name, norm, inputs)?.channels),
        GradientOp::NormApply => {
            let x = same(inputs[0], inputs[1])?;
            let slopes = Shape { channels: x.channels, height: 1, width: 4 };
            same(slopes, inputs[2])?;
            Ok(x)
        }
        GradientOp::EdgeSlope(_) | GradientOp::EdgeSize(_) => Ok(inputs[0]),
        GradientOp::Gather => Shape::vector(name, inputs.iter().map(Shape::elements).sum()),
        GradientOp::Clock { .. } => {
            fits(vector(inputs[0])?.channels == 4, "the clock has four values")?;
            Ok(inputs[0])
        }
        GradientOp::Step(_) => {
            same(inputs[0], inputs[1])?;
            same(inputs[0], inputs[2])?;
            fits(inputs[3].channels == 4, "the clock has four values")?;
            vector(inputs[0])
        }
    }
}

/// Rows of a linear map's weights; a vector is one row.
fn rows(dims: &[usize]) -> usize {
    if let [rows, _] = dims[..] { rows } else { 1 }
}

/// The shape of a norm's sums, with the modulation vector long enough.
fn sums(name: &str, norm: &Norm, inputs: &[Shape]) -> Result<Shape, ModelError> {
    let sums = inputs[0];
    if (sums.height, sums.width) != (1, 4) {
        return Err(ModelError::shape(name, format!("takes four sums a channel, got {sums}")));
    }
    if let Norm::Adaptive { gamma_at, .. } = norm
        && inputs[1].channels < gamma_at + sums.channels
    {
        return Err(ModelError::shape(name, format!("the modulation vector {} is too short", inputs[1])));
    }
    Ok(sums)
}
