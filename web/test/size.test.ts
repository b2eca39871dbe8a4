// SPDX-License-Identifier: Apache-2.0
// Goal: the page's first load stays below 60 kB on the wire, and it asks nobody else for anything.
// First is all but those scripts that neither index.html names nor a first script imports; the views
// that come later have a limit of their own.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

const BYTES_MAX = 60_000;
const LATER_BYTES_MAX = 45_000;

/** The scripts that the browser fetches before it shows anything. */
function firstScripts(read: (name: string) => string): Set<string> {
  const found = new Set<string>();
  const wanted = [...read("index.html").matchAll(/src="\/([\w-]+\.js)"/g)].map(
    (hit) => `${hit[1]}`,
  );
  for (let name = wanted.pop(); name; name = wanted.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    const imports = read(name).matchAll(/(?:from|import)\s*"\.\/([\w-]+\.js)"/g);
    wanted.push(...[...imports].map((hit) => `${hit[1]}`));
  }
  return found;
}

test("the built page is small, self-contained and named by its content", () => {
  const dist = mkdtempSync(join(tmpdir(), "busward-web-"));
  try {
    execFileSync(process.execPath, [join(process.env.BUSWARD_WEB ?? "", "build.mjs")], {
      env: { ...process.env, BUSWARD_WEB_DIST: dist },
    });
    const names = readdirSync(dist);
    const packed = names.filter((name) => name.endsWith(".gz"));
    const read = (name: string) => new TextDecoder().decode(readFileSync(join(dist, name)));
    const scripts = firstScripts(read);
    const isLater = (name: string) => name.endsWith(".js.gz") && !scripts.has(name.slice(0, -3));
    const bytesOf = (names: string[]) =>
      names.reduce((sum, name) => sum + readFileSync(join(dist, name)).length, 0);
    const later = packed.filter(isLater);
    const bytes = bytesOf(packed.filter((name) => !isLater(name)));
    assert(bytes < BYTES_MAX, `${bytes} bytes compressed at first, ${BYTES_MAX} at most`);
    assert(later.length >= 3, "a sensor's trend, the gateway and the diagnostics come later");
    assert(bytesOf(later) < LATER_BYTES_MAX, `${bytesOf(later)} bytes come later`);
    for (const name of scripts) {
      assert(
        read("index.html").includes(`"/${name}"`),
        `${name} is fetched at once, not one by one`,
      );
    }
    assert.equal(packed.length * 2, names.length, "each file has its compressed twin");
    assert(names.some((name) => /^app-\w{8}\.js$/.test(name)));
    assert(names.some((name) => /^app-\w{8}\.css$/.test(name)));
    const html = new TextDecoder().decode(readFileSync(join(dist, "index.html")));
    assert(!/<style|<script(?! type="module" src="\/app-)|\son\w+=|style=|https?:/.test(html));
  } finally {
    rmSync(dist, { recursive: true, force: true });
  }
});

test("a page whose first load is too large is no good build", () => {
  const web = process.env.BUSWARD_WEB ?? "";
  const folder = mkdtempSync(join(tmpdir(), "busward-web-"));
  try {
    for (const name of ["build.mjs", "src", "static"]) {
      cpSync(join(web, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(web, "node_modules"), join(folder, "node_modules"));
    // What does not compress: as much as the whole page may have.
    const ballast = randomBytes(BYTES_MAX).toString("base64");
    appendFileSync(join(folder, "src/main.tsx"), `\nconsole.log("${ballast}");\n`);
    const run = spawnSync(process.execPath, [join(folder, "build.mjs")], { encoding: "utf8" });
    assert.equal(run.status, 1, run.stderr);
    assert.match(run.stderr, /must stay below 60\.0 kB/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
