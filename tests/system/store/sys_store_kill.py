#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of gateway, hub and cloud in turn, repeatedly, while samples flow.

Goal: each journalled sample is in the store exactly once, and each report that the line carried well before a kill of
the gateway was journalled, and no report twice. Method: a small lively store; each round kills one part, then two at once, and goes on when
a sample measured after the kill has reached the page; at the end the receiver comes back with another serial. Judged by
the line's own log of replies and the journal's sync trace against the cloud's series, texts and words of enumerations
against what the page shows; the gateway's counters are not asked.
"""

import itertools
import os
import pathlib
import random
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tools"))

from world.judge import Judge, Verdict  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World  # noqa: E402

STORE = Store(sensors=8, report_s=2, sync_ms=200, max_age_ms=500, poll_ms=500, stale_after_s=30, phases=True)
KILLS = [("gateway",), ("hub",), ("cloud",)] * 3 + list(itertools.combinations(("gateway", "hub", "cloud"), 2))
SEED = 20261123
HEAL_S = 40  # until a sample measured after the kill is on the page
SETTLE_S = 30
JOURNAL_S = 3.0  # poll, sync and trace of a report that the line carried take less
REPLY_US = 500_000  # the line may still carry the last reply for so long
SERIAL = "BW-RX-000002"  # of the receiver in its second life
TEXTS_MIN = 4 * len(KILLS)  # shown after each kill: the serial and the words of most sensors
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
    world.kill("receiver")

    def is_shown() -> bool:
        points = world.api.points(world.site.device_id).values()
        return any(point["name"] == "serial" and point["text"] == SERIAL for point in points)

    world.wait_for(is_shown, HEAL_S, "new serial on the page")


def settle(world: World, judge: Judge) -> Verdict:
    verdict = Verdict()

    def complete() -> bool:
        nonlocal verdict
        verdict = judge.judge(world.api)
        return not verdict.lost

    try:
        world.wait_for(complete, SETTLE_S, "end of what was on its way")
    except Exception as error:  # the verdict is what counts
        print(error)
    return verdict


def main() -> int:
    chance = random.Random(SEED)
    deaths_us: list[int] = []
    shown, wrong_texts = 0, []
    with World(pathlib.Path(os.environ["BUSWARD_BUILD"]), STORE) as world:
        judge = Judge(world.site.device_id, world.site.line_log, world.site.sync_trace,
                      {entry["name"]: entry["slot"] for entry in sensor_entries(STORE.sensors)})
        world.log_in()
        world.first_value()
        for parts in KILLS:
            # Anywhere within a cycle of polling, syncing, sealing, sending and committing.
            moment = time.monotonic() + chance.uniform(0.2, 1.5)
            world.wait_for(lambda: time.monotonic() >= moment, 5, "moment to strike")
            for name in parts:
                world.kill(name)
            if "gateway" in parts:
                deaths_us.append(time.monotonic_ns() // 1000)
            killed_ms = time.time_ns() // 1_000_000
            world.wait_for(lambda: fresh_value(world, killed_ms), HEAL_S, f"recovery from the death of {' and '.join(parts)}")
            print(f"killed {' and '.join(parts)}: healed after {time.time() - killed_ms / 1000:.1f} s", flush=True)
            count, wrong = judge.shown_texts(world.api)
            shown += count
            wrong_texts += wrong
        change_receiver(world)
        world.parts["receiver"].stop()  # nothing new is measured while the rest arrives
        ended_us = time.monotonic_ns() // 1000 + REPLY_US
        verdict = settle(world, judge)
        missed = judge.missed([*deaths_us, ended_us], JOURNAL_S)
        repeated = judge.repeated()
        print(f"{verdict.text()}, reports not journalled {len(missed)}, twice {len(repeated)}, "
              f"texts shown {shown}, of them wrong {len(wrong_texts)}")
        for texts in (repeated, wrong_texts, verdict.lost, verdict.doubled, verdict.wrong, verdict.invented, missed):
            for text in texts[:5]:
                print("  " + text)
        bad = missed or repeated or wrong_texts
        good = verdict.good() and not bad and shown >= TEXTS_MIN and verdict.journalled >= JOURNALLED_MIN
        if not good:
            print(world.last_lines(10))
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
