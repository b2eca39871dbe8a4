// SPDX-License-Identifier: Apache-2.0
// What a person does with a site's gateway, in a real browser: node gateway.mjs SETUP_LINK
//
// Goal: state and configuration are shown, as text whatever is in them, commands are given and answered in words, a change that
// somebody else was faster with overwrites nothing; a hidden tab leaves and comes back fresh; what befell the system is shown until it is acknowledged; in English and German. Method
// as proof.mjs. It asks its starter for events by a line on stdout: `ask offline`, `ask online`, `ask change`,
// `ask report`, `ask silence`, `ask markup`, `ask watchers N`, `ask sample VALUE`, `ask flight PART`, `ask renew`.
import assert from "node:assert/strict";
import { Complaints, findBarriers, launch } from "./browser.mjs";
import * as view from "./gateway_view.mjs";
import { answered, edit, fillIn, noted, press } from "./gateway_view.mjs";

const link = process.argv[2];
const { origin } = new URL(link);
const complaints = new Complaints(origin);
const barriers = [];
const ask = view.starter();
const setUp = (page) => view.setUp(page, link);

/** Its code comes when it is asked for, not with the page. */
async function openGateway(page) {
  const scripts = [];
  page.on("request", (request) => {
    if (request.resourceType() === "script") scripts.push(request.url());
  });
  await view.openGateway(page);
  await page.locator('[data-connected="true"]').waitFor();
  assert(
    scripts.some((url) => /\/view-\w{8}\.js$/.test(url)),
    `fetched then: ${scripts}`,
  );
  await page.locator('[data-config="applied"]').getByText("runs").waitFor();
}

async function command(page) {
  await press(page, "Identify");
  await answered(page, "Identify: done");
  await page.locator("pre").getByText('"did": "identify"').waitFor();
  await page.locator('tr[data-action="identify"]').getByText("ada").waitFor();
  await fillIn(page, "Read", "Address", "100");
  await press(page, "Read");
  await answered(page, "Read: done");
  await page.locator("pre").getByText('"address": 100').waitFor();
  // Two values, not one with a comma: that would be null, for the gateway to refuse.
  await fillIn(page, "Write", "Values, by spaces", "7  -3");
  await view.pressAndAccept(page, "Write");
  await answered(page, "Write: done");
  await page.locator("pre").getByText('"did": "write"').waitFor();
  assert.match(await page.locator("tr[data-action='write'] td").nth(2).textContent(), /\[7,-3\]/);
  // What disturbs is asked about first, and not done without a yes.
  page.once("dialog", (dialog) => dialog.dismiss());
  await press(page, "Restart");
  assert.equal(await page.locator('tr[data-action="restart"]').count(), 0);
  await view.pressAndAccept(page, "Restart");
  await answered(page, "Restart: done");
  await page.locator('tr[data-action="restart"]').waitFor();
}

async function offline(page) {
  await ask("offline");
  complaints.expected.add("409 /api/sites/shop/gateway/commands/identify");
  await press(page, "Identify");
  await answered(page, "The gateway is not connected to the hub");
  await page.locator('[data-connected="false"]').waitFor();
  await ask("online");
}

/** Nobody knows whether it acted, and the page says so. */
async function silence(page) {
  await ask("silence");
  complaints.expected.add("504 /api/sites/shop/gateway/commands/identify");
  await press(page, "Identify");
  await answered(page, "Whether the gateway acted is not known");
}

/**
 * The server counts a tab that is hidden no longer, and shows it what came meanwhile. Headless Chromium hides no tab, so the
 * document is told so; the grace passes in the tab's own clock.
 */
async function hides(page) {
  const other = await page.context().newPage();
  await other.clock.install();
  await other.goto(page.url().replace(/\/gateway$/, ""));
  await other.locator('[data-link="live"]').waitFor();
  const become = (state) =>
    other.evaluate((value) => {
      Object.defineProperty(document, "visibilityState", { value, configurable: true });
      Object.defineProperty(document, "hidden", { value: value === "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await ask("watchers 2");
  await become("hidden");
  await other.clock.fastForward(9000);
  await become("visible");
  await other.clock.fastForward(9000);
  assert.equal(await other.locator("[data-link]").getAttribute("data-link"), "live", "a glance");
  await become("hidden");
  await other.clock.fastForward(10_001);
  await other.locator('[data-link="away"]').waitFor();
  await ask("watchers 1");
  await ask("sample 77");
  assert.equal(await other.getByText("7.7").count(), 0, "nothing reaches a hidden tab");
  await become("visible");
  await other.locator('[data-link="live"]').waitFor();
  await other.getByText("7.7").first().waitFor();
  await ask("watchers 2");
  await ask("sample 88");
  await other.getByText("8.8").first().waitFor();
  await other.close();
  await ask("watchers 1");
}

/** A flight record in parts is a file, and says what is missing as long as it is. */
async function records(page) {
  await page.getByText("comes in parts and is then found here").waitFor();
  for (const part of [3, 1]) await ask(`flight ${part}`);
  await press(page, "Identify"); // and the view looks
  await page.locator('[data-whole="false"]').getByText("missing of 3: 2").waitFor();
  const before = await view.download(page);
  assert.match(before.name, /^flight-shop-\d{8}T\d{6}Z-incomplete\.txt$/);
  assert.match(before.text, /^a+\n# part 2 of 3 is missing\na+\n$/);
  await ask("flight 2");
  await press(page, "Identify");
  await page.locator('[data-whole="true"]').getByText("all 3").waitFor();
  const { name, text } = await view.download(page);
  assert.match(name, /^flight-shop-\d{8}T\d{6}Z\.txt$/);
  assert.match(text, /^(a{4000}\n){3}$/);
  await page.locator('tr[data-action="flight_download"]').first().getByText("ada").waitFor();
}

/** What a gateway says is text, whatever it looks like. */
async function markup(page) {
  await ask("markup");
  await press(page, "Send now");
  await answered(page, "Send now: done");
  await page.locator("pre").getByText("<img src=x onerror=alert(1)>").first().waitFor();
  await page.locator("dd").getByText("<b>bold</b>").waitFor();
  assert.equal(await page.locator(".gateway img, .gateway b").count(), 0);
}

async function configure(page) {
  await edit(page, "{", false);
  await noted(page, "This is not JSON");
  await edit(page, "[]", false);
  await noted(page, "A configuration is an object");
  await edit(page, '{"telemetry": {"max_age_ms": 1000}}');
  await noted(page, "Sent.");
  await page.locator("pre").getByText('"max_age_ms": 1000').first().waitFor();
  await edit(page, '{"telemetry": {"max_age_ms": 1000}}', false);
  await noted(page, "Nothing has changed.");
  // A report of the gateway's own changes the etag and is in nobody's way.
  await ask("report");
  await edit(page, '{"telemetry": {"max_age_ms": 1500}}');
  await page.locator("pre").getByText('"max_age_ms": 1500').first().waitFor();
  await noted(page, "Sent.");
  await ask("change");
  await edit(page, '{"telemetry": {"max_age_ms": 7}}');
  await noted(page, "Somebody else has changed the configuration meanwhile.");
  await page.locator("pre").getByText('"max_age_ms": 2000').first().waitFor();
  await page.locator('[data-do="undo"]').click();
  const box = page.getByRole("textbox", { name: "Change the desired configuration" });
  assert.match(await box.inputValue(), /2000/);
}

/** The hub's log began anew: told until somebody acknowledges it, then to nobody. */
async function befalls(page) {
  assert.equal(await page.locator("[data-notice]").count(), 0);
  complaints.expected.add("broken link");
  await ask("renew");
  await page.reload();
  await page.locator('[data-notice="hub_log_new"]').getByText("the hub’s log began anew").waitFor();
  assert.equal(await page.locator("[data-health]").count(), 0, "told once");
  barriers.push(...(await findBarriers(page, "gateway with a notice")));
  await press(page, "Acknowledge");
  await page.locator("[data-notice]").waitFor({ state: "detached" });
  const asked = page.waitForResponse((response) => response.url().endsWith("/api/notices"));
  await page.reload();
  assert.deepEqual((await (await asked).json()).notices, []);
  await page.locator('[data-link="live"]').waitFor();
  assert.equal(await page.locator("[data-notice]").count(), 0);
}

async function inGerman(page) {
  await view.speakGerman(page);
  barriers.push(...(await findBarriers(page, "gateway, German")));
}

const browser = await launch();
try {
  const context = await browser.newContext({ locale: "en-GB" });
  await complaints.watch(context);
  const page = await context.newPage();
  for (const step of [
    setUp,
    openGateway,
    hides,
    command,
    records,
    offline,
    silence,
    markup,
    configure,
  ]) {
    await step(page);
    console.log(`step ${step.name}`);
  }
  console.log("step befalls");
  await befalls(page);
  await inGerman(page);
  assert.deepEqual(barriers, []);
  assert.deepEqual(complaints.list, []);
} finally {
  await browser.close();
}
process.stdin.destroy(); // or its reader would keep us
console.log("ok");
