// SPDX-License-Identifier: Apache-2.0
// Goal: live events change what they name and nothing else; an old value never passes for a current one.
import assert from "node:assert/strict";
import test from "node:test";
import { findings, judgePoint, judgeSensor, notes, ordered, worstFirst } from "../src/judge";
import { findSensor, reduce, sparkAdd } from "../src/state";
import type { LiveEvent } from "../src/types";
import { overview, point, sensor, spark } from "./samples";

const sample = (at_ms: number, value: number): LiveEvent => ({
  kind: "sample",
  data: {
    ...{ site: "store", point: 1, at_ms, received_ms: at_ms + 100 },
    ...{ value, text: null, quality: "good", reason: "" },
  },
});
const quality = (at_ms: number, to: "stale" | "bad" | "good"): LiveEvent => ({
  kind: "quality",
  data: { site: "store", point: 1, at_ms, quality: to, reason: "silent" },
});
const world = () =>
  overview([sensor("a", [point(), point({ id: 2 })]), sensor("b", [point({ id: 3 })])]);
const first = (o: ReturnType<typeof world>) => {
  const found = o.areas[0]?.sensors[0]?.points[0];
  assert(found);
  return found;
};

test("a figure of the system lives too, and no sensor is touched by it", () => {
  const line = [sensor("/line 1", [point({ id: 9, unit: "%", diagnostic: true })])];
  const before = overview([sensor("a", [point()])], {
    diagnostics: [{ name: "line 1", sensors: line }],
  });
  const data = { site: "store", point: 9, at_ms: 5000, received_ms: 5100, value: 12.5 };
  const after = reduce(before, {
    kind: "sample",
    data: { ...data, text: null, quality: "good", reason: "" },
  });
  assert.equal(findSensor(after, "/line 1")?.points[0]?.value, 12.5);
  assert.equal(after.areas, before.areas);
});

test("a sample replaces the value and leaves every other sensor the same object", () => {
  const before = world();
  const after = reduce(before, sample(2000, 5));
  assert.equal(first(after).value, 5);
  assert.equal(first(after).at_ms, 2000);
  assert.equal(after.areas[0]?.sensors[1], before.areas[0]?.sensors[1]);
  assert.equal(first(before).value, 4, "the old state is untouched");
});

test("a late sample goes into the spark line but not into the value", () => {
  const after = reduce(world(), sample(500, 99));
  assert.equal(first(after).value, 4);
  assert.equal(first(after).spark?.max[0], 99);
});

test("stale takes the value away and keeps when it was last heard", () => {
  const after = reduce(world(), quality(3000, "stale"));
  assert.equal(first(after).value, null);
  assert.equal(first(after).at_ms, 1000);
  assert.equal(judgePoint(first(after)), "stale");
  assert.equal(after.areas[0]?.sensors[0]?.quality, "stale");
});

test("stale from before the newest sample is ignored; good waits for its sample", () => {
  const fresh = reduce(world(), sample(5000, 6));
  assert.equal(reduce(fresh, quality(4000, "stale")), fresh);
  const stale = reduce(fresh, quality(6000, "stale"));
  assert.equal(reduce(stale, quality(7000, "good")), stale);
  assert.equal(first(reduce(stale, sample(7000, 6.5))).value, 6.5);
});

test("a point that nobody knows changes nothing", () => {
  const before = world();
  const event = sample(9000, 1);
  if (event.kind === "sample") event.data.point = 77;
  assert.equal(reduce(before, event), before);
});

test("a site event changes the site's state", () => {
  const { site } = world();
  assert.equal(
    reduce(world(), { kind: "site", data: { ...site, state: "silent" } }).site.state,
    "silent",
  );
});

test("the spark line slides with time, also across a long silence", () => {
  const line = spark([1, 2, 3, 4]);
  assert.deepEqual(sparkAdd(line, 3500, 9).max, [1, 2, 3, 9]);
  assert.deepEqual(sparkAdd(line, 4500, 9).avg, [2, 3, 4, 9]);
  assert.equal(sparkAdd(line, 4500, 9).from_ms, 1000);
  assert.deepEqual(sparkAdd(line, 60_500, 9).avg, [null, null, null, 9]);
  assert.equal(sparkAdd(line, -1, 9), line);
});

test("limits hold at the limit and not beyond it", () => {
  assert.equal(judgePoint(point({ value: 7 })), "ok");
  assert.equal(judgePoint(point({ value: 7.01 })), "high");
  assert.equal(judgePoint(point({ value: 0 })), "ok");
  assert.equal(judgePoint(point({ value: -0.01 })), "low");
  assert.equal(judgePoint(point({ limits: null, value: 1e9 })), "ok");
  assert.equal(judgePoint(point({ quality: "stale", value: null, at_ms: null })), "never");
  const weak = point({ kind: "battery", value: 2400, limits: { low: 2600, high: null } });
  assert.equal(judgePoint(weak), "battery");
});

test("a switch that tells of a defect is a finding, any other is a note", () => {
  const flag = (name: string, value: number) =>
    point({ id: 9, name, kind: "state", unit: "", limits: null, value });
  assert.equal(judgePoint(flag("battery_low", 1)), "battery");
  assert.equal(judgePoint(flag("battery_low", 0)), "ok");
  assert.equal(judgePoint(flag("temperature_fault", 1)), "bad");
  assert.equal(judgePoint(flag("door_open", 1)), "ok");
  const both = sensor("a", [flag("door_open", 1), flag("defrost", 0)]);
  assert.deepEqual(
    notes(both).map((each) => each.name),
    ["door_open"],
  );
});

test("measured values come before switches, counters and texts", () => {
  const kinds = [
    "text",
    "number",
    "state",
    "signal",
    "battery",
    "humidity",
    "temperature",
  ] as const;
  const mixed = sensor(
    "a",
    kinds.map((kind, id) => point({ id, kind, unit: "", limits: null })),
  );
  assert.deepEqual(
    ordered(mixed).map((each) => each.kind),
    [...(["temperature", "humidity", "battery", "signal", "state", "number", "text"] as const)],
  );
});

test("a quantity that a sensor does not have is no finding, unless it is its main one", () => {
  const missing = { quality: "bad", reason: "unavailable", value: null } as const;
  const air = point({ id: 2, kind: "humidity", name: "humidity", limits: null, ...missing });
  assert.equal(judgeSensor(sensor("a", [point(), air])).condition, "ok");
  assert.equal(judgeSensor(sensor("a", [point(missing)])).condition, "bad");
});

test("the most urgent comes first", () => {
  const hot = sensor("hot", [point({ value: 9 })]);
  const quiet = sensor("quiet", [point({ quality: "stale", value: null })]);
  const found = findings(overview([sensor("fine", [point()]), quiet, hot]).areas);
  assert.deepEqual(
    found.map((each) => each.sensor.id),
    ["hot", "quiet"],
  );
  assert.equal(judgeSensor(quiet).point?.id, 1);
  const { site } = overview([]);
  const named = (name: string, outside: number) => ({
    ...site,
    name,
    counts: { ...site.counts, outside },
  });
  const order = worstFirst([named("B", 0), named("A", 0), named("C", 1)]);
  assert.deepEqual(
    order.map((each) => each.name),
    ["C", "A", "B"],
  );
});
