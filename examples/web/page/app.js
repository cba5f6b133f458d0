// The app's life: download, start, watch, and start anew on a fresh canvas when its graphics context is lost.

const WASM = "pkg/toonface_web_bg.wasm";
const GLUE = "pkg/toonface_web.js";
const POLL_MS = 100;

/** What a browser needs; a reason in words if it lacks something. */
export function missing() {
  if (typeof WebAssembly !== "object") return "This browser cannot run WebAssembly.";
  if (document.documentElement.dataset.backend === "webgpu") return navigator.gpu ? null : "This browser has no WebGPU.";
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return "This browser has no WebGL2, or it is switched off.";
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return null;
}

/** Downloads and compiles the app. `onProgress(part)` is called with 0..1, or with null if the size is unknown. */
export async function download(onProgress) {
  const response = await fetch(WASM);
  if (!response.ok) throw new Error(`The app could not be downloaded (${response.status}).`);
  // Behind compression the header tells the compressed size, which the stream does not count.
  const total = response.headers.has("content-encoding") ? 0 : Number(response.headers.get("content-length"));
  let received = 0;
  const counter = new TransformStream({
    transform(chunk, controller) {
      received += chunk.byteLength;
      onProgress(total ? received / total : null);
      controller.enqueue(chunk);
    },
  });
  const body = response.body.pipeThrough(counter);
  return WebAssembly.compileStreaming(new Response(body, { headers: { "content-type": "application/wasm" } }));
}

/** One running app on its own canvas. */
export class App {
  static #lives = 0;
  #timer;

  /**
   * @param {WebAssembly.Module} module from `download`
   * @param {HTMLElement} place where the canvas goes
   * @param {object} options see `options.rs`
   * @param {{onReport: function(object), onLost: function()}} listeners
   */
  static async start(module, place, options, listeners) {
    const life = (App.#lives += 1);
    // A module's state cannot be reset: each life has an instance of its own.
    const glue = await import(`./${GLUE}?life=${life}`);
    await glue.default({ module_or_path: module });
    const canvas = document.createElement("canvas");
    canvas.id = `canvas-${life}`;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Each picture beside its cartoon");
    place.replaceChildren(canvas);
    const app = new App(glue, canvas, listeners);
    glue.start(JSON.stringify({ canvas: `#${canvas.id}`, ...options }));
    return app;
  }

  constructor(glue, canvas, { onReport, onLost }) {
    this.glue = glue;
    this.canvas = canvas;
    const lost = (event) => {
      event.preventDefault();
      this.stop();
      onLost();
    };
    canvas.addEventListener("webglcontextlost", lost, { once: true });
    this.#timer = setInterval(() => onReport(this.report()), POLL_MS);
  }

  /** The app's state; see `report.rs`. */
  report() {
    return JSON.parse(this.glue.status());
  }

  /** Shows these people: `{picture: {width, height, pixels}, group}`. */
  show(people) {
    this.glue.setPeople(people.length);
    people.forEach((person, i) => {
      this.setPicture(i, person.picture);
      this.glue.setGroup(i, person.group);
    });
  }

  setPicture(person, { width, height, pixels }) {
    this.glue.setPicture(person, width, height, pixels);
  }

  setGroup(person, group) {
    this.glue.setGroup(person, group);
  }

  /** A person's cartoon as `{width, height, pixels}`, or null. */
  readCartoon(person) {
    return new Promise((resolve) => this.glue.readCartoon(person, resolve));
  }

  stop() {
    clearInterval(this.#timer);
    this.glue.stop();
  }
}
