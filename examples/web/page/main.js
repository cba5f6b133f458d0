// The page: what is shown, the buttons, and words for every state.

import { App, download, missing } from "./app.js";
import { Camera } from "./camera.js";
import { fromBlob, fromUrl } from "./pictures.js";

const GROUPS = ["woman", "man", "kid", "elderly"];
const PORTRAITS = [
  "woman_1", "man_1", "kid_1", "elderly_1", "woman_2", "man_2", "kid_2", "elderly_2", "woman_3", "kid_3",
];
const OWN = "own";
/** How often a lost app is started anew without being asked. */
const RESTARTS = 3;

const element = (id) => document.getElementById(id);
const portraitUrl = (name) => `assets/portraits/${name}.jpg`;
const groupOf = (portrait) => portrait.split("_")[0];

/** What is on the stage; a new life of the app is shown the same. */
const scene = { people: [], group: OWN, camera: null };
let module;
let app = null;
let restarts = 0;
let curtainUp = false;

const query = new URLSearchParams(location.search);
const options = {
  background: getComputedStyle(document.documentElement).getPropertyValue("--card").trim(),
  model: query.get("model") ?? "models/toon/toon.cartoon.ron",
  ...(query.has("format") && { format: query.get("format") }),
  ...(query.has("all_limits") && { all_limits: true }),
};

async function main() {
  buildControls();
  // For tests and measurements.
  window.toonface = { scene, get app() { return app; }, report: () => app?.report() ?? null };
  const lack = missing();
  if (lack) return fault(lack);
  try {
    const [compiled] = await Promise.all([download(showDownload), showGallery()]);
    module = compiled;
    await startApp();
  } catch (error) {
    fault(error.message);
  }
}

async function startApp() {
  curtain("Starting the graphics device");
  element("restart").hidden = true;
  try {
    app = await App.start(module, element("canvas-place"), options, { onReport, onLost });
    app.show(shown());
  } catch (error) {
    fault(`The app could not start: ${error.message}`);
  }
}

function onLost() {
  app = null;
  restarts += 1;
  if (restarts > RESTARTS) return fault("The graphics device was lost, again and again.", true);
  curtain("The graphics device was lost. Starting again");
  // The browser needs a moment to have a device again.
  setTimeout(startApp, 500);
}

/** Called about ten times a second. */
function onReport(report) {
  if (report.fault) {
    app?.stop();
    app = null;
    return fault(sentence(report.fault), true);
  }
  const [first] = report.people;
  if (!first) return;
  if (!curtainUp) {
    if (first.state === "loading") curtain("Loading the model");
    if (first.state === "ready") curtain("Compiling shaders, drawing the first cartoon");
    if (report.people.some(({ state }) => state === "running" || state === "failed")) raiseCurtain();
  }
  element("status").textContent = statusWords(report);
}

function statusWords({ people, device, chain }) {
  const failed = people.find((person) => person.state === "failed");
  if (failed) return sentence(failed.words);
  const running = people.filter((person) => person.state === "running");
  if (running.length < people.length) return `Drawing ${running.length + 1} of ${people.length}`;
  const times = running.map((person) => person.milliseconds);
  const slowest = Math.round(Math.max(...times));
  const drawn = running.reduce((sum, person) => sum + person.updates, 0);
  const passes = chain ? `, ${chain.passes} passes` : "";
  return `Drawn in ${slowest} ms each${passes}, ${drawn} so far. ${device?.name ?? ""}`;
}

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (words.endsWith(".") ? "" : ".");

// The curtain: before the first cartoon, and when something went wrong.

function showDownload(part) {
  curtain("Downloading", part);
}

function curtain(words, part = null) {
  curtainUp = false;
  element("curtain").classList.remove("up", "fault");
  element("curtain-words").textContent = words;
  const bar = element("bar");
  bar.classList.toggle("busy", part === null || part >= 1);
  if (part === null) bar.removeAttribute("aria-valuenow");
  else bar.setAttribute("aria-valuenow", Math.round(part * 100));
  bar.firstElementChild.style.transform = part === null ? "" : `scaleX(${part})`;
}

function raiseCurtain() {
  curtainUp = true;
  restarts = 0;
  element("curtain").classList.add("up");
}

/** Nothing goes on; says why. */
function fault(words, restartable = false) {
  curtain(words);
  element("curtain").classList.add("fault");
  element("restart").hidden = !restartable;
}

function notice(words) {
  element("notice").textContent = words ?? "";
  element("notice").hidden = !words;
}

// What is shown.

/** The people with the group that they are drawn in. */
function shown() {
  return scene.people.map(({ picture, own }) => ({ picture, group: scene.group === OWN ? own : scene.group }));
}

function show(people, pressed) {
  scene.people = people;
  for (const button of element("portraits").children) {
    button.setAttribute("aria-pressed", String(button.dataset.name === pressed));
  }
  app?.show(shown());
}

async function showGallery() {
  closeCamera();
  const names = GROUPS.map((group) => `${group}_1`);
  const pictures = await Promise.all(names.map((name) => fromUrl(portraitUrl(name))));
  show(pictures.map((picture, i) => ({ picture, own: GROUPS[i] })), "gallery");
}

async function showPortrait(name) {
  closeCamera();
  show([{ picture: await fromUrl(portraitUrl(name)), own: groupOf(name) }], name);
}

async function showFile(file) {
  if (!file) return;
  const picture = await fromBlob(file);
  closeCamera();
  show([{ picture, own: GROUPS[0] }], null);
}

function setGroup(group) {
  scene.group = group;
  for (const button of element("groups").children) {
    button.setAttribute("aria-pressed", String(button.dataset.group === group));
  }
  shown().forEach((person, i) => app?.setGroup(i, person.group));
}

// The camera: a new frame whenever the cartoon of the last one is there. A hidden page gets no animation frames.

async function toggleCamera() {
  if (scene.camera) return closeCamera();
  const camera = await Camera.open();
  camera.onGone(() => {
    if (scene.camera !== camera) return;
    closeCamera();
    notice("The camera has gone.");
  });
  scene.camera = camera;
  element("camera").setAttribute("aria-pressed", "true");
  let sent = null;
  const loop = () => {
    if (scene.camera !== camera) return;
    sent = feed(camera, sent);
    requestAnimationFrame(loop);
  };
  loop();
}

/** Sends the camera's present frame if the last one is drawn. Returns how many cartoons there were when one was sent. */
function feed(camera, sent) {
  const drawn = app?.report().people[0]?.updates;
  const picture = drawn === undefined || drawn === sent ? null : camera.frame();
  if (!picture) return sent;
  if (sent === null) show([{ picture, own: GROUPS[0] }], null);
  else app.setPicture(0, picture);
  scene.people[0].picture = picture;
  return drawn;
}

function closeCamera() {
  scene.camera?.close();
  scene.camera = null;
  element("camera").setAttribute("aria-pressed", "false");
}

// Buttons, files, drag and drop.

/** Runs an action of the user; what goes wrong is told in words. */
const act = (action) => async (...args) => {
  notice(null);
  try {
    await action(...args);
  } catch (error) {
    notice(error.message);
  }
};

function buildControls() {
  for (const group of [OWN, ...GROUPS]) {
    const button = document.createElement("button");
    button.textContent = group === OWN ? "own group" : group;
    button.dataset.group = group;
    button.addEventListener("click", act(() => setGroup(group)));
    element("groups").append(button);
  }
  setGroup(OWN);

  addPortrait("gallery", "all four", showGallery);
  for (const name of PORTRAITS) {
    const image = new Image();
    image.src = portraitUrl(name);
    image.alt = name.replace("_", " ");
    addPortrait(name, image, () => showPortrait(name));
  }

  element("camera").addEventListener("click", act(toggleCamera));
  element("restart").addEventListener("click", () => {
    restarts = 0;
    startApp();
  });
  element("file").addEventListener("change", act(async (event) => {
    const [file] = event.target.files;
    // The same file can be chosen again.
    event.target.value = "";
    await showFile(file);
  }));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", act(async (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    await showFile(event.dataTransfer.files[0]);
  }));
}

function addPortrait(name, content, action) {
  const button = document.createElement("button");
  button.append(content);
  button.dataset.name = name;
  button.addEventListener("click", act(action));
  element("portraits").append(button);
}

await main();
