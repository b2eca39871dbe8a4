// SPDX-License-Identifier: Apache-2.0
// A site's gateway as the hub knows it, and what may be done about it.
import "./styles";
import type { ComponentChildren } from "preact";
import { useCallback, useContext, useEffect, useState } from "preact/hooks";
import { UserContext, useTongue } from "../context";
import { onPresence } from "../presence";
import type { Site } from "../types";
import { Crumbs, Loading, Title } from "../views/parts";
import { type CommandRow, type FlightRecord, type Gateway, gatewayApi, refusal } from "./api";
import { Commands, CommandTable } from "./commands";
import { Editor, Pair, Running } from "./configuration";
import { isObject, type Json } from "./patch";
import { Records } from "./records";
import { useWords } from "./words";

const LOOK_MS = 10_000;
/** For whoever has just sent a configuration and waits for what becomes of it. */
const SOON_MS = 2_000;
const SOON_FOR_MS = 10 * 60_000;
const ENDS = ["applied", "rejected", "reverted"];

function isSettled(gateway: Gateway | null): boolean {
  const config = gateway?.reported.config;
  if (!isObject(config)) return false;
  return config.version === gateway?.desired_version && ENDS.includes(String(config.state));
}

function Facts({ gateway }: { gateway: Gateway }) {
  const say = useWords();
  const { format } = useTongue();
  const about = isObject(gateway.reported.gateway) ? gateway.reported.gateway : {};
  // Azure's word for never is a day in year 1.
  const when = (text: Json | undefined) => {
    const ms = Date.parse(String(text));
    return ms > 0 ? format.stamp(ms) : undefined;
  };
  const items = [
    [say("state"), say(gateway.connected ? "connected" : "away")],
    [say("seen"), when(gateway.last_activity)],
    [say("software"), about.version],
    [say("started"), when(about.started)],
  ].filter(([, value]) => value);
  return (
    <dl data-connected={gateway.connected}>
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function useGateway(site: string) {
  const say = useWords();
  const [gateway, setGateway] = useState<Gateway | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [rows, setRows] = useState<CommandRow[]>([]);
  const [records, setRecords] = useState<FlightRecord[] | null>(null);
  const mayRecord = useContext(UserContext)?.capabilities.includes("flight_record") === true;
  const [sentAt, setSentAt] = useState(Number.NEGATIVE_INFINITY);
  const soon = Date.now() - sentAt < SOON_FOR_MS && !isSettled(gateway);
  const look = useCallback(() => {
    const failed = (why: unknown) => setError(why);
    const fine = (found: Gateway) => {
      setGateway(found);
      setError(null);
    };
    gatewayApi.show(site).then(fine, failed);
    gatewayApi.commands(site).then((found) => setRows(found.commands), failed);
    if (mayRecord) gatewayApi.records(site).then((found) => setRecords(found.records), failed);
  }, [site, mayRecord]);
  useEffect(look, [look]);
  useEffect(() => onPresence((here) => here && look()), [look]);
  useEffect(() => {
    // A metered hub counts each look: a page that nobody sees does not ask.
    const timer = setInterval(() => document.hidden || look(), soon ? SOON_MS : LOOK_MS);
    return () => clearInterval(timer);
  }, [look, soon]);
  const changed = (now: Gateway | null) => {
    if (now) {
      setGateway(now);
      setSentAt(Date.now());
    }
    look();
  };
  return { gateway, changed, rows, records, look, problem: error ? refusal(say, error) : "" };
}

export function GatewayView({ site, chip }: { site: Site; chip: ComponentChildren }) {
  const { t } = useTongue();
  const say = useWords();
  const { gateway, changed, rows, records, look, problem } = useGateway(site.id);
  return (
    <div class="gateway">
      <Crumbs site={site}>{t("gateway.title")}</Crumbs>
      <div class="view-head">
        <Title text={t("gateway.title")} />
        {chip}
      </div>
      {problem && (
        <p class="notice is-bad" role="alert">
          {problem}
        </p>
      )}
      {!gateway && !problem && <Loading />}
      {gateway && (
        <>
          <Facts gateway={gateway} />
          <section aria-labelledby="configuration">
            <h2 id="configuration">{say("configuration")}</h2>
            <Running gateway={gateway} />
            <Pair gateway={gateway} />
          </section>
          <Commands site={site.id} done={look} />
          <Editor site={site.id} gateway={gateway} changed={changed} />
        </>
      )}
      {records && <Records site={site.id} records={records} />}
      <h2>{say("log")}</h2>
      <CommandTable rows={rows} />
    </div>
  );
}
