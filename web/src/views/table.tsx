// SPDX-License-Identifier: Apache-2.0
// The same sensors as rows, to compare and to sort.
import { useState } from "preact/hooks";
import { useTongue } from "../context";
import type { Key } from "../i18n";
import { judgePoint, judgeSensor, mainPoint, urgency } from "../judge";
import { memo } from "../memo";
import { paths } from "../route";
import type { Kind, Point, Sensor } from "../types";
import { Age, StateBadge } from "./parts";
import { SparkView } from "./spark";
import { BatteryValue } from "./tile";

type Column =
  | "sensor"
  | "area"
  | "state"
  | "temperature"
  | "humidity"
  | "battery"
  | "signal"
  | "age";

const ofKind = (sensor: Sensor, kind: Kind): Point | undefined =>
  sensor.points.find((point) => point.kind === kind);

const valueIn = (sensor: Sensor, kind: Kind): number =>
  ofKind(sensor, kind)?.value ?? Number.NEGATIVE_INFINITY;

const ORDER: Record<Column, (a: Sensor, b: Sensor) => number> = {
  sensor: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  area: (a, b) => a.area.localeCompare(b.area) || ORDER.sensor(a, b),
  state: (a, b) => urgency(judgeSensor(a).condition) - urgency(judgeSensor(b).condition),
  temperature: (a, b) => valueIn(b, "temperature") - valueIn(a, "temperature"),
  humidity: (a, b) => valueIn(b, "humidity") - valueIn(a, "humidity"),
  battery: (a, b) => (a.battery?.value ?? 1e9) - (b.battery?.value ?? 1e9),
  signal: (a, b) => valueIn(a, "signal") - valueIn(b, "signal"),
  age: (a, b) => (mainPoint(a)?.at_ms ?? 0) - (mainPoint(b)?.at_ms ?? 0),
};

function Cell({ point }: { point: Point | undefined }) {
  const tongue = useTongue();
  if (!point) return <td class="number" />;
  const condition = judgePoint(point);
  return (
    <td class={`number is-${condition}`}>{point.quality === "good" ? tongue.value(point) : "–"}</td>
  );
}

function SensorRow({ site, sensor }: { site: string; sensor: Sensor }) {
  const verdict = judgeSensor(sensor);
  const main = mainPoint(sensor);
  return (
    <tr class={`is-${verdict.condition}`} data-sensor={sensor.id}>
      <th scope="row">
        <a href={paths.sensor(site, sensor.id)}>{sensor.name}</a>
      </th>
      <td>{sensor.area}</td>
      <td>
        <StateBadge condition={verdict.condition} />
      </td>
      <Cell point={ofKind(sensor, "temperature") ?? main ?? undefined} />
      <Cell point={ofKind(sensor, "humidity")} />
      <td class="spark-cell">{main && <SparkView point={main} />}</td>
      <td class="number">
        <BatteryValue sensor={sensor} />
      </td>
      <Cell point={ofKind(sensor, "signal")} />
      <td class="number">
        <Age at={main?.at_ms ?? null} />
      </td>
    </tr>
  );
}

const Row = memo(SensorRow);

export function SensorTable({
  site,
  sensors,
  name,
}: {
  site: string;
  sensors: Sensor[];
  name: string;
}) {
  const { t } = useTongue();
  const [by, setBy] = useState<Column>("area");
  const [down, setDown] = useState(false);
  const choose = (column: Column) => {
    setDown(by === column && !down);
    setBy(column);
  };
  const head = (column: Column, key: Key, numeric = false) => (
    <th
      scope="col"
      class={numeric ? "number" : undefined}
      aria-sort={by !== column ? "none" : down ? "descending" : "ascending"}
    >
      <button type="button" onClick={() => choose(column)}>
        {t(key)}
        <span class="arrow" aria-hidden="true">
          {by !== column ? "" : down ? "▾" : "▴"}
        </span>
      </button>
    </th>
  );
  const rows = sensors.slice().sort((a, b) => ORDER[by](a, b) * (down ? -1 : 1));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="table-wrap" tabIndex={0} aria-label={name}>
      <table class="sensors">
        <thead>
          <tr>
            {head("sensor", "col.sensor")}
            {head("area", "col.area")}
            {head("state", "col.state")}
            {head("temperature", "point.temperature", true)}
            {head("humidity", "point.humidity", true)}
            <th scope="col">{t("col.trend")}</th>
            {head("battery", "col.battery", true)}
            {head("signal", "col.signal", true)}
            {head("age", "col.age", true)}
          </tr>
        </thead>
        <tbody>
          {rows.map((sensor) => (
            <Row key={sensor.id} site={site} sensor={sensor} />
          ))}
        </tbody>
      </table>
    </section>
  );
}
