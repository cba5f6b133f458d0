// Times the plugin, in the demo page's app on a page of its own.

import { App, download } from "/app.js";

const tick = () => new Promise((resolve) => setTimeout(resolve));

/**
 * `model`: asset path of a manifest. `pixels`: RGBA. Times in milliseconds; `frame` is what an update of the cartoon takes
 * when so many follow each other. Two may be under way at once, so the time between two of them would say nothing.
 */
window.run = async ({ model, size, pixels, group, frames, options }) => {
  const module = await download(() => {});
  // TensorFlow.js shows nothing; here picture and cartoon are on the page, a pixel a pixel.
  const place = document.getElementById("place");
  Object.assign(place.style, { width: `${2 * size}px`, height: `${size}px` });
  const nothing = { onReport() {}, onLost() {} };
  const app = await App.start(module, place, { model, ...options }, nothing);
  const until = async (done) => {
    for (;;) {
      const report = app.report();
      if (report.fault) throw new Error(report.fault);
      const failed = report.people.find((person) => person.state === "failed");
      if (failed) throw new Error(failed.words);
      if (done(report)) return report;
      await tick();
    }
  };
  await until((report) => report.model_loaded && report.frames > 10);

  const started = performance.now();
  app.show([{ picture: { width: size, height: size, pixels: Uint8Array.from(pixels) }, group }]);
  await until(({ people }) => people[0]?.updates > 0);
  const first = performance.now() - started;
  const cartoon = await app.readCartoon(0);

  app.glue.setAlways(0, true);
  const drawn = async (seen) => (await until(({ people }) => people[0].updates > seen)).people[0].updates;
  const before = await drawn(await drawn(1));
  const start = performance.now();
  const draws = glCounts.draws;
  let seen = before;
  while (seen < before + frames) seen = await drawn(seen);
  const updates = seen - before;
  const frame = (performance.now() - start) / updates;
  const drawsOfAll = glCounts.draws - draws;
  app.glue.setAlways(0, false);
  const { chain, device } = app.report();
  return {
    first, frame, pixels: Array.from(cartoon.pixels), chain, device,
    programs: glCounts.programs, draws: drawsOfAll / updates, textureBytes: glCounts.textureBytes,
  };
};
window.ready = true;
