// SPDX-License-Identifier: Apache-2.0
// The shapes of apps/cloud/openapi.yaml. Every time is UTC in milliseconds.

export type Quality = "good" | "stale" | "bad";
export type Kind = "temperature" | "humidity" | "battery" | "signal" | "number" | "state" | "text";

export interface User {
  name: string;
  role: "owner" | "operator" | "viewer";
  capabilities: string[];
}

export interface Notice {
  kind: string;
  at_ms: number;
  text: string;
}

export interface Session {
  user: User | null;
  csrf: string | null;
  setup_needed: boolean;
  now_ms: number;
}

export interface Health {
  status: "ok" | "waiting" | "behind" | "ill";
  /** Empty when there is nothing to say. */
  code: string;
  reason: string;
}

export interface Counts {
  points: number;
  good: number;
  stale: number;
  bad: number;
  outside: number;
}

export interface Site {
  id: string;
  name: string;
  state: "online" | "silent";
  last_received_ms: number | null;
  counts: Counts;
  /** IANA name of the site's time zone; the browser's own until the site states one. */
  time_zone?: string | null;
}

export interface Sites {
  now_ms: number;
  sites: Site[];
}

export interface Limits {
  low: number | null;
  high: number | null;
}

export interface Spark {
  from_ms: number;
  step_ms: number;
  min: (number | null)[];
  max: (number | null)[];
  avg: (number | null)[];
}

export interface Point {
  id: number;
  name: string;
  sensor: string;
  area: string;
  /** A figure of the system itself. */
  diagnostic: boolean;
  kind: Kind;
  unit: string;
  decimals: number;
  interval_ms: number;
  limits: Limits | null;
  value: number | null;
  text: string | null;
  quality: Quality;
  reason: string;
  at_ms: number | null;
  received_ms: number | null;
  age_ms: number | null;
  spark: Spark | null;
}

export interface Battery {
  point: number;
  value: number | null;
  unit: string;
}

export interface Sensor {
  id: string;
  name: string;
  area: string;
  diagnostic: boolean;
  quality: Quality;
  battery: Battery | null;
  points: Point[];
}

export interface Area {
  name: string;
  sensors: Sensor[];
}

export interface Overview {
  site: Site;
  now_ms: number;
  last_event_id: string;
  areas: Area[];
  /** What the site says of itself, by the part that it is about. */
  diagnostics: Area[];
}

export interface QualitySpan {
  from: number;
  to: number;
  quality: "stale" | "bad";
  reason: string;
}

export interface Gap {
  from: number;
  to: number;
  count: number;
}

export interface Series {
  site: string;
  point: number;
  unit: string;
  decimals: number;
  from: number;
  to: number;
  step_ms: number;
  t: number[];
  min: number[];
  max: number[];
  avg: number[];
  n: number[];
  quality: QualitySpan[];
  gaps: Gap[];
  limits: Limits | null;
}

export interface LiveSample {
  site: string;
  point: number;
  at_ms: number;
  received_ms: number;
  value: number | null;
  text: string | null;
  quality: "good";
  reason: string;
}

export interface LiveQuality {
  site: string;
  point: number;
  at_ms: number;
  quality: Quality;
  reason: string;
}

export type LiveEvent =
  | { kind: "sample"; data: LiveSample }
  | { kind: "quality"; data: LiveQuality }
  | { kind: "site"; data: Site };
