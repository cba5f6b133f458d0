// Pictures: of the page's cartoons, of the native program, and how far they are apart.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

// Node.js 18, which is Debian 12's, has no import.meta.dirname.
const HERE = fileURLToPath(new URL(".", import.meta.url));

const ROOT = path.join(HERE, "../..");

/** A picture on the page's stage as a PNG file: what the app was given, pixel for pixel. */
export async function saveInput(page, person = 0) {
  const url = await page.evaluate((person) => {
    const { width, height, pixels } = toonface.scene.people[person].picture;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
    return canvas.toDataURL("image/png");
  }, person);
  const folder = await mkdtemp(path.join(tmpdir(), "toonface-"));
  const file = path.join(folder, "input.png");
  await writeFile(file, Buffer.from(url.split(",")[1], "base64"));
  return file;
}

/** Draws a picture natively through all groups. Returns the PNG files by group. */
export async function drawNatively(input, groups) {
  const out = path.dirname(input);
  const run = ["run", "--release", "--quiet", "--example", "stylize", "--", input, "--group", "all", "--out", out];
  await promisify(execFile)("cargo", run, { cwd: ROOT });
  return Object.fromEntries(groups.map((group) => [group, path.join(out, `input.${group}.png`)]));
}

/** Mean and largest difference of a person's cartoon and a PNG file, in steps of 1/255. */
export async function difference(page, person, file) {
  const png = (await readFile(file)).toString("base64");
  return page.evaluate(async ({ person, png }) => {
    const blob = await (await fetch(`data:image/png;base64,${png}`)).blob();
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const cartoon = await toonface.app.readCartoon(person);
    const { width, height } = bitmap;
    if (cartoon?.width !== width || cartoon.height !== height) throw new Error("the sizes differ");
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const native = context.getImageData(0, 0, width, height).data;
    let [sum, max] = [0, 0];
    native.forEach((value, i) => {
      const step = Math.abs(value - cartoon.pixels[i]);
      sum += step;
      max = Math.max(max, step);
    });
    return { mean: sum / native.length, max };
  }, { person, png });
}
