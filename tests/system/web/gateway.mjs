// SPDX-License-Identifier: Apache-2.0
// What a person does with a site's gateway, in a real browser: node gateway.mjs SETUP_LINK
//
// Goal: state and configuration are shown, commands are given and answered in words, a change that
// somebody else was faster with overwrites nothing; in English and German. Method as proof.mjs. It
// asks its starter for events by a line on stdout: `ask offline`, `ask online`, `ask change`,
// `ask report`.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { Complaints, findBarriers, launch } from "./browser.mjs";

const link = process.argv[2];
const { origin } = new URL(link);
const complaints = new Complaints(origin);
const barriers = [];
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** The starter answers each with a line. */
async function ask(what) {
  console.log(`ask ${what}`);
  assert.equal((await answers.next()).value, "done");
}

const fill = (page, label, text) => page.getByLabel(label, { exact: true }).fill(text);
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const answered = (page, words) => page.locator("[data-answer]").getByText(words).waitFor();
const noted = (page, words) => page.locator("[data-note]").getByText(words).waitFor();

async function setUp(page) {
  await page.goto(link);
  await fill(page, "Name", "ada");
  await fill(page, "Password", "correct horse battery staple");
  await fill(page, "Password again", "correct horse battery staple");
  await press(page, "Create account");
  await page.locator('[data-link="live"]').waitFor();
}

/** Its code comes when it is asked for, not with the page. */
async function openGateway(page) {
  const scripts = [];
  page.on("request", (request) => {
    if (request.resourceType() === "script") scripts.push(request.url());
  });
  await page.getByRole("link", { name: "Gateway", exact: true }).click();
  await page.getByRole("heading", { name: "Gateway", exact: true }).waitFor();
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
  await fill(page, "Address", "100");
  await press(page, "Read");
  await answered(page, "Read: done");
  await page.locator("pre").getByText('"address": 100').waitFor();
  // What disturbs is asked about first, and not done without a yes.
  page.once("dialog", (dialog) => dialog.dismiss());
  await press(page, "Restart");
  assert.equal(await page.locator('tr[data-action="restart"]').count(), 0);
  page.once("dialog", (dialog) => dialog.accept());
  await press(page, "Restart");
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

async function edit(page, text, accept = true) {
  await page.getByRole("textbox", { name: "Change the desired configuration" }).fill(text);
  if (accept) page.once("dialog", (dialog) => dialog.accept());
  await page.locator('[data-do="save"]').click();
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
  complaints.expected.add("412 /api/sites/shop/gateway/configuration");
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

async function inGerman(page) {
  await page.locator(".menu summary").click();
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("heading", { name: "Befehle" }).waitFor();
  await page.keyboard.press("Escape");
  barriers.push(...(await findBarriers(page, "gateway, German")));
}

const browser = await launch();
try {
  const context = await browser.newContext({ locale: "en-GB" });
  await complaints.watch(context);
  const page = await context.newPage();
  for (const step of [setUp, openGateway, command, offline, configure]) {
    await step(page);
    console.log(`step ${step.name}`);
  }
  barriers.push(...(await findBarriers(page, "gateway")));
  await inGerman(page);
  assert.deepEqual(barriers, []);
  assert.deepEqual(complaints.list, []);
} finally {
  await browser.close();
}
process.stdin.destroy(); // or its reader would keep us
console.log("ok");
