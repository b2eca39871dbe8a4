#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a disk whose sync hangs stops no poll of the gateway and loses nothing. Method: syncs of the gateway hang, one after
the other, each until every block was polled several times; afterwards each report that the line carried is journalled and
each journalled sample stored once."""

import sys

from stalls import BUILD, STORE, Slow, World, finish, in_hang, judge_losses, regular, wait_polls

HANGS = 3


def main() -> int:
    slow = Slow()
    with World(BUILD, STORE, environments={"gateway": slow.environment}) as world:
        blocks, wrong = regular(world), []
        for _ in range(HANGS):
            wrong += in_hang(world, slow, "sync", lambda hang: wait_polls(world, blocks, hang.begin_us))
        wrong += judge_losses(world)
        wrong += ["the gateway did not live through the stall"] if world.parts["gateway"].ends else []
        return finish(world, wrong)


if __name__ == "__main__":
    sys.exit(main())
