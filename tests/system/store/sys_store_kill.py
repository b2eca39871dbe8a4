#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every part in turn and of any two at once, while samples flow.

Goal: each journalled sample is in the store exactly once; each report that the line carried was journalled, but for those
that a death took along, and no report twice; the gateway registers once and never asks again; and after all of it
commands and twin work. Method: a small lively store; each round kills one part, or two, and goes on when a sample
measured after the kill has reached the page and the links have met again; at the end line and receiver go, and the receiver
comes back with another serial. Judged by the line's own log of replies and the journal's sync trace against the cloud's
series, texts and words of enumerations against what the page shows, a method's answer and the twin's report by the
hub's service REST; the gateway's counters are not asked.
"""

import datetime
import itertools
import os
import pathlib
import random
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tools"))

from world.judge import Judge, Verdict  # noqa: E402
from world.service import Service  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World  # noqa: E402

# A reply that comes late is taken all the same: what the line carried, the gateway has then.
STORE = Store(sensors=8, report_s=2, sync_ms=200, max_age_ms=500, poll_ms=500, stale_after_s=30, reply_timeout_ms=5000, phases=True)
PARTS = ("gateway", "hub", "dps", "backend", "cloud")
KILLS = [*((name,) for name in PARTS), *itertools.combinations(PARTS, 2)]
ROUNDS = max(1, int(os.environ.get("BUSWARD_ROUNDS", "1")) // 10)
SEED = 20261123
HEAL_S = 40  # until a sample measured after the kill is on the page
SETTLE_S = 30
JOURNAL_S = 20.0  # poll, sync and trace of a report that the line carried take less, however busy the machine
REPLY_US = 100_000  # a reply that the line carries at its death, or its core's, is lost
SERIAL = "BW-RX-000002"  # of the receiver in its second life
TEXTS_MIN = 4 * len(KILLS) * ROUNDS  # shown after each kill: the serial and the words of most sensors
JOURNALLED_MIN = 300  # fewer, and the story was too short to say anything


def fresh_value(world: World, after_ms: int) -> bool:
    """A sample measured after that time is on the page."""
    points = world.api.points(world.site.device_id).values()
    return any(point["quality"] == "good" and (point["at_ms"] or 0) > after_ms for point in points)


def change_receiver(world: World) -> None:
    """Another serial, and other values, so that reports with the same number are told apart."""
    receiver = world.parts["receiver"]
    receiver.command[receiver.command.index("--seed") + 1] = str(STORE.seed + 1)
    receiver.command += ["--serial", SERIAL]
    world.kill("line")  # and with it what the receiver hangs on
    world.kill("receiver")

    def is_shown() -> bool:
        points = world.api.points(world.site.device_id).values()
        return any(point["name"] == "serial" and point["text"] == SERIAL for point in points)

    world.wait_for(is_shown, HEAL_S, "new serial on the page")


def settle(world: World, judge: Judge, deaths_us: list[int]) -> tuple[Verdict, list[str]]:
    verdict, missed = Verdict(), []

    def complete() -> bool:
        nonlocal verdict, missed
        verdict = judge.judge(world.api, None, deaths_us, JOURNAL_S)
        missed = judge.missed(deaths_us, JOURNAL_S)
        return not verdict.lost and not missed

    try:
        world.wait_for(complete, SETTLE_S, "end of what was on its way")
    except Exception as error:  # the verdict is what counts
        print(error)
    return verdict, missed


def links(parts: tuple[str, ...]) -> set[str]:
    """The brokers that the hub's backend greets anew after the death of these."""
    return ({"hub"} if {"hub", "backend"} & set(parts) else set()) | ({"dps"} if {"dps", "backend"} & set(parts) else set())


def strike(world: World, parts: tuple[str, ...]) -> None:
    """Kills, and waits until all is well again."""
    place, killed_ms = len(world.seen), time.time_ns() // 1_000_000
    for name in parts:
        world.kill(name)
    told = f"recovery from the death of {' and '.join(parts)}"
    world.wait_for(lambda: fresh_value(world, killed_ms), HEAL_S, told)
    for broker in links(parts):
        world.wait_event(lambda event: event.part == "backend" and event.fields.get("ev") == "hello" and
                         event.fields.get("broker") == broker, HEAL_S, told, after=place)
    print(f"killed {' and '.join(parts)}: healed after {time.time() - killed_ms / 1000:.1f} s", flush=True)


def commands_work(world: World) -> list[str]:
    """A method's answer, and what the last life of the gateway reported into its twin."""
    service, gateway = Service(world.site), world.parts["gateway"]
    answer = world.wait_for(lambda: service.method("diagnostics", {}), HEAL_S, "answer to a method")
    wrong = [] if answer["status"] == 200 else [f"the method answered {answer}"]
    born = time.time() - (time.monotonic() - gateway.started_at)

    def reported() -> bool:
        started = service.twin()["properties"]["reported"].get("gateway", {}).get("started", "")
        return datetime.datetime.fromisoformat(started.replace("Z", "+00:00")).timestamp() > born - 1

    world.wait_for(reported, HEAL_S, "twin reported by the gateway's last life")
    world.wait_for(lambda: world.api.call("GET", f"/api/sites/{world.site.device_id}/gateway")["connected"], HEAL_S,
                   "word on the page that the gateway is connected")
    return wrong


def registrations(world: World) -> list[str]:
    """The hub took the gateway each time: it asked the provisioning service once, at its very first start."""
    wrong = []
    for what in ("provision", "assigned"):
        found = [event.line for event in world.seen if event.part == "gateway" and event.fields.get("mod") == "identity" and
                 event.fields.get("ev") == what]
        wrong += [f"{len(found)} times {what}, not once: {found}"] if len(found) != 1 else []
    return wrong


def main() -> int:
    chance = random.Random(SEED)
    deaths_us: list[int] = []
    shown, wrong_texts = 0, []
    with World(pathlib.Path(os.environ["BUSWARD_BUILD"]), STORE) as world:
        judge = Judge(world.site.device_id, world.site.line_log, world.site.sync_trace,
                      {entry["name"]: entry["slot"] for entry in sensor_entries(STORE.sensors)})
        world.log_in()
        world.first_value()
        for parts in KILLS * ROUNDS:
            # Anywhere within a cycle of polling, syncing, sealing, sending and committing.
            moment = time.monotonic() + chance.uniform(0.1, 0.6)
            world.wait_for(lambda: time.monotonic() >= moment, 5, "moment to strike")
            strike(world, parts)
            if "gateway" in parts:
                deaths_us.append(int(world.parts["gateway"].started_at * 1e6))  # the next life begins
            count, wrong = judge.shown_texts(world.api)
            shown += count
            wrong_texts += wrong
        wrong_ends = commands_work(world) + registrations(world)
        deaths_us.append(time.monotonic_ns() // 1000 + REPLY_US)  # the line's
        change_receiver(world)
        world.parts["receiver"].stop()  # nothing new is measured while the rest arrives
        verdict, missed = settle(world, judge, deaths_us)
        repeated = judge.repeated()
        print(f"{verdict.text()}, reports not journalled {len(missed)}, twice {len(repeated)}, "
              f"texts shown {shown}, of them wrong {len(wrong_texts)}")
        for texts in (wrong_ends, repeated, wrong_texts, verdict.lost, verdict.doubled, verdict.wrong, verdict.invented, missed):
            for text in texts[:5]:
                print("  " + text)
        bad = wrong_ends or missed or repeated or wrong_texts
        good = verdict.good() and not bad and shown >= TEXTS_MIN and verdict.journalled >= JOURNALLED_MIN
        if not good:
            print(world.last_lines(10))
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
