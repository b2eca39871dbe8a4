// SPDX-License-Identifier: Apache-2.0
// The document's own attention: what the browser says of the tab, with a timer.
import { useEffect, useState } from "preact/hooks";
import { Attention, type Move } from "./attention";

type Listener = (isHere: boolean) => void;

const attention = new Attention(document.visibilityState === "hidden");
const listeners = new Set<Listener>();
let timer: ReturnType<typeof setTimeout> | undefined;

function act(move: Move): void {
  clearTimeout(timer);
  const { deadlineMs } = attention;
  if (deadlineMs !== null) {
    timer = setTimeout(() => act(attention.tick(Date.now())), deadlineMs - Date.now());
  }
  if (move) for (const each of [...listeners]) each(move === "return");
}

document.addEventListener("visibilitychange", () => {
  const now = Date.now();
  act(document.visibilityState === "hidden" ? attention.hide(now) : attention.show(now));
});

export const isHere = (): boolean => attention.isHere;

/** Told when everybody left, and when somebody is back. */
export function onPresence(listener: Listener): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Runs now, every so often while somebody looks, and at once when somebody is back. */
export function useRegularly(run: () => void, everyMs: number): void {
  useEffect(() => {
    run();
    const clock = setInterval(() => isHere() && run(), everyMs);
    const forget = onPresence((here) => here && run());
    return () => {
      clearInterval(clock);
      forget();
    };
  }, [run, everyMs]);
}

/** How often somebody came back: a reason to fetch anew. */
export function useReturns(): number {
  const [count, setCount] = useState(0);
  useEffect(() => onPresence((here) => here && setCount((old) => old + 1)), []);
  return count;
}
