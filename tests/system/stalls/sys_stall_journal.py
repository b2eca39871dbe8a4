#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a disk that takes 5 s for each sync moves no poll of the gateway and loses nothing. Method: every sync of the
gateway hangs for a while; the polls on the line meanwhile are measured by those before; afterwards each report that the
line carried is journalled and each journalled sample stored once."""

import sys

from stalls import BUILD, STORE, Slow, World, calm_span, finish, judge_losses, judge_polls

HANG_S = 5
HANGS = 3


def main() -> int:
    slow = Slow(sync_s=HANG_S)
    with World(BUILD, STORE, environments={"gateway": slow.environment}) as world:
        calm = calm_span(world)
        slow.hold("sync")
        world.wait_for(lambda: slow.ended("sync") >= HANGS, 2 * HANG_S * HANGS + 20, f"{HANGS} slow syncs")
        slow.release("sync")
        hangs = [hang for hang in slow.hangs("sync") if hang.end_us is not None]
        wrong = judge_polls(world, calm, (hangs[0].begin_us, hangs[-1].end_us))
        wrong += judge_losses(world)
        wrong += ["the gateway did not live through the stall"] if world.parts["gateway"].ends else []
        return finish(world, wrong)


if __name__ == "__main__":
    sys.exit(main())
