// SPDX-License-Identifier: Apache-2.0
// Requests of this view, and their refusals in words.
import { ApiError, post, request } from "../api";
import type { JsonObject } from "./patch";
import { type Say, type Word, wordOr } from "./words";

export interface Gateway {
  connected: boolean;
  status?: string;
  last_activity?: string;
  etag?: string;
  desired: JsonObject;
  desired_version: number;
  reported: JsonObject;
  reported_version: number;
}

export interface Answer {
  status: number;
  payload: unknown;
}

export interface CommandRow {
  id: number;
  at_ms: number;
  user: string;
  action: string;
  arguments: string;
  outcome: string | null;
}

export interface FlightRecord {
  id: number;
  number: number;
  first_ms: number;
  last_ms: number;
  size: number;
  parts: number;
  missing: [from: number, to: number][];
}

const root = (site: string) => `/api/sites/${encodeURIComponent(site)}/gateway`;

export const gatewayApi = {
  show: (site: string) => request<Gateway>(root(site)),
  configure: (site: string, etag: string, patch: JsonObject) =>
    post<Gateway>(`${root(site)}/configuration`, { etag, patch }),
  command: (site: string, action: string, args: JsonObject) =>
    post<Answer>(`${root(site)}/commands/${action}`, { arguments: args }),
  commands: (site: string) =>
    request<{ commands: CommandRow[] }>(`${root(site)}/commands?limit=50`),
  records: (site: string) => request<{ records: FlightRecord[] }>(`${root(site)}/records`),
  recordUrl: (site: string, id: number) => `${root(site)}/records/${id}`,
};

/** How often a gateway's own report may come in between. */
const TRIES = 3;

/**
 * A report of the gateway's gives its twin another etag, too: that is nobody else's change. So the
 * newest etag is taken, if what is desired is still what the patch was made from.
 */
export async function configureFrom(site: string, base: Gateway, patch: JsonObject) {
  for (let tried = 1; ; tried++) {
    const now = await gatewayApi.show(site);
    if (now.desired_version !== base.desired_version) {
      throw new ApiError(412, "changed_meanwhile", "another version is desired by now");
    }
    try {
      return await gatewayApi.configure(site, now.etag ?? "", patch);
    } catch (error) {
      if (tried === TRIES || (error as ApiError).code !== "changed_meanwhile") throw error;
    }
  }
}

export function refusal(say: Say, error: unknown): string {
  if (!(error instanceof ApiError)) return say("no.other", { message: String(error) });
  const key = `no.${error.code}`;
  const word = wordOr(say, key, "") === "" ? "no.other" : (key as Word);
  return say(word, { message: error.message });
}
