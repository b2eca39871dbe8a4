#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a name look-up that hangs stops no poll, no live update while the link stands, and holds up no end. Method: the
gateway has a second bus whose device's name hangs while line and link are well: live samples and polls go on. Then the hub
dies, and the hub's own name hangs: polls go on; afterwards everything arrives. In a third hang the gateway is told to end."""

import json
import signal
import sys

from stalls import BUILD, MEANWHILE_S, STORE, Hang, Live, Slow, World, finish, in_hang, judge_losses, regular, wait_polls

DEVICE, HUB = "device.invalid", "127.0.0.1"  # what the two look-ups ask for


def add_bus(world: World) -> None:
    """Another bus beside the line: a device behind a name."""
    path = world.site.gateway_config
    comment, text = path.read_text().split("\n", 1)
    config = json.loads(text)
    (path.parent / "profiles" / "far.json").write_text(json.dumps(
        {"name": "far", "groups": [{"name": "all", "interval_ms": 1000}], "points": [{"name": "value", "address": 0}]}))
    config["buses"].append({"name": "line 2", "port": f"tcp:{DEVICE}:502", "diagnostics_s": 0,
                            "devices": [{"name": "Far", "unit": 1, "profile": "far"}]})
    path.write_text(comment + "\n" + json.dumps(config))


def connections(world: World) -> int:
    return sum(event.part == "gateway" and event.fields.get("ev") == "connected" and event.fields.get("mod") == "uplink"
               for event in list(world.seen))


def with_link(world: World, slow: Slow, blocks: list[str]) -> list[str]:
    live, before = Live(world), connections(world)

    def meanwhile(hang: Hang) -> None:
        wait_polls(world, blocks, hang.begin_us)
        live.wait(world, hang.begin_us)

    wrong = in_hang(world, slow, "lookup", meanwhile, DEVICE)
    return wrong + live.judge() + (["the link did not stand meanwhile"] if connections(world) != before else [])


def without_link(world: World, slow: Slow, blocks: list[str]) -> list[str]:
    before = connections(world)
    slow.hold("lookup")
    world.kill("hub")
    wrong = in_hang(world, slow, "lookup", lambda hang: wait_polls(world, blocks, hang.begin_us), HUB)
    world.wait_for(lambda: connections(world) > before, MEANWHILE_S, "second connection")
    return wrong


def end_in_hang(world: World, slow: Slow) -> list[str]:
    gateway = world.parts["gateway"]
    slow.hold("lookup")
    world.kill("hub")
    world.wait_for(lambda: slow.hanging("lookup", HUB), MEANWHILE_S, "lookup that hangs")
    place, gateway.wanted = len(world.seen), False
    gateway.signal(signal.SIGTERM)
    world.wait_event(lambda event: event.part == "gateway" and event.fields.get("ev") == "ended", MEANWHILE_S,
                     "end of the gateway while its look-up hangs", after=place)
    wrong = [] if slow.hanging("lookup", HUB) else ["the gateway ended after the hang only"]
    return wrong + ([] if gateway.process.returncode == 0 else [f"the gateway's exit code is {gateway.process.returncode}"])


def main() -> int:
    slow = Slow()
    world = World(BUILD, STORE, environments={"gateway": slow.environment})
    add_bus(world)
    with world:
        blocks = regular(world)
        wrong = with_link(world, slow, blocks)
        wrong += without_link(world, slow, blocks)
        wrong += judge_losses(world)
        wrong += ["the gateway did not live through the hangs"] if world.parts["gateway"].ends else []
        wrong += end_in_hang(world, slow)
        return finish(world, wrong)


if __name__ == "__main__":
    sys.exit(main())
