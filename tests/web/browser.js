// A real browser on a local server: Debian's Chromium, headless, with a software GPU.

import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { chromium } from "playwright-core";

/** Where `./web` has put the page. */
export const SITE = required("TOONFACE_SITE");
/** What it draws with: `webgl2` or `webgpu`. */
export const BACKEND = process.env.TOONFACE_BACKEND ?? "webgl2";
/** Screenshots go here. */
export const SHOTS = path.join(process.env.CI_OUT ?? path.join(SITE, ".."), BACKEND === "webgl2" ? "web" : BACKEND);

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const COMMON = [
  "--headless=new", "--no-sandbox", "--ignore-gpu-blocklist", "--disable-gpu-watchdog", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run", "--use-fake-device-for-media-stream",
];
// Mesa's software GL without an X server; and Chromium's own, if that is not there.
const MESA = ["--use-gl=angle", "--use-angle=gl-egl"];
const SWIFTSHADER = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];
// WebGPU on Chromium's own software GPU; the page itself has to be put together by Mesa's.
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-unsafe-swiftshader"];

const TYPES = {
  ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
  ".wasm": "application/wasm", ".jpg": "image/jpeg", ".json": "application/json",
};

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with ./web --test`);
  return value;
}

/** Serves folders: `{"/": folder, "/models/": folder}`, the longest prefix first. Returns address and `close`. */
export async function serve(folders) {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const prefix = prefixes.find((p) => pathname.startsWith(p));
    const file = path.join(folders[prefix], decodeURIComponent(pathname.slice(prefix.length)) || "index.html");
    const found = await stat(file).catch(() => null);
    if (!found?.isFile()) return response.writeHead(404).end();
    const type = TYPES[path.extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-length": found.size });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** Starts Chromium, on Mesa if it can. */
export async function launch() {
  for (const gl of [MESA, SWIFTSHADER]) {
    const args = [...COMMON, ...gl, ...(BACKEND === "webgpu" ? WEBGPU : [])];
    const browser = await chromium.launch({ executablePath: CHROMIUM, args });
    const renderer = await rendererOf(browser);
    if (renderer) return { browser, renderer };
    await browser.close();
  }
  throw new Error("Chromium has no WebGL2, neither on Mesa nor on SwiftShader");
}

async function rendererOf(browser) {
  const page = await browser.newPage();
  const renderer = await page.evaluate(() => {
    const gl = document.createElement("canvas").getContext("webgl2");
    return gl?.getParameter(gl.getExtension("WEBGL_debug_renderer_info").UNMASKED_RENDERER_WEBGL);
  });
  await page.close();
  return renderer;
}

/** A page that remembers what went wrong in it. `prepare` runs in the page before its own scripts. */
export async function openPage(browser, address, { prepare, permissions = [], viewport } = {}) {
  const context = await browser.newContext({ viewport: viewport ?? { width: 1200, height: 900 }, permissions });
  const page = await context.newPage();
  page.errors = [];
  page.on("console", (message) => {
    // The app's own errors come as lines that say so.
    if (message.type() === "error" || message.text().startsWith("%cERROR")) page.errors.push(message.text());
  });
  page.on("pageerror", (error) => page.errors.push(String(error.stack ?? error)));
  if (prepare) await page.addInitScript(prepare);
  await page.goto(address);
  return page;
}

export async function shoot(page, name) {
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}
