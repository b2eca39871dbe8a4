#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: while the cloud's store sits in a sync, pages and streams are answered, and polls and live updates go on; nothing is
lost or shown twice. Method: syncs of the cloud hang, one after the other, each until every kind of request was answered, every
block polled several times, and a live stream that was open before showed several samples that were measured in the hang."""

import sys
import time

from stalls import BUILD, MEANWHILE_S, SAMPLES, STORE, Hang, Live, Slow, World, finish, in_hang, judge_losses, regular, wait_polls

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


def hang(world: World, slow: Slow, live: Live, kinds: dict, blocks: list[str]) -> list[str]:
    def meanwhile(begun: Hang) -> None:
        begin_ms = time.time_ns() // 1_000_000
        for ask in kinds.values():
            ask()
        wait_polls(world, blocks, begun.begin_us)
        world.wait_for(lambda: sum(sample["at_ms"] > begin_ms for _, sample in list(live.samples)) >= SAMPLES, MEANWHILE_S,
                       f"{SAMPLES} live samples of what was measured in the hang")

    return in_hang(world, slow, "sync", meanwhile)


def main() -> int:
    slow = Slow()
    with World(BUILD, STORE, environments={"cloud": slow.environment}) as world:
        blocks, live = regular(world), Live(world)
        kinds, wrong = requests(world), []
        for _ in range(HANGS):
            wrong += hang(world, slow, live, kinds, blocks)
        wrong += live.judge()
        wrong += judge_losses(world)
        wrong += ["the cloud did not live through the stall"] if world.parts["cloud"].ends else []
        return finish(world, wrong)


if __name__ == "__main__":
    sys.exit(main())
