// SPDX-License-Identifier: Apache-2.0
// Whatever a sensor may be in, in a real browser: node conditions.mjs SETUP_LINK
//
// Goal: sites to choose from, and of the one sensors above and below a limit, bad, stale, never
// heard, low on battery and in order: in each view all of it can be read, in light and dark, at desk
// and phone, also while the cloud is gone. Method: axe judges every view after all of its conditions
// are seen to be there; what it cannot judge counts as found (browser.mjs).
import assert from "node:assert/strict";
import { Complaints, findBarriers, launch } from "./browser.mjs";
import * as view from "./gateway_view.mjs";
import { press } from "./gateway_view.mjs";

const CONDITIONS = ["high", "low", "bad", "stale", "never", "battery", "ok"];
const link = process.argv[2];
const { origin } = new URL(link);
const complaints = new Complaints(origin);
const barriers = [];
const ask = view.starter();

const see = async (page, selectors) => {
  for (const selector of selectors) await page.locator(selector).first().waitFor();
};
const judge = async (page, name) => barriers.push(...(await findBarriers(page, name)));

async function sites(page) {
  await view.fill(page, "Name", "ada");
  await view.fill(page, "Password", "correct horse battery staple");
  await view.fill(page, "Password again", "correct horse battery staple");
  await press(page, "Create account");
  await page.getByRole("heading", { name: "Sites" }).waitFor();
  const marks = ["high", "bad", "stale"].map((each) => `.site-row .why.is-${each}`);
  await see(page, [...marks, ".site-row .marks .calm"]);
  assert.equal(await page.locator(".site-row").count(), 3);
  await judge(page, "sites");
}

const open = async (page, site) => {
  await page.goto(`${origin}/sites/${site}`);
  await page.locator('[data-link="live"]').waitFor();
};

/** A banner takes the colour of the worst, whatever else stands in it. */
async function banners(page) {
  await open(page, "kiosk");
  await see(page, [".banner.is-ok"]);
  await judge(page, "all in order");
  await open(page, "mall");
  const reasons = ["bad", "stale", "battery"].map((each) => `.banner.is-bad .why.is-${each}`);
  await see(page, reasons);
  await judge(page, "nothing beyond a limit");
}

async function tiles(page) {
  await open(page, "shop");
  await see(
    page,
    CONDITIONS.map((each) => `.tile.is-${each}`),
  );
  await see(page, [".tile.is-stale svg.spark", ".tile.is-never .spark.is-empty"]);
  await page.getByRole("button", { name: "show all" }).click();
  await judge(page, "tiles");
}

async function rows(page) {
  await press(page, "Table");
  await see(
    page,
    CONDITIONS.map((each) => `.sensors tr.is-${each}`),
  );
  await see(page, [".sensors td.is-high", ".sensors td.is-low", ".sensors .cell.is-battery"]);
  await judge(page, "table");
  await press(page, "Tiles");
}

/** Too low looks as too high does, and one in order is in the other proof. */
async function sensors(page) {
  for (const condition of ["high", "bad", "stale", "never", "battery"]) {
    await page.locator(`.tile.is-${condition} h3 a`).first().click();
    await page.locator(`.sensor-state[data-condition=${condition}]`).waitFor();
    await page.locator(".chart[data-buckets]").first().waitFor();
    await judge(page, `a sensor that is ${condition}`);
    await page.locator(".crumbs a").click();
  }
}

async function diagnostics(page) {
  await page.getByRole("link", { name: /^Diagnostics/ }).click();
  await see(page, [".tile.is-high", "[data-unit].is-bad .badge.is-bad"]);
  await judge(page, "diagnostics");
  await page.locator(".crumbs a").first().click();
}

/** What is left of it while nothing arrives. */
async function frozen(page) {
  complaints.expected.add("broken link");
  await ask("stop");
  await see(page, [".frozen .tile.is-high", ".frozen .tile.is-stale"]);
  await judge(page, "without the cloud");
}

const browser = await launch();
try {
  const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce" });
  await complaints.watch(context);
  const page = await context.newPage();
  await page.goto(link);
  for (const step of [sites, banners, tiles, rows, sensors, diagnostics, frozen]) {
    console.log(`step ${step.name}`);
    await step(page);
  }
  assert.deepEqual(barriers, [], "axe-core found barriers");
  assert.deepEqual(complaints.list, [], "the browser complained");
} finally {
  await browser.close();
}
process.stdin.destroy(); // or its reader would keep us
console.log("ok");
