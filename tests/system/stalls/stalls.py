# SPDX-License-Identifier: Apache-2.0
"""A world in which a part's sync or name look-up hangs on demand, and the judge of polls: the line's own log."""

import dataclasses
import os
import pathlib
import sys
import tempfile
import time
from collections import defaultdict

BUILD = pathlib.Path(os.environ["BUSWARD_BUILD"])
SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tools"))

from world.judge import Judge, read_lines  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World, find_program  # noqa: E402

STORE = Store(sensors=8, report_s=2, sync_ms=200, max_age_ms=500, poll_ms=500, stale_after_s=60,
              reply_timeout_ms=5000)  # what the line carried is taken, however late a busy machine reads it
CALM_POLLS = 16  # of each block, before anything stalls
GAP_FACTOR = 4.0  # a gap this much longer than the longest calm one is a missed poll, not a busy machine
RATE_FACTOR = 2.0
SETTLE_S = 40
US = 1_000_000


def now_us() -> int:
    return time.monotonic_ns() // 1000


@dataclasses.dataclass
class Hang:
    begin_us: int
    end_us: int | None  # None: it hangs still


class Slow:
    """The preloaded library in one part: `hold` makes each sync or look-up from now on hang, `release` lets new ones go."""

    def __init__(self, sync_s: int = 0, lookup_s: int = 0):
        self.kept = tempfile.TemporaryDirectory(prefix="busward-slow-")  # removed with this object
        self.folder = pathlib.Path(self.kept.name)
        library = find_program(BUILD, "slow.so")
        self.environment = {"LD_PRELOAD": library, "SLOW_FOLDER": str(self.folder), "SLOW_SYNC_S": str(sync_s),
                            "SLOW_LOOKUP_S": str(lookup_s),
                            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def hold(self, what: str) -> None:
        (self.folder / what).touch()

    def release(self, what: str) -> None:
        (self.folder / what).unlink(missing_ok=True)

    def hangs(self, what: str) -> list[Hang]:
        path, found = self.folder / "hangs", {}
        for line in path.read_text().splitlines() if path.exists() else []:
            name, edge, begin, at = line.split()
            if name == what:
                found[int(begin)] = Hang(int(begin), int(at) if edge == "end" else None)
        return list(found.values())

    def ended(self, what: str) -> int:
        return sum(hang.end_us is not None for hang in self.hangs(what))

    def hanging(self, what: str) -> Hang | None:
        return next((hang for hang in self.hangs(what) if hang.end_us is None), None)


def largest_gap(times: list[int], start_us: int, end_us: int) -> int:
    """The longest time between two neighbours of which any part lies in the span, whose ends count when nothing follows."""
    inside = [at for at in times if start_us <= at <= end_us]
    before = [at for at in times if at < start_us][-1:]
    after = [at for at in times if at > end_us][:1]
    edges = before + inside + (after or [end_us])
    return max((later - earlier for earlier, later in zip(edges, edges[1:])), default=end_us - start_us)


def judge_rhythm(name: str, times: list[int], calm: tuple[int, int], stall: tuple[int, int]) -> list[str]:
    """What is wrong with these moments during the stall, measured by those of the calm span."""
    def count(span: tuple[int, int]) -> int:
        return sum(span[0] <= at <= span[1] for at in times)
    calm_gap, gap = largest_gap([at for at in times if calm[0] <= at <= calm[1]], *calm), largest_gap(times, *stall)
    calm_rate, rate = count(calm) * US / (calm[1] - calm[0]), count(stall) * US / (stall[1] - stall[0])
    text = f"{name}: longest gap {gap / US:.2f} s (calm {calm_gap / US:.2f}), {rate:.2f} a second (calm {calm_rate:.2f})"
    print(text, flush=True)
    return [text] if gap > GAP_FACTOR * calm_gap or rate * RATE_FACTOR < calm_rate else []


def polls(world: World) -> dict[str, list[int]]:
    """When each request was answered on the line, by the bytes of the request."""
    found = defaultdict(list)
    for row in read_lines(world.site.line_log):
        found[row["request"]].append(row["at_us"])
    return found


def judge_polls(world: World, calm: tuple[int, int], stall: tuple[int, int]) -> list[str]:
    blocks = {name: times for name, times in polls(world).items() if sum(calm[0] <= at <= calm[1] for at in times) > 1}
    assert blocks, "nothing was polled in the calm span"
    return [text for name, times in blocks.items() for text in judge_rhythm(f"polls {name}", times, calm, stall)]


def wait_polls(world: World, since_us: int, count: int, timeout_s: float) -> None:
    """Until each block that is polled was read so often since then."""
    def enough() -> bool:
        blocks = polls(world).values()
        recent = [sum(at > since_us for at in times) for times in blocks if len(times) > 2]
        return bool(recent) and min(recent) >= count
    world.wait_for(enough, timeout_s, f"{count} polls of each block")


def calm_span(world: World) -> tuple[int, int]:
    """The calm part of a run, once the first value is on the page."""
    world.log_in()
    world.first_value()
    start_us = now_us()
    wait_polls(world, start_us, CALM_POLLS, 60)
    return start_us, now_us()


def judge_losses(world: World) -> list[str]:
    """Every report that the line carried was journalled, and every journalled sample is stored once."""
    judge = Judge(world.site.device_id, world.site.line_log, world.site.sync_trace,
                  {entry["name"]: entry["slot"] for entry in sensor_entries(world.store.sensors)})
    world.parts["receiver"].stop()  # nothing new is measured while the rest arrives
    found = {}

    def complete() -> bool:
        found["missed"] = judge.missed([], 0)
        found["verdict"] = judge.judge(world.api)
        return not found["missed"] and not found["verdict"].lost

    try:
        world.wait_for(complete, SETTLE_S, "end of what was on its way")
    except Exception as error:  # the verdict is what counts
        print(error)
    verdict = found["verdict"]
    print(f"{verdict.text()}, reports not journalled {len(found['missed'])}", flush=True)
    wrong = found["missed"] + verdict.lost + verdict.doubled + verdict.wrong + verdict.invented
    return wrong if wrong or verdict.good() else ["nothing was journalled"]


def finish(world: World, wrong: list[str]) -> int:
    for text in wrong[:10]:
        print("WRONG " + text)
    if wrong:
        print(world.last_lines(10))
    return 1 if wrong else 0
