// SPDX-License-Identifier: Apache-2.0
// The trend of one point: read-out, chart, and the same as a table.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { TrendChart } from "../chart/chart";
import { bucketAt, summarize } from "../chart/map";
import { span, type Window } from "../chart/window";
import { useTongue } from "../context";
import { forPeople } from "../format";
import { judgePoint } from "../judge";
import { THEME_CHANGED } from "../prefs";
import type { Point, Series } from "../types";
import { ErrorBox } from "./parts";
import { SeriesTable } from "./series-table";
import { BigValue } from "./tile";
import { useSeries } from "./use-series";
import type { WindowActions } from "./window-tools";

interface TrendProps {
  site: string;
  sensor: string;
  point: Point;
  height: number;
  window: Window;
  actions: WindowActions;
  cursor: number | null;
  setCursor: (ms: number | null) => void;
}

/** People read volts where the wire says millivolts; everything drawn is in people's units. */
function humanSeries(series: Series): Series {
  if (series.unit !== "mV") return series;
  const to = (value: number) => forPeople(value, series.unit, series.decimals);
  const each = (list: number[]) => list.map((value) => to(value).value);
  const edge = (value: number | null | undefined) => (value == null ? null : to(value).value);
  return {
    ...series,
    ...{ unit: to(0).unit, decimals: to(0).decimals },
    ...{ min: each(series.min), max: each(series.max), avg: each(series.avg) },
    limits: series.limits && { low: edge(series.limits.low), high: edge(series.limits.high) },
  };
}

function useChart(props: TrendProps, series: Series | null, setWidth: (px: number) => void) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<TrendChart | null>(null);
  const { format } = useTongue();
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const box = host.current;
    if (!box) return;
    const act = () => latest.current.actions;
    const { point } = latest.current;
    const { unit, decimals } = forPeople(0, point.unit, point.decimals);
    const made = new TrendChart(box, {
      language: format.language,
      zone: format.zone,
      height: props.height,
      syncKey: "sensor",
      label: (value, step) => format.number(value, Math.max(0, -Math.floor(Math.log10(step)))),
      limit: (value) => format.limit(value, unit, decimals),
      onWindow: (window) => act().set(window),
      onZoom: (factor, share) => act().zoom(factor, share),
      onPan: (share) => act().pan(share),
      onReset: () => act().reset(),
      onCursor: (ms) => latest.current.setCursor(ms),
    });
    chart.current = made;
    const watch = new ResizeObserver(() => {
      made.resize(box.clientWidth);
      setWidth(box.clientWidth);
    });
    watch.observe(box);
    const recolour = () => made.recolour();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    addEventListener(THEME_CHANGED, recolour);
    dark.addEventListener("change", recolour);
    return () => {
      watch.disconnect();
      removeEventListener(THEME_CHANGED, recolour);
      dark.removeEventListener("change", recolour);
      made.destroy();
      chart.current = null;
    };
  }, [format, props.height, setWidth]);

  // A new chart (another language or zone) shows the series too.
  useEffect(() => {
    if (series) chart.current?.show(series, props.point.interval_ms, latest.current.window);
  }, [series, format, props.point.interval_ms]);
  useEffect(() => chart.current?.move(props.window), [props.window]);
  return host;
}

/** What the cursor points at; without a cursor, the span as a whole. */
function Readout({ series, cursor }: { series: Series; cursor: number | null }) {
  const { t, format, reason } = useTongue();
  const say = (value: number) => format.quantity(value, series.unit, series.decimals);
  const item = (key: string, text: string) => (
    <div key={key}>
      <dt>{key}</dt>
      <dd>{text}</dd>
    </div>
  );
  if (cursor !== null) {
    const spoilt = series.quality.find((each) => cursor >= each.from && cursor < each.to);
    const at = bucketAt(series, cursor);
    const start = series.t[at] ?? 0;
    const hit = at >= 0 && Math.abs(cursor - start - series.step_ms / 2) <= series.step_ms * 1.5;
    const time = format.stampFor(hit ? start : cursor, series.to - series.from);
    const [avg = 0, min = 0, max = 0] = [series.avg[at], series.min[at], series.max[at]];
    return (
      <dl class="readout" aria-live="polite">
        {item(t("trend.time"), time)}
        {hit && item(t("trend.mean"), say(avg))}
        {hit && min !== max && item(t("trend.lowest"), say(min))}
        {hit && min !== max && item(t("trend.highest"), say(max))}
        {hit && item(t("trend.count"), format.number(series.n[at] ?? 0, 0))}
        {spoilt && item(t(`state.${spoilt.quality}`), reason(spoilt.reason))}
      </dl>
    );
  }
  const sum = summarize(series);
  if (!sum) return <p class="readout">{t("trend.empty")}</p>;
  const { limits } = series;
  // Never 100 % unless it is true.
  const percent = (share: number) =>
    format.number(Math.floor(share * 1000) / 10, share < 1 ? 1 : 0);
  const edge = (value: number) => format.limit(value, series.unit, series.decimals);
  const edges = [
    limits?.low == null ? null : `≥\u202f${edge(limits.low)}`,
    limits?.high == null ? null : `≤\u202f${edge(limits.high)}`,
  ].filter((text) => text !== null);
  return (
    <dl class="readout">
      {item(t("trend.lowest"), say(sum.min))}
      {item(t("trend.mean"), say(sum.avg))}
      {item(t("trend.highest"), say(sum.max))}
      {edges.length > 0 && item(t("trend.within"), `${percent(sum.within)}\u202f%`)}
      {edges.length > 0 && item(t("trend.limits"), edges.join(", "))}
    </dl>
  );
}

export function Trend(props: TrendProps) {
  const { t, format, pointName } = useTongue();
  const { point, window } = props;
  const [width, setWidth] = useState(0);
  const { series: raw, error, retry } = useSeries(props.site, point.id, window, width);
  const series = useMemo(() => raw && humanSeries(raw), [raw]);
  const host = useChart(props, series, setWidth);
  const length = span(window);
  const label = t("trend.chart", {
    what: `${props.sensor}, ${pointName(point)}`,
    from: format.stampFor(window.from, length),
    to: format.stampFor(window.to, length),
  });
  const id = `trend-${point.id}`;
  return (
    <section class="trend" aria-labelledby={id} data-point={point.id}>
      <div class="trend-head">
        <h2 id={id}>{pointName(point)}</h2>
        <span class={`trend-now is-${judgePoint(point)}`}>
          <BigValue point={point} />
        </span>
        {series && <Readout series={series} cursor={props.cursor} />}
      </div>
      {error !== null && <ErrorBox error={error} retry={retry} />}
      <div
        class="chart"
        ref={host}
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes keys.
        tabIndex={0}
        aria-label={label}
        aria-describedby="trend-keys"
        data-step={series?.step_ms}
        data-from={series?.from}
        data-to={series?.to}
        data-buckets={series?.t.length}
        onBlur={() => props.setCursor(null)}
      />
      {series && <SeriesTable series={series} name={label} />}
    </section>
  );
}
