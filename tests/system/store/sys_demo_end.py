#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: Ctrl-C ends the demo at any moment, with code 130, and no process stays; a part that crashed makes it 1, and so does a
report that nobody journalled. Method: the signal comes while keys are made, while parts start, while no value comes since the
receiver hangs, while the store runs with a part that hangs, and while it cannot be judged since the hub hangs; a reply that the
gateway never got is written into the line's log. Then the exit code is read, and /proc."""

import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable

from demo_run import Demo

SMALL = ("--tty", "--sensors", "4", "--report-s", "2")
STARTING, RUNS, JUDGED = "starting line", "Ctrl-C ends all of it", "every report was journalled"


def interrupt(demo: Demo) -> None:
    """As the terminal does: all that is in the foreground gets it."""
    os.killpg(demo.process.pid, signal.SIGINT)


def while_keys_are_made(demo: Demo) -> None:
    demo.wait_for("the folder of the keys", (demo.data / "tls").exists)
    interrupt(demo)


def while_parts_start(demo: Demo) -> None:
    demo.read_until(STARTING)
    interrupt(demo)


def while_no_value_comes(demo: Demo) -> None:
    os.kill(demo.wait_process("busward-sensor"), signal.SIGSTOP)
    demo.wait_process("busward-cloud")
    interrupt(demo)


def while_it_runs(demo: Demo) -> None:
    demo.read_until(RUNS)
    os.kill(demo.wait_process("busward-gateway"), signal.SIGSTOP)
    interrupt(demo)


def while_it_is_judged(demo: Demo) -> None:
    demo.read_until(RUNS)
    os.kill(demo.wait_process("hub.conf"), signal.SIGSTOP)
    demo.read_until("judging")
    interrupt(demo)


def when_the_terminal_goes(demo: Demo) -> None:
    demo.read_until(RUNS)
    os.kill(demo.process.pid, signal.SIGHUP)


def after_a_crash(demo: Demo) -> None:
    demo.read_until(RUNS)
    os.kill(demo.wait_process("busward-cloud"), signal.SIGABRT)
    demo.read_until("the cloud runs as process")
    interrupt(demo)


def with_a_report_that_got_lost(demo: Demo) -> None:
    demo.wait_for("the line's log", (demo.data / "line.jsonl").exists)
    block = struct.pack(">10H", 40000, 0, 1234, 500, 3000, 0, 0, 0, 0, 0)  # of slot 0
    row = {"end_us": time.monotonic_ns() // 1000, "request": struct.pack(">BBHHH", 1, 3, 100, 10, 0).hex(),
           "reply": (bytes((1, 3, len(block))) + block + bytes(2)).hex()}
    with (demo.data / "line.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")


def story(moment: Callable[[Demo], None], code: int, seconds: str = "0", words: str = "", settle_s: int = 0) -> list[str]:
    print(f"--- {moment.__name__}", flush=True)
    demo = Demo(*SMALL, seconds=seconds, settle_s=settle_s)
    try:
        moment(demo)
        ended = demo.end()
    finally:
        wrong = demo.close()
    code = 0 if moment == while_it_is_judged and JUDGED in demo.text() else code  # the hub hung too late to be missed
    wrong += [f"it ended with {ended}, not {code}"] if ended != code else []
    wrong += [f"it did not say: {words}"] if words not in demo.text() else []
    wrong += ["it broke: " + demo.text()[-2000:]] if "Traceback" in demo.text() else []
    return [f"{moment.__name__}: {word}" for word in wrong]


def main() -> int:
    wrong = []
    for moment in (while_keys_are_made, while_parts_start, while_no_value_comes, while_it_runs, when_the_terminal_goes):
        wrong += story(moment, 130)
    wrong += story(while_it_is_judged, 130, seconds="1")
    wrong += story(after_a_crash, 1, words=f"died by itself with code {-signal.SIGABRT}")
    lost = "not journalled: slot 0, report 40000: temperature 12.34"
    wrong += story(with_a_report_that_got_lost, 1, seconds="1", words=lost, settle_s=1)
    print("\n".join("WRONG " + word for word in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
