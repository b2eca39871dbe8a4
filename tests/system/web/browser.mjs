// SPDX-License-Identifier: Apache-2.0
// A headless Chromium whose every complaint is kept, and axe-core for it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const DEADLINE_MS = 60_000;
const FIT_MS = 10_000;
export const DESK = { width: 1280, height: 860 };
export const PHONE = { width: 390, height: 844 };

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const launch = () =>
  chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: ARGS });

/** Everything that must not happen: errors in the console, broken policy, requests to strangers. */
export class Complaints {
  constructor(origin) {
    this.origin = origin;
    this.list = [];
    /** Refusals that the proof provokes itself: "STATUS /path". */
    this.expected = new Set();
  }

  async watch(context) {
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy ${event.violatedDirective} blocked ${event.blockedURI}`);
      });
    });
    context.on("page", (page) => this.#follow(page));
  }

  #follow(page) {
    page.setDefaultTimeout(DEADLINE_MS);
    page.on("pageerror", (error) => this.list.push(`script error: ${error}`));
    page.on("console", (message) => this.#console(message));
    page.on("request", (request) => {
      const { origin } = new URL(request.url());
      if (origin !== this.origin) this.list.push(`request to a stranger: ${request.url()}`);
    });
  }

  #console(message) {
    if (message.type() !== "error" && message.type() !== "warning") return;
    const { url } = message.location();
    const status = /status of (\d+)/.exec(message.text())?.[1];
    const refusal = status && `${status} ${new URL(url).pathname}`;
    if (this.expected.has(refusal)) return;
    if (this.expected.has("broken link") && /net::ERR_/.test(message.text())) return;
    this.list.push(`console: ${message.text()} (${url})`);
  }
}

/**
 * Text that axe cannot judge, as on a picture, is a barrier until it can be judged. But for single
 * signs such as ◂, which are no text to it.
 */
function unjudged({ id, help, nodes }) {
  const isSign = ({ any }) => any.some(({ data }) => data?.messageKey === "nonBmp");
  const rest = id === "color-contrast" ? nodes.filter((node) => !isSign(node)) : [];
  return rest.length === 0 ? [] : [{ id: `${id} unknown`, help, nodes: rest }];
}

/** Whether it can be read without scrolling sideways; charts follow the window a moment later. */
const fits = (page) =>
  page
    .waitForFunction(
      () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
      null,
      { timeout: FIT_MS },
    )
    .catch(() => false);

/** axe's findings on the page as it is, in light and dark, at desk and phone size. */
export async function findBarriers(page, name) {
  const found = [];
  for (const [size, viewport] of Object.entries({ desk: DESK, phone: PHONE })) {
    await page.setViewportSize(viewport);
    if (!(await fits(page))) found.push(`${name}, ${size}: wider than the window`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.evaluate(axeSource);
      const { violations, incomplete } = await page.evaluate(() => globalThis.axe.run(document));
      for (const each of [...violations, ...incomplete.flatMap(unjudged)]) {
        const where = each.nodes
          .map(({ target, any }) => [target.join(" "), any[0]?.message].join(": "))
          .slice(0, 3)
          .join("; ");
        found.push(`${name}, ${size}, ${colorScheme}: ${each.id} (${each.help}) at ${where}`);
      }
    }
  }
  await page.setViewportSize(DESK);
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  return found;
}
