// SPDX-License-Identifier: Apache-2.0
// All sites, the one that needs a person first. With a single site there is nothing to choose.
import { useCallback, useEffect, useState } from "preact/hooks";
import { ApiError, api } from "../api";
import { learnServerNow, useNow } from "../clock";
import { useTongue } from "../context";
import { worstFirst } from "../judge";
import { useRegularly } from "../presence";
import { go, paths } from "../route";
import type { Site, Sites } from "../types";
import { Icon } from "./icons";
import { ErrorBox, Loading, Title } from "./parts";

const REFRESH_MS = 10_000;

function useSites(signedOut: () => void) {
  const [sites, setSites] = useState<Sites | null>(null);
  const [error, setError] = useState<unknown>(null);
  const load = useCallback(async () => {
    try {
      const fresh = await api.sites();
      learnServerNow(fresh.now_ms);
      setSites(fresh);
      setError(null);
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 401) signedOut();
      else setError(cause);
    }
  }, [signedOut]);
  useRegularly(load, REFRESH_MS);
  return { sites, error, load };
}

function SiteRow({ site }: { site: Site }) {
  const { t, count, format } = useTongue();
  const now = useNow();
  const { counts } = site;
  const silent = site.state === "silent";
  const troubled = counts.outside + counts.bad + counts.stale > 0 || silent;
  return (
    <li class="site-row">
      <h2>
        <a href={paths.site(site.id)}>{site.name}</a>
      </h2>
      <p class="marks">
        {counts.outside > 0 && (
          <span class="why is-high">
            <Icon shape="high" />
            {t("sites.outside", { n: counts.outside })}
          </span>
        )}
        {counts.bad > 0 && (
          <span class="why is-bad">
            <Icon shape="bad" />
            {t("sites.bad", { n: counts.bad })}
          </span>
        )}
        {silent && (
          <span class="why is-stale">
            <Icon shape="stale" />
            {t("sites.silent")}
          </span>
        )}
        {counts.stale > 0 && (
          <span class="why is-stale">
            <Icon shape="stale" />
            {t("sites.stale", { n: counts.stale })}
          </span>
        )}
        {!troubled && <span class="calm">{t("sites.fine")}</span>}
      </p>
      <p class="calm">
        {count("sites.points", counts.points)}
        {site.last_received_ms !== null &&
          ` · ${t("sites.heard", { age: format.age(now - site.last_received_ms) })}`}
      </p>
    </li>
  );
}

export function SitesView({ signedOut }: { signedOut: () => void }) {
  const { t } = useTongue();
  const { sites, error, load } = useSites(signedOut);
  const only = sites?.sites.length === 1 ? sites.sites[0] : undefined;
  useEffect(() => {
    if (only) go(paths.site(only.id), true);
  }, [only]);
  return (
    <>
      <Title text={t("sites.title")} />
      {error !== null && <ErrorBox error={error} retry={load} />}
      {!sites && error === null && <Loading />}
      {sites?.sites.length === 0 && <p class="empty">{t("sites.none")}</p>}
      {sites && (
        <ul class="site-list">
          {worstFirst(sites.sites).map((site) => (
            <SiteRow key={site.id} site={site} />
          ))}
        </ul>
      )}
    </>
  );
}
