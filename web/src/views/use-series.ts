// SPDX-License-Identifier: Apache-2.0
// The buckets that belong into a window, fetched anew when it moves; older answers are dropped.
import { useCallback, useEffect, useState } from "preact/hooks";
import { api } from "../api";
import type { Window } from "../chart/window";
import { useReturns } from "../presence";
import type { Series } from "../types";

/** A drag or a wheel turn makes many windows: only the last one is asked for. */
const SETTLE_MS = 120;
const PX_PER_BUCKET = 2;
const BUCKETS_MAX = 1000;

export function useSeries(site: string, point: number, window: Window, widthPx: number) {
  const [series, setSeries] = useState<Series | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [tries, setTries] = useState(0);
  const returns = useReturns();
  const { from, to } = window;
  const buckets = Math.min(BUCKETS_MAX, Math.max(60, Math.round(widthPx / PX_PER_BUCKET)));

  // A new try is a reason to fetch too, and that somebody looks again.
  useEffect(() => {
    if (widthPx === 0) return;
    const abort = new AbortController();
    const timer = setTimeout(
      () => {
        api.series(site, point, { from, to }, buckets, abort.signal).then(
          (fresh) => {
            setSeries(fresh);
            setError(null);
          },
          (cause) => {
            if (!abort.signal.aborted) setError(cause);
          },
        );
      },
      series === null ? 0 : SETTLE_MS,
    );
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [site, point, from, to, buckets, tries, returns]);

  const retry = useCallback(() => setTries((count) => count + 1), []);
  return { series, error, retry };
}
