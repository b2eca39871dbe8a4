// SPDX-License-Identifier: Apache-2.0
// Requests to the cloud. Each answers with the parsed body or throws an ApiError that can be shown.
import type { Health, Notice, Overview, Series, Session, Sites } from "./types";

export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when no answer came at all. */
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds after which the server wants to be asked again; null if it did not say. */
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

let csrf: string | null = null;

function keepSession(session: Session): Session {
  csrf = session.csrf;
  return session;
}

async function refuse(response: Response): Promise<never> {
  const retry = Number(response.headers.get("Retry-After"));
  const body = await response.json().catch(() => null);
  throw new ApiError(
    response.status,
    body?.error?.code ?? "internal",
    body?.error?.message ?? `HTTP ${response.status}`,
    retry > 0 ? retry : null,
  );
}

export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...init });
  } catch (cause) {
    if ((cause as Error).name === "AbortError") throw cause;
    throw new ApiError(0, "unreachable", String(cause));
  }
  if (!response.ok) return refuse(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export function post<T>(path: string, body: unknown): Promise<T> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (csrf !== null) headers["X-CSRF-Token"] = csrf;
  return request<T>(path, { method: "POST", headers, body: JSON.stringify(body) });
}

const withSignal = (signal?: AbortSignal): RequestInit => (signal ? { signal } : {});

export const api = {
  session: () => request<Session>("/api/session").then(keepSession),
  setup: (token: string, name: string, password: string) =>
    post<Session>("/api/setup", { token, name, password }).then(keepSession),
  login: (name: string, password: string) =>
    post<Session>("/api/login", { name, password }).then(keepSession),
  changePassword: (password: string, new_password: string) =>
    post<void>("/api/password", { password, new_password }),
  logout: () => post<void>("/api/logout", {}),
  /** 503 says why in the same form. */
  health: async (): Promise<Health> => {
    const response = await fetch("/healthz", { cache: "no-store" });
    return response.json();
  },
  notices: () => request<{ notices: Notice[] }>("/api/notices"),
  acknowledge: ({ kind, at_ms }: Notice) => post<void>("/api/notices/acknowledge", { kind, at_ms }),
  sites: (signal?: AbortSignal) => request<Sites>("/api/sites", withSignal(signal)),
  overview: (site: string, signal?: AbortSignal) =>
    request<Overview>(`/api/sites/${encodeURIComponent(site)}/overview`, withSignal(signal)),
  series: (
    site: string,
    point: number,
    window: { from: number; to: number },
    buckets: number,
    signal?: AbortSignal,
  ) =>
    request<Series>(
      `/api/sites/${encodeURIComponent(site)}/points/${point}/series` +
        `?from=${Math.round(window.from)}&to=${Math.round(window.to)}&buckets=${buckets}`,
      withSignal(signal),
    ),
  streamUrl: (site: string, lastEventId: string) =>
    `/api/stream?site=${encodeURIComponent(site)}&last_event_id=${encodeURIComponent(lastEventId)}`,
};
