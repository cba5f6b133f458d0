// The model packages that are timed: the golden weights, and a network twice as wide with random ones.

import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { parse, write } from "./safetensors.js";

// Node.js 18, which is Debian 12's, has no import.meta.dirname.
const HERE = fileURLToPath(new URL(".", import.meta.url));

const ROOT = path.join(HERE, "../../..");
const GOLDEN = path.join(ROOT, "tests/fixtures/golden");
const MANIFEST = "imported.cartoon.ron";
const FILES = ["trunk", "woman", "man", "kid", "elderly"].map((name) => `${name}.safetensors`);

/** Makes the packages below `folder`. Returns what is timed, by name. */
export async function makePackages(folder) {
  const small = path.join(folder, "n8s64");
  const run = ["run", "--release", "--quiet", "--example", "import_checkpoint", "--"];
  const from = [path.join(GOLDEN, "weights.safetensors"), "--base-channels", "8", "--image-size", "64"];
  execFileSync("cargo", [...run, ...from, "--out", small], { cwd: ROOT });
  const large = path.join(folder, "n16s128");
  await widen(small, large);
  const golden = parse((await readFile(path.join(GOLDEN, "g1.safetensors"))).buffer);
  return [
    { name: "n8s64", size: 64, folder: small, files: FILES, manifest: `n8s64/${MANIFEST}`, golden },
    { name: "n16s128", size: 128, folder: large, files: FILES, manifest: `n16s128/${MANIFEST}` },
  ];
}

/** The same network with twice the channels and twice the picture: every width doubles, kernels and colours stay. */
async function widen(from, to) {
  await mkdir(to, { recursive: true });
  const random = gaussian(20240016);
  for (const file of FILES) {
    const { buffer, byteOffset, byteLength } = await readFile(path.join(from, file));
    const tensors = parse(buffer.slice(byteOffset, byteOffset + byteLength));
    const wide = Object.entries(tensors).map(([name, { shape }]) => [name, fill(name, shape.map(double), random)]);
    await writeFile(path.join(to, file), write(Object.fromEntries(wide)));
  }
  const manifest = await readFile(path.join(from, MANIFEST), "utf8");
  const wide = manifest.replace("base_channels: 8", "base_channels: 16").replace("image_size: 64", "image_size: 128");
  await writeFile(path.join(to, MANIFEST), wide);
}

const double = (side) => ([1, 3, 7].includes(side) ? side : 2 * side);

/** Weights that keep activations at a sane size, and none of them trivial. */
function fill(name, shape, random) {
  const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
  const value = () => {
    if (/(rho|mix_gamma|mix_beta)$/.test(name)) return 0.5 + 0.4 * Math.tanh(random());
    if (/gamma$/.test(name)) return 1 + 0.2 * random();
    if (/(bias|beta)$/.test(name)) return 0.2 * random();
    return random() * Math.sqrt(1 / inputs);
  };
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, value) };
}

/** Normal numbers from a seed (mulberry32 and Box-Muller). */
function gaussian(seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
