// Times the network in TensorFlow.js.

import { generate, upload } from "./network.js";
import { parse } from "./safetensors.js";

/**
 * `urls`: weight files of trunk and branch. `input`: numbers in -1..1, NHWC. `flags`: of tf.env().
 * Times in milliseconds; `frame` is upload, network, and the result on the CPU, when so many follow each other.
 */
window.run = async ({ urls, size, input, flags, frames }) => {
  const values = Float32Array.from(input);
  tf.env().setFlags(flags);
  await tf.setBackend("webgl");
  await tf.ready();
  const files = await Promise.all(urls.map(async (url) => parse(await (await fetch(url)).arrayBuffer())));
  const tensors = Object.assign({}, ...files);

  const started = performance.now();
  const weights = upload(tensors);
  const frame = async () => {
    const output = tf.tidy(() => generate(weights, tf.tensor(values, [1, size, size, 3])));
    const data = await output.data();
    output.dispose();
    return data;
  };
  let output = await frame();
  const first = performance.now() - started;
  await frame();
  const draws = glCounts.draws;
  const start = performance.now();
  for (let i = 0; i < frames; i += 1) output = await frame();
  const mean = (performance.now() - start) / frames;
  return {
    first, frame: mean, output: Array.from(output),
    programs: glCounts.programs, draws: (glCounts.draws - draws) / frames, textureBytes: glCounts.textureBytes,
  };
};
window.ready = true;
