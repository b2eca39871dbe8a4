// SPDX-License-Identifier: Apache-2.0
// What the chart shows, as a table: values first, then the spans that were not good.
import { useState } from "preact/hooks";
import { condense } from "../chart/map";
import { useTongue } from "../context";
import { outside } from "../judge";
import type { Series } from "../types";
import { StateBadge } from "./parts";

const ROWS_MAX = 48;

function Rows({ series }: { series: Series }) {
  const { format } = useTongue();
  const length = series.to - series.from;
  const say = (value: number) => {
    const side = outside(value, series.limits);
    return (
      <td class={side ? `number is-${side}` : "number"}>
        {format.quantity(value, series.unit, series.decimals)}
      </td>
    );
  };
  return (
    <>
      {condense(series, ROWS_MAX).map((row) => (
        <tr key={row.from}>
          <th scope="row">{format.stampFor(row.from, length)}</th>
          {say(row.min)}
          {say(row.avg)}
          {say(row.max)}
          <td class="number">{format.number(row.n, 0)}</td>
        </tr>
      ))}
    </>
  );
}

function Spans({ series }: { series: Series }) {
  const { t, count, format, reason } = useTongue();
  if (series.quality.length + series.gaps.length === 0) return null;
  const length = series.to - series.from;
  const time = (ms: number) => <td>{format.stampFor(ms, length)}</td>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t("trend.from")}</th>
          <th scope="col">{t("trend.to")}</th>
          <th scope="col">{t("trend.what")}</th>
        </tr>
      </thead>
      <tbody>
        {series.quality.map((each) => (
          <tr key={`q${each.from}`}>
            {time(each.from)}
            {time(each.to)}
            <td>
              <StateBadge condition={each.quality} /> {reason(each.reason)}
            </td>
          </tr>
        ))}
        {series.gaps.map((each) => (
          <tr key={`g${each.from}`}>
            {time(each.from)}
            {time(each.to)}
            <td>{count("trend.gapCount", each.count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function SeriesTable({ series, name }: { series: Series; name: string }) {
  const { t } = useTongue();
  const [open, setOpen] = useState(false);
  return (
    <details class="series-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("trend.table")}</summary>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        <section class="table-wrap" tabIndex={0} aria-label={name}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t("trend.time")}</th>
                <th scope="col" class="number">
                  {t("trend.lowest")}
                </th>
                <th scope="col" class="number">
                  {t("trend.mean")}
                </th>
                <th scope="col" class="number">
                  {t("trend.highest")}
                </th>
                <th scope="col" class="number">
                  {t("trend.count")}
                </th>
              </tr>
            </thead>
            <tbody>
              <Rows series={series} />
            </tbody>
          </table>
          <Spans series={series} />
        </section>
      )}
    </details>
  );
}
