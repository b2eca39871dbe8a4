#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The hub is away while samples flow, and comes back: sys_store_outage.py ORDER, how what waited follows (journal.order).

Goal: everything arrives exactly once; live data go ahead of what waited, which follows in its order. Method: the hub's broker
is killed and not started again until the outage has left a long row of messages; the end is judged as in the kill story, and
the messages' numbers by their order in the hub's own log. The gateway's counters are not asked.
"""

import os
import pathlib
import signal
import struct
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "hub")]

from hub_world import Hub  # noqa: E402
from sys_store_kill import fresh_value, settle  # noqa: E402
from world.judge import Judge, read_lines  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World  # noqa: E402

# Messages: well beyond those already handed out when the hub went and those 16 that may wait before the live
# ones are taken first, however soon the gateway finds the hub again.
WAITING_MIN = 45
BACKLOG_MIN = 14
OUTAGE_S = 60
HEAL_S = 90
SEAL_MS = 1000  # from the sync of a live sample to its message


class Log(Hub):
    """The hub's log of this world, read by the documents of its format alone."""

    def __init__(self, folder: pathlib.Path):
        self.log_dir = str(folder)

    @staticmethod
    def message(body: bytes) -> tuple:
        """As the hub's tests have it, and when it was stored."""
        return *Hub.message(body), struct.unpack_from("<Q", body, 1)[0]

    def numbers(self) -> dict[int, tuple[str, int]]:
        """Number of each of the gateway's messages, its kind and when it was stored, in the order in which the hub stored them first."""
        found = {}
        for _, _, properties, _, _, stored_ms in self.records():
            fields = dict(part.split("=", 1) for part in properties.split("&"))
            found.setdefault(int(fields["n"]), (fields["t"], stored_ms))
        return found


def outage(world: World) -> None:
    """The hub is gone until enough was journalled meanwhile."""
    hub = world.parts["hub"]
    hub.wanted = False
    hub.signal(signal.SIGKILL)
    moments = set()

    def enough() -> bool:
        moments.update(row["told_us"] for row in read_lines(world.site.sync_trace) if row["told_us"] > gone_us)
        return len(moments) > WAITING_MIN

    gone_us = time.monotonic_ns() // 1000
    world.wait_for(enough, OUTAGE_S, "samples journalled while the hub is away")
    hub.start()


def synced_ms(trace: pathlib.Path) -> list[int]:
    """When samples were synced, by the wall clock."""
    ahead_ms = (time.time_ns() - time.monotonic_ns()) // 1_000_000
    return [row["told_us"] // 1000 + ahead_ms for row in read_lines(trace)]


def judge_order(highest: int, stored_ms: dict[int, int], is_newest_first: bool, synced: list[int]) -> list[str]:
    """stored_ms: what the hub stored of samples since it is back, and when; before, `highest` was the last. The backlog is
    what came after a higher number; what was stored before and comes again, since its PUBACK was lost with the hub, is
    neither. synced: when there were live samples to send."""
    backlog, live = [], []
    after = [number for number in stored_ms if number > highest]
    for number in after:
        (live if number > highest else backlog).append(number)
        highest = max(highest, number)
    print(f"live {live}\nbacklog {backlog}", flush=True)
    wrong = []
    if len(backlog) < BACKLOG_MIN:
        wrong.append(f"only {len(backlog)} messages followed as backlog")
    if backlog != sorted(backlog, reverse=is_newest_first):
        wrong.append("the backlog did not come in its order")
    middle = backlog[len(backlog) // 2] if backlog else None
    if backlog and after.index(live[-1]) < after.index(middle):
        waiting = [at for at in synced if stored_ms[middle] < at < stored_ms[backlog[-1]] - SEAL_MS]
        wrong += [f"no live message came between those of the backlog, though {len(waiting)} samples were there"] if waiting else []
    return wrong


def main() -> int:
    order = sys.argv[1]
    store = Store(sensors=8, report_s=1, sync_ms=100, max_age_ms=100, poll_ms=500, stale_after_s=60, reply_timeout_ms=5000,
                  journal_order=order, backfill_per_min=600, retry_max_s=3)
    with World(pathlib.Path(os.environ["BUSWARD_BUILD"]), store) as world:
        judge = Judge(world.site.device_id, world.site.line_log, world.site.sync_trace,
                      {entry["name"]: entry["slot"] for entry in sensor_entries(store.sensors)})
        log = Log(world.site.hub_log)
        world.log_in()
        world.first_value()
        outage(world)
        before = log.numbers()
        back_ms = time.time_ns() // 1_000_000
        world.wait_for(lambda: fresh_value(world, back_ms), HEAL_S, "live value after the outage")
        def complete() -> bool:
            numbers = log.numbers()
            return len(numbers) > len(before) + BACKLOG_MIN and len(numbers) == max(numbers) - min(numbers) + 1

        world.wait_for(complete, HEAL_S, "end of the backlog")
        world.parts["receiver"].stop()
        verdict, missed = settle(world, judge, [])
        after = {number: at for number, (kind, at) in log.numbers().items() if kind == "s" and number not in before}
        synced = synced_ms(world.site.sync_trace)
        wrong = [*judge_order(max(before), after, order == "newest_first", synced), *judge.repeated(), *missed]
        print(f"{order}: {verdict.text()}, reports not journalled {len(missed)}")
        for text in [*wrong[:5], *verdict.lost[:5], *verdict.doubled[:5], *verdict.wrong[:5], *verdict.invented[:5]]:
            print("  " + text)
        good = verdict.good() and not wrong
        if not good:
            print(world.last_lines(10))
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
