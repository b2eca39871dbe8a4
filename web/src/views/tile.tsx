// SPDX-License-Identifier: Apache-2.0
// One sensor at a glance.
import { useNow } from "../clock";
import { useTongue } from "../context";
import { judgePoint, judgeSensor, mainPoint, notes, ordered, type Verdict } from "../judge";
import { memo } from "../memo";
import { paths } from "../route";
import type { Point, Sensor } from "../types";
import { BatteryIcon, Icon } from "./icons";
import { Age, sentence } from "./parts";
import { SparkView } from "./spark";

export function BatteryValue({ sensor }: { sensor: Sensor }) {
  const { t, format } = useTongue();
  const { battery } = sensor;
  if (!battery || battery.value === null) return null;
  const point = sensor.points.find((each) => each.id === battery.point);
  const low = point !== undefined && judgePoint(point) === "battery";
  const text = format.quantity(battery.value, battery.unit, point?.decimals ?? 0);
  return (
    <span class={low ? "cell is-battery" : "cell"}>
      <BatteryIcon low={low} />
      <span class="unseen">{low ? t("state.battery") : t("point.battery")} </span>
      {text}
    </span>
  );
}

/** The value, its unit smaller; nothing that could be taken for a value when it is not good. */
export function BigValue({ point }: { point: Point }) {
  const tongue = useTongue();
  if (point.quality !== "good" || (point.value === null && point.text === null)) {
    return <span class="value is-missing">–</span>;
  }
  const text = tongue.value(point);
  const [, number = text, unit = ""] = /^([−\d.,\s]*\d)[\s\u202f]*(\D*)$/u.exec(text) ?? [];
  return (
    <span class="value">
      {number}
      {unit && <span class="unit">{`\u202f${unit}`}</span>}
    </span>
  );
}

function Why({ verdict }: { verdict: Verdict }) {
  const tongue = useTongue();
  const now = useNow();
  if (!verdict.point) return null;
  return <>{sentence(tongue, verdict.condition, verdict.point, now)}</>;
}

export function VerdictLine({ verdict }: { verdict: Verdict }) {
  const { t } = useTongue();
  if (verdict.condition === "ok") {
    return (
      <span class="calm">
        <span class="unseen">{t("state.ok")}, </span>
        <Age at={verdict.point?.at_ms ?? null} phrase />
      </span>
    );
  }
  return (
    <span class={`why is-${verdict.condition}`}>
      <Icon shape={verdict.condition} />
      <span>
        <Why verdict={verdict} />
      </span>
    </span>
  );
}

/** What goes on right now: an open door, a defrost. */
function Notes({ sensor }: { sensor: Sensor }) {
  const { pointName } = useTongue();
  const on = notes(sensor);
  if (on.length === 0) return null;
  return <p class="notes">{on.map(pointName).join(" · ")}</p>;
}

function SensorTile({ site, sensor }: { site: string; sensor: Sensor }) {
  const verdict = judgeSensor(sensor);
  const main = mainPoint(sensor);
  const second = ordered(sensor).find((each) => each !== main && each.kind === "humidity");
  return (
    <li class={`tile is-${verdict.condition}`} data-sensor={sensor.id}>
      <h3>
        <a href={paths.sensor(site, sensor.id)}>{sensor.name}</a>
      </h3>
      {main && (
        <div class="tile-values">
          <BigValue point={main} />
          {second && second.quality === "good" && (
            <span class="second">
              <BigValue point={second} />
            </span>
          )}
        </div>
      )}
      {main && <SparkView point={main} />}
      <Notes sensor={sensor} />
      <div class="tile-foot">
        <VerdictLine verdict={verdict} />
        <BatteryValue sensor={sensor} />
      </div>
    </li>
  );
}

export const Tile = memo(SensorTile);
