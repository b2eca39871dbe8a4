// SPDX-License-Identifier: Apache-2.0
// A stand-in for the cloud while the page is being developed: apps/cloud/openapi.yaml with an invented
// store behind it. `node test/mock-server.mjs [PORT]` serves dist/; name and password: anything.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { overview, series, site, tick } from "./mock-store.mjs";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const CSP =
  "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
const streams = new Set();
let account = null;
let user = null;

const session = () => ({
  user: user && { name: user, role: "owner", capabilities: ["see", "audit"] },
  csrf: user && "mock",
  setup_needed: account === null,
  now_ms: Date.now(),
});

function json(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}

const refuse = (response, status, code) =>
  json(response, status, { error: { code, message: code.replace("_", " ") } });

function asset(response, path) {
  const name = extname(path) ? path.slice(1) : "index.html";
  try {
    const body = readFileSync(join(dist, name));
    const type = TYPES[extname(name)] ?? "text/html; charset=utf-8";
    response.writeHead(200, { "Content-Type": type, "Content-Security-Policy": CSP });
    response.end(body);
  } catch {
    refuse(response, 404, "not_found");
  }
}

function stream(request, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": open\n\n");
  streams.add(response);
  request.on("close", () => streams.delete(response));
}

function accept(request, response, done) {
  let text = "";
  request.on("data", (chunk) => {
    text += chunk;
  });
  request.on("end", () => done(response, JSON.parse(text || "{}")));
}

const posts = {
  "/api/setup": (response, body) => {
    if (body.token !== "mock") return refuse(response, 403, "forbidden");
    account = user = body.name;
    return json(response, 201, session());
  },
  "/api/login": (response, body) => {
    if (body.password === "wrong") return refuse(response, 401, "unauthorized");
    account = user = body.name;
    return json(response, 200, session());
  },
  "/api/logout": (response) => {
    user = null;
    response.writeHead(204).end();
  },
};

function get(request, response, url) {
  const parts = url.pathname.split("/");
  if (url.pathname === "/api/session") return json(response, 200, session());
  if (!url.pathname.startsWith("/api/")) return asset(response, url.pathname);
  if (!user) return refuse(response, 401, "unauthorized");
  if (url.pathname === "/api/sites") {
    return json(response, 200, { now_ms: Date.now(), sites: [site()] });
  }
  if (url.pathname === "/api/stream") return stream(request, response);
  if (parts[4] === "overview") return json(response, 200, overview());
  if (parts[6] === "series") {
    const [from, to, buckets] = ["from", "to", "buckets"].map((name) =>
      Number(url.searchParams.get(name)),
    );
    return json(response, 200, series(Number(parts[5]), from, to, buckets));
  }
  return refuse(response, 404, "not_found");
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const post = posts[url.pathname];
  if (request.method === "POST" && post) return accept(request, response, post);
  return get(request, response, url);
});

setInterval(() => {
  for (const event of tick()) {
    for (const each of streams) {
      each.write(
        `id: ${Date.now()}\nevent: ${event.kind}\ndata: ${JSON.stringify(event.data)}\n\n`,
      );
    }
  }
}, 1000);
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/setup#token=mock`);
});
