#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: while the cloud's store sits in a sync of 5 s, pages and streams are answered and polls go on, and nothing is lost
or shown twice. Method: every sync of the cloud hangs for a while; in each of several hangs every kind of request must
come back before that hang is over."""

import sys
import time

from stalls import BUILD, STORE, Hang, Slow, World, calm_span, finish, judge_losses, judge_polls

HANG_S = 5
HANGS = 3


def requests(world: World) -> dict:
    api, site = world.api, world.site.device_id
    end_ms = time.time_ns() // 1_000_000
    point = next(iter(api.points(site)))

    def first_line() -> bytes:
        with api.stream(site) as stream:
            return stream.readline()

    return {"overview": lambda: api.overview(site), "series": lambda: api.series(site, point, end_ms - 60000, end_ms, 60),
            "sites": lambda: api.call("GET", "/api/sites"), "session": lambda: api.call("GET", "/api/session"),
            "stream": first_line, "health": lambda: api.call("GET", "/healthz")}


def judge_requests(world: World, slow: Slow, kinds: dict) -> list[str]:
    """Answers within a hang: it had begun before the request went out and was not over when the answer was there."""
    late = []
    for name, ask in kinds.items():
        begun = world.wait_for(lambda: slow.hanging("sync"), 30, "sync that hangs")
        ask()
        now = slow.hanging("sync")
        # One that began late in a hang may end after it: it gets a whole hang for itself.
        if now is None or now.begin_us != begun.begin_us:
            begun = world.wait_for(lambda: newer(slow, begun.begin_us), 30, "sync that hangs")
            ask()
            now = slow.hanging("sync")
        if now is None or now.begin_us != begun.begin_us:
            late.append(f"{name} was answered only when the sync was over")
    return late


def newer(slow: Slow, begin_us: int) -> Hang | None:
    now = slow.hanging("sync")
    return now if now and now.begin_us > begin_us else None


def main() -> int:
    slow = Slow(sync_s=HANG_S)
    with World(BUILD, STORE, environments={"cloud": slow.environment}) as world:
        calm = calm_span(world)
        kinds = requests(world)
        slow.hold("sync")
        wrong = []
        while slow.ended("sync") < HANGS and not wrong:
            wrong += judge_requests(world, slow, kinds)
            last = world.wait_for(lambda: slow.hanging("sync"), 30, "sync that hangs")
            world.wait_for(lambda: slow.hanging("sync") != last, 3 * HANG_S, "end of the hang")
        slow.release("sync")
        hangs = [hang for hang in slow.hangs("sync") if hang.end_us is not None]
        wrong += judge_polls(world, calm, (hangs[0].begin_us, hangs[-1].end_us))
        wrong += judge_losses(world)
        wrong += ["the cloud did not live through the stall"] if world.parts["cloud"].ends else []
        return finish(world, wrong)


if __name__ == "__main__":
    sys.exit(main())
