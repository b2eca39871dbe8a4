// SPDX-License-Identifier: Apache-2.0
// Small parts that several views share.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiError } from "../api";
import { useNow } from "../clock";
import { type Tongue, useTongue } from "../context";
import { type Condition, isOn, judgePoint, outside } from "../judge";
import { paths } from "../route";
import type { Point, Site } from "../types";
import { Icon } from "./icons";

/** Ticks by itself; nothing around it is drawn again. */
export function Age({ at, phrase = false }: { at: number | null; phrase?: boolean }) {
  const { t, format } = useTongue();
  const now = useNow();
  if (at === null) return <span class="age">{t("age.never")}</span>;
  const age = format.age(now - at);
  return (
    <time class="age" dateTime={new Date(at).toISOString()} title={format.stamp(at)}>
      {phrase ? t("age.ago", { age }) : age}
    </time>
  );
}

export function StateBadge({ condition }: { condition: Condition }) {
  const { t } = useTongue();
  return (
    <span class={`badge is-${condition}`}>
      <Icon shape={condition} />
      {t(`state.${condition}`)}
    </span>
  );
}

export function PointValue({ point }: { point: Point }) {
  const { value } = useTongue();
  const condition = judgePoint(point);
  if (condition === "ok") return <>{value(point)}</>;
  return (
    <>
      {point.quality === "good" && value(point)} <StateBadge condition={condition} />
    </>
  );
}

/** Names and values, for inside a dl. */
export function PointItems({ points }: { points: Point[] }) {
  const { pointName } = useTongue();
  return (
    <>
      {points.map((point) => (
        <div key={point.id} data-figure={point.name}>
          <dt>{pointName(point)}</dt>
          <dd>
            <PointValue point={point} />
          </dd>
        </div>
      ))}
    </>
  );
}

export function Crumbs({ site, children }: { site: Site; children: ComponentChildren }) {
  return (
    <nav class="crumbs" aria-label="Busward">
      <a href={paths.site(site.id)}>{site.name}</a>
      <span aria-hidden="true"> › </span>
      {children}
    </nav>
  );
}

/** Reasons that say no more than "last heard" or "never heard". */
const PLAIN_SILENCE = ["", "silent", "overdue", "never"];

const because = (tongue: Tongue, point: Point): string =>
  PLAIN_SILENCE.includes(point.reason) ? "" : `: ${tongue.reason(point.reason)}`;

/** The verdict as a sentence: value, limit, reason, age. */
export function sentence(tongue: Tongue, condition: Condition, point: Point, now: number): string {
  const { t, format } = tongue;
  if (isOn(point) && condition !== "ok") return tongue.pointName(point);
  const side = point.value === null ? null : outside(point.value, point.limits);
  const limit = side === "high" ? point.limits?.high : point.limits?.low;
  switch (condition) {
    case "ok":
      return t("state.ok");
    case "never":
      return t("say.never") + because(tongue, point);
    case "stale":
      return (
        t("say.stale", { age: format.age(now - (point.at_ms ?? now)) }) + because(tongue, point)
      );
    case "bad":
      return t("say.bad", { what: tongue.pointName(point), reason: tongue.reason(point.reason) });
    case "high":
    case "low":
    case "battery":
      return t(`say.${condition}`, {
        what: tongue.pointName(point),
        value: tongue.value(point),
        limit: limit == null ? "–" : format.limit(limit, point.unit, point.decimals),
      });
  }
}

export function errorText({ t }: Tongue, error: unknown): string {
  if (!(error instanceof ApiError)) return t("error.other", { message: String(error) });
  if (error.status === 0) return t("error.unreachable");
  if (error.status === 404) return t("error.notFound");
  if (error.code === "disk_full") return t("error.diskFull");
  if (error.status === 503) return t("error.busy");
  return t("error.other", { message: error.message });
}

export function ErrorBox({ error, retry }: { error: unknown; retry: () => void }) {
  const tongue = useTongue();
  return (
    <div class="notice is-bad" role="alert">
      <Icon shape="bad" />
      <p>{errorText(tongue, error)}</p>
      <button type="button" onClick={retry}>
        {tongue.t("error.retry")}
      </button>
    </div>
  );
}

export function Loading() {
  const { t } = useTongue();
  return (
    <p class="loading" role="status">
      {t("app.loading")}
    </p>
  );
}

/** Names the document, and takes the focus when the view is new, so that a screen reader follows. */
export function Title({ text, children }: { text: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · Busward`;
  }, [text]);
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children ?? text}
    </h1>
  );
}

export function Choice<T extends string>(props: {
  label: string;
  value: T | null;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{props.label}</legend>
      {props.options.map(([value, text]) => (
        <button
          key={value}
          type="button"
          aria-pressed={props.value === value}
          onClick={() => props.onChange(value)}
        >
          {text}
        </button>
      ))}
    </fieldset>
  );
}
