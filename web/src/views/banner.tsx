// SPDX-License-Identifier: Apache-2.0
// What is abnormal, in words, at the top of the page.
import { useState } from "preact/hooks";
import { useNow } from "../clock";
import { useTongue } from "../context";
import { type Finding, findings } from "../judge";
import { paths } from "../route";
import type { Overview, Site } from "../types";
import { Icon } from "./icons";
import { sentence } from "./parts";

const SHOWN_FIRST = 6;

function FindingLine({ site, finding, now }: { site: string; finding: Finding; now: number }) {
  const tongue = useTongue();
  const { sensor, verdict } = finding;
  return (
    <li class={`why is-${verdict.condition}`}>
      <Icon shape={verdict.condition} />
      <span>
        <a href={paths.sensor(site, sensor.id)}>{sensor.name}</a>
        {verdict.point && `: ${sentence(tongue, verdict.condition, verdict.point, now)}`}
      </span>
    </li>
  );
}

export function SilentNote({ site }: { site: Site }) {
  const { t, format } = useTongue();
  const now = useNow();
  if (site.state !== "silent" || site.last_received_ms === null) return null;
  return (
    <p class="why is-stale">
      <Icon shape="stale" />
      <span>{t("site.silent", { age: format.age(now - site.last_received_ms) })}</span>
    </p>
  );
}

export function Banner({ overview }: { overview: Overview }) {
  const { t, count } = useTongue();
  const now = useNow();
  const [all, setAll] = useState(false);
  const { site } = overview;
  const total = overview.areas.reduce((sum, area) => sum + area.sensors.length, 0);
  const found = findings(overview.areas);
  const shown = all ? found : found.slice(0, SHOWN_FIRST);
  const worst = found[0]?.verdict.condition ?? "ok";
  return (
    <section class={`banner is-${worst}`} aria-labelledby="banner-title">
      <h2 id="banner-title">
        <Icon shape={worst} />
        <span role="status">
          {found.length === 0
            ? count("site.fine", total)
            : count("site.attention", found.length, { all: total })}
        </span>
      </h2>
      <SilentNote site={site} />
      {shown.length > 0 && (
        <ul>
          {shown.map((finding) => (
            <FindingLine key={finding.sensor.id} site={site.id} finding={finding} now={now} />
          ))}
        </ul>
      )}
      {found.length > SHOWN_FIRST && (
        <button type="button" class="quiet" onClick={() => setAll(!all)}>
          {all
            ? t("site.showLess")
            : `${t("site.more", { n: found.length - SHOWN_FIRST })} – ${t("site.showAll")}`}
        </button>
      )}
    </section>
  );
}
