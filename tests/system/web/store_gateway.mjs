// SPDX-License-Identifier: Apache-2.0
// A person tells a store's real gateway what to do: node store_gateway.mjs SETUP_LINK [FOLDER]
//
// Goal: what the view offers reaches the gateway and comes back: that somebody looks, identify,
// diagnostics, a read, a scan, a write that the gateway's own file does not allow, a configuration
// that it refuses and one that it tries and keeps; all of it in the table of who told it what.
// Method as gateway.mjs. With FOLDER pictures for the README are left there.
import assert from "node:assert/strict";
import { Complaints, DESK, launch } from "./browser.mjs";
import * as view from "./gateway_view.mjs";
import { answered, edit, fillIn, noted, press } from "./gateway_view.mjs";

const [link, folder] = process.argv.slice(2);
const complaints = new Complaints(new URL(link).origin);
const ask = view.starter();
const body = (page, text) => page.locator(".gateway > section > pre").getByText(text).waitFor();

/** Two pages look: the gateway hears of it once. */
async function watched(page, other) {
  await view.setUp(page, link);
  await other.goto(page.url());
  await other.locator('[data-link="live"]').waitFor();
  await ask("watch");
  await other.close();
  await view.openGateway(page);
  await press(page, "Diagnostics");
  await answered(page, "Diagnostics: done");
  await body(page, /"watch": 1\b/);
  await page.locator('[data-connected="true"]').waitFor();
}

async function commands(page) {
  await press(page, "Identify");
  await answered(page, "Identify: done");
  await fillIn(page, "Read", "Address", "100");
  await press(page, "Read");
  await answered(page, "Read: done");
  await body(page, /"values": \[\s*\d+/);
  await fillIn(page, "Scan the bus", "Last unit", "2");
  await view.pressAndAccept(page, "Scan the bus");
  await answered(page, "Scan the bus: goes on");
  await press(page, "Progress of scan or test");
  await body(page, '"what": "scan"');
  await fillIn(page, "Write", "Values, by spaces", "5");
  await view.pressAndAccept(page, "Write");
  await answered(page, "Write: the gateway refused (403)");
  await body(page, "no rule allows");
  await press(page, "Flight record");
  await answered(page, /^Flight record: (done|goes on)$/); // as much as an answer holds, or by messages
}

/** More than an answer holds comes in parts, and is a file of the bus's frames in the end. */
async function record(page) {
  const answer = await page.waitForFunction(async () => {
    const { csrf } = await (await fetch("/api/session")).json();
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    const body = JSON.stringify({ arguments: { minutes: 60, upload: true } });
    const asked = `/api${location.pathname}/commands/flight_record`;
    const { status, payload } = await (
      await fetch(asked, { method: "POST", headers, body })
    ).json();
    return status === 409 ? null : { status, payload }; // the one before is still on its way
  });
  const { status, payload } = await answer.jsonValue();
  assert.equal(status, 202);
  await page.locator(`[data-record="${payload.id}"] [data-whole="true"]`).waitFor();
  const { name, text } = await view.download(page);
  assert.match(name, /^flight-store-1-\d{8}T\d{6}Z\.txt$/);
  assert.equal(new TextEncoder().encode(text).length, payload.bytes);
  assert.match(text, /^t=\d+\.\d+ bus=".*" ev=done token=\d+ outcome=\w+ .*frame=[0-9a-f]+$/m);
}

/** The page looks every two seconds until it is settled. */
const until = (page, state, version) =>
  page
    .locator(`[data-config="${state}"]`)
    .filter({ hasText: `${version}, desired` })
    .waitFor();

async function configure(page) {
  // A report of the gateway's own may come in between.
  complaints.expected.add("412 /api/sites/store-1/gateway/configuration");
  await edit(page, '{"config": {"v": 1, "telemetry": {"max_age_ms": 5}}}');
  await noted(page, "Sent.");
  await until(page, "rejected", 2);
  await page.getByRole("listitem").getByText("telemetry.max_age_ms: 5 is not allowed").waitFor();
  await edit(page, '{"config": {"v": 1, "telemetry": {"max_age_ms": 2000}}}');
  await noted(page, "Sent.");
  await until(page, "applied", 3);
}

async function table(page) {
  for (const action of [
    "identify",
    "diagnostics",
    "read",
    "scan",
    "write",
    "flight_record",
    "flight_download",
    "job",
  ]) {
    await page.locator(`tr[data-action="${action}"]`).first().getByText("ada").waitFor();
  }
  const outcome = page.locator('tr[data-action="write"] td').last();
  assert.equal(await outcome.textContent(), "403");
  const configured = page.locator('tr[data-action="configure"]').filter({ hasText: "stored" });
  assert.equal(await configured.count(), 2);
}

async function pictures(page) {
  await page.setViewportSize(DESK);
  await fillIn(page, "Read", "Values", "10");
  await press(page, "Read");
  await answered(page, "Read: done");
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${folder}/gateway.png` });
  await page.getByRole("heading", { name: "Commands" }).evaluate((head) => head.scrollIntoView());
  await page.screenshot({ path: `${folder}/gateway-commands.png` });
}

const browser = await launch();
try {
  const context = await browser.newContext({
    locale: "en-GB",
    deviceScaleFactor: folder ? 1.5 : 1,
  });
  await complaints.watch(context);
  const page = await context.newPage();
  await watched(page, await context.newPage());
  for (const step of [commands, record, configure, table]) {
    console.log(`step ${step.name}`);
    await step(page);
  }
  if (folder) await pictures(page);
  assert.deepEqual(complaints.list, []);
} finally {
  await browser.close();
}
process.stdin.destroy(); // or its reader would keep us
console.log("ok");
