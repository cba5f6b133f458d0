// The demo page, as a user and its tests see it.

export const GROUPS = ["woman", "man", "kid", "elderly"];

/** Long enough for a software GPU on a busy machine. */
const LIMIT = { timeout: 120_000 };

/** Waits until everybody on the stage has a cartoon. */
export async function drawn(page) {
  await page.waitForFunction(() => {
    const curtain = document.getElementById("curtain");
    if (curtain.classList.contains("fault")) throw new Error(curtain.textContent.trim());
    const people = window.toonface?.report()?.people ?? [];
    return people.length > 0 && people.length === toonface.scene.people.length && people.every((p) => p.state === "running");
  }, null, LIMIT);
}

/** Cartoons of a person so far. */
export const updates = (page, person = 0) => page.evaluate((person) => toonface.report().people[person].updates, person);

/** Does something and waits for a person's next cartoon. */
export async function redrawn(page, action, person = 0) {
  const before = await updates(page, person);
  await action();
  await page.waitForFunction(({ person, before }) => toonface.report()?.people[person]?.updates > before, { person, before }, LIMIT);
}

/** Shows one of the sample portraits alone, in its own group. */
export async function showPortrait(page, name) {
  await page.click(`#portraits [data-name=${name}]`);
  await page.waitForFunction(() => toonface.scene.people.length === 1 && toonface.report()?.people.length === 1, null, LIMIT);
  await page.waitForTimeout(100);
  await drawn(page);
}

export const pickGroup = (page, group) => page.click(`#groups [data-group=${group}]`);

/** Waits for words in an element. */
export const says = (page, selector, words) =>
  page.locator(selector).filter({ hasText: words, visible: true }).waitFor(LIMIT);
