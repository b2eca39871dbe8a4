// SPDX-License-Identifier: Apache-2.0
// Small worlds for the tests.
import type { Overview, Point, Sensor, Series, Spark } from "../src/types";

export const spark = (avg: (number | null)[]): Spark => ({
  from_ms: 0,
  step_ms: 1000,
  min: avg.slice(),
  max: avg.slice(),
  avg,
});

export const point = (change: Partial<Point> = {}): Point => ({
  id: 1,
  name: "temperature",
  sensor: "s1",
  area: "Dairy",
  diagnostic: false,
  kind: "temperature",
  unit: "°C",
  decimals: 2,
  interval_ms: 60_000,
  limits: { low: 0, high: 7 },
  value: 4,
  text: null,
  quality: "good",
  reason: "",
  at_ms: 1000,
  received_ms: 1100,
  age_ms: 100,
  spark: spark([1, 2, 3, 4]),
  ...change,
});

export const sensor = (id: string, points: Point[]): Sensor => ({
  id,
  name: `Sensor ${id}`,
  area: "Dairy",
  diagnostic: false,
  quality: "good",
  battery: null,
  points,
});

export const overview = (sensors: Sensor[], change: Partial<Overview> = {}): Overview => ({
  site: {
    id: "store",
    name: "Store",
    state: "online",
    last_received_ms: 1000,
    counts: { points: 1, good: 1, stale: 0, bad: 0, outside: 0 },
  },
  now_ms: 2000,
  last_event_id: "41",
  areas: [{ name: "Dairy", sensors }],
  diagnostics: [],
  ...change,
});

export const series = (t: number[], change: Partial<Series> = {}): Series => ({
  site: "store",
  point: 1,
  unit: "°C",
  decimals: 2,
  from: 0,
  to: 100_000,
  step_ms: 1000,
  t,
  min: t.map((_, i) => i - 1),
  max: t.map((_, i) => i + 1),
  avg: t.map((_, i) => i),
  n: t.map(() => 2),
  quality: [],
  gaps: [],
  limits: null,
  ...change,
});
