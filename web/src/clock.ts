// SPDX-License-Identifier: Apache-2.0
// The server's clock, and one shared tick for everything that ages on the page.
import { useEffect, useState } from "preact/hooks";

const TICK_MS = 1000;
let skewMs = 0;
let timer: ReturnType<typeof setInterval> | null = null;
const listeners = new Set<() => void>();

/** Ages are the server's business: the clock of a phone may be wrong. */
export function learnServerNow(serverNowMs: number): void {
  skewMs = serverNowMs - Date.now();
}

export const serverNow = (): number => Date.now() + skewMs;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

/** The server's now, drawn again every second. */
export function useNow(): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => subscribe(() => setNow(serverNow())), []);
  return now;
}
