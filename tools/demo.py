#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A whole living store on this machine: RS-485 line, receiver, gateway, hub, cloud and a page to open."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from world.api import ApiError  # noqa: E402
from world.judge import Judge, Verdict  # noqa: E402
from world.parts import Event  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import Interrupted, World, WorldError  # noqa: E402

SETTLE_S = 40  # how long the end waits for what is journalled to reach the store
JOURNAL_S = 20.0  # poll and sync of what the line carried take less: what was lost longer before a death has no excuse
REPLY_TIMEOUT_MS = 1000  # what the line carried is taken, though this machine may be busy
INTERRUPTED = 130  # as the shell has it
EPILOG = ("Ctrl-C ends all of it, with exit code 130. DEMO_SECONDS=n in the environment ends it by itself and judges: exit code 0 if "
          "all is well, 1 if anything was lost, doubled or wrong. A part that crashed makes it 1 in any case.")
# What the parts log, by part, module and event, in words. sys_demo_words holds these against the sources.
PLAIN = {
    ("gateway", "identity", "assigned"): "the gateway registered by itself: it belongs to the hub {hub} as {device}",
    ("gateway", "uplink", "connected"): "the gateway is connected to the hub",
    ("gateway", "uplink", "lost"): "the gateway lost the hub ({reason}) and tries again; samples wait in its journal",
    ("gateway", "uplink", "refused"): "the hub refuses the gateway: {reason}",
    ("gateway", "bus", "up"): "{bus} is open",
    ("gateway", "bus", "down"): "{bus} is gone ({reason}); it is opened again when it comes back",
    ("gateway", "rt", "core"): "the real-time core: {text}",
    ("gateway", "poll", "unit"): "unit {unit}, {device}, is {state}",
    ("gateway", "poll", "overrun"): "{bus} is late: {skipped} polls left out",
    ("gateway", "journal", "medium_full"): "the gateway's disk is full: what it measures now is counted",
    ("gateway", "journal", "healed"): "the gateway's disk takes entries again",
    ("hub", "hub", "log_full"): "the hub's log is full: it takes nothing until the cloud has caught up",
    ("hub", "hub", "log_healed"): "the hub's log takes messages again",
    ("cloud", "ingest", "gap"): "the gateway announced a gap of {count} samples",
    ("cloud", "ingest", "catalogue"): "the gateway told the cloud of its points",
}
WATCH_S = 2.0  # how often the page's overview is looked at for what changed


class Ending:
    """Set when a signal asks for the end. A plain flag: a signal may come between any two steps, also of a lock's holder."""

    asked = False


def ask_for_end(*_: object) -> None:
    Ending.asked = True


def say(text: str) -> None:
    try:
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
    except OSError:
        ask_for_end()  # nobody reads any more, as when the terminal is gone


class Unknown(dict):
    def __missing__(self, key: str) -> str:
        return "?"


class Watch:
    """Tells what changes on the page: sensors that go stale or bad, values that leave their limits, and back."""

    def __init__(self, world: World):
        self.world = world
        self.states: dict[str, str] = {}
        self.heard: set[str] = set()

    def look(self) -> None:
        try:
            areas = self.world.api.overview(self.world.site.device_id)["areas"]
        except (ApiError, OSError, ValueError):
            return  # the cloud is down or starting: the next look shows it
        for area in areas:
            for sensor in area["sensors"]:
                self._tell(sensor["name"], self._state(sensor))

    @staticmethod
    def _state(sensor: dict) -> str:
        if sensor["quality"] != "good":
            return sensor["quality"]
        for point in sensor["points"]:
            limits, value = point["limits"], point["value"]
            if limits and value is not None and limits["high"] is not None and value > limits["high"]:
                return f"above its limit: {point['name']} over {limits['high']:g} {point['unit']}"
            if limits and value is not None and limits["low"] is not None and value < limits["low"]:
                return f"below its limit: {point['name']} under {limits['low']:g} {point['unit']}"
        return "good"

    def _tell(self, name: str, state: str) -> None:
        before = self.states.get(name)
        self.states[name] = state
        if before is not None and before != state and name in self.heard:
            say(f"{name} is {'good again' if state == 'good' else state}")
        if state == "good":
            self.heard.add(name)  # what was never heard is not news


class Narrator:
    """One readable line for each notable event."""

    def __init__(self) -> None:
        self.quiet = True  # until the store runs

    def tell(self, event: Event) -> None:
        kind = event.fields.get("ev", "")
        if kind == "ended":
            say(f"the {event.part} ended (code {event.fields['code']}): starting it again")
        elif kind == "started" and "pid" in event.fields and not self.quiet:
            say(f"the {event.part} runs as process {event.fields['pid']}")
        elif (words := PLAIN.get((event.part, event.fields.get("mod", ""), kind))) and not self.quiet:
            say(words.format_map(Unknown(event.fields)))
        elif event.fields.get("level") == "error":
            say(f"{event.part}: {event.line}")


def settle(world: World) -> tuple[Verdict, list[str]]:
    """Judges again until all is well, or until time is up: the store runs on meanwhile, so a look may see half of a moment."""
    slots = {entry["name"]: entry["slot"] for entry in sensor_entries(world.store.sensors)}
    judge = Judge(world.site.device_id, world.site.line_log, world.site.sync_trace, slots)
    verdict, missed = Verdict(), []
    until_us = time.monotonic_ns() // 1000

    def complete() -> bool:
        nonlocal verdict, missed
        # The next life begins after what the last one can have heard.
        deaths_us = sorted(int(birth * 1e6) for name in ("gateway", "line") for birth in world.parts[name].births[1:])
        verdict = judge.judge(world.api, until_us, deaths_us, JOURNAL_S)
        missed = judge.missed(deaths_us, JOURNAL_S, until_us)
        return verdict.good() and not missed

    try:
        world.wait_for(complete, SETTLE_S, "end of what was on its way")
    except WorldError:
        pass  # the verdict says what is missing
    return verdict, missed


def summary(world: World, started: float) -> int:
    say("judging: what the line carried, what was journalled, what is stored")
    verdict, missed = settle(world)
    say(f"after {time.monotonic() - started:.0f} s: {verdict.text()}, reports not journalled {len(missed)}")
    for name in ("lost", "doubled", "wrong", "invented"):
        for text in getattr(verdict, name)[:5]:
            say(f"  {name}: {text}")
    for text in missed[:5]:
        say(f"  not journalled: {text}")
    is_good = verdict.good() and not missed
    say("every report was journalled, every journalled sample is in the store exactly once" if is_good else
        "SAMPLES ARE MISSING OR WRONG")
    return 0 if is_good else 1


def run(world: World, narrator: Narrator, seconds: float) -> int:
    if world.store.core:
        say("the line's direction is switched by the real-time core's own program, in a model of its chip")
    say(f"starting line, receiver, hub, gateway and cloud; files and logs in {world.folder}")
    started = time.monotonic()
    with world:
        api = world.log_in()
        point = world.first_value(is_sensors=True)
        say(f"first value on the page after {time.monotonic() - started:.1f} s: "
            f"{point['sensor_name']}, {point['name']} {point['value']} {point['unit']}")
        narrator.quiet = False
        say(f"it runs\n\n  page     {api.base}/\n"
            f"  line     {api.base}/sites/{world.site.device_id}/diagnostics (how the RS-485 line is doing)\n"
            f"  gateway  {api.base}/sites/{world.site.device_id}/gateway (tell it what to do, change its configuration)\n"
            f"  login    {api.user}\n  with     {api.password}\n\n"
            "  (the first account was made with the single-use link in cloud/setup-link)\n"
            "  parts: " + ", ".join(f"{name} {part.pid()}" for name, part in world.parts.items()) +
            "; kill -9 any of them and watch it heal. Ctrl-C ends all of it.\n")
        watch = Watch(world)
        until = time.monotonic() + seconds if seconds > 0 else float("inf")
        while (left := until - time.monotonic()) > 0:
            world.pause(min(WATCH_S, left))
            watch.look()
        return summary(world, started)


def run_guarded(build: pathlib.Path, store: Store, data: pathlib.Path | None, seconds: float) -> int:
    """Whatever happens, no process stays behind, nor a folder that nobody asked for."""
    folder = data or pathlib.Path(tempfile.mkdtemp(prefix="busward-demo-"))
    narrator = Narrator()
    try:
        world = World(build, store, folder, narrator.tell, by_hand=True, is_interrupted=lambda: Ending.asked)
        return run(world, narrator, seconds)
    except Interrupted:
        return INTERRUPTED
    except WorldError as error:
        say(f"the demo failed: {error}")
        return 1
    except Exception:
        if not Ending.asked:
            raise
        return INTERRUPTED  # Ctrl-C reached whoever was making keys, too
    finally:
        if not data:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__, epilog=EPILOG)
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--parse-only", action="store_true", help=argparse.SUPPRESS)  # ./dev asks before it builds
    parser.add_argument("--data", type=pathlib.Path, help="keep everything in this new folder (default: a temporary one)")
    parser.add_argument("--sensors", type=int, default=24, choices=range(1, 51), metavar="1..50")
    parser.add_argument("--report-s", type=int, default=10, help="seconds between a sensor's reports (default 10)")
    parser.add_argument("--speed", type=int, default=1, help="time lapse of the store's life (default 1)")
    parser.add_argument("--baud", type=int, default=19200)
    parser.add_argument("--silent", action="append", default=[], metavar="SLOT@SECONDS", help="let a sensor fall silent")
    parser.add_argument("--tty", action="store_true", help="the gateway drives the line itself, without the real-time core")
    args = parser.parse_args()
    seconds = float(os.environ.get("DEMO_SECONDS", "0") or 0)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask_for_end)
    if args.data and args.data.exists() and any(args.data.iterdir()):
        parser.error(f"{args.data} is not empty")
    if args.parse_only:
        return 0
    store = Store(sensors=args.sensors, report_s=args.report_s, speed=args.speed, baud=args.baud, silences=tuple(args.silent),
                  core=not args.tty, reply_timeout_ms=REPLY_TIMEOUT_MS)
    return run_guarded(args.build, store, args.data, seconds)


if __name__ == "__main__":
    sys.exit(main())
