#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: while the hub sits in a sync, polls and pages go on; nothing is lost or stored twice. Method: syncs of the hub hang, one
after the other, each until every block was polled several times and the page was answered. The broker decides and stores on one
thread, so messages wait there: an open live stream stays open, and shows once afterwards what belongs there."""

import sys
import time

from stalls import BUILD, MEANWHILE_S, STORE, Hang, Live, Slow, World, finish, in_hang, judge_losses, regular, wait_polls

HANGS = 3


def hang(world: World, slow: Slow, live: Live, blocks: list[str]) -> list[str]:
    begin_ms = []

    def meanwhile(begun: Hang) -> None:
        begin_ms.append(time.time_ns() // 1_000_000)
        world.api.overview(world.site.device_id)
        wait_polls(world, blocks, begun.begin_us)

    wrong = in_hang(world, slow, "sync", meanwhile)
    world.wait_for(lambda: any(sample["at_ms"] > begin_ms[0] for _, sample in list(live.samples)), MEANWHILE_S,
                   "live sample of what was measured in the hang")
    return wrong


def main() -> int:
    slow = Slow()
    with World(BUILD, STORE, environments={"hub": slow.environment}) as world:
        blocks, live, wrong = regular(world), Live(world), []
        for _ in range(HANGS):
            wrong += hang(world, slow, live, blocks)
        wrong += live.judge()
        wrong += judge_losses(world)
        wrong += ["the hub did not live through the stall"] if world.parts["hub"].ends else []
        return finish(world, wrong)


if __name__ == "__main__":
    sys.exit(main())
