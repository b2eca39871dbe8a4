# SPDX-License-Identifier: Apache-2.0
"""A world in which a part's sync or name look-up hangs on demand, and the judge of polls: the line's own log.

A hang lasts until what is to go on meanwhile has gone on. How fast that is on a calm machine is measured in bench/.
"""

import dataclasses
import json
import os
import pathlib
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable

BUILD = pathlib.Path(os.environ["BUSWARD_BUILD"])
SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tools"))

from world.judge import Judge, read_lines  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World, find_program  # noqa: E402

STORE = Store(sensors=8, report_s=2, sync_ms=200, max_age_ms=500, poll_ms=500, stale_after_s=60,
              reply_timeout_ms=5000)  # what the line carried is taken, however late a busy machine reads it
CALM_POLLS = 6  # of each block, before anything stalls
ONCE_MAX = 3  # a block read so rarely by then is not polled again and again
POLLS, SAMPLES = 10, 10  # of each block, and on the live stream, while something hangs
HANG_S = 110  # longer than is waited for meanwhile: who waits for the hang is caught
MEANWHILE_S = 60
SETTLE_S = 40


def now_us() -> int:
    return time.monotonic_ns() // 1000


@dataclasses.dataclass
class Hang:
    begin_us: int
    end_us: int | None  # None: it hangs still
    of: str  # name that is looked up


class Slow:
    """The preloaded library in one part: `hold` makes each sync or look-up from now on hang, `release` lets all go."""

    def __init__(self, library: str | None = None, hang_s: int = HANG_S):
        """hang_s: the longest hang, whoever does not release it."""
        self.kept = tempfile.TemporaryDirectory(prefix="busward-slow-")  # removed with this object
        self.folder = pathlib.Path(self.kept.name)
        library = library or find_program(BUILD, "slow.so")
        self.environment = {"LD_PRELOAD": library, "SLOW_FOLDER": str(self.folder), "SLOW_SYNC_S": str(hang_s),
                            "SLOW_LOOKUP_S": str(hang_s),
                            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def hold(self, what: str) -> None:
        (self.folder / what).touch()

    def release(self, what: str) -> None:
        (self.folder / what).unlink(missing_ok=True)

    def hangs(self, what: str) -> list[Hang]:
        path, found = self.folder / "hangs", {}
        for line in path.read_text().splitlines() if path.exists() else []:
            name, edge, begin, at, of = line.split()
            if name == what:
                found[int(begin), of] = Hang(int(begin), int(at) if edge == "end" else None, of)
        return list(found.values())

    def hanging(self, what: str, of: str | None = None) -> Hang | None:
        return next((hang for hang in self.hangs(what) if hang.end_us is None and of in (None, hang.of)), None)


def polls(world: World) -> dict[str, list[int]]:
    """When each request was answered on the line, by the bytes of the request."""
    found = defaultdict(list)
    for row in read_lines(world.site.line_log):
        found[row["request"]].append(row["at_us"])
    return found


def regular(world: World) -> list[str]:
    """The blocks that are polled again and again, once the first value is on the page."""
    world.log_in()
    world.first_value()

    def known() -> list[str]:
        blocks = polls(world)
        often = [name for name, times in blocks.items() if len(times) >= CALM_POLLS]
        return often if all(len(times) >= CALM_POLLS or len(times) <= ONCE_MAX for times in blocks.values()) else []
    return world.wait_for(known, MEANWHILE_S, f"{CALM_POLLS} polls of each block")


def wait_polls(world: World, blocks: list[str], since_us: int) -> None:
    """Until each of them was read several times since then."""
    def enough() -> bool:
        found = polls(world)
        return all(sum(at > since_us for at in found[name]) >= POLLS for name in blocks)
    world.wait_for(enough, MEANWHILE_S, f"{POLLS} polls of each block meanwhile")


class Live:
    """Follows the live stream of the site and keeps its samples, each with when it came."""

    def __init__(self, world: World):
        self.stream = world.api.stream(world.site.device_id)
        self.samples: list[tuple[int, dict]] = []
        self.is_over = False
        self.thread = threading.Thread(target=self.follow, name="live", daemon=True)
        self.thread.start()

    def follow(self) -> None:
        try:
            event = b""
            for line in self.stream:
                if line.startswith(b"event:"):
                    event = line.split(b":", 1)[1].strip()
                elif line.startswith(b"data:") and event == b"sample":
                    self.samples.append((now_us(), json.loads(line[5:])))
        finally:
            self.is_over = True

    def count(self, since_us: int) -> int:
        return sum(at > since_us for at, _ in list(self.samples))

    def wait(self, world: World, since_us: int) -> None:
        """Until several samples have come since then."""
        world.wait_for(lambda: self.count(since_us) >= SAMPLES, MEANWHILE_S, f"{SAMPLES} live samples meanwhile")

    def judge(self) -> list[str]:
        """The one connection stood all the time and showed nothing twice."""
        shown = Counter((sample["point"], sample["at_ms"], repr(sample["value"])) for _, sample in list(self.samples))
        wrong = [f"the live stream showed point, time and value {key} {count} times" for key, count in shown.items() if count > 1]
        return wrong + (["the live stream was ended"] if self.is_over else [])


def in_hang(world: World, slow: Slow, what: str, act: Callable[[Hang], object], of: str | None = None) -> list[str]:
    """Does this in a hang, which goes on until it is done."""
    slow.hold(what)
    begun = world.wait_for(lambda: slow.hanging(what, of), MEANWHILE_S, f"{what} that hangs")
    act(begun)
    wrong = [] if begun in slow.hangs(what) else [f"the {what} hung no longer: this proves nothing"]
    slow.release(what)
    world.wait_for(lambda: begun not in slow.hangs(what), MEANWHILE_S, f"end of the {what} that hangs")
    return wrong


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
