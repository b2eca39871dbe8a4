// SPDX-License-Identifier: Apache-2.0
// Goal: the live line catches up after every break and never gives up, in a world whose time stands in
// the test's hand.
import assert from "node:assert/strict";
import test from "node:test";
import { ApiError } from "../src/api";
import { type Link, LiveLine, QUIET_MAX_MS, RETRY_MAX_MS, type World } from "../src/stream";
import type { LiveEvent, Overview } from "../src/types";
import { overview, point, sensor } from "./samples";

type Listener = (event: { data?: string }) => void;

class FakeSource {
  readonly listeners = new Map<string, Listener>();
  closed = false;
  constructor(readonly lastEventId: string) {}
  addEventListener(type: string, listener: Listener) {
    this.listeners.set(type, listener);
  }
  close() {
    this.closed = true;
  }
  fire(type: string, data?: unknown) {
    this.listeners.get(type)?.(data === undefined ? {} : { data: JSON.stringify(data) });
  }
}

function setUp() {
  const seen = {
    overviews: [] as Overview[],
    events: [] as LiveEvent[],
    links: [] as Link[],
    out: 0,
  };
  const sources: FakeSource[] = [];
  const timers: { at: number; run: () => void }[] = [];
  let now = 0;
  let answer: () => Promise<Overview> = async () => overview([sensor("a", [point()])]);
  const world: World = {
    overview: () => answer(),
    source: (_site, lastEventId) => {
      const source = new FakeSource(lastEventId);
      sources.push(source);
      return source;
    },
    now: () => now,
    random: () => 1,
    after: (delayMs, run) => {
      const timer = { at: now + delayMs, run };
      timers.push(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
  };
  const line = new LiveLine("store", world, {
    overview: (o) => seen.overviews.push(o),
    event: (e) => seen.events.push(e),
    link: (l) => seen.links.push(l),
    signedOut: () => {
      seen.out++;
    },
  });
  /** Lets every promise that can settle do so. */
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const advance = async (ms: number) => {
    now += ms;
    for (const timer of timers.filter((each) => each.at <= now)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.run();
    }
    await settle();
  };
  const source = () => {
    const last = sources[sources.length - 1];
    assert(last);
    return last;
  };
  const reply = (next: () => Promise<Overview>) => {
    answer = next;
  };
  return { line, seen, sources, timers, source, settle, advance, reply };
}

const sample = {
  site: "store",
  point: 1,
  at_ms: 5,
  received_ms: 6,
  value: 1,
  text: null,
  quality: "good",
  reason: "",
};
const state = (links: Link[]) => links[links.length - 1]?.state;

test("it opens the stream exactly where the overview ended", async () => {
  const { line, seen, source, settle } = setUp();
  line.start();
  await settle();
  assert.equal(source().lastEventId, "41");
  source().fire("open");
  source().fire("sample", sample);
  assert.equal(state(seen.links), "live");
  assert.equal(seen.events.length, 1);
});

test("after a break it fetches the overview again before it follows again", async () => {
  const { line, seen, sources, source, settle, advance, reply } = setUp();
  line.start();
  await settle();
  source().fire("open");
  const old = source();
  old.fire("error");
  assert(old.closed);
  assert.equal(state(seen.links), "waiting");
  reply(async () => overview([], { last_event_id: "99" }));
  await advance(1000);
  assert.equal(seen.overviews.length, 2);
  assert.equal(source().lastEventId, "99");
  old.fire("sample", sample);
  assert.equal(seen.events.length, 0, "the old stream is not listened to");
  assert.equal(sources.length, 2);
});

test("it waits longer from try to try, up to a bound, and never gives up", async () => {
  const { line, seen, timers, settle, advance, reply } = setUp();
  reply(async () => {
    throw new ApiError(0, "unreachable", "down");
  });
  line.start();
  await settle();
  const delays: number[] = [];
  let at = 0;
  for (let i = 0; i < 8; i++) {
    const next = timers[0]?.at ?? 0;
    delays.push(next - at);
    at = next;
    await advance(delays[i] ?? 0);
  }
  assert.deepEqual(delays, [
    1000,
    2000,
    4000,
    8000,
    RETRY_MAX_MS,
    RETRY_MAX_MS,
    RETRY_MAX_MS,
    RETRY_MAX_MS,
  ]);
  assert.equal(state(seen.links), "waiting");
  reply(async () => overview([]));
  await advance(RETRY_MAX_MS);
  assert.equal(seen.overviews.length, 1);
});

test("it respects when a busy server wants to be asked again", async () => {
  const { line, timers, settle, reply } = setUp();
  reply(async () => {
    throw new ApiError(503, "busy", "busy", 40);
  });
  line.start();
  await settle();
  assert.equal(timers[0]?.at, 40_000);
});

test("reload fetches the overview; what arrives meanwhile is applied on top of it", async () => {
  const { line, seen, source, settle, reply } = setUp();
  line.start();
  await settle();
  source().fire("open");
  let finish = (_: Overview) => {};
  reply(
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  );
  source().fire("reload", {});
  source().fire("sample", sample);
  assert.equal(seen.events.length, 1);
  finish(overview([]));
  await settle();
  assert.equal(seen.overviews.length, 2);
  assert.equal(seen.events.length, 2, "the sample is applied again after the new overview");
  source().fire("sample", sample);
  assert.equal(seen.events.length, 3);
});

test("a second reload while the first one fetches has the overview fetched once more", async () => {
  const { line, seen, source, settle, reply } = setUp();
  line.start();
  await settle();
  source().fire("open");
  const finish: ((o: Overview) => void)[] = [];
  reply(() => new Promise((resolve) => finish.push(resolve)));
  source().fire("reload", {});
  source().fire("catalogue", {});
  source().fire("catalogue", {});
  assert.equal(finish.length, 1);
  finish[0]?.(overview([]));
  await settle();
  assert.equal(finish.length, 2, "what came may be from before the later two");
  source().fire("sample", sample);
  finish[1]?.(overview([sensor("new", [point()])]));
  await settle();
  assert.equal(seen.overviews.length, 3);
  assert.equal(seen.events.length, 2, "the sample is applied again after it");
  assert.equal(finish.length, 2);
});

test("a stream that falls silent is not believed", async () => {
  const { line, seen, sources, source, settle, advance } = setUp();
  line.start();
  await settle();
  source().fire("open");
  await advance(QUIET_MAX_MS - 1);
  assert.equal(sources.length, 1);
  await advance(1);
  assert.equal(sources.length, 2);
  assert.equal(seen.overviews.length, 2);
});

test("a session that ended ends the line", async () => {
  const { line, seen, timers, settle, reply } = setUp();
  reply(async () => {
    throw new ApiError(401, "unauthorized", "who?");
  });
  line.start();
  await settle();
  assert.equal(seen.out, 1);
  assert.equal(timers.length, 0);
});

test("stop ends everything, also an answer that is still under way", async () => {
  const { line, seen, sources, timers, settle } = setUp();
  line.start();
  line.stop();
  await settle();
  assert.equal(sources.length, 0);
  assert.equal(timers.length, 0);
  assert.equal(seen.overviews.length, 0);
});

test("a nudge while waiting tries at once", async () => {
  const { line, seen, source, settle } = setUp();
  line.start();
  await settle();
  source().fire("error");
  line.nudge();
  await settle();
  assert.equal(seen.overviews.length, 2);
});

test("who leaves closes the stream and asks for nothing; who comes back loads anew at once", async () => {
  const { line, seen, sources, timers, source, settle, advance, reply } = setUp();
  line.start();
  await settle();
  source().fire("open");
  const old = source();
  line.leave();
  assert(old.closed);
  assert.equal(state(seen.links), "away");
  assert.equal(timers.length, 0, "no retry, no watch over silence");
  line.nudge();
  await advance(10 * QUIET_MAX_MS);
  assert.equal(seen.overviews.length, 1, "the network is back: nobody looks all the same");
  old.fire("sample", sample);
  assert.equal(seen.events.length, 0);
  reply(async () => overview([], { last_event_id: "99" }));
  line.comeBack();
  await settle();
  assert.equal(seen.overviews.length, 2);
  assert.equal(source().lastEventId, "99");
  source().fire("open");
  assert.equal(state(seen.links), "live");
  line.comeBack();
  await settle();
  assert.equal(sources.length, 2, "once");
});

test("who leaves while it retries or loads ends that, too", async () => {
  const { line, seen, sources, timers, source, settle, advance } = setUp();
  line.start();
  await settle();
  source().fire("error");
  line.leave();
  assert.equal(timers.length, 0);
  line.comeBack();
  line.leave();
  await settle();
  await advance(RETRY_MAX_MS);
  assert.equal(sources.length, 1, "the answer that was under way opens nothing");
  assert.equal(state(seen.links), "away");
});

test("a line that starts unseen waits for somebody; one that was stopped does not come back", async () => {
  const { line, seen, sources, settle } = setUp();
  line.start(false);
  await settle();
  assert.equal(seen.overviews.length, 0);
  line.comeBack();
  await settle();
  assert.equal(sources.length, 1);
  line.stop();
  line.leave();
  line.comeBack();
  await settle();
  assert.equal(sources.length, 1);
});
