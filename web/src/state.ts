// SPDX-License-Identifier: Apache-2.0
// What the page knows of a site. Live events make a new overview that shares every untouched sensor
// with the old one, so that only tiles whose sensor changed are drawn again.
import type {
  LiveEvent,
  LiveQuality,
  LiveSample,
  Overview,
  Point,
  Quality,
  Sensor,
  Spark,
} from "./types";

const RANK: Record<Quality, number> = { good: 0, stale: 1, bad: 2 };

/** Puts one value into the spark line: buckets slide along when time moves past the end. */
export function sparkAdd(spark: Spark, atMs: number, value: number): Spark {
  const count = spark.avg.length;
  const index = Math.floor((atMs - spark.from_ms) / spark.step_ms);
  if (index < 0 || count === 0) return spark;
  const shift = Math.max(0, index - count + 1);
  const slide = (list: (number | null)[]) =>
    shift === 0
      ? list.slice()
      : [...list.slice(shift), ...Array(Math.min(shift, count)).fill(null)];
  const next: Spark = {
    from_ms: spark.from_ms + shift * spark.step_ms,
    step_ms: spark.step_ms,
    min: slide(spark.min),
    max: slide(spark.max),
    avg: slide(spark.avg),
  };
  const at = index - shift;
  next.min[at] = Math.min(next.min[at] ?? value, value);
  next.max[at] = Math.max(next.max[at] ?? value, value);
  next.avg[at] = next.avg[at] == null ? value : (next.avg[at] as number) * 0.5 + value * 0.5;
  return next;
}

/** A late sample belongs into the spark line, but never replaces a newer value. */
export function pointAfterSample(point: Point, sample: LiveSample): Point {
  const spark =
    point.spark && sample.value !== null
      ? sparkAdd(point.spark, sample.at_ms, sample.value)
      : point.spark;
  if (point.at_ms !== null && sample.at_ms < point.at_ms) return { ...point, spark };
  return {
    ...point,
    spark,
    value: sample.value,
    text: sample.text,
    quality: "good",
    reason: "",
    at_ms: sample.at_ms,
    received_ms: sample.received_ms,
    age_ms: sample.received_ms - sample.at_ms,
  };
}

/** Stale and bad take the value away; good alone changes nothing, its sample brings the value. */
export function pointAfterQuality(point: Point, change: LiveQuality): Point {
  if (change.quality === "good") return point;
  if (point.at_ms !== null && change.at_ms < point.at_ms) return point;
  return { ...point, quality: change.quality, reason: change.reason, value: null, text: null };
}

function sensorWith(sensor: Sensor, index: number, point: Point): Sensor {
  const points = sensor.points.slice();
  points[index] = point;
  const quality = points.reduce<Quality>(
    (worst, each) => (RANK[each.quality] > RANK[worst] ? each.quality : worst),
    "good",
  );
  const battery =
    sensor.battery?.point === point.id ? { ...sensor.battery, value: point.value } : sensor.battery;
  return { ...sensor, points, quality, battery };
}

function withPoint(overview: Overview, id: number, change: (point: Point) => Point): Overview {
  for (const list of ["areas", "diagnostics"] as const) {
    for (const [areaIndex, area] of overview[list].entries()) {
      for (const [sensorIndex, sensor] of area.sensors.entries()) {
        const pointIndex = sensor.points.findIndex((point) => point.id === id);
        if (pointIndex < 0) continue;
        const before = sensor.points[pointIndex] as Point;
        const after = change(before);
        if (after === before) return overview;
        const sensors = area.sensors.slice();
        sensors[sensorIndex] = sensorWith(sensor, pointIndex, after);
        const areas = overview[list].slice();
        areas[areaIndex] = { ...area, sensors };
        return { ...overview, [list]: areas };
      }
    }
  }
  return overview;
}

export function reduce(overview: Overview, event: LiveEvent): Overview {
  switch (event.kind) {
    case "sample":
      return withPoint(overview, event.data.point, (p) => pointAfterSample(p, event.data));
    case "quality":
      return withPoint(overview, event.data.point, (p) => pointAfterQuality(p, event.data));
    case "site":
      return { ...overview, site: { ...overview.site, ...event.data } };
  }
}

export function findSensor(overview: Overview, id: string): Sensor | null {
  for (const area of [...overview.areas, ...overview.diagnostics]) {
    const sensor = area.sensors.find((each) => each.id === id);
    if (sensor) return sensor;
  }
  return null;
}
