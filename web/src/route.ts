// SPDX-License-Identifier: Apache-2.0
// Addresses of the page. They can be bookmarked, shared and opened in another tab.
import { useEffect, useState } from "preact/hooks";

export type Route =
  | { view: "sites" | "password" }
  | { view: "site" | "diagnostics" | "gateway"; site: string }
  | { view: "sensor"; site: string; sensor: string }
  | { view: "setup"; token: string }
  | { view: "unknown" };

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// A dot makes the server look for a file, and it refuses a slash inside a part: names travel
// without them, as ~1 and ~2, and ~ itself as ~0.
const MARKS = "~./";
const nameOf = (part: string) =>
  decode(part).replace(/~[012]/g, (mark) => MARKS.charAt(Number(mark[1])));
const partOf = (name: string) =>
  encodeURIComponent(name.replace(/[~./]/g, (char) => `~${MARKS.indexOf(char)}`));

export function parseRoute(path: string, hash: string): Route {
  const parts = path.split("/").filter(Boolean).map(nameOf);
  if (parts.length === 0) return { view: "sites" };
  if (parts.length === 1 && parts[0] === "setup") {
    return { view: "setup", token: decode(hash.replace(/^#(token=)?/, "")) };
  }
  if (parts.length === 1 && parts[0] === "password") return { view: "password" };
  const [root, site, inner, sensor] = parts;
  if (root === "sites" && site) {
    if (parts.length === 2) return { view: "site", site };
    if (parts.length === 3 && (inner === "diagnostics" || inner === "gateway"))
      return { view: inner, site };
    if (parts.length === 4 && inner === "sensors" && sensor)
      return { view: "sensor", site, sensor };
  }
  return { view: "unknown" };
}

export const paths = {
  sites: "/",
  password: "/password",
  site: (site: string) => `/sites/${partOf(site)}`,
  diagnostics: (site: string) => `${paths.site(site)}/diagnostics`,
  gateway: (site: string) => `${paths.site(site)}/gateway`,
  sensor: (site: string, sensor: string) => `/sites/${partOf(site)}/sensors/${partOf(sensor)}`,
};

const CHANGED = "busward:route";

export function go(path: string, replace = false): void {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  if (!replace) scrollTo(0, 0);
  dispatchEvent(new Event(CHANGED));
}

/** Links inside the page change the address without loading it again. */
function followLink(event: MouseEvent): void {
  const link = (event.target as Element).closest?.("a");
  if (!link || event.defaultPrevented || event.button !== 0 || link.target) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.hash || link.hasAttribute("download")) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

export function useRoute(): Route {
  const read = () => parseRoute(location.pathname, location.hash);
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const changed = () => setRoute(read());
    const events = [CHANGED, "popstate", "hashchange"];
    for (const name of events) addEventListener(name, changed);
    document.addEventListener("click", followLink);
    return () => {
      for (const name of events) removeEventListener(name, changed);
      document.removeEventListener("click", followLink);
    };
  }, []);
  return route;
}
