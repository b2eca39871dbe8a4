// SPDX-License-Identifier: Apache-2.0
// The span of time on view: arithmetic only.
import { DAY } from "../format";

export interface Window {
  from: number;
  to: number;
}

export const PRESETS = {
  "1h": DAY / 24,
  "24h": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
} as const;
export type Preset = keyof typeof PRESETS;

export const SPAN_MIN_MS = 60_000;
export const SPAN_MAX_MS = 3650 * DAY;

export const isPreset = (text: string): text is Preset => Object.hasOwn(PRESETS, text);
export const span = (window: Window): number => window.to - window.from;

export function lastSpan(preset: Preset, nowMs: number): Window {
  return { from: nowMs - PRESETS[preset], to: nowMs };
}

/** Keeps the span within its bounds and its end out of the future. */
export function clamp(window: Window, nowMs: number): Window {
  const length = Math.min(SPAN_MAX_MS, Math.max(SPAN_MIN_MS, span(window)));
  const middle = (window.from + window.to) / 2;
  const to = Math.min(nowMs, Math.max(length, middle + length / 2));
  return { from: Math.round(to - length), to: Math.round(to) };
}

/** factor below 1 zooms in; what lies at `anchor` stays where it is. */
export function zoomAt(window: Window, factor: number, anchor: number, nowMs: number): Window {
  const length = Math.min(SPAN_MAX_MS, Math.max(SPAN_MIN_MS, span(window) * factor));
  const share = (anchor - window.from) / span(window);
  const from = anchor - share * length;
  return clamp({ from, to: from + length }, nowMs);
}

export function pan(window: Window, share: number, nowMs: number): Window {
  const by = span(window) * share;
  return clamp({ from: window.from + by, to: window.to + by }, nowMs);
}
