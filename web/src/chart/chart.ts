// SPDX-License-Identifier: Apache-2.0
// One trend: uPlot with our scene behind the line. It draws and reports wishes; the view owns the
// window and fetches what belongs into it.
import uPlot from "uplot";
import type { Series } from "../types";
import { timeLabels } from "./axis";
import { drawBehind, type Scene, traceStroke } from "./draw";
import { type Gestures, listen } from "./gestures";
import { toColumns, yRange } from "./map";
import { type Palette, readPalette } from "./palette";
import type { Window } from "./window";

export interface ChartOptions {
  language: string;
  zone: string;
  height: number;
  /** Charts with one key share their cursor. */
  syncKey: string;
  label(value: number, step: number): string;
  limit(value: number): string;
  onWindow(window: Window): void;
  onZoom(factor: number, share: number): void;
  onPan(share: number): void;
  onReset(): void;
  /** UTC ms under the cursor, null when it left. */
  onCursor(ms: number | null): void;
}

const DRAG_MIN_PX = 6;

export class TrendChart {
  private readonly u: uPlot;
  private palette: Palette;
  private scene: Scene | null = null;

  constructor(
    private readonly host: HTMLElement,
    private readonly options: ChartOptions,
  ) {
    this.palette = readPalette(host);
    this.u = new uPlot(this.plotOptions(), [[], []], host);
    listen(host, this.u.over, this.gestures());
  }

  show(series: Series, intervalMs: number, window: Window): void {
    const columns = toColumns(series, intervalMs);
    this.scene = { series, columns, palette: this.palette };
    this.u.batch(() => {
      this.u.setData([columns.x, columns.avg], false);
      this.u.setScale("x", { min: window.from / 1000, max: window.to / 1000 });
    });
  }

  move(window: Window): void {
    this.u.setScale("x", { min: window.from / 1000, max: window.to / 1000 });
  }

  resize(width: number): void {
    if (width > 0 && width !== this.u.width) {
      this.u.setSize({ width, height: this.options.height });
    }
  }

  recolour(): void {
    this.palette = readPalette(this.host);
    if (this.scene) this.scene = { ...this.scene, palette: this.palette };
    this.u.redraw(true, true);
  }

  destroy(): void {
    this.u.destroy();
  }

  private plotOptions(): uPlot.Options {
    const { options } = this;
    const labels = timeLabels(options.language, options.zone);
    const font = `12px ${getComputedStyle(this.host).fontFamily}`;
    const axis: uPlot.Axis = {
      font,
      stroke: () => this.palette.muted,
      grid: { stroke: () => this.palette.hairline, width: 1 },
      ticks: { stroke: () => this.palette.hairline, width: 1, size: 5 },
    };
    return {
      width: Math.max(200, this.host.clientWidth),
      height: options.height,
      padding: [8, 24, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), options.zone),
      scales: { x: { time: true, auto: false }, y: { range: () => this.yRange() } },
      series: [
        {},
        {
          stroke: (u) => traceStroke(u, this.scene, this.palette),
          width: 1.75,
          points: { size: 5, fill: () => this.palette.trace },
        },
      ],
      axes: [
        {
          ...axis,
          space: 80,
          size: 44,
          values: (_u, splits, _i, _space, step) => labels(splits, step),
        },
        {
          ...axis,
          size: 58,
          space: 36,
          values: (_u, splits, _i, _space, step) => splits.map((each) => options.label(each, step)),
        },
      ],
      cursor: {
        drag: { x: true, y: false, setScale: false, dist: DRAG_MIN_PX },
        points: { size: 8, width: 2, fill: () => this.palette.trace },
        sync: {
          key: options.syncKey,
          scales: ["x", null],
          filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
        },
        y: false,
        bind: {
          dblclick: () => () => {
            options.onReset();
            return null;
          },
        },
      },
      hooks: {
        drawAxes: [(u) => this.scene && drawBehind(u, this.scene, options.limit)],
        setSelect: [(u) => this.selected(u)],
        setCursor: [(u) => this.cursorMoved(u)],
      },
    };
  }

  /** Only what is on view counts, so that zooming in time also zooms in value. */
  private yRange(): [number, number] {
    if (!this.scene) return [0, 1];
    const { columns, series } = this.scene;
    const { min: from = 0, max: to = 0 } = this.u?.scales.x ?? {};
    let [low, high]: [number | null, number | null] = [null, null];
    columns.x.forEach((x, at) => {
      const [min, max] = [columns.min[at], columns.max[at]];
      if (x < (from ?? 0) || x > (to ?? 0) || min == null || max == null) return;
      low = Math.min(low ?? min, min);
      high = Math.max(high ?? max, max);
    });
    return yRange(low, high, series.limits, series.decimals);
  }

  private selected(u: uPlot): void {
    const { left, width } = u.select;
    if (width < DRAG_MIN_PX) return;
    const at = (px: number) => u.posToVal(px, "x") * 1000;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.options.onWindow({ from: at(left), to: at(left + width) });
  }

  private cursorMoved(u: uPlot): void {
    const left = u.cursor.left ?? -1;
    this.options.onCursor(left < 0 ? null : u.posToVal(left, "x") * 1000);
  }

  private gestures(): Gestures {
    const { options } = this;
    return {
      zoom: options.onZoom,
      pan: options.onPan,
      reset: options.onReset,
      step: (buckets) => this.cursorTo((index) => index + buckets),
      edge: (side) => this.cursorTo((_, last) => (side === "first" ? 0 : last)),
    };
  }

  /** Moves the cursor from value to value, skipping what is off view or missing. */
  private cursorTo(choose: (index: number, last: number) => number): void {
    const { x, avg } = this.scene?.columns ?? { x: [], avg: [] };
    const { min, max } = this.u.scales.x as { min: number; max: number };
    const seen = x.filter((at, i) => at >= min && at <= max && avg[i] !== null);
    if (seen.length === 0) return;
    const last = seen.length - 1;
    const left = this.u.cursor.left ?? -1;
    const here = left < 0 ? Number.POSITIVE_INFINITY : this.u.posToVal(left, "x");
    const next = seen.findIndex((at) => at >= here - 1e-3);
    const index = Math.min(last, Math.max(0, choose(next < 0 ? last : next, last)));
    const px = this.u.valToPos(seen[index] as number, "x");
    this.u.setCursor({ left: px, top: this.u.over.clientHeight / 2 });
  }
}
