#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: no test of a whole system passes while a part of it crashed or ended badly, and none fails for what it ordered itself.

Method: small programs that end in every way there is, as a part; then a whole world, in which a part is killed and one
crashes. And two processes never get the same port, whether a server is bound to it or not.
"""

import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
sys.path.insert(0, str(SOURCE / "tools"))

from world import parts  # noqa: E402
from world.parts import Event, Part  # noqa: E402
from world.ports import free_port  # noqa: E402
from world.store import Store  # noqa: E402
from world.world import World, WorldError  # noqa: E402

TIMEOUT_S = 60
HEARS = "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: os._exit({code}))\nprint('ready', file=sys.stderr, flush=True)\n"
WAITS = "while True: signal.pause()\n"
DEAF = HEARS.replace("os._exit({code})", "None") + WAITS
FORGETS = """import os, signal, sys
def first(*_): signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
signal.signal(signal.SIGTERM, first)
print('ready', file=sys.stderr, flush=True)
""" + WAITS


class Trial:
    """One program as a part, told when it is ready."""

    def __init__(self, program: str, folder: str, **more: bool):
        self.events: queue.Queue[Event] = queue.Queue()
        self.part = Part("trial", [sys.executable, "-c", program], pathlib.Path(folder) / "log", self.events, **more)
        self.part.start()

    def wait(self, test) -> None:
        while not test(self.events.get(timeout=TIMEOUT_S)):
            pass

    def wait_ready(self) -> None:
        self.wait(lambda event: event.line == "ready")

    def wait_end(self) -> None:
        self.wait(lambda event: event.fields.get("ev") == "ended")


def faults(program: str, then=None, is_ready: bool = True, **more: bool) -> list[str]:
    """What is said of a part that lived so, and that was stopped at last."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(program, folder, **more)
        if is_ready:
            trial.wait_ready()
        if then:
            then(trial)
        trial.part.stop()
        return trial.part.faults


def strike(number: int, outside: bool = False):
    """A signal of which the part ends."""
    def then(trial: Trial) -> None:
        if outside:
            os.kill(trial.part.pid(), number)
        else:
            trial.part.signal(number)
        trial.wait_end()
    return then


def again(trial: Trial) -> None:
    """Two lives: the first is killed, the second is started as the supervisor does."""
    strike(signal.SIGKILL)(trial)
    moment = time.monotonic()
    trial.part.tend(moment)
    trial.part.tend(moment + 60)
    trial.wait_ready()


def freeze(trial: Trial) -> None:
    trial.part.signal(signal.SIGSTOP)


def check_parts() -> list[str]:
    polite = HEARS.format(code=0) + WAITS
    by_itself = HEARS.format(code=0) + "os._exit({code})\n"
    kill, terminate, abort = signal.SIGKILL, signal.SIGTERM, signal.SIGABRT
    clean = {
        "stopped": faults(polite), "stopped at birth": faults(polite, is_ready=False), "stopped while frozen": faults(polite, freeze),
        "killed": faults(polite, strike(kill)), "terminated": faults(polite, strike(terminate)),
        "killed, then stopped": faults(polite, again),
        "forgetful": faults(FORGETS, is_forgetful=True), "killed by hand": faults(polite, strike(kill, outside=True), by_hand=True),
        "terminated by hand": faults(polite, strike(terminate, outside=True), by_hand=True),
    }
    bad = {
        "crashed": faults(polite, strike(abort)), "crashed by hand": faults(polite, strike(abort, outside=True), by_hand=True),
        "killed by a stranger": faults(polite, strike(kill, outside=True)),
        "ended by itself": faults(by_itself.format(code=0), Trial.wait_end),
        "failed by itself": faults(by_itself.format(code=1), Trial.wait_end),
        "ended with a leak": faults(HEARS.format(code=23) + WAITS), "deaf": faults(DEAF),
    }
    wrong = [f"{name}, but: {found}" for name, found in clean.items() if found]
    return wrong + [f"{name}, and {len(found)} faults, not one" for name, found in bad.items() if len(found) != 1]


def check_world() -> list[str]:
    """A kill is ordered, a crash is not: the one is healed and forgotten, the other as well, but not forgotten."""
    world = World(pathlib.Path(os.environ["BUSWARD_BUILD"]), Store(sensors=4, report_s=2))
    try:
        with world:
            world.log_in()
            world.first_value()
            place = len(world.seen)
            world.kill("dps")
            world.parts["cloud"].signal(signal.SIGABRT)
            for name in ("dps", "cloud"):
                world.wait_event(lambda event: (event.part, event.fields.get("ev")) == (name, "started"), TIMEOUT_S, f"{name} again", place)
            world.wait_for(lambda: world.api.points(world.site.device_id), TIMEOUT_S, "answer of the cloud's next life")
    except WorldError as error:
        text = str(error)
        is_told = text.startswith("cloud ") and f"died by itself with code {-signal.SIGABRT}" in text and "ev=listening" in text
        return [] if is_told and len(world.faults()) == 1 else [f"of a crash it is said: {text}"]
    return ["a cloud that crashed went unseen"]


def check_ports() -> list[str]:
    """Others that ask for any number of ports are never given one of ours."""
    ours = {free_port() for _ in range(200)}
    code = f"import sys; sys.path.insert(0, {str(SOURCE / 'tools')!r}); from world.ports import free_ports; print(*free_ports(600))"
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    both = ours & {int(port) for port in theirs}
    return [f"{len(both)} ports were given to two processes"] if both or len(theirs) != 600 else []


def main() -> int:
    parts.END_S = 5.0  # for the one that is deaf
    wrong = check_parts()
    parts.END_S = TIMEOUT_S
    wrong += check_ports() + check_world()
    print("\n".join("WRONG " + word for word in wrong) or "each bad end was seen, and no other")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
