// SPDX-License-Identifier: Apache-2.0
// The live state of one site for the views, drawn at most once per frame however much arrives.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api";
import { learnServerNow } from "./clock";
import { isHere, onPresence } from "./presence";
import { reduce } from "./state";
import { browserWorld, type Link, LiveLine } from "./stream";
import type { LiveEvent, Overview } from "./types";

const DRAW_EVERY_MS = 50;

export interface Live {
  overview: Overview | null;
  link: Link;
  /** Connect now rather than when the retry is due. */
  nudge(): void;
}

export function useLive(site: string, signedOut: () => void): Live {
  const [overview, setOverview] = useState<Overview | null>(null);
  const [link, setLink] = useState<Link>({ state: "loading", heardAt: null, error: null });
  const line = useRef<LiveLine | null>(null);

  useEffect(() => {
    let queue: LiveEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | null = null;
    const flush = () => {
      timer = null;
      const events = queue;
      queue = [];
      setOverview((old) => old && events.reduce(reduce, old));
    };
    const world = browserWorld((id) => api.overview(id), api.streamUrl);
    const mine = new LiveLine(site, world, {
      overview: (fresh) => {
        learnServerNow(fresh.now_ms);
        queue = [];
        setOverview(fresh);
      },
      event: (event) => {
        queue.push(event);
        timer ??= setTimeout(flush, DRAW_EVERY_MS);
      },
      link: setLink,
      signedOut,
    });
    line.current = mine;
    const nudge = () => document.visibilityState === "visible" && mine.nudge();
    addEventListener("online", nudge);
    document.addEventListener("visibilitychange", nudge);
    const forget = onPresence((here) => (here ? mine.comeBack() : mine.leave()));
    mine.start(isHere());
    return () => {
      forget();
      mine.stop();
      if (timer !== null) clearTimeout(timer);
      removeEventListener("online", nudge);
      document.removeEventListener("visibilitychange", nudge);
    };
  }, [site, signedOut]);

  const nudge = useCallback(() => line.current?.nudge(), []);
  return { overview: overview?.site.id === site ? overview : null, link, nudge };
}
