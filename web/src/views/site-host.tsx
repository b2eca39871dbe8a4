// SPDX-License-Identifier: Apache-2.0
// One live line for a site's views: going from the store to a sensor and back keeps it open.
import { useEffect, useState } from "preact/hooks";
import { TongueContext, useTongue, useTongueAt } from "../context";
import { useLive } from "../live";
import type { Route } from "../route";
import { findSensor } from "../state";
import type { Link } from "../stream";
import type { Overview } from "../types";
import { Icon } from "./icons";
import { lazily } from "./lazy";
import { ErrorBox, Loading } from "./parts";
import { SiteView } from "./site";

const DiagnosticsView = lazily(() => import("./diagnostics").then((part) => part.DiagnosticsView));
// The trend's drawing is a third of the page.
const SensorView = lazily(() => import("./sensor").then((part) => part.SensorView));
const GatewayView = lazily(() => import("../gateway/view").then((part) => part.GatewayView));

/** How long a break may last before the page says that its values are old. */
const FROZEN_AFTER_MS = 5000;

export function LinkChip({ link }: { link: Link }) {
  const { t } = useTongue();
  const shape = { live: "live", loading: "loading", waiting: "lost", away: "loading" } as const;
  return (
    <span class={`chip is-${link.state}`} role="status" data-link={link.state}>
      <Icon shape={shape[link.state]} />
      {t(`link.${link.state}`)}
    </span>
  );
}

/** "old": nobody looked, and what is shown is from before; "cut": a break that lasts. */
function useFrozen(link: Link): "no" | "old" | "cut" {
  const [frozen, setFrozen] = useState<"no" | "old" | "cut">("no");
  const isLive = link.state === "live";
  const isAway = link.state === "away";
  useEffect(() => {
    if (isLive) return setFrozen("no");
    if (isAway) return setFrozen("old");
    const timer = setTimeout(() => setFrozen("cut"), FROZEN_AFTER_MS);
    return () => clearTimeout(timer);
  }, [isLive, isAway]);
  return frozen;
}

function FrozenNotice({ link, nudge }: { link: Link; nudge: () => void }) {
  const { t, format } = useTongue();
  return (
    <div class="notice is-bad" role="alert">
      <Icon shape="lost" />
      <p>{t("link.frozen", { time: format.clock(link.heardAt ?? Date.now()) })}</p>
      <button type="button" onClick={nudge}>
        {t("link.reconnect")}
      </button>
    </div>
  );
}

type SiteRoute = Extract<Route, { site: string }>;

function View({ route, overview, link }: { route: SiteRoute; overview: Overview; link: Link }) {
  const chip = <LinkChip link={link} />;
  switch (route.view) {
    case "site":
      return <SiteView overview={overview} chip={chip} />;
    case "diagnostics":
      return <DiagnosticsView overview={overview} chip={chip} />;
    case "gateway":
      return <GatewayView key={overview.site.id} site={overview.site} chip={chip} />;
    case "sensor": {
      const sensor = findSensor(overview, route.sensor);
      return <SensorView key={route.sensor} site={overview.site} sensor={sensor} chip={chip} />;
    }
  }
}

export function SiteHost({ route, signedOut }: { route: SiteRoute; signedOut: () => void }) {
  const { overview, link, nudge } = useLive(route.site, signedOut);
  const frozen = useFrozen(link);
  const tongue = useTongueAt(overview?.site.time_zone);
  if (!overview) {
    return link.state === "waiting" ? <ErrorBox error={link.error} retry={nudge} /> : <Loading />;
  }
  return (
    <TongueContext.Provider value={tongue}>
      {frozen === "cut" && <FrozenNotice link={link} nudge={nudge} />}
      <div class={frozen === "no" ? undefined : "frozen"}>
        <View route={route} overview={overview} link={link} />
      </div>
    </TongueContext.Provider>
  );
}
