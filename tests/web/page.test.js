// The demo page in a real browser.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";

import { BACKEND, SITE, launch, openPage, serve, shoot } from "./browser.js";
import { countGl } from "./gl_counter.js";
import { GROUPS, drawn, pickGroup, redrawn, says, showPortrait, updates } from "./page.js";
import { difference, drawNatively, saveInput } from "./pictures.js";

/** Allowed between the browser's and the native cartoon, both on software GPUs, in steps of 1/255. */
const MEAN = 2;
const MAX = 8;

/** What a test needs WebGL2 for, which a page on WebGPU has not. */
const WEBGL2 = { skip: BACKEND !== "webgl2" && "it is about WebGL2" };

const PORTRAIT = path.join(SITE, "assets/portraits/kid_2.jpg");

let browser;
let server;
let open;

before(async () => {
  const launched = await launch();
  browser = launched.browser;
  console.log(`# ${browser.version()}, ${BACKEND}, ${launched.renderer}`);
  server = await serve({ "/": SITE });
  open = (options) => openPage(browser, server.address, options);
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** Closes the page; nothing may have gone wrong in it. */
async function finish(page) {
  assert.deepEqual(page.errors, []);
  await page.context().close();
}

test("the four portraits become cartoons, on a desk and in a hand", async () => {
  const page = await open();
  await drawn(page);
  await page.waitForTimeout(500);
  await shoot(page, "desktop");
  assert.match(await page.textContent("#status"), /Drawn in \d+ ms/);
  await finish(page);

  const phone = await open({ viewport: { width: 390, height: 844 } });
  await drawn(phone);
  await phone.waitForTimeout(500);
  await shoot(phone, "phone");
  const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels wider than the phone`);
  await finish(phone);
});

test("every group's cartoon is the native one", async (t) => {
  const page = await open();
  await drawn(page);
  await showPortrait(page, "woman_2");
  const native = await drawNatively(await saveInput(page), GROUPS);
  // The portrait is drawn in its own group already: that one comes last.
  for (const group of [...GROUPS.slice(1), GROUPS[0]]) {
    await redrawn(page, () => pickGroup(page, group));
    const { mean, max } = await difference(page, 0, native[group]);
    t.diagnostic(`${group}: mean ${mean.toFixed(4)}, max ${max} of 255`);
    assert.ok(mean <= MEAN && max <= MAX, `${group}: mean ${mean}, max ${max} of 255`);
  }
  const other = await difference(page, 0, native.elderly);
  assert.ok(other.max > MAX, "the comparison tells groups apart");
  await finish(page);
});

test("fifty switches of the group make no program and no texture", WEBGL2, async () => {
  const page = await open({ prepare: countGl });
  await drawn(page);
  await showPortrait(page, "man_1");
  const counts = () => page.evaluate(() => ({ ...glCounts }));
  const first = await counts();
  for (let i = 0; i < 50; i += 1) {
    // The portrait is a man's: the first switch is one, too.
    await redrawn(page, () => pickGroup(page, GROUPS[i % GROUPS.length]));
  }
  const last = await counts();
  assert.equal(last.programs, first.programs);
  assert.equal(last.textures, first.textures);
  assert.ok(last.draws > first.draws);
  await finish(page);
});

test("a picture can be chosen, and dropped on the page", async () => {
  const page = await open();
  await drawn(page);
  await page.setInputFiles("#file", PORTRAIT);
  await page.waitForFunction(() => toonface.scene.people.length === 1);
  await page.waitForTimeout(200);
  await drawn(page);
  await shoot(page, "own_picture");

  const size = await page.evaluate(async () => {
    const wide = new OffscreenCanvas(300, 200);
    wide.getContext("2d").fillRect(0, 0, 150, 200);
    const transfer = new DataTransfer();
    transfer.items.add(new File([await wide.convertToBlob()], "wide.png", { type: "image/png" }));
    dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { width, height } = toonface.scene.people[0].picture;
    return [width, height];
  });
  assert.deepEqual(size, [300, 200]);
  await drawn(page);
  const cartoon = await page.evaluate(async () => (await toonface.app.readCartoon(0)).width);
  assert.equal(cartoon, 300);
  await finish(page);
});

test("a file that is no picture is refused in words, and the stage stays", async () => {
  const page = await open();
  await drawn(page);
  await page.setInputFiles("#file", { name: "words.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await says(page, "#notice", "no picture that the browser can read");
  assert.equal(await page.evaluate(() => toonface.report().people.length), 4);
  await finish(page);
});

test("a camera that is refused is told in words", async () => {
  const page = await open();
  await drawn(page);
  await page.click("#camera");
  await says(page, "#notice", "camera was not allowed");
  assert.equal(await page.getAttribute("#camera", "aria-pressed"), "false");
  await shoot(page, "camera_refused");
  await finish(page);
});

test("a camera's frames are drawn one after another, until it is switched off", async () => {
  const page = await open({ permissions: ["camera"] });
  await drawn(page);
  await page.click("#camera");
  await page.waitForFunction(() => toonface.report().people.length === 1 && toonface.report().people[0].updates > 3, null, { timeout: 60_000 });
  await shoot(page, "camera");
  await page.click("#camera");
  await page.waitForTimeout(3000);
  const still = await updates(page);
  await page.waitForTimeout(1500);
  assert.equal(await updates(page), still);
  await finish(page);
});

test("a lost graphics context starts the app again, with the same picture", WEBGL2, async () => {
  const page = await open();
  await drawn(page);
  await showPortrait(page, "elderly_1");
  await page.evaluate(() => toonface.app.canvas.getContext("webgl2").getExtension("WEBGL_lose_context").loseContext());
  await says(page, "#curtain-words", "graphics device was lost");
  await shoot(page, "lost");
  await drawn(page);
  assert.equal(await page.evaluate(() => toonface.report().people.length), 1);
  await finish(page);
});

test("a page that was frozen in the background goes on", async () => {
  const page = await open();
  await drawn(page);
  await showPortrait(page, "man_2");
  const client = await page.context().newCDPSession(page);
  await client.send("Page.setWebLifecycleState", { state: "frozen" });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await client.send("Page.setWebLifecycleState", { state: "active" });
  await redrawn(page, () => pickGroup(page, "kid"));
  await finish(page);
});

test("a device without float targets is told in words, without a blank canvas or a panic", WEBGL2, async () => {
  const page = await open({
    prepare: () => {
      const { getExtension, getSupportedExtensions } = WebGL2RenderingContext.prototype;
      const lacks = (name) => name.startsWith("EXT_color_buffer");
      WebGL2RenderingContext.prototype.getExtension = function (name) {
        return lacks(name) ? null : getExtension.call(this, name);
      };
      WebGL2RenderingContext.prototype.getSupportedExtensions = function () {
        return getSupportedExtensions.call(this).filter((name) => !lacks(name));
      };
    },
  });
  await says(page, "#curtain-words", "cannot be rendered to");
  await shoot(page, "no_float_targets");
  const errors = page.errors.filter((error) => !error.includes("cannot be rendered to"));
  assert.deepEqual(errors, []);
  await page.context().close();
});

test("a browser without WebGL2 is told in words", WEBGL2, async () => {
  const page = await open({
    prepare: () => {
      HTMLCanvasElement.prototype.getContext = () => null;
    },
  });
  await says(page, "#curtain-words", "no WebGL2");
  await finish(page);
});

test("a browser without WebGPU is told in words", { skip: BACKEND !== "webgpu" && "it is about WebGPU" }, async () => {
  const page = await open({ prepare: () => delete Navigator.prototype.gpu });
  await says(page, "#curtain-words", "no WebGPU");
  await shoot(page, "no_webgpu");
  await finish(page);
});

test("a download that fails is told in words", async () => {
  const page = await openPage(browser, "about:blank");
  await page.route("**/*.wasm", (route) => route.fulfill({ status: 503 }));
  await page.goto(server.address);
  await says(page, "#curtain-words", "could not be downloaded (503)");
  await page.context().close();
});
