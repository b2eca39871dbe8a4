// SPDX-License-Identifier: Apache-2.0
// Builds the page into dist/: content-hashed names, each file with a .gz beside it.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = process.env.BUSWARD_WEB_DIST ?? join(here, "dist");

const english = join(here, "src/words/en.ts");

async function wordsOf(path) {
  const { code } = await transform(readFileSync(path, "utf8"), { loader: "ts", format: "esm" });
  const found = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const [[name, table]] = Object.entries(found);
  return { name, table };
}

async function listOfWords({ path }) {
  if (path === english) return undefined;
  const { name, table } = await wordsOf(path);
  const keys = Object.keys((await wordsOf(english)).table);
  const list = JSON.stringify(keys.map((key) => table[key]));
  const contents = `import { en } from "./en"; const list = ${list};
    export const ${name} = Object.fromEntries(Object.keys(en).map((key, at) => [key, list[at]]));`;
  return { contents, resolveDir: join(here, "src/words") };
}

/** Words other than the English ones travel as a list in the order of those: no key comes twice. */
const words = {
  name: "words",
  setup: ({ onLoad }) => onLoad({ filter: /\/words\/\w+\.ts$/ }, listOfWords),
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  outdir: dist,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
  plugins: [words],
});
const outputs = Object.entries(result.metafile.outputs);
const [appPath, app] = outputs.find(([, { entryPoint }]) => entryPoint === "src/main.tsx");

/** What the page needs before it shows anything: the entry and all that it imports at once. */
function firstOf({ imports }, found = new Set()) {
  for (const { path, kind } of imports) {
    if (kind !== "import-statement" || found.has(path)) continue;
    found.add(path);
    firstOf(result.metafile.outputs[path], found);
  }
  return found;
}

const preloads = [...firstOf(app)].map(
  (path) => `<link rel="modulepreload" href="/${basename(path)}" />`,
);
const html = readFileSync(join(here, "static/index.html"), "utf8")
  .replace("@script@", basename(appPath))
  .replace("@style@", basename(app.cssBundle))
  .replace("@preloads@", preloads.join("\n"))
  .replace(/^\s+/gm, "");
writeFileSync(join(dist, "index.html"), html);
copyFileSync(join(here, "static/favicon.svg"), join(dist, "favicon.svg"));

const FIRST_BYTES_MAX = 60_000;
let total = 0;
let first = 0;
const isFirst = (name) => !/\.js$/.test(name) || html.includes(`/${name}"`);
for (const name of readdirSync(dist)) {
  const packed = gzipSync(readFileSync(join(dist, name)), { level: 9 });
  writeFileSync(join(dist, `${name}.gz`), packed);
  total += packed.length;
  first += isFirst(name) ? packed.length : 0;
}
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(`page: ${kB(first)} compressed, and ${kB(total - first)} when they are asked for`);
if (first >= FIRST_BYTES_MAX) {
  console.error(
    `page: what the browser loads first must stay below ${kB(FIRST_BYTES_MAX)}: import a view when it is asked for, as src/main.tsx does`,
  );
  process.exitCode = 1;
}
