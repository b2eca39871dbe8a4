// SPDX-License-Identifier: Apache-2.0
// The live line of one site: fetch the overview, then follow the stream from exactly there.
//
//   loading -> live -> waiting -> loading ...      stopped at any time
//   any -> away (nobody looks) -> loading
//
// Whatever breaks (network, server, silence), there is one way back: fetch the overview again and open
// the stream at its last event. So nothing is missed, and a value on the page is never older than it says.
import { ApiError } from "./api";
import type { LiveEvent, Overview } from "./types";

export type LinkState = "loading" | "live" | "waiting" | "away";

export interface Link {
  state: LinkState;
  /** Local time of the last sign of life from the server; null before the first. */
  heardAt: number | null;
  error: ApiError | null;
}

export interface Source {
  addEventListener(type: string, listener: (event: { data?: string }) => void): void;
  close(): void;
}

/** What the line needs from the world; a test gives its own. */
export interface World {
  overview(site: string): Promise<Overview>;
  source(site: string, lastEventId: string): Source;
  now(): number;
  random(): number;
  after(delayMs: number, run: () => void): () => void;
}

export interface Sink {
  overview(overview: Overview): void;
  event(event: LiveEvent): void;
  link(link: Link): void;
  signedOut(): void;
}

export const RETRY_MIN_MS = 1000;
export const RETRY_MAX_MS = 15_000;
/** A stream that carries nothing for this long is not believed any more. */
export const QUIET_MAX_MS = 60_000;

export class LiveLine {
  private source: Source | null = null;
  private cancelTimer: () => void = () => {};
  private attempt = 0;
  private generation = 0;
  private stopped = false;
  private refreshing = false;
  private outdated = false; // what is being fetched may be from before a later call for it
  private held: LiveEvent[] = [];
  private current: Link = { state: "loading", heardAt: null, error: null };

  constructor(
    private readonly site: string,
    private readonly world: World,
    private readonly sink: Sink,
  ) {}

  start(isSeen = true): void {
    if (isSeen) void this.connect();
    else this.leave();
  }

  stop(): void {
    this.stopped = true;
    this.drop();
  }

  /** Nobody looks: an open stream would have the gateway send at once for nobody. */
  leave(): void {
    if (this.stopped) return;
    this.drop();
    this.set("away");
  }

  /** Somebody looks again. */
  comeBack(): void {
    if (this.stopped || this.current.state !== "away") return;
    this.attempt = 0;
    void this.connect();
  }

  /** Try now instead of at the next deadline: the network is back, or somebody looks again. */
  nudge(): void {
    const quietMs = this.world.now() - (this.current.heardAt ?? 0);
    if (this.stopped || this.current.state === "loading" || this.current.state === "away") return;
    if (this.current.state === "waiting" || quietMs > QUIET_MAX_MS / 2) void this.connect();
  }

  private drop(): void {
    this.generation++;
    this.cancelTimer();
    this.source?.close();
    this.source = null;
    this.refreshing = false;
    this.held = [];
  }

  private set(state: LinkState, error: ApiError | null = null): void {
    this.current = { state, heardAt: this.current.heardAt, error };
    this.sink.link(this.current);
  }

  private heard(): void {
    this.current = { ...this.current, heardAt: this.world.now() };
    this.cancelTimer();
    this.cancelTimer = this.world.after(QUIET_MAX_MS, () => void this.connect());
  }

  private async connect(): Promise<void> {
    this.drop();
    const mine = this.generation;
    this.set("loading", this.current.error);
    try {
      const overview = await this.world.overview(this.site);
      if (mine !== this.generation) return;
      this.heard();
      this.sink.overview(overview);
      this.open(overview.last_event_id, mine);
    } catch (cause) {
      if (mine === this.generation) this.failed(cause);
    }
  }

  private open(lastEventId: string, mine: number): void {
    const source = this.world.source(this.site, lastEventId);
    this.source = source;
    const on = (type: string, run: (data: string) => void) =>
      source.addEventListener(type, (event) => {
        if (mine !== this.generation) return;
        if (type !== "error") this.heard();
        run(event.data ?? "");
      });
    on("open", () => {
      this.attempt = 0;
      this.set("live");
    });
    on("error", () => this.failed(new ApiError(0, "unreachable", "stream ended")));
    on("sample", (data) => this.give({ kind: "sample", data: JSON.parse(data) }));
    on("quality", (data) => this.give({ kind: "quality", data: JSON.parse(data) }));
    on("site", (data) => this.give({ kind: "site", data: JSON.parse(data) }));
    on("catalogue", () => void this.refresh());
    on("reload", () => void this.refresh());
  }

  private give(event: LiveEvent): void {
    if (this.refreshing) this.held.push(event);
    this.sink.event(event);
  }

  /** A new overview while the stream goes on: what arrives meanwhile is applied again on top of it. */
  private async refresh(): Promise<void> {
    this.outdated = true;
    if (this.refreshing) return;
    const mine = this.generation;
    this.refreshing = true;
    try {
      while (this.outdated) {
        this.outdated = false;
        const overview = await this.world.overview(this.site);
        if (mine !== this.generation) return;
        this.sink.overview(overview);
        for (const event of this.held) this.sink.event(event);
        this.held = [];
      }
      this.refreshing = false;
    } catch (cause) {
      if (mine === this.generation) this.failed(cause);
    }
  }

  private failed(cause: unknown): void {
    const error = cause instanceof ApiError ? cause : new ApiError(0, "internal", String(cause));
    this.drop();
    if (error.status === 401) {
      this.stopped = true;
      this.sink.signedOut();
      return;
    }
    const backoffMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.attempt++);
    const delayMs = Math.max(
      backoffMs * (0.5 + this.world.random() / 2),
      (error.retryAfterS ?? 0) * 1000,
    );
    this.set("waiting", error);
    this.cancelTimer = this.world.after(delayMs, () => void this.connect());
  }
}

export const browserWorld = (
  overview: World["overview"],
  url: (site: string, lastEventId: string) => string,
): World => ({
  overview,
  source: (site, lastEventId) => new EventSource(url(site, lastEventId)) as Source,
  now: () => Date.now(),
  random: () => Math.random(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
});
