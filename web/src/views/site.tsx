// SPDX-License-Identifier: Apache-2.0
// The store at a glance.
import type { ComponentChildren } from "preact";
import { useContext, useState } from "preact/hooks";
import { UserContext, useTongue } from "../context";
import { findings, judgeSensor } from "../judge";
import { usePref } from "../prefs";
import { paths } from "../route";
import type { Area, Overview, Sensor } from "../types";
import { Banner } from "./banner";
import { Icon } from "./icons";
import { Choice, Title } from "./parts";
import { SensorTable } from "./table";
import { Tile } from "./tile";

type Filter = "all" | "abnormal";

function keepOf(filter: Filter, wanted: string): (sensor: Sensor) => boolean {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  return (sensor) => {
    if (filter === "abnormal" && judgeSensor(sensor).condition === "ok") return false;
    const text = `${sensor.name} ${sensor.area}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

function AreaSection({ site, area, index }: { site: string; area: Area; index: number }) {
  const { t, count } = useTongue();
  const id = `area-${index}`;
  return (
    <section class="area" aria-labelledby={id}>
      <h2 id={id}>
        {area.name || t("site.noArea")}
        <span class="calm">{count("site.sensors", area.sensors.length)}</span>
      </h2>
      <ul class="tiles">
        {area.sensors.map((sensor) => (
          <Tile key={sensor.id} site={site} sensor={sensor} />
        ))}
      </ul>
    </section>
  );
}

function Tools(props: {
  wanted: string;
  setWanted: (text: string) => void;
  filter: Filter;
  setFilter: (filter: Filter) => void;
  view: "tiles" | "table";
  setView: (view: "tiles" | "table") => void;
  total: number;
  abnormal: number;
}) {
  const { t } = useTongue();
  return (
    <search class="tools">
      <input
        type="search"
        value={props.wanted}
        placeholder={t("site.search")}
        aria-label={t("site.search")}
        onInput={(event) => props.setWanted(event.currentTarget.value)}
      />
      <Choice
        label={t("site.filter")}
        value={props.filter}
        onChange={props.setFilter}
        options={[
          ["all", `${t("site.all")} ${props.total}`],
          ["abnormal", `${t("site.abnormal")} ${props.abnormal}`],
        ]}
      />
      <Choice
        label={t("site.view")}
        value={props.view}
        onChange={props.setView}
        options={[
          ["tiles", t("site.tiles")],
          ["table", t("site.table")],
        ]}
      />
    </search>
  );
}

/** Where the lines tell how they are; marked when one of them is not in order. */
function DiagnosticsLink({ overview }: { overview: Overview }) {
  const { t } = useTongue();
  if (overview.diagnostics.length === 0) return null;
  const worst = findings(overview.diagnostics)[0]?.verdict.condition;
  return (
    <a class={`why is-${worst}`} href={paths.diagnostics(overview.site.id)}>
      {worst && <Icon shape={worst} />}
      {t("diagnostics.title")}
      {worst && <span class="unseen">: {t(`state.${worst}`)}</span>}
    </a>
  );
}

function GatewayLink({ site }: { site: string }) {
  const { t } = useTongue();
  if (!useContext(UserContext)?.capabilities.includes("gateway")) return null;
  return (
    <a class="why" href={paths.gateway(site)}>
      {t("gateway.title")}
    </a>
  );
}

export function SiteView({ overview, chip }: { overview: Overview; chip: ComponentChildren }) {
  const { t, format } = useTongue();
  const [wanted, setWanted] = useState("");
  const [filter, setFilter] = useState<Filter>("all");
  const [view, setView] = usePref<"tiles" | "table">("view", ["tiles", "table"]);
  const { site } = overview;
  const everything = overview.areas.flatMap((area) => area.sensors);
  const matches = keepOf(filter, wanted);
  const areas = overview.areas
    .map((area) => ({ ...area, sensors: area.sensors.filter(matches) }))
    .filter((area) => area.sensors.length > 0)
    .sort((a, b) => Number(a.name === "") - Number(b.name === ""));
  return (
    <>
      <div class="view-head">
        <Title text={site.name} />
        <DiagnosticsLink overview={overview} />
        <GatewayLink site={site.id} />
        {chip}
      </div>
      {everything.length === 0 ? (
        <div class="empty">
          <p>{t("site.empty")}</p>
          <p class="hint">{t("site.emptyHint")}</p>
        </div>
      ) : (
        <>
          <Banner overview={overview} />
          <Tools
            {...{ wanted, setWanted, filter, setFilter, view, setView }}
            total={everything.length}
            abnormal={findings(overview.areas).length}
          />
          {areas.length === 0 && <p class="empty">{t("site.noMatch")}</p>}
          {view === "tiles"
            ? areas.map((area, index) => (
                <AreaSection key={area.name} site={site.id} area={area} index={index} />
              ))
            : areas.length > 0 && (
                <SensorTable
                  site={site.id}
                  name={site.name}
                  sensors={areas.flatMap((area) => area.sensors)}
                />
              )}
        </>
      )}
      <footer class="calm">{t("site.zone", { zone: format.zone })}</footer>
    </>
  );
}
