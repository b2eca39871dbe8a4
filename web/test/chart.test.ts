// SPDX-License-Identifier: Apache-2.0
// Goal: what is missing is drawn as missing, and a window stays within its bounds.
import assert from "node:assert/strict";
import test from "node:test";
import { timeLabels } from "../src/chart/axis";
import { bucketAt, condense, held, runs, summarize, toColumns, yRange } from "../src/chart/map";
import { clamp, pan, SPAN_MIN_MS, span, zoomAt } from "../src/chart/window";
import { series, spark } from "./samples";

test("what is sent on change holds until the next change, and not beyond its quality", () => {
  const line = spark([null, 5, null, null, 7, null]);
  assert.deepEqual(held(line, true).avg, [null, 5, 5, 5, 7, 7]);
  assert.deepEqual(held(line, false).max, [null, 5, 5, 5, 7, null]);
});

test("neighbours are joined, a missing bucket breaks the line", () => {
  const columns = toColumns(series([0, 1000, 5000, 6000]), 1000);
  assert.deepEqual(columns.x, [0.5, 1.5, 3.5, 5.5, 6.5]);
  assert.deepEqual(columns.avg, [0, 1, null, 2, 3]);
  assert.deepEqual(columns.bucket, [0, 1, -1, 2, 3]);
});

test("samples that are rarer than buckets are still joined", () => {
  const columns = toColumns(series([0, 60_000, 120_000]), 60_000);
  assert.deepEqual(columns.avg, [0, 1, 2]);
});

test("a point that reports on change is joined over any quiet", () => {
  assert.deepEqual(toColumns(series([0, 90_000]), 0).avg, [0, 1]);
});

test("a gap and a stale span break the line, however near its neighbours are", () => {
  const gap = { from: 1000, to: 60_000, count: 3 };
  assert.equal(toColumns(series([0, 60_000], { gaps: [gap] }), 60_000).avg[1], null);
  const stale = { from: 1000, to: 60_000, quality: "stale" as const, reason: "timeout" };
  assert.equal(toColumns(series([0, 60_000], { quality: [stale] }), 60_000).avg[1], null);
});

test("an empty series is an empty drawing", () => {
  assert.deepEqual(toColumns(series([]), 1000).x, []);
  assert.equal(summarize(series([])), null);
  assert.equal(bucketAt(series([]), 5), -1);
  assert.deepEqual(condense(series([]), 10), []);
});

test("the summary weighs by samples and keeps the extremes", () => {
  const limits = { low: null, high: 3 };
  const sum = summarize(
    series([0, 1000], { avg: [1, 4], n: [3, 1], min: [-5, 3], max: [2, 9], limits }),
  );
  assert.deepEqual(sum, { min: -5, max: 9, avg: 1.75, n: 4, within: 0.75 });
});

test("condensing keeps extremes and counts", () => {
  const rows = condense(series([0, 1000, 2000, 3000, 4000]), 2);
  assert.equal(rows.length, 2);
  assert.deepEqual(
    rows.map((row) => [row.from, row.to, row.min, row.max, row.n]),
    [
      [0, 3000, -1, 3, 6],
      [3000, 5000, 2, 5, 4],
    ],
  );
});

test("runs are the stretches without a hole", () => {
  assert.deepEqual(runs([null, 1, 2, null, 3]), [
    [1, 2],
    [4, 4],
  ]);
  assert.deepEqual(runs([]), []);
});

test("the bucket under the cursor", () => {
  const s = series([0, 1000, 5000]);
  assert.deepEqual(
    [-9, 0, 999, 1000, 4000, 9999].map((ms) => bucketAt(s, ms)),
    [0, 0, 0, 1, 1, 2],
  );
});

test("the y axis holds values and near limits, and never collapses", () => {
  const [low, high] = yRange(2, 5, { low: 0, high: 7 }, 2);
  assert(low < 0 && high > 7);
  const far = yRange(2, 5, { low: -1000, high: 1000 }, 2);
  assert(far[0] > -10 && far[1] < 20);
  const flat = yRange(4, 4, null, 2);
  assert(flat[1] - flat[0] > 0.1);
  const nothing = yRange(null, null, null, 2);
  assert(nothing[0] < nothing[1]);
});

test("zooming keeps what lies under the pointer, and stops at its bounds", () => {
  const now = 1e9;
  const window = zoomAt({ from: 0, to: 1e6 }, 0.5, 250_000, now);
  assert.deepEqual(window, { from: 125_000, to: 625_000 });
  assert.equal(span(zoomAt(window, 1e-9, 300_000, now)), SPAN_MIN_MS);
});

test("the future is not on view", () => {
  const now = 1_000_000;
  assert.equal(pan({ from: 0, to: now }, 0.5, now).to, now);
  assert.equal(clamp({ from: now, to: now + 500_000 }, now).to, now);
  assert.equal(span(clamp({ from: now, to: now + 500_000 }, now)), 500_000);
});

test("the time axis names the day once, and again when it changes", () => {
  const hour = 3600;
  const labels = timeLabels("en", "UTC")([22 * hour, 23 * hour, 24 * hour, 25 * hour], hour);
  assert.deepEqual(labels, ["22:00\n1 Jan", "23:00", "00:00\n2 Jan", "01:00"]);
});
