// SPDX-License-Identifier: Apache-2.0
// What lies behind the line: limit band, envelope, spans that were not good, gaps.
import type uPlot from "uplot";
import type { Series } from "../types";
import { type Columns, runs } from "./map";
import type { Palette } from "./palette";

export interface Scene {
  series: Series;
  columns: Columns;
  palette: Palette;
}

const ratio = () => window.devicePixelRatio || 1;

function plotClip(u: uPlot, run: (ctx: CanvasRenderingContext2D) => void): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  run(ctx);
  ctx.restore();
}

function drawLimits(u: uPlot, { series, palette }: Scene, say: (value: number) => string): void {
  const { limits } = series;
  if (!limits || (limits.low === null && limits.high === null)) return;
  const { left, top, width, height } = u.bbox;
  const y = (value: number | null, other: number) =>
    value === null ? other : u.valToPos(value, "y", true);
  plotClip(u, (ctx) => {
    const high = y(limits.high, top);
    const low = y(limits.low, top + height);
    ctx.fillStyle = palette.band;
    ctx.fillRect(left, high, width, low - high);
    ctx.strokeStyle = palette.edge;
    ctx.fillStyle = palette.muted;
    ctx.font = `${11 * ratio()}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.lineWidth = ratio();
    ctx.setLineDash([5 * ratio(), 4 * ratio()]);
    const edge = (value: number | null, at: number, mark: string, below: number) => {
      if (value === null) return;
      ctx.beginPath();
      ctx.moveTo(left, Math.round(at));
      ctx.lineTo(left + width, Math.round(at));
      ctx.stroke();
      ctx.fillText(`${mark}\u202f${say(value)}`, left + 6 * ratio(), at + below * ratio());
    };
    edge(limits.high, high, "≤", 14);
    edge(limits.low, low, "≥", -6);
  });
}

function drawEnvelope(u: uPlot, columns: Columns, palette: Palette): void {
  const at = (index: number, list: (number | null)[]): [number, number] => [
    u.valToPos(columns.x[index] as number, "x", true),
    u.valToPos(list[index] as number, "y", true),
  ];
  plotClip(u, (ctx) => {
    ctx.fillStyle = palette.envelope;
    for (const [first, last] of runs(columns.avg)) {
      ctx.beginPath();
      for (let i = first; i <= last; i++) ctx.lineTo(...at(i, columns.max));
      for (let i = last; i >= first; i--) ctx.lineTo(...at(i, columns.min));
      ctx.closePath();
      ctx.fill();
    }
  });
}

/** Hatching, so that the meaning does not hang on a colour. */
function hatch(
  u: uPlot,
  from: number,
  to: number,
  colour: string,
  gap: number,
  slope: 1 | -1,
): void {
  const { top, height } = u.bbox;
  const x0 = u.valToPos(from / 1000, "x", true);
  const x1 = Math.max(x0 + 2 * ratio(), u.valToPos(to / 1000, "x", true));
  plotClip(u, (ctx) => {
    ctx.beginPath();
    ctx.rect(x0, top, x1 - x0, height);
    ctx.clip();
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.25 * ratio();
    ctx.beginPath();
    const start = Math.max(x0, u.bbox.left) - height;
    const end = Math.min(x1, u.bbox.left + u.bbox.width) + height;
    // Anchored to the canvas, so that neighbouring spans join.
    for (let x = Math.floor(start / gap) * gap; x < end; x += gap) {
      ctx.moveTo(x, slope > 0 ? top + height : top);
      ctx.lineTo(x + height, slope > 0 ? top : top + height);
    }
    ctx.stroke();
  });
}

export function drawBehind(u: uPlot, scene: Scene, say: (value: number) => string): void {
  const { series, columns, palette } = scene;
  drawLimits(u, scene, say);
  for (const each of series.quality) {
    hatch(u, each.from, each.to, palette.hatch, 8 * ratio(), 1);
  }
  for (const each of series.gaps) {
    hatch(u, each.from, each.to, palette.alarm, 12 * ratio(), -1);
  }
  drawEnvelope(u, columns, palette);
}

/** The line's colour: calm within the limits, alarming outside, switching exactly at the limit. */
export function traceStroke(
  u: uPlot,
  scene: Scene | null,
  palette: Palette,
): string | CanvasGradient {
  const limits = scene?.series.limits;
  if (!limits || (limits.low === null && limits.high === null)) return palette.trace;
  const { top, height } = u.bbox;
  if (!(height > 0)) return palette.trace;
  const gradient = u.ctx.createLinearGradient(0, top, 0, top + height);
  const share = (value: number) =>
    Math.min(1, Math.max(0, (u.valToPos(value, "y", true) - top) / height));
  const high = limits.high === null ? 0 : share(limits.high);
  const low = limits.low === null ? 1 : share(limits.low);
  if (!Number.isFinite(high) || !Number.isFinite(low)) return palette.trace;
  gradient.addColorStop(0, high > 0 ? palette.alarm : palette.trace);
  gradient.addColorStop(high, high > 0 ? palette.alarm : palette.trace);
  gradient.addColorStop(high, palette.trace);
  gradient.addColorStop(low, palette.trace);
  gradient.addColorStop(low, low < 1 ? palette.alarm : palette.trace);
  gradient.addColorStop(1, low < 1 ? palette.alarm : palette.trace);
  return gradient;
}
