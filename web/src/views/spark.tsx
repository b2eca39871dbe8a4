// SPDX-License-Identifier: Apache-2.0
// The last hours in a thumb's width: limit band, envelope, line; what lies outside is marked.

import { held, runs, yRange } from "../chart/map";
import { useTongue } from "../context";
import { memo } from "../memo";
import type { Limits, Point, Spark } from "../types";

const WIDTH = 100;
const HEIGHT = 32;

interface Scale {
  x(index: number): number;
  y(value: number): number;
}

const seen = (list: (number | null)[]) => list.filter((each): each is number => each !== null);
const round = (value: number) => Math.round(value * 100) / 100;

function scaleOf(spark: Spark, limits: Limits | null, decimals: number): Scale {
  const [mins, maxs] = [seen(spark.min), seen(spark.max)];
  const low = mins.length > 0 ? Math.min(...mins) : null;
  const high = maxs.length > 0 ? Math.max(...maxs) : null;
  const [bottom, top] = yRange(low, high, limits, decimals);
  return {
    x: (index) => round((index / spark.avg.length) * WIDTH),
    y: (value) => round(((top - value) / (top - bottom)) * HEIGHT),
  };
}

/** A bucket on its own becomes a dash of its own length: one value is still something to see. */
function linePath(spark: Spark, { x, y }: Scale): string {
  const at = (i: number) => y(spark.avg[i] as number);
  return runs(spark.avg)
    .map(([first, last]) => {
      let path = `M${x(first)} ${at(first)}`;
      for (let i = first; i <= last; i++) path += `L${x(i + 0.5)} ${at(i)}`;
      return `${path}L${x(last + 1)} ${at(last)}`;
    })
    .join("");
}

function envelopePath(spark: Spark, { x, y }: Scale): string {
  return runs(spark.avg)
    .map(([first, last]) => {
      const points: string[] = [];
      for (let i = first; i <= last; i++) points.push(`${x(i + 0.5)} ${y(spark.max[i] as number)}`);
      for (let i = last; i >= first; i--) points.push(`${x(i + 0.5)} ${y(spark.min[i] as number)}`);
      return `M${points.join("L")}Z`;
    })
    .join("");
}

/** A nested svg clips: here to what is above or below a limit. */
function Clip({ from, to, path }: { from: number; to: number; path: string }) {
  const height = to - from;
  if (!(height > 0)) return null;
  return (
    <svg
      aria-hidden="true"
      y={from}
      width={WIDTH}
      height={height}
      viewBox={`0 ${from} ${WIDTH} ${height}`}
      preserveAspectRatio="none"
    >
      <path class="spark-line is-outside" d={path} />
    </svg>
  );
}

function SparkLine({ point }: { point: Point }) {
  const { t, format } = useTongue();
  const { limits, decimals, unit } = point;
  const onChange = point.spark && point.interval_ms === 0;
  const spark = onChange ? held(point.spark as Spark, point.quality === "good") : point.spark;
  const values = spark ? seen(spark.avg) : [];
  if (!spark || values.length === 0) {
    return (
      <div class="spark is-empty">
        <span>{t("spark.none")}</span>
      </div>
    );
  }
  const scale = scaleOf(spark, limits, decimals);
  const line = linePath(spark, scale);
  const inside = (y: number) => Math.min(HEIGHT, Math.max(0, y));
  const high = limits?.high == null ? 0 : inside(scale.y(limits.high));
  const low = limits?.low == null ? HEIGHT : inside(scale.y(limits.low));
  const say = (value: number) => format.quantity(value, unit, decimals);
  const label = t("spark.label", {
    span: format.age(spark.avg.length * spark.step_ms),
    min: say(Math.min(...seen(spark.min))),
    max: say(Math.max(...seen(spark.max))),
  });
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {limits && low > high && (
        <rect class="spark-band" y={high} width={WIDTH} height={low - high} />
      )}
      <path class="spark-envelope" d={envelopePath(spark, scale)} />
      <path class="spark-line" d={line} />
      {limits?.high != null && <Clip from={0} to={high} path={line} />}
      {limits?.low != null && <Clip from={low} to={HEIGHT} path={line} />}
    </svg>
  );
}

export const SparkView = memo(SparkLine);
