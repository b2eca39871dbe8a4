// SPDX-License-Identifier: Apache-2.0
// Pictures of the page for the README: `node test/screenshot.mjs [FOLDER] [NAME ...]`; default docs/img.
// They show the real page with the invented store of mock-server.mjs behind it.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.argv[2] ?? fileURLToPath(new URL("../../docs/img", import.meta.url));
const wanted = process.argv.slice(3);
const DESK = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };

const store = async (page) => {
  await page.locator('[data-link="live"]').waitFor();
};
const sensor = (name) => async (page) => {
  await store(page);
  await page.getByRole("link", { name, exact: true }).last().click();
  await page.locator(".chart[data-buckets]").first().waitFor();
};
const table = async (page) => {
  await store(page);
  await page.getByRole("button", { name: "Table", exact: true }).click();
};
const diagnostics = async (page) => {
  await store(page);
  await page.getByRole("link", { name: /^Diagnostics/ }).click();
  await page.locator("[data-unit]").first().waitFor();
};
const hover = async (page) => {
  await sensor("Fish on ice")(page);
  const box = await page.locator(".chart .u-over").first().boundingBox();
  await page.mouse.move(box.x + box.width * 0.55, box.y + box.height / 2);
};

const SHOTS = [
  { name: "store", size: DESK, colour: "light", act: store },
  { name: "trend", size: DESK, colour: "light", act: hover },
  { name: "store-dark", size: DESK, colour: "dark", act: store, extra: true },
  { name: "trend-dark", size: DESK, colour: "dark", act: hover, extra: true },
  { name: "table", size: DESK, colour: "light", act: table, extra: true },
  { name: "store-phone", size: PHONE, colour: "light", act: store, extra: true },
  { name: "trend-phone", size: PHONE, colour: "dark", act: sensor("Fish on ice"), extra: true },
  { name: "diagnostics", size: DESK, colour: "light", act: diagnostics, extra: true },
  { name: "diagnostics-dark", size: DESK, colour: "dark", act: diagnostics, extra: true },
  { name: "diagnostics-phone", size: PHONE, colour: "light", act: diagnostics, extra: true },
  { name: "stale", size: DESK, colour: "light", act: sensor("Yoghurt"), extra: true },
];

const server = spawn(process.execPath, [`${here}mock-server.mjs`], {
  stdio: ["ignore", "pipe", "inherit"],
});
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
  ],
});
try {
  const link = (await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next())
    .value;
  mkdirSync(folder, { recursive: true });
  let storageState;
  for (const shot of SHOTS) {
    if (wanted.length > 0 ? !wanted.includes(shot.name) : shot.extra) continue;
    const page = await browser.newPage({
      ...(storageState && { storageState }),
      viewport: shot.size,
      colorScheme: shot.colour,
      deviceScaleFactor: shot.size === PHONE ? 2 : 1.5,
      locale: "en-GB",
      reducedMotion: "reduce",
    });
    page.on("console", (message) => console.log(message.type(), message.text()));
    page.on("pageerror", (error) => console.log(error));
    await page.goto(storageState ? new URL("/", link).href : link);
    if (!storageState) {
      await page.getByLabel("Name").fill("ada");
      await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
      await page.getByLabel("Password again").fill("correct horse battery");
      await page.getByRole("button", { name: "Create account" }).click();
      await store(page);
      storageState = await page.context().storageState();
    }
    await shot.act(page);
    await page.screenshot({ path: `${folder}/${shot.name}.png` });
    await page.close();
  }
} finally {
  await browser.close();
  server.kill();
}
