// SPDX-License-Identifier: Apache-2.0
// What a person does with the page, in a real browser: node proof.mjs SETUP_LINK
//
// Goal: set up, log out and in, live values, trend and zoom, a sensor that goes stale, the lines'
// figures, a cloud that dies and comes back. Method: steps in order, each waits for what a person would see; at the end nothing may
// have complained: no console error, no broken policy, no foreign request, no barrier found by axe.
// It asks its starter for events by a line on stdout: `ask kill cloud`, `ask stop receiver`.
import assert from "node:assert/strict";
import { Complaints, DESK, findBarriers, launch } from "./browser.mjs";

const NAME = "ada";
const PASSWORD = "correct horse battery staple";
const link = process.argv[2];
const { origin } = new URL(link);
const barriers = [];
const complaints = new Complaints(origin);

const fill = (page, label, text) => page.getByLabel(label, { exact: true }).fill(text);
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const live = (page) => page.locator('[data-link="live"]').waitFor();
const chart = (page) => page.locator(".chart").first();
const shown = async (page) => {
  const box = chart(page);
  const read = async (name) => Number(await box.getAttribute(name));
  return {
    from: await read("data-from"),
    to: await read("data-to"),
    step: await read("data-step"),
  };
};

/** Waits until the first chart shows other buckets than before. */
async function redrawn(page, before, act) {
  await act();
  await page.waitForFunction((old) => {
    const box = document.querySelector(".chart");
    return box && (Number(box.dataset.from) !== old.from || Number(box.dataset.to) !== old.to);
  }, before);
  return shown(page);
}

async function setUp(page) {
  await page.goto(link);
  await page.getByRole("heading", { name: "Set up the first account" }).waitFor();
  barriers.push(...(await findBarriers(page, "set-up")));
  await fill(page, "Name", NAME);
  await fill(page, "Password", PASSWORD);
  await fill(page, "Password again", "something else entirely");
  await press(page, "Create account");
  await page.getByText("The two passwords differ.").waitFor();
  await fill(page, "Password again", PASSWORD);
  await press(page, "Create account");
  await live(page);
  assert.equal(new URL(page.url()).hash, "", "the token is gone from the address");
}

async function setupLinkIsSpent(browser) {
  const context = await browser.newContext({ locale: "en-GB" });
  complaints.expected.add("403 /api/setup").add("409 /api/setup");
  await complaints.watch(context);
  const page = await context.newPage();
  await page.goto(link);
  await page.getByRole("heading", { name: "Set a new password" }).waitFor();
  barriers.push(...(await findBarriers(page, "a link for a new password")));
  await fill(page, "Name", "mallory");
  await fill(page, "Password", PASSWORD);
  await fill(page, "Password again", PASSWORD);
  await press(page, "Set a new password");
  await page.getByText("This link was used already").waitFor();
  await context.close();
}

async function logOutAndIn(page) {
  await page.locator(".menu summary").click();
  await press(page, "Log out");
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  barriers.push(...(await findBarriers(page, "log-in")));
  complaints.expected.add("401 /api/login");
  await fill(page, "Name", NAME);
  await fill(page, "Password", "not the password");
  await press(page, "Log in");
  await page.getByText("Name and password do not match.").waitFor();
  await fill(page, "Password", PASSWORD);
  await press(page, "Log in");
  await live(page);
}

/** Twice, so that it is the one of before. */
async function passwordChanges(page) {
  const change = async (present, wanted) => {
    await fill(page, "Present password", present);
    await fill(page, "New password", wanted);
    await fill(page, "Password again", wanted);
    await press(page, "Change password");
  };
  const before = page.url();
  await page.locator(".menu summary").click();
  await page.getByRole("link", { name: "Change password" }).click();
  await page.getByRole("heading", { name: "Change password" }).waitFor();
  assert.equal(await page.locator(".menu[open]").count(), 0, "the menu is closed");
  barriers.push(...(await findBarriers(page, "another password")));
  complaints.expected.add("403 /api/password");
  await change("not the password", `${PASSWORD} 2`);
  await page.getByText("The present password is another.").waitFor();
  await change(PASSWORD, `${PASSWORD} 2`);
  await page.getByText("The password is changed.").waitFor();
  await change(`${PASSWORD} 2`, PASSWORD);
  await page.getByText("The password is changed.").waitFor();
  assert.equal(await page.locator("#present").inputValue(), "", "nothing is left in the form");
  await page.goto(before);
  await live(page);
}

async function valueChanges(page) {
  await page.locator(".tile .value:not(.is-missing)").first().waitFor();
  const texts = () =>
    page
      .locator(".tile")
      .evaluateAll((tiles) =>
        tiles.map((tile) => [tile.dataset.sensor, tile.querySelector(".value")?.textContent]),
      );
  const before = await texts();
  await page.waitForFunction((old) => {
    const now = new Map(old);
    return [...document.querySelectorAll(".tile")].some((tile) => {
      const text = tile.querySelector(".value:not(.is-missing)")?.textContent;
      return text && now.has(tile.dataset.sensor) && now.get(tile.dataset.sensor) !== text;
    });
  }, before);
}

async function trendZooms(page) {
  await page.locator(".tile:not(.is-stale):not(.is-never) h3 a").first().click();
  await page.locator('.chart[data-buckets]:not([data-buckets="0"])').first().waitFor();
  barriers.push(...(await findBarriers(page, "trend")));
  let before = await shown(page);
  assert(before.to - before.from > 23 * 3_600_000, "it opens with 24 hours");
  const hour = await redrawn(page, before, () => press(page, "1 h"));
  assert(hour.step < before.step, "a shorter span has finer buckets");

  before = await redrawn(page, hour, () => chart(page).press("+"));
  assert(before.to - before.from < (hour.to - hour.from) * 0.6, "the + key halves the span");
  const box = await page.locator(".chart .u-over").first().boundingBox();
  const drag = async () => {
    await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
  };
  const dragged = await redrawn(page, before, drag);
  assert(dragged.to - dragged.from < (before.to - before.from) * 0.5, "a drag chooses its span");
  const wheeled = await redrawn(page, dragged, () => page.mouse.wheel(0, 400));
  assert(wheeled.to - wheeled.from > dragged.to - dragged.from, "the wheel zooms out");
  const reset = await redrawn(page, wheeled, () => chart(page).press("Escape"));
  assert(Math.abs(reset.to - reset.from - 3_600_000) < 5000, "Escape goes back to the hour");

  await chart(page).press("End");
  await page.locator(".trend .readout").first().getByText("Time").waitFor();
  await page.locator(".trend .series-table summary").first().click();
  await page.locator(".trend .series-table tbody tr").first().waitFor();
  barriers.push(...(await findBarriers(page, "trend with table")));
  await page.locator(".crumbs a").click();
  await page.locator(".tile").first().waitFor();
}

async function goesStale(page) {
  const tile = page.locator(".tile.is-stale").first();
  await tile.waitFor();
  await tile.getByText(/last heard \d+/).waitFor();
  const value = await tile.locator(".value").first().textContent();
  assert.equal(value, "–", "a stale value is not shown as a value");
  await page.locator(".banner li", { hasText: "stale, last heard" }).first().waitFor();
  barriers.push(...(await findBarriers(page, "store with a stale sensor")));
  await press(page, "Table");
  await page.locator("table.sensors tr.is-stale").first().waitFor();
  barriers.push(...(await findBarriers(page, "table")));
  await press(page, "Tiles");
  await tile.locator("h3 a").click();
  await page.locator(".sensor-state[data-condition=stale]").waitFor();
  await page.locator(".crumbs a").click();
}

async function linesTellOfThemselves(page) {
  const figure = (name) => page.locator(`[data-figure="${name}"] .value:not(.is-missing)`);
  assert.equal(await page.locator(".tile h3", { hasText: "line 1" }).count(), 0, "no sensor");
  await page.getByRole("link", { name: /^Diagnostics/ }).click();
  await page.getByRole("heading", { name: "Diagnostics" }).waitFor();
  await figure("utilisation").waitFor();
  await page
    .locator('[data-unit="Receiver"] [data-figure="turnaround"]', { hasText: "ms" })
    .waitFor();
  const requests = await page.locator('[data-figure="transactions"] dd').textContent();
  assert(Number(requests) > 0, "requests are counted");
  const unit = (hasText) => page.locator('[data-unit="Receiver"]', { hasText }).waitFor();
  await unit("online");
  barriers.push(...(await findBarriers(page, "diagnostics")));
  console.log("ask stop receiver");
  await unit("suspended");
  await unit("Stale");
  await page.locator('[data-figure="timeouts"] dd', { hasText: /^[1-9]/ }).waitFor();
  barriers.push(...(await findBarriers(page, "diagnostics of a silent unit")));
  console.log("ask continue receiver");
  await unit("online");
  await page
    .locator('[data-unit="Receiver"] [data-figure="turnaround"]', { hasText: "ms" })
    .waitFor();
  await page.locator(".tile h3 a").first().click();
  await page.locator('.chart[data-buckets]:not([data-buckets="0"])').first().waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "line 1" }).waitFor();
  await page.locator(".crumbs a", { hasText: "Diagnostics" }).click();
  await page.locator('[data-unit="Receiver"] a').click();
  await page.locator('.chart[data-buckets]:not([data-buckets="0"])').first().waitFor();
  barriers.push(...(await findBarriers(page, "a unit's trends")));
  await page.locator(".crumbs a").first().click();
  await page.locator(".tile").first().waitFor();
}

async function survivesTheCloud(page) {
  complaints.expected.add("broken link");
  const was = await page.locator("[data-link]").getAttribute("data-link");
  assert.equal(was, "live");
  const lost = page.locator('[data-link]:not([data-link="live"])').waitFor();
  console.log("ask kill cloud");
  await lost;
  await live(page);
  await valueChanges(page);
}

async function speaksGerman(page) {
  await page.locator(".menu summary").click();
  await page.getByLabel("Language").selectOption("de");
  await page.getByText("Bereich").or(page.getByText("Sensoren")).first().waitFor();
  await page.locator('html[lang="de"]').waitFor(); // told after the words are drawn
}

async function main() {
  const browser = await launch();
  try {
    const context = await browser.newContext({
      viewport: DESK,
      locale: "en-GB",
      reducedMotion: "reduce",
    });
    await complaints.watch(context);
    const page = await context.newPage();
    const step = async (name, act) => {
      console.log(`step ${name}`);
      await act();
    };
    await step("set up the first account", () => setUp(page));
    await step("the set-up link is spent", () => setupLinkIsSpent(browser));
    await step("log out and in", () => logOutAndIn(page));
    await step("another password", () => passwordChanges(page));
    await step("a live value changes", () => valueChanges(page));
    await step("a trend opens and zooms", () => trendZooms(page));
    await step("a sensor goes stale", () => goesStale(page));
    await step("the lines tell of themselves", () => linesTellOfThemselves(page));
    await step("the cloud dies and comes back", () => survivesTheCloud(page));
    await step("another language", () => speaksGerman(page));
    assert.deepEqual(barriers, [], "axe-core found barriers");
    assert.deepEqual(complaints.list, [], "the browser complained");
  } finally {
    await browser.close();
  }
}

await main();
console.log("done");
