# SPDX-License-Identifier: Apache-2.0
"""The world itself: every part of Busward as a real process on loopback and PTYs, supervised."""

import os
import pathlib
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable

from world.api import Api
from world.parts import Event, Part
from world.store import Site, Store, sensor_entries

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
CORE_PROGRAM = SOURCE / "build" / "m4" / "busward-rt.elf"
ORDER = ["line", "receiver", "hub", "dps", "backend", "gateway", "cloud"]
FORGETFUL = ("hub", "dps")  # mosquitto 2.0.11 forgets a SIGTERM that comes just before its main loop begins
TICK_S = 0.1
START_S = 60  # for one part to begin, on a busy machine


class WorldError(Exception):
    pass


class Interrupted(Exception):
    """Somebody asked for the end while something was waited for."""


def find_program(build: pathlib.Path, name: str) -> str:
    for path in sorted(build.glob(f"**/{name}")):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise WorldError(f"{name} is not in {build}: build it first (./dev build)")


class World:
    """with World(build, Store(...)) as world: world.wait_for(...); world.kill("hub"); ...

    Leaving it raises WorldError if any part died without having been told to (by kill, signal or stop), or ended with
    another code than 0: a sanitizer's report fails whatever test meets it. Events of all parts come in order through
    `on_event`, on the supervisor's thread. `environments` adds variables to those of a part, by its name. `by_hand`:
    parts may also be ended from outside. Once `is_interrupted` says so, whoever waits gets Interrupted.
    """

    def __init__(self, build: pathlib.Path, store: Store | None = None, folder: pathlib.Path | None = None,
                 on_event: Callable[[Event], None] | None = None, environments: dict[str, dict[str, str]] | None = None,
                 by_hand: bool = False, is_interrupted: Callable[[], bool] = lambda: False):
        self.store = store or Store()
        self.build = build.resolve()
        self.temporary = folder is None
        self.folder = folder or pathlib.Path(tempfile.mkdtemp(prefix="busward-"))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.events: queue.Queue[Event] = queue.Queue()
        self.on_event = on_event or (lambda event: None)
        self.is_interrupted = is_interrupted
        self.seen: list[Event] = []
        self.changed = threading.Condition()
        self.ending = threading.Event()
        plugin = find_program(self.build, "busward_hub.so")
        backend = find_program(self.build, "busward-hub")
        self.site = Site(self.folder, self.store, pathlib.Path(plugin), pathlib.Path(backend), SOURCE)
        self.parts = {name: Part(name, self._command(name), self.folder / "logs" / f"{name}.log", self.events,
                                 (environments or {}).get(name), by_hand, name in FORGETFUL) for name in ORDER}
        self.supervisor_fault = ""
        self.api = Api(f"http://127.0.0.1:{self.site.http_port}")
        self.supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def _command(self, name: str) -> list[str]:
        site, store = self.site, self.store
        if name == "line":
            return [*self._line_client(), "--baud", str(store.baud), "--format", store.format,
                    "--device", str(site.device_tty), "--log", str(site.line_log),
                    "--report", str(site.line_report), *store.line_options]
        if name == "receiver":
            silences = [word for silence in store.silences for word in ("--silent", silence)]
            return [find_program(self.build, "busward-sensor"), "--port", f"tty:{site.device_tty}", "--baud", str(store.baud),
                    "--format", store.format, "--unit", "1", "--sensors", str(store.sensors), "--report-s", str(store.report_s),
                    "--speed", str(store.speed), "--seed", str(store.seed), "--start-of-day", store.start_of_day,
                    *(["--calm"] if store.calm else []), *silences]
        if name in ("hub", "dps"):
            return [shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or "/usr/sbin/mosquitto",
                    "-c", str(site.folder / "hub" / f"{name}.conf")]
        if name == "backend":
            return [find_program(self.build, "busward-hub"), *site.backend_options()]
        if name == "gateway":
            return [find_program(self.build, "busward-gateway"), "--config", str(site.gateway_config),
                    "--sync-trace", str(site.sync_trace), "--trust-clock"]  # a container's kernel knows no NTP
        return [find_program(self.build, "busward-cloud"), "--data", str(site.folder / "cloud"), "--hub-log", str(site.hub_log),
                "--listen", f"127.0.0.1:{site.http_port}", "--web", str(SOURCE / "web" / "dist"), *site.cloud_options()]

    def _line_client(self) -> list[str]:
        """Who drives the line: the real-time core's own program in the model, or whoever opens a PTY."""
        if not self.store.core:
            return [find_program(self.build, "busward-line"), "--client", str(self.site.client_tty)]
        if not CORE_PROGRAM.is_file():
            raise WorldError(f"{CORE_PROGRAM} is not there: build it first (./dev build m4)")
        return [find_program(self.build, "busward-m4"), "--elf", str(CORE_PROGRAM), "--mailbox", str(self.site.mailbox)]

    # --- life -----------------------------------------------------------------------------------------

    def start(self) -> "World":
        self.supervisor.start()
        for name in ORDER:
            self._heed()
            self.parts[name].start()
            if name == "line":
                end = self.site.mailbox if self.store.core else self.site.client_tty
                self.wait_for(lambda: end.exists() and self.site.device_tty.exists(), START_S, "the line's two ends")
            if name == "backend":  # or the gateway's first registration would have to be tried again
                self.wait_event(lambda event: event.fields.get("ev") == "hello" and event.fields.get("broker") == "dps", START_S,
                                "the provisioning service")
        return self

    def stop(self) -> None:
        """Ends all parts in the opposite order of the data."""
        self.ending.set()
        self.supervisor.join()
        for name in reversed(ORDER):
            self.parts[name].stop()
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def faults(self) -> list[str]:
        """Deaths that nobody ordered, and ends that were no clean ones."""
        found = [fault for part in self.parts.values() for fault in part.faults]
        return found + [self.supervisor_fault] if self.supervisor_fault else found

    def __enter__(self) -> "World":
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.stop()
        text = "\n".join(self.faults())
        if text and (error is None or isinstance(error, Interrupted)):
            raise WorldError(text) from error
        if text:
            print(text, file=sys.stderr, flush=True)

    def _supervise(self) -> None:
        try:
            while not self.ending.is_set():
                self._turn()
        except Exception:  # nobody tends the parts any more: what is left of this run says nothing
            self.supervisor_fault = f"the supervisor failed:\n{traceback.format_exc()}"

    def _turn(self) -> None:
        try:
            event = self.events.get(timeout=TICK_S)
        except queue.Empty:
            event = None
        if event:
            with self.changed:
                self.seen.append(event)
                self.changed.notify_all()
            self.on_event(event)
        now = time.monotonic()
        for part in self.parts.values():
            part.tend(now)

    def _heed(self) -> None:
        if self.is_interrupted():
            raise Interrupted

    # --- what tests do --------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """kill -9; the supervisor starts the part again."""
        self.parts[name].signal(signal.SIGKILL)

    def wait_event(self, test: Callable[[Event], bool], timeout_s: float, what: str, after: int = 0) -> int:
        """Waits for an event; returns the place behind it, to go on from there."""
        deadline = time.monotonic() + timeout_s
        with self.changed:
            at = after
            while True:
                while at < len(self.seen):
                    at += 1
                    if test(self.seen[at - 1]):
                        return at
                self._heed()
                left = deadline - time.monotonic()
                if left > 0:
                    self.changed.wait(min(left, TICK_S))
                elif at == len(self.seen):
                    raise WorldError(f"no sign of {what} within {timeout_s} s; logs: {self.folder / 'logs'}\n{self.last_lines()}")

    def wait_for(self, test: Callable[[], object], timeout_s: float, what: str) -> object:
        """Asks again, at every event and at least ten times a second, until test() is true or answers something."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._heed()
            try:
                if answer := test():
                    return answer
                reason = ""
            except Exception as error:  # a part that is down answers with whatever it does: ask again
                reason = f" ({error})"
            if time.monotonic() >= deadline:
                raise WorldError(f"no {what} within {timeout_s} s{reason}; logs: {self.folder / 'logs'}\n{self.last_lines()}")
            with self.changed:
                self.changed.wait(TICK_S)

    def pause(self, seconds: float) -> None:
        """Lets the world live on for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._heed()
            with self.changed:
                self.changed.wait(min(left, TICK_S))

    def last_lines(self, count: int = 4) -> str:
        lines = []
        for part in self.parts.values():
            tail = part.log.read_text(errors="replace").splitlines()[-count:] if part.log.exists() else []
            lines += [f"  {part.name}: {line}" for line in tail]
        return "\n".join(lines)

    def log_in(self) -> Api:
        """Makes the first account by the set-up link, as a person would."""
        link = self.folder / "cloud" / "setup-link"
        self.wait_for(link.exists, START_S, "set-up link")
        token = link.read_text().strip().rsplit("token=", 1)[-1]
        self.wait_for(lambda: self.api.set_up(token) or True, START_S, "answer from the cloud")
        return self.api

    def first_value(self, is_sensors: bool = False) -> dict:
        """Waits until some point, or some point of the store's sensors, shows a good value; returns it."""
        sensors = {entry["name"] for entry in sensor_entries(self.store.sensors)}

        def shown() -> dict | None:
            points = self.api.points(self.site.device_id).values()
            return next((point for point in points if point["quality"] == "good" and point["value"] is not None and
                         (not is_sensors or point["sensor_name"] in sensors)), None)
        return self.wait_for(shown, START_S, "first value on the page")
