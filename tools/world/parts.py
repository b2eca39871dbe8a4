# SPDX-License-Identifier: Apache-2.0
"""Processes under supervision: started, watched by their log lines, restarted when they die, ended by their id."""

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
END_S = 8.0  # how long a part may take to end by SIGTERM
FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


@dataclasses.dataclass
class Event:
    """One log line of a part, or its start or end (fields {"ev": "started" | "ended"})."""

    part: str
    line: str
    fields: dict[str, str]


def parse_line(line: str) -> dict[str, str]:
    return {key: value.strip('"') for key, value in FIELD.findall(line)}


class Part:
    """One process of the world. Its stderr goes to a log file and, line by line, to the events queue."""

    def __init__(self, name: str, command: list[str], log: pathlib.Path, events: "queue.Queue[Event]",
                 environment: dict[str, str] | None = None):
        self.name = name
        self.command = command
        self.log = log
        self.events = events
        self.environment = environment
        self.process: subprocess.Popen | None = None
        self.wanted = False
        self.failures = 0
        self.started_at = 0.0
        self.restart_at = 0.0
        self.ends = 0

    def start(self) -> None:
        self.started_at = time.monotonic()
        # A group of its own: Ctrl-C at the terminal reaches the supervisor alone, which ends the parts in order.
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
                                        env={**os.environ, **(self.environment or {})})
        self.wanted = True  # only now: what tends the parts must not start a second one meanwhile
        self.events.put(Event(self.name, "", {"ev": "started", "pid": str(self.process.pid)}))
        threading.Thread(target=self._follow, args=(self.process,), name=f"log-{self.name}", daemon=True).start()

    def _follow(self, process: subprocess.Popen) -> None:
        with open(self.log, "a", encoding="utf-8") as log:
            for line in process.stderr:
                log.write(line)
                log.flush()
                self.events.put(Event(self.name, line.rstrip("\n"), parse_line(line)))
        code = process.wait()
        self.events.put(Event(self.name, "", {"ev": "ended", "code": str(code), "pid": str(process.pid)}))

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def tend(self, now: float) -> None:
        """Starts the part again if it died, after a delay that grows while it keeps dying."""
        if not self.wanted or self.alive():
            return
        if self.restart_at == 0.0:
            self.ends += 1
            self.failures = 0 if now - self.started_at > STABLE_S else self.failures + 1
            self.restart_at = now + BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)]
        elif now >= self.restart_at:
            self.restart_at = 0.0
            self.start()

    def signal(self, number: int) -> None:
        if self.alive():
            os.kill(self.pid(), number)

    def stop(self) -> int | None:
        """Ends the part politely, then not; returns its exit code."""
        self.wanted = False
        if not self.process:
            return None
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            return self.process.wait()
