// SPDX-License-Identifier: Apache-2.0
// From the series of the API to the columns that are drawn.
import { outside } from "../judge";
import type { Limits, Series, Spark } from "../types";

export interface Columns {
  /** Seconds, as uPlot wants them. */
  x: number[];
  avg: (number | null)[];
  min: (number | null)[];
  max: (number | null)[];
  /** Index into the series' buckets; -1 where the line is broken. */
  bucket: number[];
}

/**
 * Neighbours further apart than this are not joined: something is missing between them. A point that
 * reports on change only (interval 0) misses nothing by being quiet.
 */
export function joinMaxMs(stepMs: number, intervalMs: number): number {
  if (intervalMs === 0) return Number.POSITIVE_INFINITY;
  return Math.max(stepMs * 1.5, intervalMs * 2.5);
}

function brokenBetween(series: Series, from: number, to: number): boolean {
  const cuts = (each: { from: number; to: number }) => each.from < to && each.to > from;
  return series.gaps.some(cuts) || series.quality.some(cuts);
}

/** Buckets as points at their middle; a null wherever samples are missing, stale, bad or lost. */
export function toColumns(series: Series, intervalMs: number): Columns {
  const columns: Columns = { x: [], avg: [], min: [], max: [], bucket: [] };
  const half = series.step_ms / 2;
  const join = joinMaxMs(series.step_ms, intervalMs);
  const push = (ms: number, at: number) => {
    const value = (list: number[]) => (at < 0 ? null : (list[at] ?? null));
    columns.x.push(ms / 1000);
    columns.avg.push(value(series.avg));
    columns.min.push(value(series.min));
    columns.max.push(value(series.max));
    columns.bucket.push(at);
  };
  series.t.forEach((start, at) => {
    const before = series.t[at - 1];
    if (before !== undefined) {
      const apart = start - before > join;
      if (apart || brokenBetween(series, before + series.step_ms, start)) {
        push((before + start) / 2 + half, -1);
      }
    }
    push(start + half, at);
  });
  return columns;
}

/** What is sent on change holds until the next change; for how long, ends with its quality. */
export function held(spark: Spark, isGood: boolean): Spark {
  const last = isGood ? spark.avg.length : spark.avg.findLastIndex((each) => each !== null);
  const hold = (list: (number | null)[]) => {
    let value: number | null = null;
    return list.map((each, at) => {
      value = at > last ? null : (each ?? value);
      return value;
    });
  };
  return { ...spark, min: hold(spark.min), max: hold(spark.max), avg: hold(spark.avg) };
}

/** Stretches of neighbours without a null: [first, last] indexes. */
export function runs(values: (number | null)[]): [number, number][] {
  const found: [number, number][] = [];
  let first = -1;
  values.forEach((value, at) => {
    if (value !== null && first < 0) first = at;
    if (value === null && first >= 0) {
      found.push([first, at - 1]);
      first = -1;
    }
  });
  if (first >= 0) found.push([first, values.length - 1]);
  return found;
}

export interface Summary {
  min: number;
  max: number;
  avg: number;
  n: number;
  /** Share of the samples in buckets whose mean keeps the limits. */
  within: number;
}

export function summarize(series: Series): Summary | null {
  if (series.t.length === 0) return null;
  let [n, sum, kept] = [0, 0, 0];
  series.n.forEach((count, at) => {
    n += count;
    const avg = series.avg[at] ?? 0;
    sum += count * avg;
    if (outside(avg, series.limits) === null) kept += count;
  });
  const fold = (list: number[], pick: (a: number, b: number) => number) =>
    list.reduce((a, b) => pick(a, b));
  return {
    min: fold(series.min, Math.min),
    max: fold(series.max, Math.max),
    avg: sum / n,
    n,
    within: kept / n,
  };
}

/** The y axis: all values, the limits when they are near, some air, never a span of nothing. */
export function yRange(
  low: number | null,
  high: number | null,
  limits: Limits | null,
  decimals: number,
): [number, number] {
  const edges = [limits?.low, limits?.high].filter((edge): edge is number => edge != null);
  if (low === null || high === null) {
    const base = edges.length > 0 ? edges : [0, 1];
    return padded(Math.min(...base), Math.max(...base), 1);
  }
  const least = 20 * 10 ** -decimals;
  const reach = 2 * Math.max(high - low, least);
  const near = edges.filter((edge) => edge > low - reach && edge < high + reach);
  return padded(Math.min(low, ...near), Math.max(high, ...near), least);
}

function padded(low: number, high: number, least: number): [number, number] {
  const middle = (low + high) / 2;
  const half = (Math.max(high - low, least) / 2) * 1.12;
  return [middle - half, middle + half];
}

/** The bucket that covers a time, or the nearest one; -1 without any. */
export function bucketAt(series: Series, ms: number): number {
  let [low, high] = [0, series.t.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((series.t[middle] as number) <= ms) low = middle;
    else high = middle - 1;
  }
  return high < 0 ? -1 : low;
}

export interface Row extends Summary {
  from: number;
  to: number;
}

/** The same series in few rows, for people who read rather than look. */
export function condense(series: Series, rowsMax: number): Row[] {
  const rows: Row[] = [];
  const per = Math.max(1, Math.ceil(series.t.length / rowsMax));
  for (let first = 0; first < series.t.length; first += per) {
    const part = { ...series };
    for (const name of ["t", "min", "max", "avg", "n"] as const) {
      part[name] = series[name].slice(first, first + per);
    }
    const sum = summarize(part);
    const last = part.t[part.t.length - 1] as number;
    if (sum) rows.push({ ...sum, from: part.t[0] as number, to: last + series.step_ms });
  }
  return rows;
}
