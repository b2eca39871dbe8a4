// SPDX-License-Identifier: Apache-2.0
// Shapes that say what a colour says. Drawn on a 16 x 16 grid, always next to a word.
import type { Condition } from "../judge";

const SHAPES: Record<Condition | "live" | "loading" | "lost", string> = {
  high: "M8 2 15 14H1Z",
  low: "M8 14 1 2h14Z",
  bad: "M5 1h6l4 4v6l-4 4H5l-4-4V5Z",
  stale: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm1 3v4l3 2-1 1.6L7 9V4Z",
  never: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm-3 6h6v2H5Z",
  battery: "M2 4h10v2h2v4h-2v2H2Zm1.5 1.5v5H5v-5Z",
  ok: "m6.2 12.6-4.4-4.4 1.6-1.6 2.8 2.8 6.4-6.4 1.6 1.6Z",
  live: "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Z",
  loading: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2a4 4 0 1 1 0 8 4 4 0 0 1 0-8Z",
  lost: "m3.5 2 4.500 4.500L12.500 2 14 3.500 9.500 8l4.500 4.500-1.500 1.500L8 9.500 3.500 14 2 12.500 6.500 8 2 3.500Z",
};

export function Icon({ shape }: { shape: keyof typeof SHAPES }) {
  return (
    <svg class={`icon icon-${shape}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[shape]} fill-rule="evenodd" />
      {shape === "bad" && <path class="mark" d="M7 3.500h2v5.500H7Zm0 7h2v2H7Z" />}
    </svg>
  );
}

export function BatteryIcon({ low }: { low: boolean }) {
  return (
    <svg class="icon icon-cell" viewBox="0 0 20 12" aria-hidden="true">
      <path d="M1 1h15v3h2v4h-2v3H1Z" fill="none" />
      <path class="charge" d={low ? "M3 3h2.500v6H3Z" : "M3 3h11v6H3Z"} />
    </svg>
  );
}
