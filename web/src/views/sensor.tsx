// SPDX-License-Identifier: Apache-2.0
// One sensor: its values now, and the trend of each of its points in one common span of time.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useTongue } from "../context";
import { isMeasured, judgeSensor, ordered } from "../judge";
import { paths } from "../route";
import type { Point, Sensor, Site } from "../types";
import { Age, Crumbs, PointItems, Title } from "./parts";
import { VerdictLine } from "./tile";
import { Trend } from "./trend";
import { useWindow, WindowTools } from "./window-tools";

const TALL_PX = 300;
const FLAT_PX = 170;

const newest = (sensor: Sensor) => Math.max(0, ...sensor.points.map((each) => each.at_ms ?? 0));

function Details({ sensor }: { sensor: Sensor }) {
  const { t, format } = useTongue();
  const heard = newest(sensor);
  const received = Math.max(0, ...sensor.points.map((each) => each.received_ms ?? 0));
  return (
    <section class="details" aria-labelledby="details-title">
      <h2 id="details-title">{t("trend.details")}</h2>
      <dl>
        <div>
          <dt>{t("trend.heard")}</dt>
          <dd>
            <Age at={heard || null} phrase />
          </dd>
        </div>
        {heard > 0 && (
          <div>
            <dt>{t("trend.measured")}</dt>
            <dd>{format.stamp(heard)}</dd>
          </div>
        )}
        {received > 0 && (
          <div>
            <dt>{t("trend.received")}</dt>
            <dd>{format.stamp(received)}</dd>
          </div>
        )}
        <PointItems points={ordered(sensor)} />
      </dl>
    </section>
  );
}

const LEGEND = ["line", "envelope", "limits", "stale", "gap"] as const;

function Legend() {
  const { t } = useTongue();
  return (
    <ul class="legend" aria-label={t("trend.legend")}>
      {LEGEND.map((each) => (
        <li key={each}>
          <span class={`swatch swatch-${each}`} aria-hidden="true" />
          {t(`trend.legend.${each}`)}
        </li>
      ))}
    </ul>
  );
}

/** Counters and switches: a chart of each for who asks for it. */
function MoreTrends({
  points,
  draw,
}: {
  points: Point[];
  draw: (point: Point) => ComponentChildren;
}) {
  const { t } = useTongue();
  const [open, setOpen] = useState(false);
  if (points.length === 0) return null;
  return (
    <details class="more" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {t("trend.more")} ({points.length})
      </summary>
      {open && points.map(draw)}
    </details>
  );
}

function Trends({ site, sensor }: { site: Site; sensor: Sensor }) {
  const { t } = useTongue();
  const [state, actions] = useWindow("24h", newest(sensor));
  const [cursor, setCursor] = useState<number | null>(null);
  const points = ordered(sensor).filter((point) => point.kind !== "text");
  const measured = points.filter(isMeasured);
  const draw = (point: Point, index = 1) => (
    <Trend
      key={point.id}
      site={site.id}
      sensor={sensor.name}
      point={point}
      height={index === 0 ? TALL_PX : FLAT_PX}
      window={state.window}
      actions={actions}
      cursor={cursor}
      setCursor={setCursor}
    />
  );
  return (
    <>
      <WindowTools state={state} actions={actions} />
      {measured.map(draw)}
      <MoreTrends
        points={points.filter((point) => !isMeasured(point))}
        draw={(point) => draw(point)}
      />
      <Legend />
      <p class="hint" id="trend-keys">
        {t("trend.keys")}
      </p>
    </>
  );
}

export function SensorView(props: { site: Site; sensor: Sensor | null; chip: ComponentChildren }) {
  const { t, format } = useTongue();
  const { site, sensor, chip } = props;
  if (!sensor) {
    return (
      <>
        <Crumbs site={site}>…</Crumbs>
        <Title text={t("trend.gone")} />
      </>
    );
  }
  const verdict = judgeSensor(sensor);
  return (
    <>
      <Crumbs site={site}>
        {sensor.diagnostic ? (
          <a href={paths.diagnostics(site.id)}>{t("diagnostics.title")}</a>
        ) : (
          sensor.area || t("site.noArea")
        )}
      </Crumbs>
      <div class="view-head">
        <Title text={sensor.name} />
        <div class="sensor-state" data-condition={verdict.condition}>
          <VerdictLine verdict={verdict} />
        </div>
        {chip}
      </div>
      <Trends site={site} sensor={sensor} />
      <Details sensor={sensor} />
      <footer class="calm">{t("site.zone", { zone: format.zone })}</footer>
    </>
  );
}
