// SPDX-License-Identifier: Apache-2.0
// What is abnormal, and how urgent it is. One place, so that tile, table, banner and chart agree.
import type { Area, Health, Limits, Notice, Point, Sensor, Site } from "./types";

/** In order of urgency, the most urgent first. */
export const CONDITIONS = ["high", "low", "bad", "stale", "never", "battery", "ok"] as const;
export type Condition = (typeof CONDITIONS)[number];

export interface Verdict {
  condition: Condition;
  /** The point that the verdict is about; null only for a sensor without points. */
  point: Point | null;
}

export const urgency = (condition: Condition): number => CONDITIONS.indexOf(condition);

export function outside(value: number, limits: Limits | null): "high" | "low" | null {
  if (limits?.high != null && value > limits.high) return "high";
  if (limits?.low != null && value < limits.low) return "low";
  return null;
}

const ON = ["true", "on"];
const OFF = ["false", "off"];

/** A state with two values; enums with words of their own are none. */
export const isSwitch = (point: Point): boolean =>
  point.kind === "state" &&
  (point.text === null
    ? point.value === 0 || point.value === 1
    : [...ON, ...OFF].includes(point.text));

export const isOn = (point: Point): boolean =>
  isSwitch(point) && (point.value === 1 || ON.includes(point.text ?? ""));

/** Switches that tell of a defect by their own name. */
const DEFECTS: Record<string, Condition> = {
  battery_low: "battery",
  temperature_fault: "bad",
  humidity_fault: "bad",
};

export function judgePoint(point: Point): Condition {
  if (point.quality === "bad") return "bad";
  if (point.quality === "stale") return point.at_ms === null ? "never" : "stale";
  if (isOn(point) && Object.hasOwn(DEFECTS, point.name)) return DEFECTS[point.name] as Condition;
  const side = point.value === null ? null : outside(point.value, point.limits);
  if (side !== null && point.kind === "battery") return "battery";
  return side ?? "ok";
}

export function judgeSensor(sensor: Sensor): Verdict {
  const main = mainPoint(sensor);
  let worst: Verdict = { condition: "ok", point: main };
  for (const point of ordered(sensor)) {
    // A quantity that this sensor does not have is no defect of what it does have.
    if (point !== main && point.reason === "unavailable") continue;
    const condition = judgePoint(point);
    if (urgency(condition) < urgency(worst.condition)) worst = { condition, point };
  }
  return worst;
}

/** What the points are for, the most telling first; counters and serial numbers come last. */
function prominence(point: Point): number {
  const kinds = [
    "temperature",
    "humidity",
    "measured",
    "battery",
    "signal",
    "state",
    "number",
    "text",
  ];
  const measured = point.kind === "number" && (point.unit !== "" || point.limits !== null);
  return kinds.indexOf(measured ? "measured" : point.kind);
}

/** Worth a chart of its own at first sight. */
export const isMeasured = (point: Point): boolean => prominence(point) <= 4;

/** Points as people read them: the temperature first, housekeeping last. */
export function ordered(sensor: Sensor): Point[] {
  return sensor.points.slice().sort((a, b) => prominence(a) - prominence(b));
}

export const mainPoint = (sensor: Sensor): Point | null => ordered(sensor)[0] ?? null;

/** Switches that are on and no defect: an open door, a defrost. */
export const notes = (sensor: Sensor): Point[] =>
  sensor.points.filter(
    (point) => point.quality === "good" && isOn(point) && judgePoint(point) === "ok",
  );

export interface Finding {
  sensor: Sensor;
  verdict: Verdict;
}

/** Every sensor that is not in order, the most urgent first, then the longest silent. */
export function findings(areas: Area[]): Finding[] {
  return areas
    .flatMap((area) => area.sensors)
    .map((sensor) => ({ sensor, verdict: judgeSensor(sensor) }))
    .filter((each) => each.verdict.condition !== "ok")
    .sort(
      (a, b) =>
        urgency(a.verdict.condition) - urgency(b.verdict.condition) ||
        (a.verdict.point?.at_ms ?? 0) - (b.verdict.point?.at_ms ?? 0),
    );
}

/** Sites with the most urgent first: outside limits, bad, silent, stale, then by name. */
export function worstFirst(sites: Site[]): Site[] {
  const weight = (site: Site) =>
    site.counts.outside * 1e6 +
    site.counts.bad * 1e3 +
    (site.state === "silent" ? 5e5 : 0) +
    site.counts.stale;
  return sites.slice().sort((a, b) => weight(b) - weight(a) || a.name.localeCompare(b.name));
}

const HEALTH_CODES = [
  "no_folder",
  "no_hub",
  "failing",
  "kafka_failing",
  "kafka_waits",
  "unsynced",
  "behind",
  "store_older",
  "log_new",
] as const;

/** These two are notices as well, which stay until somebody acknowledges them. */
export const TOLD_BY_NOTICE = ["store_older", "log_new"];

const NOTICE_KINDS = ["hub_log_new", "store_older", "kafka_lost", "kafka_new"] as const;

/** The words for what befell the system, and the count that its text holds; of a newer server its own. */
export function noticeKey(notice: Notice) {
  const known = NOTICE_KINDS.find((kind) => kind === notice.kind);
  const n = Number(/\d+/.exec(notice.text)?.[0] ?? 0);
  return { key: known ? (`notice.${known}` as const) : ("notice.other" as const), n };
}

/** The words for what the server says of itself; of a newer server its own. */
export function healthKey(health: Health) {
  const known = HEALTH_CODES.find((code) => code === health.code);
  return known ? (`health.${known}` as const) : "health.other";
}
