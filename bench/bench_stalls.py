#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How much what hangs or floods moves: the age of live updates and the lateness of polls, against a calm time of the same run.

A store of 50 sensors, with the gateway as it is shipped and somebody who watches. One after the other: nothing; 200
clients that guess passwords at once; a sync of the gateway's journal that takes 5 s, three times; the same of the
cloud's store; a look-up of a name, of a second bus's device, that never ends.

stalls.WHAT.age_ms.p99        from the reply that carried a report to its arrival on the live stream
stalls.WHAT.poll_late_ms.max  the longest time between two polls of a block, beyond its period

The reference is the calm value. What was measured while a sync of the journal hangs cannot leave before its end, since
nothing counts that is not synced there: its age is that of the hang itself. Polls, and live updates in the others, must
not move. The guessers run in a process of their own at the lowest priority, as they would elsewhere.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "bench"), str(SOURCE / "tests/system/stalls")]
os.environ.setdefault("BUSWARD_BUILD", str(SOURCE / "build/release"))  # stalls asks for it; what is measured is named by --build

from bench_system import WATCH_WAIT_S, as_shipped, is_watched, match_ages  # noqa: E402
from gateway_run import row  # noqa: E402
from stalls import Live, Slow, polls  # noqa: E402
from sys_stall_logins import Flood  # noqa: E402
from sys_stall_resolver import DEVICE, add_bus  # noqa: E402
from world.store import Store  # noqa: E402
from world.world import World, find_program  # noqa: E402

POLL_MS, REPORT_S = 5000, 10
PHASE_S = 40
SYNC_S, SYNCS, BETWEEN_S = 5, 3, 8
LOOKUP_S = 600  # longer than the phase
SETTLE_S = 3
WAIT_S = 60
ONCE_MAX = 3  # a request seen so rarely is not polled again and again
AGES_MIN = 200


def guess(port: int, owner: str, seconds: float) -> int:
    """In a process of its own: the guessers, and how they were answered."""
    os.nice(19)
    flood = Flood(port, owner)
    for thread in flood.threads:
        thread.start()
    time.sleep(seconds)
    flood.ending.set()
    for thread in flood.threads:
        thread.join()
    print(f"bench: stalls: guesses answered: {dict(flood.answers)}", flush=True)
    return 0 if flood.answers["401"] else 1


def flood(world: World) -> None:
    guesser = subprocess.Popen([sys.executable, __file__, "--flood", str(world.site.http_port), world.api.user, str(PHASE_S)])
    world.pause(PHASE_S)
    if guesser.wait(WAIT_S) != 0:
        raise RuntimeError("nobody heard the guessers")


def syncs(world: World, slow: Slow) -> None:
    for _ in range(SYNCS):
        slow.hold("sync")
        begun = world.wait_for(lambda: slow.hanging("sync"), WAIT_S, "a sync that hangs")
        world.wait_for(lambda begun=begun: begun not in slow.hangs("sync"), WAIT_S, "its end")
        slow.release("sync")
        world.pause(BETWEEN_S)


def lookup(world: World, slow: Slow) -> None:
    slow.hold("lookup")
    begun = world.wait_for(lambda: slow.hanging("lookup", DEVICE), WAIT_S, "a look-up that hangs")
    world.pause(PHASE_S)
    if begun not in slow.hangs("lookup"):
        raise RuntimeError("the look-up hung no longer: this measured nothing")
    slow.release("lookup")


def poll_late_ms(world: World, begin_s: float, end_s: float) -> float:
    """The longest time between two polls of a block of sensors of which the later one came meanwhile, beyond the period."""
    late = []
    for times in polls(world).values():
        gaps = [(after, after - before) for before, after in zip(times, times[1:])]
        if len(times) > ONCE_MAX and statistics.median(gap for _, gap in gaps) < 1.5e3 * POLL_MS:
            late += [gap / 1000 - POLL_MS for at, gap in gaps if begin_s <= at / 1e6 <= end_s]
    return max(late)


def run(world: World, hangs: dict[str, Slow]) -> list[dict]:
    world.log_in()
    world.first_value()
    live = Live(world)
    world.wait_event(is_watched, WATCH_WAIT_S, "the nudge that somebody watches")
    world.pause(2 * REPORT_S)  # each sensor reported since then
    phases: dict[str, Callable[[], None]] = {
        "calm": lambda: world.pause(PHASE_S),
        "flood": lambda: flood(world),
        "journal_sync": lambda: syncs(world, hangs["gateway"]),
        "store_sync": lambda: syncs(world, hangs["cloud"]),
        "resolver": lambda: lookup(world, hangs["gateway"]),
    }
    spans = {}
    for name, act in phases.items():
        begin_s = time.monotonic()
        act()
        spans[name] = (begin_s, time.monotonic())
        world.pause(SETTLE_S)
        print(f"bench: stalls: {name} took {spans[name][1] - begin_s:.0f} s", flush=True)
    for part in ("gateway", "cloud", "hub"):
        if world.parts[part].ends:
            raise RuntimeError(f"{part} did not live through it")
    if live.is_over:
        raise RuntimeError("the live stream was ended")
    ages = ages_of(world, live, spans)
    late = {name: poll_late_ms(world, *span) for name, span in spans.items()}
    return [entry for name in phases if name != "calm" for entry in (
        row(f"stalls.{name}.age_ms.p99", ages[name], "ms", "lower", ages["calm"]),
        row(f"stalls.{name}.poll_late_ms.max", late[name], "ms", "lower", late["calm"]))]


def ages_of(world: World, live: Live, spans: dict[str, tuple[float, float]]) -> dict[str, float]:
    """The 99th percentile of each phase, by when the line carried the report."""
    newest: dict[int, int] = {}
    arrived = []
    for at_us, sample in list(live.samples):  # what a stream repeats is no new one
        if sample["at_ms"] > newest.get(sample["point"], 0):
            newest[sample["point"]] = sample["at_ms"]
            arrived.append((sample, at_us / 1e6))
    matched, unmatched = match_ages(world, arrived)
    found: dict[str, list[float]] = defaultdict(list)
    for carried_s, age_ms in matched:
        for name, (begin_s, end_s) in spans.items():
            if begin_s <= carried_s <= end_s:
                found[name].append(age_ms)
    for name in spans:
        values = found[name]
        if len(values) < AGES_MIN:
            raise RuntimeError(f"{name}: only {len(values)} live updates; matched {len(matched)}, not so {len(unmatched)}")
        print(f"bench: stalls: {name}: {len(values)} live updates, age p50 {statistics.median(values):.1f} ms, "
              f"p99 {statistics.quantiles(values, n=100)[98]:.1f} ms, worst {max(values):.1f} ms", flush=True)
    return {name: statistics.quantiles(found[name], n=100)[98] for name in spans}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--flood", nargs=3, metavar=("PORT", "OWNER", "SECONDS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.flood:
        return guess(int(args.flood[0]), args.flood[1], float(args.flood[2]))
    build = args.build.resolve()
    hangs = {name: Slow(find_program(build, "bench-slow.so"), SYNC_S) for name in ("gateway", "cloud")}
    environments = {name: slow.environment | {"SLOW_LOOKUP_S": str(LOOKUP_S)} for name, slow in hangs.items()}
    store = Store(sensors=50, report_s=REPORT_S, calm=True, baud=115200, format="8N1", poll_ms=POLL_MS)
    world = World(build, store, environments=environments)
    as_shipped(world)
    add_bus(world)
    with world:
        rows = run(world, hangs)
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
