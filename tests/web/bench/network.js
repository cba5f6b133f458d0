// The paper's light generator in TensorFlow.js: NHWC, convolutions fused with their bias, norms as fused batch norms.
// The twin of training/toonface/paper.py.

const EPS = 1e-5;

/** Weights on the device, by the package's names: convolutions as HWIO, linear maps as [in, out]. */
export function upload(tensors) {
  const convert = ({ shape, data }) => {
    const tensor = tf.tensor(data, shape);
    if (shape.length === 4) return tf.transpose(tensor, [2, 3, 1, 0]);
    return shape.length === 2 ? tf.transpose(tensor) : tensor;
  };
  return tf.tidy(() => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, convert(tensor)])));
}

/** Photograph [1, S, S, 3] in -1..1 -> cartoon [1, S, S, 3]. */
export function generate(weights, input) {
  const w = (name) => {
    if (!(name in weights)) throw new Error(`there is no tensor ${name}`);
    return weights[name];
  };
  const conv = (x, name, { stride = 1, activation = "linear" } = {}) => {
    const filter = w(`${name}.weight`);
    const pad = (filter.shape[0] - 1) / 2;
    const padded = pad ? tf.mirrorPad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]], "reflect") : x;
    const bias = weights[`${name}.bias`];
    return tf.fused.conv2d({ x: padded, filter, strides: stride, pad: "valid", bias, activation });
  };
  const instanceNorm = (x) => {
    const { mean, variance } = tf.moments(x, [1, 2], true);
    return tf.batchNorm(x, mean, variance, null, null, EPS);
  };
  const normRelu = (x) => tf.relu(instanceNorm(x));
  const up = (x) => tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]);
  const average = (x) => tf.mean(x, [1, 2]);
  const linear = (x, name, activation = "linear") =>
    tf.fused.matMul({ a: x, b: w(`${name}.weight`), bias: w(`${name}.bias`), activation });

  const convBlock = (x, name) => {
    const x1 = conv(normRelu(x), `${name}.conv1`);
    const x2 = conv(normRelu(x1), `${name}.conv2`);
    const x3 = conv(normRelu(x2), `${name}.conv3`);
    return tf.add(x, tf.concat([x1, x2, x3], 3));
  };
  const hourglassBody = (x, name) => {
    const skips = [];
    let y = x;
    for (const level of [1, 2, 3, 4]) {
      skips.push(convBlock(y, `${name}.skip${level}`));
      y = convBlock(tf.avgPool(y, 2, 2, "valid"), `${name}.down${level}`);
    }
    y = convBlock(convBlock(y, `${name}.bottom1`), `${name}.bottom2`);
    for (const level of [4, 3, 2, 1]) {
      y = tf.add(up(y), skips[level - 1]);
      if (level > 1) y = convBlock(y, `${name}.refine${level}`);
    }
    return normRelu(conv(convBlock(y, `${name}.neck`), `${name}.out`));
  };
  const hourglass = (x, name) => {
    const body = hourglassBody(x, name);
    const head = conv(body, `${name}.head`);
    return tf.add(tf.add(x, conv(body, `${name}.from_body`)), conv(head, `${name}.from_head`));
  };

  // rho * IN(x) + (1 - rho) * LN(x), times gamma plus beta, as one multiply-add over x. Unbiased variances; those of
  // the layer follow from the channels'.
  const mixedNorm = (x, rho, gamma, beta) => {
    const [, height, width, channels] = x.shape;
    const area = height * width;
    const { mean, variance } = tf.moments(x, [1, 2], true);
    const squares = tf.mul(variance, area);
    const layerMean = tf.mean(mean, 3, true);
    const between = tf.mul(tf.square(tf.sub(mean, layerMean)), area);
    const layerVariance = tf.div(tf.sum(tf.add(squares, between), 3, true), channels * area - 1);
    const scale = tf.mul(rho, tf.rsqrt(tf.add(tf.div(squares, area - 1), EPS)));
    const layerScale = tf.mul(tf.sub(1, rho), tf.rsqrt(tf.add(layerVariance, EPS)));
    const factor = tf.mul(gamma, tf.add(scale, layerScale));
    const shift = tf.mul(gamma, tf.add(tf.mul(scale, mean), tf.mul(layerScale, layerMean)));
    return tf.add(tf.mul(x, factor), tf.sub(beta, shift));
  };
  const softAdaLin = (x, name, style, content) => {
    const mixed = (what) => {
      const mix = w(`${name}.mix_${what}`);
      const ofContent = linear(linear(content, `${name}.content_${what}.fc1`, "relu"), `${name}.content_${what}.fc2`);
      return tf.add(tf.mul(tf.sub(1, mix), linear(style, `${name}.style_${what}`)), tf.mul(mix, ofContent));
    };
    return mixedNorm(x, w(`${name}.rho`), mixed("gamma"), mixed("beta"));
  };

  let y = normRelu(conv(input, "stem"));
  y = hourglass(hourglass(y, "hourglass1"), "hourglass2");
  y = normRelu(conv(y, "down1", { stride: 2 }));
  y = normRelu(conv(y, "down2", { stride: 2 }));
  const contents = [];
  for (const name of ["encode1", "encode2", "encode3", "encode4"]) {
    const inner = normRelu(conv(y, `${name}.conv1`));
    y = tf.add(y, instanceNorm(conv(inner, `${name}.conv2`)));
    contents.unshift(average(y));
  }
  const attended = tf.concat([tf.mul(y, w("cam.gap.weight")), tf.mul(y, w("cam.gmp.weight"))], 3);
  y = conv(attended, "cam.conv", { activation: "relu" });
  const style = linear(linear(average(y), "style.fc1", "relu"), "style.fc2", "relu");
  for (const [i, name] of ["decode1", "decode2", "decode3", "decode4"].entries()) {
    const inner = tf.relu(softAdaLin(conv(y, `${name}.conv1`), `${name}.norm1`, style, contents[i]));
    y = tf.add(y, softAdaLin(conv(inner, `${name}.conv2`), `${name}.norm2`, style, contents[i]));
  }
  for (const name of ["up1", "up2"]) {
    y = tf.relu(mixedNorm(conv(up(y), name), w(`${name}.rho`), w(`${name}.gamma`), w(`${name}.beta`)));
  }
  y = hourglassBody(hourglass(y, "hourglass3"), "hourglass4");
  return tf.tanh(conv(conv(y, "hourglass4.head"), "head"));
}
