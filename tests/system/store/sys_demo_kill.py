#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo keeps its word: "kill -9 any of them and watch it heal".

Goal: after a kill of every service at once, then of the receiver alone, then of the line alone, each is started again, values
are journalled anew, and at the end every report is accounted for. Method: tools/demo.py as ./dev demo starts it; the process
ids are those that it prints, so is the verdict; that the line lives again is read from the journal's sync trace.
"""

import os
import pathlib
import re
import signal
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tools"))

from demo_run import Demo  # noqa: E402
from world.judge import read_lines  # noqa: E402

ROUNDS = (("gateway", "hub", "dps", "backend", "cloud"), ("receiver",), ("line",))
SECONDS = "12"  # of the demo
VERDICT = "every report was journalled, every journalled sample is in the store exactly once"


def kill(demo: Demo, pids: dict[str, str], names: tuple[str, ...]) -> None:
    """Kills, and reads on until all run again."""
    waiting = set(names)
    for name in names:
        os.kill(int(pids[name]), signal.SIGKILL)
    while waiting and (line := demo.next_line()):
        waiting -= {name for name in waiting if f"the {name} runs as process" in line}


def judge(demo: Demo, code: int, struck_us: int) -> list[str]:
    text = demo.text()
    wrong = [f"the {name} was not started again" for names in ROUNDS for name in names
             if f"the {name} ended (code -9): starting it again" not in text or f"the {name} runs as process" not in text]
    wrong += [] if VERDICT in text and code == 0 else [f"exit code {code}, and the verdict is another"]
    trace = read_lines(demo.data / "sync-trace.jsonl")
    fresh = [row for row in trace if row.get("name") == "temperature" and row["q"] == "good" and row["told_us"] > struck_us]
    return wrong if fresh else [*wrong, "nothing was journalled after the last kill"]


def main() -> int:
    demo = Demo("--tty", "--sensors", "8", "--report-s", "2", seconds=SECONDS)
    try:
        pids = dict(re.findall(r"(\w+) (\d+)", demo.read_until("  parts: ")))
        for names in ROUNDS if pids else ():
            kill(demo, pids, names)
        struck_us = time.monotonic_ns() // 1000
        wrong = judge(demo, demo.end(), struck_us)
    finally:
        left = demo.close()
    for word in [*wrong, *left]:
        print("WRONG " + word)
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
