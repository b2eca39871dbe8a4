// SPDX-License-Identifier: Apache-2.0
// Builds the page into dist/: content-hashed names, each file with a .gz beside it.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = process.env.BUSWARD_WEB_DIST ?? join(here, "dist");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  outdir: dist,
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
});
const built = Object.keys(result.metafile.outputs).map((path) => basename(path));
const html = readFileSync(join(here, "static/index.html"), "utf8")
  .replace(
    "@script@",
    built.find((name) => name.endsWith(".js")),
  )
  .replace(
    "@style@",
    built.find((name) => name.endsWith(".css")),
  )
  .replace(/^\s+/gm, "");
writeFileSync(join(dist, "index.html"), html);
copyFileSync(join(here, "static/favicon.svg"), join(dist, "favicon.svg"));

let total = 0;
for (const name of readdirSync(dist)) {
  const packed = gzipSync(readFileSync(join(dist, name)), { level: 9 });
  writeFileSync(join(dist, `${name}.gz`), packed);
  total += packed.length;
}
console.log(`page: ${(total / 1000).toFixed(1)} kB compressed`);
