# SPDX-License-Identifier: Apache-2.0
"""Processes under supervision: started, watched by their log lines, restarted when they die, ended by their id.

A part that dies without having been told to, or ends with another code than 0 when told to, leaves a fault.
"""

import collections
import dataclasses
import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time

BACKOFF_S = (0.2, 0.5, 1.0, 2.0)
STABLE_S = 5.0  # a part that lived this long starts again without delay
END_S = 30.0  # how long a part may take to end by SIGTERM, on a busy machine
ASK_S = 0.5  # how often a broker is asked to end
CATCH_S = 0.01  # how often a young part is looked at, until it would hear SIGTERM
FAULT_LINES = 40  # of a part's last words; a sanitizer's report begins with what matters
FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


@dataclasses.dataclass
class Event:
    """One log line of a part, or its start or end (fields {"ev": "started" | "ended"})."""

    part: str
    line: str
    fields: dict[str, str]


def parse_line(line: str) -> dict[str, str]:
    return {key: value.strip('"') for key, value in FIELD.findall(line)}


class Life:
    """One process of a part, from its start to its end."""

    def __init__(self, process: subprocess.Popen):
        self.process = process
        self.ordered: set[int] = set()  # signals that were sent to end it
        self.lines: collections.deque[str] = collections.deque(maxlen=FAULT_LINES)
        self.follower: threading.Thread | None = None

    def hears(self, number: int) -> bool:
        """Whether the process has made itself ready for the signal; before that it would die of it."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return False
        masks = [int(mask, 16) for mask in re.findall(r"^Sig(?:Cgt|Blk):\s*([0-9a-f]+)$", status, re.M)]
        return any(mask >> (number - 1) & 1 for mask in masks)

    def fault(self, code: int) -> str | None:
        """What is wrong with how it ended."""
        if code == -signal.SIGKILL and signal.SIGKILL in self.ordered:
            return None
        if signal.SIGTERM in self.ordered:
            return None if code == 0 else f"ended with code {code} when it was told to end"
        return f"died by itself with code {code}"


class Part:
    """One process of the world. Its stderr goes to a log file and, line by line, to the events queue.

    by_hand: somebody else may end it too, and politely or with kill -9. is_forgetful: it may forget a SIGTERM.
    """

    def __init__(self, name: str, command: list[str], log: pathlib.Path, events: "queue.Queue[Event]",
                 environment: dict[str, str] | None = None, by_hand: bool = False, is_forgetful: bool = False):
        self.name = name
        self.command = command
        self.log = log
        self.events = events
        self.environment = environment
        self.by_hand = by_hand
        self.is_forgetful = is_forgetful
        self.lock = threading.RLock()  # of what follows: tests and the supervisor both start and stop
        self.life: Life | None = None
        self.wanted = False
        self.failures = 0
        self.births: list[float] = []  # when each life began
        self.restart_at = 0.0
        self.ends = 0
        self.faults: list[str] = []

    @property
    def process(self) -> subprocess.Popen | None:
        return self.life.process if self.life else None

    @property
    def started_at(self) -> float:
        return self.births[-1] if self.births else 0.0

    def start(self) -> None:
        with self.lock:
            self.births.append(time.monotonic())
            # A group of its own: Ctrl-C at the terminal reaches the supervisor alone, which ends the parts in order.
            process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
                                       env={**os.environ, **(self.environment or {})})
            self.life = Life(process)
            self.wanted = True
            self.events.put(Event(self.name, "", {"ev": "started", "pid": str(process.pid)}))
            self.life.follower = threading.Thread(target=self._follow, args=(self.life,), name=f"log-{self.name}", daemon=True)
            self.life.follower.start()

    def _follow(self, life: Life) -> None:
        with open(self.log, "a", encoding="utf-8") as log:
            for line in life.process.stderr:
                log.write(line)
                log.flush()
                life.lines.append(line)
                self.events.put(Event(self.name, line.rstrip("\n"), parse_line(line)))
        code = life.process.wait()
        with self.lock:
            self.ends += 1
            fault = life.fault(code)
            if fault and not (self.by_hand and not life.ordered and code in (0, -signal.SIGTERM, -signal.SIGKILL)):
                self.faults.append(f"{self.name} {life.process.pid} {fault}; its last words:\n{''.join(life.lines)}")
        self.events.put(Event(self.name, "", {"ev": "ended", "code": str(code), "pid": str(life.process.pid)}))

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def tend(self, now: float) -> None:
        """Starts the part again if it died, after a delay that grows while it keeps dying."""
        with self.lock:
            if not self.wanted or self.alive():
                return
            if self.restart_at == 0.0:
                self.failures = 0 if now - self.started_at > STABLE_S else self.failures + 1
                self.restart_at = now + BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)]
            elif now >= self.restart_at:
                self.restart_at = 0.0
                self.start()

    def signal(self, number: int) -> None:
        """SIGKILL and SIGTERM order its death; of any other signal it is not to die."""
        with self.lock:
            if self.alive():
                if number in (signal.SIGKILL, signal.SIGTERM):
                    self.life.ordered.add(number)
                self.process.send_signal(number)

    def _end(self, process: subprocess.Popen) -> None:
        """Asks the process to end until it does, or until the time is up."""
        deadline = time.monotonic() + END_S
        self.signal(signal.SIGCONT)  # one that was stopped would not hear
        while not self.life.hears(signal.SIGTERM) and time.monotonic() < deadline:
            try:
                process.wait(CATCH_S)
                return
            except subprocess.TimeoutExpired:
                pass
        while True:
            self.signal(signal.SIGTERM)
            left = deadline - time.monotonic()
            try:
                process.wait(max(min(left, ASK_S), 0) if self.is_forgetful else max(left, 0))
                return
            except subprocess.TimeoutExpired:
                if left <= 0:
                    return

    def stop(self) -> int | None:
        """Ends the part politely, then not; returns its exit code."""
        with self.lock:
            self.wanted = False  # from here on nobody starts it
            process = self.process
        if not process:
            return None
        self._end(process)
        if self.alive():
            with self.lock:
                words = "".join(self.life.lines)
                self.faults.append(f"{self.name} {process.pid} did not end within {END_S} s; its last words:\n{words}")
            self.signal(signal.SIGKILL)
        code = process.wait()
        self.life.follower.join()
        return code
