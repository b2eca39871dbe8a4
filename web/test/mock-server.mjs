// SPDX-License-Identifier: Apache-2.0
// A stand-in for the cloud while the page is being developed: apps/cloud/openapi.yaml with an invented
// store behind it. `node test/mock-server.mjs [PORT]` serves dist/; any name and password.
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
/** `HEALTH=no_folder` shows what the page says then. */
const health = { status: "ok", code: process.env.HEALTH ?? "", reason: "as the environment says" };

/** The cookie is the user's name: this cloud forgets nobody, not even when it starts anew. */
const userOf = (request) => /busward_session=(\w+)/.exec(request.headers.cookie ?? "")?.[1] ?? null;

const session = (user) => ({
  user: user && { name: user, role: "owner", capabilities: ["see", "audit"] },
  csrf: user && "mock",
  setup_needed: account === null,
  now_ms: Date.now(),
});

function json(response, status, body, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
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

function logIn(response, status, name) {
  account = name;
  const cookie = `busward_session=${name}; HttpOnly; SameSite=Strict; Path=/`;
  json(response, status, session(name), { "Set-Cookie": cookie });
}

const posts = {
  "/api/setup": (response, body) => {
    if (body.token !== "mock" || account !== null) return refuse(response, 403, "forbidden");
    return logIn(response, 201, body.name);
  },
  "/api/login": (response, body) => {
    if (body.password.startsWith("not")) return refuse(response, 401, "unauthorized");
    return logIn(response, 200, body.name);
  },
  "/api/password": (response, body) => {
    if (body.password.startsWith("not")) return refuse(response, 403, "wrong_password");
    response.writeHead(204).end();
  },
  "/api/logout": (response) => {
    response.writeHead(204, { "Set-Cookie": "busward_session=; Max-Age=0; Path=/" }).end();
  },
};

function get(request, response, url) {
  const parts = url.pathname.split("/");
  const user = userOf(request);
  if (url.pathname === "/healthz") return json(response, 200, health);
  if (url.pathname === "/api/session") return json(response, 200, session(user));
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
