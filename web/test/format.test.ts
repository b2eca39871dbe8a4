// SPDX-License-Identifier: Apache-2.0
// Goal: what people read is right in both languages and in the site's time zone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { makeTongue } from "../src/context";
import { DAY, makeFormat, usableZone } from "../src/format";
import { pickLanguage, plural, translator } from "../src/i18n";
import { healthKey } from "../src/judge";
import { parseRoute, paths } from "../src/route";
import { de } from "../src/words/de";
import { en } from "../src/words/en";
import { point } from "./samples";

const S = "\u202f";

test("whatever the server says of itself, the page has words for it", () => {
  const source = readFileSync(join(process.env.BUSWARD_WEB ?? "", "../apps/cloud/api/health.c"));
  const found = new TextDecoder()
    .decode(source)
    .matchAll(/\{"(?:ok|waiting|behind|ill)", "(\w+)",/g);
  const codes = [...found].map((match) => match[1] as string);
  assert.equal(codes.length, 9);
  for (const code of codes) {
    assert.equal(healthKey({ status: "ill", code, reason: "" }), `health.${code}`);
  }
  const newer = { status: "ill", code: "tired", reason: "tired" } as const;
  assert.equal(translator("de")(healthKey(newer), newer), "Der Server meldet: tired");
});

test("numbers have a true minus sign and the language's decimal mark", () => {
  assert.equal(makeFormat("en", "UTC").quantity(-18.25, "°C", 2), `−18.25${S}°C`);
  assert.equal(makeFormat("de", "UTC").quantity(-18.25, "°C", 2), `−18,25${S}°C`);
  assert.equal(makeFormat("en", "UTC").quantity(-0.001, "°C", 2), `0.00${S}°C`);
  assert.equal(makeFormat("en", "UTC").quantity(1113010181, "", 0), "1113010181");
});

test("batteries are shown in volts, limits without needless zeros", () => {
  const format = makeFormat("en", "UTC");
  assert.equal(format.quantity(2954, "mV", 0), `2.95${S}V`);
  assert.equal(format.limit(5, "°C", 2), `5${S}°C`);
  assert.equal(format.limit(-2.5, "°C", 2), `−2.5${S}°C`);
});

test("ages use the two largest units and are never negative", () => {
  const { age } = makeFormat("en", "UTC");
  assert.equal(age(-5000), `0${S}s`);
  assert.equal(age(59_999), `59${S}s`);
  assert.equal(age(60_000), `1${S}min`);
  assert.equal(age(3_600_000), `1${S}h`);
  assert.equal(age(3_660_000), `1${S}h 1${S}min`);
  assert.equal(age(DAY - 1), `23${S}h 59${S}min`);
  assert.equal(age(3 * DAY + 4 * 3_600_000), `3${S}d 4${S}h`);
});

test("times are in the site's zone, on both sides of a change of the clocks", () => {
  const format = makeFormat("en", "Europe/Berlin");
  assert.equal(format.clock(Date.UTC(2026, 9, 25, 0, 30)), "02:30:00");
  assert.equal(format.clock(Date.UTC(2026, 9, 25, 1, 30)), "02:30:00");
  assert.equal(format.clock(Date.UTC(2026, 9, 25, 2, 30)), "03:30:00");
  assert.equal(format.stamp(Date.UTC(2026, 10, 23, 23, 0)), "24 Nov 2026, 00:00:00");
});

test("a zone that the browser does not know is not used", () => {
  assert.equal(usableZone("Europe/Berlin"), "Europe/Berlin");
  assert.equal(usableZone("Mars/Olympus"), usableZone(null));
});

test("both languages fill in the same names", () => {
  const names = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    assert.deepEqual(names(de[key]), names(en[key]), key);
  }
});

test("every reason and figure of a gateway has words in both languages", () => {
  const read = (path: string) =>
    new TextDecoder().decode(readFileSync(join(process.env.BUSWARD_WEB ?? "", "..", path)));
  const table = read("lib/telemetry/sample.c").match(/reason_names\[\] = \{([^}]+)\}/)?.[1] ?? "";
  const reasons = [...table.matchAll(/"(\w+)"/g)].map(([, word]) => `reason.${word}`).slice(1);
  const figures = [
    ...read("apps/gateway/poll/diagnostics_table.c").matchAll(
      /\{(?:COUNT|SHARE|DELAY|STATE|FIGURE)\("(\w+)"/g,
    ),
  ].map(([, word]) => `figure.${word}`);
  assert(reasons.includes("reason.no_echo") && reasons.length >= 14, reasons.join());
  assert(figures.includes("figure.unsent") && figures.length >= 26, figures.join());
  for (const key of [...reasons, ...figures] as (keyof typeof en)[]) {
    assert(en[key] && de[key], key);
  }
  assert.match(makeTongue("en", "UTC").reason("garbled"), /check format/);
});

test("one and many have their own words", () => {
  assert.equal(plural(translator("en"), "en", "site.sensors", 1), "1 sensor");
  assert.equal(plural(translator("de"), "de", "site.sensors", 3), "3 Sensoren");
  assert.equal(pickLanguage(["fr-FR", "de-AT", "en"]), "de");
  assert.equal(pickLanguage(["fr"]), "en");
});

test("a point that is named by its kind is translated, any other name is kept", () => {
  const german = makeTongue("de", "UTC");
  assert.equal(german.pointName(point()), "Temperatur");
  assert.equal(german.pointName(point({ name: "core_probe" })), "Core probe");
  assert.equal(german.value(point({ value: 4.5 })), `4,50${S}°C`);
  assert.equal(german.reason("silent"), "der Sensor ist stumm");
  assert.equal(german.reason("some_new_reason"), "some new reason");
});

test("addresses survive names with any characters", () => {
  const path = paths.sensor("store/1", "Käse & Co. 100% ~1");
  assert(!path.includes(".") && !path.includes("%2F"), "the server takes neither in a part");
  assert.deepEqual(parseRoute(path, ""), {
    view: "sensor",
    site: "store/1",
    sensor: "Käse & Co. 100% ~1",
  });
  const line = parseRoute(paths.sensor("a", "/line 1"), "");
  assert.deepEqual(line, { view: "sensor", site: "a", sensor: "/line 1" });
  assert.deepEqual(parseRoute(paths.diagnostics("a.b"), ""), { view: "diagnostics", site: "a.b" });
  assert.deepEqual(parseRoute("/setup", "#token=ab%2Bc"), { view: "setup", token: "ab+c" });
  assert.deepEqual(parseRoute("/sites/%E0%A4%A", ""), { view: "site", site: "%E0%A4%A" });
  assert.deepEqual(parseRoute("/nowhere", ""), { view: "unknown" });
});
