//! The ops of training graphs on the CPU, in f64, each as its formula says. See `reference`.

use bevy_toonface::model::autodiff::{Edge, GradientOp, Norm, Pointwise};
use bevy_toonface::model::{ParamId, Shape};

use super::reference::{Array, EPSILON, Step, channels, moments, reflect};

/// An op's value for one picture; `batch` holds the inputs for all of them.
pub fn compute(step: &Step, op: &GradientOp, batch: &[Vec<&Array>]) -> Vec<f64> {
    let inputs = &step.inputs;
    let first = || inputs[0].data.iter().copied();
    let Shape { height, width, .. } = step.node.shape;
    match op {
        GradientOp::Example(_) | GradientOp::State(_) => panic!("`{}` has to be given", step.node.name),
        GradientOp::ConvInput { kernel, stride, weight, .. } => conv_input(step, *kernel, *stride, *weight),
        GradientOp::ConvWeight { kernel, stride } => conv_weight(inputs[0], inputs[1], *kernel, *stride),
        GradientOp::LinearInput { groups, weights } => linear_input(step, *groups, weights),
        GradientOp::Outer { rows, columns } => {
            let (dy, x) = (&inputs[0].data[rows.clone()], &inputs[1].data[columns.clone()]);
            dy.iter().flat_map(|dy| x.iter().map(move |x| dy * x)).collect()
        }
        GradientOp::MixInput { weights, second } => {
            let weights = weights.iter().flat_map(|weight| step.weight(*weight));
            weights.zip(first()).map(|(w, dy)| if *second { w * dy } else { (1.0 - w) * dy }).collect()
        }
        GradientOp::Pointwise(op) => {
            let zeros = Array { dims: Vec::new(), data: vec![0.0; inputs[0].data.len()] };
            let second = inputs.get(1).copied().unwrap_or(&zeros);
            first().zip(&second.data).map(|(x, y)| pointwise(*op, x, *y)).collect()
        }
        GradientOp::Shift { channels: n, shift } => {
            let all: Vec<&[f64]> = channels(inputs[0]).collect();
            let channel = |c: usize| c.checked_add_signed(*shift).and_then(|c| all.get(c).map(|c| c.to_vec()));
            (0..*n).flat_map(|c| channel(c).unwrap_or_else(|| vec![0.0; height * width])).collect()
        }
        GradientOp::Spread { .. } => each_pixel(step, |channel, y, x| {
            let (rows, columns) = (height / 2, width / 2);
            if y / 2 < rows && x / 2 < columns { channel[y / 2 * columns + x / 2] / 4.0 } else { 0.0 }
        }),
        GradientOp::Broadcast { scale, .. } => each_pixel(step, |channel, _, _| channel[0] * f64::from(*scale)),
        GradientOp::Repeat(n) => inputs[0].data.repeat(*n),
        GradientOp::Total => channels(inputs[0]).map(|c| c.iter().sum()).collect(),
        GradientOp::NormSums => norm_sums(inputs[0], inputs[1]),
        GradientOp::NormSlopes(norm, pixels) => norm_slopes(step, *norm, *pixels),
        GradientOp::NormParams(norm, pixels) => norm_params(step, *norm, *pixels),
        GradientOp::NormApply => {
            let channel = |((dy, x), slopes): ((&[f64], &[f64]), &[f64])| -> Vec<f64> {
                dy.iter().zip(x).map(|(dy, x)| slopes[0] * dy + slopes[1] * (x - slopes[3]) + slopes[2]).collect()
            };
            channels(inputs[0]).zip(channels(inputs[1])).zip(channels(inputs[2])).flat_map(channel).collect()
        }
        GradientOp::EdgeSlope(edge) => edges(step, *edge, true),
        GradientOp::EdgeSize(edge) => edges(step, *edge, false),
        GradientOp::Gather => {
            let item = |inputs: &Vec<&Array>| -> Vec<f64> { inputs.iter().flat_map(|a| a.data.clone()).collect() };
            let items: Vec<Vec<f64>> = batch.iter().map(item).collect();
            let mean = |i: usize| items.iter().map(|item| item[i]).sum::<f64>() / items.len() as f64;
            (0..items[0].len()).map(mean).collect()
        }
        GradientOp::Clock { decay: [first, second] } => {
            let clock = &inputs[0].data;
            vec![clock[0] * f64::from(*first), clock[1] * f64::from(*second), clock[2] + 1.0, 0.0]
        }
        GradientOp::Step(adam) => {
            let clock = &inputs[3].data;
            let rate = f64::from(adam.rate(clock[2] as f32));
            let weight = |i: usize| {
                let (mean, square) = (inputs[1].data[i] / (1.0 - clock[0]), inputs[2].data[i] / (1.0 - clock[1]));
                let next = inputs[0].data[i] - rate * mean / (square.sqrt() + f64::from(adam.epsilon));
                if adam.unit.iter().any(|range| range.contains(&i)) { next.clamp(0.0, 1.0) } else { next }
            };
            (0..inputs[0].data.len()).map(weight).collect()
        }
        other => panic!("the reference has no op {other:?}"),
    }
}

fn pointwise(op: Pointwise, x: f64, y: f64) -> f64 {
    match op {
        Pointwise::Weighted(a, b) => f64::from(a) * x + f64::from(b) * y,
        Pointwise::Scaled(a) => f64::from(a) * x,
        Pointwise::Multiply => x * y,
        Pointwise::Divide => x / y,
        Pointwise::Equal => f64::from(u8::from(x == y)),
        Pointwise::BlendSquare(a) => f64::from(a) * x + (1.0 - f64::from(a)) * y * y,
        Pointwise::ReluGate => {
            if y > 0.0 {
                x
            } else {
                0.0
            }
        }
        Pointwise::TanhGate => x * (1.0 - y * y),
        Pointwise::Sign(a) => f64::from(a) * sign(x),
        Pointwise::Abs(a) => f64::from(a) * x.abs(),
    }
}

/// Unlike `signum`, 0 at 0.
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// Every pixel of the result from the input's channel.
fn each_pixel(step: &Step, value: impl Fn(&[f64], usize, usize) -> f64) -> Vec<f64> {
    let Shape { height, width, .. } = step.node.shape;
    let value = &value;
    let channel = |c| (0..height).flat_map(move |y| (0..width).map(move |x| value(c, y, x)));
    channels(step.inputs[0]).flat_map(channel).collect()
}

/// What each product of a convolution is: output pixel, input pixel, tap.
fn taps(kernel: usize, stride: usize, [height, width]: [usize; 2], mut visit: impl FnMut(usize, usize, usize)) {
    let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
    let at = |o: usize, k: usize, n: usize| reflect((o * stride + k) as isize - (kernel / 2) as isize, n);
    for y in 0..rows {
        for x in 0..columns {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    visit(y * columns + x, at(y, ky, height) * width + at(x, kx, width), ky * kernel + kx);
                }
            }
        }
    }
}

fn conv_input(step: &Step, kernel: usize, stride: usize, weight: ParamId) -> Vec<f64> {
    let Shape { channels: inputs, height, width } = step.node.shape;
    let weight = step.weight(weight);
    let mut dx = vec![0.0; step.node.shape.elements()];
    for (o, dy) in channels(step.inputs[0]).enumerate() {
        for (i, dx) in dx.chunks_exact_mut(height * width).enumerate() {
            let weight = &weight[(o * inputs + i) * kernel * kernel..];
            taps(kernel, stride, [height, width], |from, to, tap| dx[to] += weight[tap] * dy[from]);
        }
    }
    dx
}

fn conv_weight(dy: &Array, x: &Array, kernel: usize, stride: usize) -> Vec<f64> {
    let mut dw = Vec::new();
    for dy in channels(dy) {
        for channel in channels(x) {
            let mut sums = vec![0.0; kernel * kernel];
            taps(kernel, stride, [x.dims[1], x.dims[2]], |from, to, tap| sums[tap] += dy[from] * channel[to]);
            dw.extend(sums);
        }
    }
    dw
}

fn linear_input(step: &Step, groups: usize, weights: &[ParamId]) -> Vec<f64> {
    let columns = step.node.shape.channels / groups;
    let maps_per_part = weights.len() / groups;
    let mut dx = vec![0.0; step.node.shape.channels];
    let mut dy = step.inputs[0].data.iter();
    for (m, weight) in weights.iter().enumerate() {
        let part = m / maps_per_part * columns;
        for row in step.weight(*weight).chunks_exact(columns) {
            let dy = dy.next().expect("a gradient a row");
            row.iter().zip(&mut dx[part..]).for_each(|(w, dx)| *dx += w * dy);
        }
    }
    dx
}

fn norm_sums(dy: &Array, x: &Array) -> Vec<f64> {
    let channel = |(dy, x): (&[f64], &[f64])| {
        let (mean, m2) = moments(x);
        let product = dy.iter().zip(x).map(|(dy, x)| dy * (x - mean)).sum();
        [mean, m2, dy.iter().sum(), product]
    };
    channels(dy).zip(channels(x)).flat_map(channel).collect()
}

/// What a norm is made of: per channel, and of the whole layer.
struct Parts {
    /// Mean, one over the deviation, sum of `dy`, sum of `dy * (x - mean)`.
    channels: Vec<[f64; 4]>,
    rho: Vec<f64>,
    gamma: Vec<f64>,
    mean: f64,
    scale: f64,
    /// Degrees of freedom of a channel and of the layer.
    free: [f64; 2],
}

impl Parts {
    fn new(step: &Step, norm: Norm, pixels: usize) -> Self {
        let sums = &step.inputs[0].data;
        let n = sums.len() / 4;
        let (rho, gamma) = match norm {
            Norm::Instance => (vec![1.0; n], vec![1.0; n]),
            Norm::Layer { rho, gamma } => (step.weight(rho), step.weight(gamma)),
            Norm::Adaptive { rho, gamma_at } => {
                (step.weight(rho), step.inputs[1].data[gamma_at..gamma_at + n].to_vec())
            }
        };
        let biased = if norm == Norm::Instance { 0.0 } else { 1.0 };
        let free = [pixels as f64 - biased, (n * pixels) as f64 - biased];
        let each = || sums.chunks_exact(4);
        let mean = each().map(|s| s[0]).sum::<f64>() / n as f64;
        let m2: f64 = each().map(|s| s[1] + pixels as f64 * (s[0] - mean) * (s[0] - mean)).sum();
        let scale = |m2: f64, free: f64| 1.0 / (m2 / free + EPSILON).sqrt();
        let channels = each().map(|s| [s[0], scale(s[1], free[0]), s[2], s[3]]).collect();
        Self { channels, rho, gamma, mean, scale: scale(m2, free[1]), free }
    }

    /// Sums of `dy` times the layer-normed input.
    fn layer_product(&self, c: usize) -> f64 {
        let [mean, _, sum, product] = self.channels[c];
        (product + (mean - self.mean) * sum) * self.scale
    }
}

fn norm_slopes(step: &Step, norm: Norm, pixels: usize) -> Vec<f64> {
    let parts = Parts::new(step, norm, pixels);
    let n = parts.channels.len();
    let share = |c: usize| parts.gamma[c] * (1.0 - parts.rho[c]);
    let layer_sum: f64 = (0..n).map(|c| share(c) * parts.channels[c][2]).sum();
    let layer_product: f64 = (0..n).map(|c| share(c) * parts.layer_product(c)).sum();
    let channel = |c: usize| {
        let [mean, scale, sum, product] = parts.channels[c];
        let instance = parts.gamma[c] * parts.rho[c] * scale;
        let layer_slope = parts.scale * parts.scale * layer_product / parts.free[1];
        let a = instance + share(c) * parts.scale;
        let b = -instance * scale * scale * product / parts.free[0] - layer_slope;
        let constant = -instance * sum / pixels as f64
            - parts.scale * layer_sum / (n * pixels) as f64
            - layer_slope * (mean - parts.mean);
        [a, b, constant, mean]
    };
    (0..n).flat_map(channel).collect()
}

fn norm_params(step: &Step, norm: Norm, pixels: usize) -> Vec<f64> {
    let parts = Parts::new(step, norm, pixels);
    let n = parts.channels.len();
    let instance = |c: usize| parts.channels[c][3] * parts.channels[c][1];
    let gamma = (0..n).map(|c| parts.rho[c] * instance(c) + (1.0 - parts.rho[c]) * parts.layer_product(c));
    let beta = (0..n).map(|c| parts.channels[c][2]);
    let rho = (0..n).map(|c| parts.gamma[c] * (instance(c) - parts.layer_product(c)));
    gamma.chain(beta).chain(rho).collect()
}

fn edges(step: &Step, edge: Edge, slope: bool) -> Vec<f64> {
    let Shape { height, width, .. } = step.node.shape;
    let [across, down] = [edge.x, edge.y].map(f64::from);
    each_pixel(step, |d, y, x| {
        let at = |y: usize, x: usize| d[y * width + x];
        let (right, below) = (x + 1 < width, y + 1 < height);
        let to_right = |x: usize| at(y, x + 1) - at(y, x);
        let to_below = |y: usize| at(y + 1, x) - at(y, x);
        if !slope {
            return across * if right { to_right(x).abs() } else { 0.0 }
                + down * if below { to_below(y).abs() } else { 0.0 };
        }
        let before = |there: bool, d: f64| if there { sign(d) } else { 0.0 };
        let h = before(x > 0, if x > 0 { to_right(x - 1) } else { 0.0 })
            - before(right, if right { to_right(x) } else { 0.0 });
        let v = before(y > 0, if y > 0 { to_below(y - 1) } else { 0.0 })
            - before(below, if below { to_below(y) } else { 0.0 });
        across * h + down * v
    })
}
