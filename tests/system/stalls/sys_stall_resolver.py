#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a name look-up that hangs moves no poll and holds up no end. Method: the hub dies while the gateway's resolver
hangs; the polls on the line during the hang are measured by those before it. After the hang everything arrives; in a
second hang the gateway is told to end."""

import signal
import sys

from stalls import BUILD, STORE, Slow, World, calm_span, finish, judge_losses, judge_polls

HANG_S = 15
END_S = 8  # well before the hang is over


def hang(world: World, slow: Slow) -> None:
    slow.hold("lookup")
    world.kill("hub")
    world.wait_for(lambda: slow.hanging("lookup"), 20, "look-up that hangs")


def main() -> int:
    slow = Slow(lookup_s=HANG_S)
    with World(BUILD, STORE, environments={"gateway": slow.environment}) as world:
        calm = calm_span(world)
        hang(world, slow)
        slow.release("lookup")  # the next one answers
        world.wait_for(lambda: slow.ended("lookup"), 2 * HANG_S, "end of the hang")
        first = slow.hangs("lookup")[0]
        wrong = judge_polls(world, calm, (first.begin_us, first.end_us))
        place = world.wait_event(lambda event: event.part == "gateway" and event.fields.get("ev") == "connected" and
                                 event.fields.get("mod") == "uplink", 30, "second connection", after=connected_at(world))
        wrong += judge_losses(world)
        gateway = world.parts["gateway"]
        wrong += ["the gateway did not live through the hang"] if gateway.ends else []
        hang(world, slow)
        gateway.wanted = False
        gateway.signal(signal.SIGTERM)
        world.wait_event(lambda event: event.part == "gateway" and event.fields.get("ev") == "ended", END_S,
                         "end of the gateway while its look-up hangs", after=place)
        wrong += [] if slow.hanging("lookup") else ["the gateway ended after the hang only"]
        wrong += [] if gateway.process.returncode == 0 else [f"the gateway's exit code is {gateway.process.returncode}"]
        return finish(world, wrong)


def connected_at(world: World) -> int:
    """The place behind the first connection."""
    return world.wait_event(lambda event: event.part == "gateway" and event.fields.get("ev") == "connected", 1, "connection")


if __name__ == "__main__":
    sys.exit(main())
