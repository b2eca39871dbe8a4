// SPDX-License-Identifier: Apache-2.0
// An invented store: every value is a function of point and time, so that any window can be answered.

const MINUTE = 60_000;
const DAY = 86_400_000;
const AREAS = [
  [
    "Dairy",
    4,
    ["Milk shelf", "Yoghurt", "Cheese counter", "Butter", "Cream", "Desserts", "Eggs", "Milk back"],
  ],
  [
    "Frozen",
    -20,
    ["Freezer 1", "Freezer 2", "Freezer 3", "Ice cream", "Fish freezer", "Peas & fries"],
  ],
  [
    "Meat and fish",
    2,
    ["Meat counter", "Poultry", "Sausages", "Fish on ice", "Mince", "Cutting room"],
  ],
  ["Vegetables", 9, ["Salads", "Berries", "Herbs", "Roots", "Mushrooms", "Cut fruit"]],
  ["Checkout", 21, ["Checkout 1", "Checkout 4", "Customer desk"]],
  ["Entrance", 18, ["Door inside", "Door outside", "Trolleys"]],
];
const SILENT = new Set(["Yoghurt", "Trolleys"]);
const FAULTY = new Set(["Herbs"]);
const HOT = new Set(["Fish on ice"]);
const WEAK = new Set(["Roots"]);
const SILENT_SINCE = Date.now() - 47 * MINUTE;
const SITE = "store-0042";

const sensors = [];
for (const [area, base, names] of AREAS) {
  for (const name of names) {
    const index = sensors.length;
    sensors.push({ id: `s${index + 1}`, name, area, base, index, first: index * 4 + 1 });
  }
}
const silent = (sensor) => SILENT.has(sensor.name);

function noise(seed, slot) {
  const x = Math.sin(seed * 127.1 + slot * 311.7) * 43758.5453;
  return x - Math.floor(x) - 0.5;
}

/** Smooth noise: neighbours in time agree. */
function drift(seed, at, period) {
  const slot = Math.floor(at / period);
  const share = at / period - slot;
  const ease = share * share * (3 - 2 * share);
  return noise(seed, slot) * (1 - ease) + noise(seed, slot + 1) * ease;
}

function temperature(sensor, at) {
  const hour = (at / (DAY / 24)) % 24;
  const day = Math.sin(((hour - 9) / 24) * 2 * Math.PI) * (sensor.base > 12 ? 2.2 : 0.35);
  const defrostAt = (at + sensor.index * 37 * MINUTE) % (DAY / 4);
  const defrost =
    sensor.base < 12 && defrostAt < 40 * MINUTE
      ? Math.sin((defrostAt / (40 * MINUTE)) * Math.PI) * 1.9
      : 0;
  const broken = HOT.has(sensor.name)
    ? 4.6 / (1 + Math.exp(-(at - Date.now() + 80 * MINUTE) / (16 * MINUTE)))
    : 0;
  return (
    sensor.base +
    day +
    defrost +
    broken +
    drift(sensor.index, at, 25 * MINUTE) * 0.9 +
    drift(sensor.index + 99, at, MINUTE) * 0.16
  );
}

const KINDS = [
  { name: "temperature", unit: "°C", decimals: 2, value: temperature },
  {
    name: "humidity",
    unit: "%",
    decimals: 1,
    value: (s, at) => 58 + drift(s.index + 7, at, 90 * MINUTE) * 22,
  },
  {
    name: "battery",
    unit: "mV",
    decimals: 0,
    value: (s, at) =>
      (WEAK.has(s.name) ? 2460 : 2880 + noise(s.index, 1) * 160) + drift(s.index, at, DAY) * 12,
  },
  {
    name: "signal",
    unit: "dBm",
    decimals: 0,
    value: (s, at) => -71 + noise(s.index, 2) * 30 + drift(s.index, at, 8 * MINUTE) * 6,
  },
];
const LIMITS = (sensor) => [
  sensor.base < -10
    ? { low: null, high: -18 }
    : sensor.base < 12
      ? { low: sensor.base - 3, high: sensor.base + 3 }
      : null,
  null,
  { low: 2600, high: null },
  null,
];

// A line of two units behind a real-time core; the second one has stopped answering.
const FIGURES = [
  ["utilisation", "%", 1, (_, at) => 38 + drift(1, at, 20 * MINUTE) * 9],
  ["busy", "%", 1, (_, at) => 61 + drift(2, at, 20 * MINUTE) * 12],
  ["transactions", "", 0, () => 1240],
  ["timeouts", "", 0, () => 3],
  ["bad_replies", "", 0, () => 0],
  ["collisions", "", 0, () => 0],
  ["character_errors", "", 0, () => 1],
  ["overruns", "", 0, () => 0],
  ["stray_bytes", "", 0, () => 0],
  ["unsent", "", 0, () => 0],
  ["poll_delay", "ms", 0, (_, at) => 14 + drift(3, at, 30 * MINUTE) * 9],
  ["dead_share", "%", 1, (_, at) => 2.1 + drift(4, at, 40 * MINUTE)],
  ["times", "", 0, () => 0, ["exact"]],
  ["driver_hold", "bit", 2, (_, at) => 1.62 + drift(5, at, 10 * MINUTE) * 0.04],
  ["driver_hold_max", "bit", 2, () => 1.71],
  ["early_releases", "", 0, () => 0],
  ["clock_error", "µs", 0, (_, at) => 38 + drift(6, at, 10 * MINUTE) * 12],
  ["core_restarts", "", 0, () => 0],
];
const UNIT_FIGURES = [
  ["turnaround", "ms", 2, (s, at) => 4.2 + s.index + drift(s.index, at, 15 * MINUTE) * 0.8],
  ["replies", "", 0, (s) => (s.dead ? 0 : 1237)],
  ["timeouts", "", 0, (s) => (s.dead ? 3 : 0)],
  ["exceptions", "", 0, () => 0],
  ["unit_state", "", 0, (s) => Number(s.dead), ["online", "suspended"]],
];
const PARTS = [
  { id: "/line 1", name: "line 1", index: 0, dead: false, first: 9001, figures: FIGURES },
  { id: "/line 1/R", name: "Receiver", index: 1, dead: false, first: 9101, figures: UNIT_FIGURES },
  { id: "/line 1/M", name: "Meter", index: 2, dead: true, first: 9201, figures: UNIT_FIGURES },
];

const rounded = (value, decimals) => Number(value.toFixed(decimals));

function spark(sensor, kind, now) {
  const step = 30 * MINUTE;
  const from = Math.floor(now / step) * step - 47 * step;
  const result = { from_ms: from, step_ms: step, min: [], max: [], avg: [] };
  for (let i = 0; i < 48; i++) {
    const at = from + i * step;
    const gone = silent(sensor) && at > SILENT_SINCE;
    const values = [2, 9, 16, 23, 28].map((minute) =>
      kind.value(sensor, Math.min(now, at + minute * MINUTE)),
    );
    result.min.push(gone ? null : rounded(Math.min(...values), kind.decimals));
    result.max.push(gone ? null : rounded(Math.max(...values), kind.decimals));
    result.avg.push(
      gone ? null : rounded(values.reduce((a, b) => a + b) / values.length, kind.decimals),
    );
  }
  return result;
}

function point(sensor, at, now) {
  const kind = KINDS[at];
  const bad = FAULTY.has(sensor.name) && at === 1;
  const quality = silent(sensor) ? "stale" : bad ? "bad" : "good";
  const measured = silent(sensor) ? SILENT_SINCE : now - ((sensor.index * 1777) % 60_000);
  return {
    id: sensor.first + at,
    name: kind.name,
    kind: kind.name,
    sensor: sensor.id,
    area: sensor.area,
    diagnostic: false,
    unit: kind.unit,
    decimals: kind.decimals,
    interval_ms: MINUTE,
    limits: LIMITS(sensor)[at],
    value: quality === "good" ? rounded(kind.value(sensor, measured), kind.decimals) : null,
    text: null,
    quality,
    reason: quality === "good" ? "" : quality === "stale" ? "silent" : "fault",
    at_ms: measured,
    received_ms: measured + 400,
    age_ms: now - measured,
    spark: spark(sensor, kind, now),
  };
}

function figure(part, at, now) {
  const [name, unit, decimals, value, labels] = part.figures[at];
  const isLost = part.dead && unit !== "";
  const shown = rounded(value(part, now), decimals);
  return {
    id: part.first + at,
    ...{ name, unit, decimals, sensor: part.id, area: "", diagnostic: true, interval_ms: 0 },
    ...{
      kind: labels ? "state" : "number",
      limits: name === "timeouts" ? { low: null, high: 2 } : null,
    },
    ...{ value: isLost ? null : shown, text: labels ? labels[shown] : null },
    ...{ quality: isLost ? "stale" : "good", reason: isLost ? "suspended" : "" },
    ...{ at_ms: now - 4000, received_ms: now - 3600, age_ms: 4000 },
    spark: spark(part, { value, decimals }, now),
  };
}

function diagnostics(now) {
  const parts = PARTS.map((part) => ({
    ...{ id: part.id, name: part.name, area: "", diagnostic: true, battery: null },
    quality: part.dead ? "stale" : "good",
    points: part.figures.map((_, at) => figure(part, at, now)),
  }));
  return [{ name: "line 1", sensors: parts }];
}

export function site() {
  return {
    id: SITE,
    name: "Store 42, Hamburg Altona",
    state: "online",
    last_received_ms: Date.now() - 900,
    counts: { points: sensors.length * 4, good: 117, stale: 8, bad: 1, outside: 2 },
    time_zone: "Europe/Berlin",
  };
}

export function overview() {
  const now = Date.now();
  const areas = AREAS.map(([name]) => ({
    name,
    sensors: sensors
      .filter((sensor) => sensor.area === name)
      .map((sensor) => {
        const points = KINDS.map((_, at) => point(sensor, at, now));
        const worst = points.some((p) => p.quality === "bad")
          ? "bad"
          : silent(sensor)
            ? "stale"
            : "good";
        const battery = { point: points[2].id, value: points[2].value, unit: "mV" };
        return {
          id: sensor.id,
          name: sensor.name,
          area: name,
          diagnostic: false,
          quality: worst,
          battery,
          points,
        };
      }),
  }));
  return { site: site(), now_ms: now, last_event_id: "1", areas, diagnostics: diagnostics(now) };
}

export function series(id, from, to, buckets) {
  const sensor = sensors[Math.floor((id - 1) / 4)];
  const kind = KINDS[(id - 1) % 4];
  const step = Math.max(1000, Math.ceil((to - from) / buckets));
  const result = {
    site: SITE,
    point: id,
    unit: kind.unit,
    decimals: kind.decimals,
    from,
    to,
    step_ms: step,
  };
  Object.assign(result, { t: [], min: [], max: [], avg: [], n: [], quality: [], gaps: [] });
  result.limits = LIMITS(sensor)[(id - 1) % 4];
  const end = silent(sensor) ? SILENT_SINCE : Date.now();
  const gap = { from: Date.now() - 9.1 * (DAY / 24), to: Date.now() - 8.4 * (DAY / 24), count: 42 };
  const mute = {
    from: Date.now() - 16 * (DAY / 24),
    to: Date.now() - 15.2 * (DAY / 24),
    quality: "stale",
    reason: "silent",
  };
  const away = (at) => at >= end || [gap, mute].some((each) => at >= each.from && at < each.to);
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    const values = [];
    const first = Math.ceil(at / MINUTE) * MINUTE;
    const stride = Math.max(MINUTE, Math.floor(step / 8 / MINUTE) * MINUTE);
    for (let t = first; t < at + step; t += stride)
      if (!away(t)) values.push(kind.value(sensor, t));
    if (values.length === 0) continue;
    result.t.push(at);
    result.min.push(rounded(Math.min(...values), kind.decimals));
    result.max.push(rounded(Math.max(...values), kind.decimals));
    result.avg.push(rounded(values.reduce((a, b) => a + b) / values.length, kind.decimals + 1));
    result.n.push(Math.max(1, Math.round(step / MINUTE)));
  }
  result.gaps = [gap].filter((each) => each.to > from && each.from < to);
  result.quality = [mute, ...(silent(sensor) ? [{ ...mute, from: SILENT_SINCE, to }] : [])].filter(
    (each) => each.to > from && each.from < to,
  );
  return result;
}

let turn = 0;

/** One second of a store: a few sensors report. */
export function tick() {
  turn++;
  const now = Date.now();
  return sensors
    .filter((sensor) => !silent(sensor) && (sensor.index + turn) % 9 === 0)
    .flatMap((sensor) =>
      KINDS.slice(0, FAULTY.has(sensor.name) ? 1 : 4).map((kind, at) => ({
        kind: "sample",
        data: {
          site: SITE,
          point: sensor.first + at,
          at_ms: now - 300,
          received_ms: now,
          value: rounded(kind.value(sensor, now), kind.decimals),
          text: null,
          quality: "good",
          reason: "",
        },
      })),
    );
}
