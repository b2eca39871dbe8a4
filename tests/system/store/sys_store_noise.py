#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A store whose line loses and flips bytes, holds replies back until long after their time-out, and comes byte by byte.

Goal: what was journalled is what a good reply said, of the sensor that it spoke of, and is in the store exactly once. Method:
four blocks of one size, so that a late reply to one would pass for the next one's; the line makes its faults until there
were enough of each, and samples of every sensor came through between them. Judged by the line's own log of replies and the
journal's sync trace against the cloud's series. A report may have come in a late reply alone, which nobody takes: that
none is missed is not asked.
"""

import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from sys_store_kill import SETTLE_S  # noqa: E402
from world.judge import Judge, Verdict, read_lines  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World  # noqa: E402

TIMEOUT_MS = 600
# Later than the time-out and the reply's own time on the wire; and well before the gateway asks that unit again.
LATE_MS = TIMEOUT_MS + 200
# Most replies have a fault; a unit that was suspended for it would make a long story of a short one. And without
# retries the next request is another block's.
STORE = Store(sensors=48, baud=38400, report_s=2, sync_ms=200, max_age_ms=500, poll_ms=250, stale_after_s=60,
              reply_timeout_ms=TIMEOUT_MS, bus={"suspend_after": 100, "retries": 0}, phases=True,
              line_options=("--drop-ppm", "500", "--flip-ppm", "500", "--late-ppm", "500000", "--late-ms", str(LATE_MS),
                            "--by-byte", "--seed", "3"))
FAULTS_MIN = {"dropped": 1, "flipped": 1, "spoilt": 2, "late": 8}  # bytes, and replies
FAULTS_S = 90
PER_SENSOR_MIN = 1  # samples of its temperature


def line_report(world: World) -> dict:
    """The latest; asks for the next."""
    world.parts["line"].signal(signal.SIGUSR1)
    path = world.site.line_report
    return json.loads(path.read_text()) if path.exists() else {}


def faults(world: World) -> dict[str, int]:
    """So far; a reply that was held back counts once it was carried."""
    report, rows = line_report(world), read_lines(world.site.line_log)
    return {"dropped": report.get("dropped", 0), "flipped": report.get("flipped", 0), "late": sum(row["late"] for row in rows),
            "spoilt": sum(not row["good"] for row in rows)}


def samples_min(judge: Judge) -> int:
    """Temperatures journalled of the sensor that has fewest."""
    counts = dict.fromkeys(judge.slots, 0)
    for row in judge.journalled():
        if row.get("name") == "temperature" and row.get("sensor") in counts:
            counts[row["sensor"]] += 1
    return min(counts.values())


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
    with World(pathlib.Path(os.environ["BUSWARD_BUILD"]), STORE) as world:
        judge = Judge(world.site.device_id, world.site.line_log, world.site.sync_trace,
                      {entry["name"]: entry["slot"] for entry in sensor_entries(STORE.sensors)})
        world.log_in()
        world.first_value()
        found: dict[str, int] = {}

        def is_enough() -> bool:
            found.update(faults(world))
            return all(found[what] >= count for what, count in FAULTS_MIN.items()) and samples_min(judge) >= PER_SENSOR_MIN

        world.wait_for(is_enough, FAULTS_S, "faults, and samples of each sensor between them")
        world.parts["receiver"].stop()  # nothing new is measured while the rest arrives
        verdict = settle(world, judge)
        repeated = judge.repeated()
        print(f"the line had {found}; {verdict.text()}, twice {len(repeated)}")
        for texts in (repeated, verdict.lost, verdict.doubled, verdict.wrong, verdict.invented):
            for text in texts[:5]:
                print("  " + text)
        good = verdict.good() and not repeated
        if not good:
            print(world.last_lines(10))
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
