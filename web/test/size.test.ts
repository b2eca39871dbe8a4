// SPDX-License-Identifier: Apache-2.0
// Goal: the whole page stays below 60 kB on the wire, and asks nobody else for anything.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

const BYTES_MAX = 60_000;

test("the built page is small, self-contained and named by its content", () => {
  const dist = mkdtempSync(join(tmpdir(), "busward-web-"));
  try {
    execFileSync(process.execPath, [join(process.env.BUSWARD_WEB ?? "", "build.mjs")], {
      env: { ...process.env, BUSWARD_WEB_DIST: dist },
    });
    const names = readdirSync(dist);
    const packed = names.filter((name) => name.endsWith(".gz"));
    const bytes = packed.reduce((sum, name) => sum + readFileSync(join(dist, name)).length, 0);
    assert(bytes < BYTES_MAX, `${bytes} bytes compressed, ${BYTES_MAX} at most`);
    assert.equal(packed.length * 2, names.length, "each file has its compressed twin");
    assert(names.some((name) => /^app-\w{8}\.js$/.test(name)));
    assert(names.some((name) => /^app-\w{8}\.css$/.test(name)));
    const html = new TextDecoder().decode(readFileSync(join(dist, "index.html")));
    assert(!/<style|<script(?! type="module" src="\/app-)|\son\w+=|style=|https?:/.test(html));
  } finally {
    rmSync(dist, { recursive: true, force: true });
  }
});
