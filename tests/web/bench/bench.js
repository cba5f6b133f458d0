// The plugin beside TensorFlow.js: the same network, the same weights, the same browser, in turn. Prints a table.
// `./web --bench [--frames N] [--rounds N]`

import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { SITE, launch, openPage, serve } from "../browser.js";
import { countGl } from "../gl_counter.js";
import { makePackages } from "./packages.js";

// Node.js 18, which is Debian 12's, has no import.meta.dirname.
const HERE = fileURLToPath(new URL(".", import.meta.url));

const { values: args } = parseArgs({ options: { frames: { type: "string", default: "15" }, rounds: { type: "string", default: "3" } } });
const FRAMES = Number(args.frames);
const ROUNDS = Number(args.rounds);
const GROUP = "man";
/** TensorFlow.js's settings; which is best depends on the size. */
const SETTINGS = {
  "TF.js, default": {},
  "TF.js, unpacked": { WEBGL_PACK: false },
  "TF.js, WEBGL_EXP_CONV": { WEBGL_EXP_CONV: true },
};
/** The plugin's formats; activations of 16 bit are another precision and are shown, but not compared. */
const FORMATS = { "bevy_toonface, R32F": "R32Float", "bevy_toonface, RGBA32F": "Rgba32Float", "bevy_toonface, RGBA16F": "Rgba16Float" };
const EXACT = Object.keys(FORMATS).filter((name) => FORMATS[name] !== "Rgba16Float");
/** Largest error of TensorFlow.js's network against PyTorch's: it is the same network. */
const SAME_NETWORK = 2e-4;
/**
 * Mean difference of the two cartoons, in steps of 1/255: a check against gross mistakes only. The networks are compared
 * with PyTorch exactly, each by itself (SAME_NETWORK, tests/gpu_golden.rs); between the pictures lies the plugin's way
 * from and to 8-bit sRGB, and random weights amplify what differs there.
 */
const SAME_CARTOON = 2;

const MODULES = path.join(HERE, "node_modules/@tensorflow");
const { browser, renderer } = await launch();
const folder = await mkdtemp(path.join(tmpdir(), "toonface-bench-"));
const server = await serve({
  "/": SITE,
  "/bench/": HERE,
  "/bench/tfjs-core/": path.join(MODULES, "tfjs-core"),
  "/bench/tfjs-webgl/": path.join(MODULES, "tfjs-backend-webgl"),
  "/assets/models/bench/": folder,
});

console.log(`${browser.version()}, ${renderer}; medians of ${ROUNDS} rounds of ${FRAMES} frames, in turn`);
try {
  for (const model of await makePackages(folder)) {
    if (model.golden) await checkNetwork(model);
    printTable(model, await measure(model));
  }
  console.log(await downloads());
} finally {
  await browser.close();
  server.close();
}

/** Runs `window.run` of a bench page, in a context of its own. */
async function run(page, options) {
  const opened = await openPage(browser, `${server.address}bench/${page}.html`, { prepare: countGl });
  await opened.waitForFunction(() => window.ready);
  const result = await opened.evaluate((options) => window.run(options), options);
  if (opened.errors.length) throw new Error(`${page}: ${opened.errors.join("\n")}`);
  await opened.context().close();
  return result;
}

function weightUrls({ name }) {
  return ["trunk", GROUP].map((file) => `/assets/models/bench/${name}/${file}.safetensors`);
}

function runTheirs(model, flags, input, frames = FRAMES) {
  return run("tfjs", { urls: weightUrls(model), size: model.size, input, flags, frames });
}

function runOurs(model, pixels, options) {
  return run("ours", { model: `models/bench/${model.manifest}`, size: model.size, pixels, group: GROUP, frames: FRAMES, options: { ...options, unlimited: true } });
}

/** TensorFlow.js's form of the network against PyTorch's numbers. */
async function checkNetwork(model) {
  const { input, output } = model.golden;
  const area = model.size ** 2;
  const toNhwc = (data) => Array.from({ length: 3 * area }, (_, i) => data[(i % 3) * area + Math.floor(i / 3)]);
  const expected = toNhwc(output.data);
  for (const [setting, flags] of Object.entries(SETTINGS)) {
    const { output: found } = await runTheirs(model, flags, toNhwc(input.data), 1);
    const error = farthest(found, expected);
    if (!(error <= SAME_NETWORK)) throw new Error(`${setting} is ${error} off PyTorch`);
    console.log(`${model.name}: ${setting} against PyTorch, max error ${error.toExponential(1)}`);
  }
}

/** Results by name, times of all rounds together. */
async function measure(model) {
  const pixels = picture(model.size);
  const input = pixels.filter((_, i) => i % 4 < 3).map((value) => value / 127.5 - 1);
  const runs = {
    ...Object.fromEntries(Object.entries(FORMATS).map(([name, format]) => [name, () => runOurs(model, pixels, { format })])),
    ...Object.fromEntries(Object.entries(SETTINGS).map(([name, flags]) => [name, () => runTheirs(model, flags, input)])),
  };
  const results = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, start] of Object.entries(runs)) {
      const result = await start();
      const known = (results[name] ??= { ...result, frames: [], firsts: [] });
      known.frames.push(result.frame);
      known.firsts.push(result.first);
    }
  }
  const theirs = results[Object.keys(SETTINGS)[0]].output.map((value) => (value + 1) * 127.5);
  for (const name of Object.keys(runs)) {
    const { pixels, output } = results[name];
    const cartoon = pixels ? pixels.filter((_, i) => i % 4 < 3) : output.map((value) => (value + 1) * 127.5);
    const steps = cartoon.reduce((sum, value, i) => sum + Math.abs(value - theirs[i]), 0) / theirs.length;
    if (FORMATS[name] !== "Rgba16Float" && !(steps <= SAME_CARTOON)) {
      throw new Error(`${model.name}: the cartoon of ${name} is ${steps} steps of 255 off that of TF.js`);
    }
    Object.assign(results[name], { steps, farthest: farthest(cartoon, theirs) });
  }
  return results;
}

/** The largest difference of two lists. */
function farthest(found, expected) {
  if (found.length !== expected.length) throw new Error(`${found.length} numbers instead of ${expected.length}`);
  return found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i])), 0);
}

/** A picture with smooth colours and edges: RGBA. */
function picture(size) {
  const pixels = [];
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const inside = Math.hypot(x - size / 2, y - size / 2) < size / 3;
      pixels.push(inside ? 210 : Math.round((255 * x) / size), Math.round((255 * y) / size), inside ? 120 : 200, 255);
    }
  }
  return pixels;
}

function printTable(model, results) {
  const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
  const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);
  const best = (names, pick) => Math.min(...names.map((name) => median(pick(results[name]))));
  console.log(`\n| ${model.name} | frame ms | first ms | programs | draws a frame | textures MiB | steps of 255 off: mean, max |`);
  console.log("|---|---|---|---|---|---|---|");
  for (const [name, { frames, firsts, programs, draws, textureBytes, steps, farthest: most }] of Object.entries(results)) {
    const cells = [median(frames).toFixed(0), median(firsts).toFixed(0), programs, Math.round(draws), mebibytes(textureBytes), `${steps.toFixed(2)}, ${most.toFixed(1)}`];
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
  const ratio = (pick) => (best(Object.keys(SETTINGS), pick) / best(EXACT, pick)).toFixed(1);
  console.log(`\n${model.name}: ${ratio(({ frames }) => frames)} times the best TF.js a frame, ${ratio(({ firsts }) => firsts)} times on the first`);
}

/** What a visitor downloads. */
async function downloads() {
  const kinds = {
    "bevy_toonface: wasm, glue": ["pkg/toonface_web_bg.wasm", "pkg/toonface_web.js"].map((file) => path.join(SITE, file)),
    "TF.js: core, WebGL backend": [
      path.join(MODULES, "tfjs-core/dist/tf-core.fesm.min.js"), path.join(MODULES, "tfjs-backend-webgl/dist/tf-backend-webgl.fesm.min.js"),
    ],
    "weights n8s64, one group": weightFiles("n8s64"),
    "weights n16s128, one group": weightFiles("n16s128"),
  };
  const lines = ["\n| download, KiB | plain | gzip | brotli |", "|---|---|---|---|"];
  for (const [name, files] of Object.entries(kinds)) {
    const contents = await Promise.all(files.map((file) => readFile(file)));
    const total = (pack) => Math.round(contents.reduce((sum, bytes) => sum + pack(bytes).length, 0) / 1024);
    lines.push(`| ${name} | ${total((bytes) => bytes)} | ${total((bytes) => gzipSync(bytes, { level: 9 }))} | ${total((bytes) => brotliCompressSync(bytes))} |`);
  }
  return lines.join("\n");
}

function weightFiles(name) {
  return ["trunk", GROUP].map((file) => path.join(folder, name, `${file}.safetensors`));
}
