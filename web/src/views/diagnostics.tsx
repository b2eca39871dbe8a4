// SPDX-License-Identifier: Apache-2.0
// What the site says of itself: each line with its figures, and a row for each device on it. Which
// figures there are is the gateway's business; the page shows what comes.
import type { ComponentChildren } from "preact";
import { useTongue } from "../context";
import { isMeasured, judgePoint, judgeSensor } from "../judge";
import { paths } from "../route";
import type { Area, Overview, Point, Sensor } from "../types";
import { SilentNote } from "./banner";
import { Crumbs, PointItems, PointValue, Title } from "./parts";
import { SparkView } from "./spark";
import { BigValue } from "./tile";

/** The figures of a part as a whole: what has a unit is drawn, the rest is counted. */
function Figures({ site, part }: { site: string; part: Sensor }) {
  const { pointName } = useTongue();
  const drawn = part.points.filter(isMeasured);
  const link = paths.sensor(site, part.id);
  return (
    <>
      <ul class="tiles">
        {drawn.map((point) => (
          <li key={point.id} class={`tile is-${judgePoint(point)}`} data-figure={point.name}>
            <h3>
              <a href={link}>{pointName(point)}</a>
            </h3>
            <BigValue point={point} />
            <SparkView point={point} />
          </li>
        ))}
      </ul>
      <dl>
        <PointItems points={part.points.filter((point) => !drawn.includes(point))} />
      </dl>
    </>
  );
}

function Units({ site, name, units }: { site: string; name: string; units: Sensor[] }) {
  const { t, pointName } = useTongue();
  const columns = new Map<string, Point>();
  for (const point of units.flatMap((unit) => unit.points)) columns.set(point.name, point);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="table-wrap" tabIndex={0} aria-label={`${name}: ${t("col.device")}`}>
      <table class="sensors">
        <thead>
          <tr>
            <th scope="col">{t("col.device")}</th>
            {[...columns].map(([key, point]) => (
              <th key={key} scope="col" class="number">
                {pointName(point)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {units.map((unit) => (
            <tr key={unit.id} class={`is-${judgeSensor(unit).condition}`} data-unit={unit.name}>
              <th scope="row">
                <a href={paths.sensor(site, unit.id)}>{unit.name}</a>
              </th>
              {[...columns.keys()].map((key) => {
                const point = unit.points.find((each) => each.name === key);
                return (
                  <td key={key} class="number" data-figure={key}>
                    {point && <PointValue point={point} />}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Part({ site, area, id }: { site: string; area: Area; id: string }) {
  const whole = area.sensors.filter((sensor) => sensor.name === area.name).slice(0, 1);
  const units = area.sensors.filter((sensor) => !whole.includes(sensor));
  return (
    <section class="area details" aria-labelledby={id}>
      <h2 id={id}>
        {whole[0] ? <a href={paths.sensor(site, whole[0].id)}>{area.name}</a> : area.name}
      </h2>
      {whole.map((part) => (
        <Figures key={part.id} site={site} part={part} />
      ))}
      {units.length > 0 && <Units site={site} name={area.name} units={units} />}
    </section>
  );
}

export function DiagnosticsView({
  overview,
  chip,
}: {
  overview: Overview;
  chip: ComponentChildren;
}) {
  const { t } = useTongue();
  const { site, diagnostics } = overview;
  return (
    <>
      <Crumbs site={site}>{t("diagnostics.title")}</Crumbs>
      <div class="view-head">
        <Title text={t("diagnostics.title")} />
        {chip}
      </div>
      <SilentNote site={site} />
      {diagnostics.map((area, index) => (
        <Part key={area.name} site={site.id} area={area} id={`part-${index}`} />
      ))}
      <p class="hint">{t(diagnostics.length > 0 ? "diagnostics.hint" : "diagnostics.none")}</p>
    </>
  );
}
