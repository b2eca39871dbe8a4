#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What gateway, hub and cloud take of memory at most, in a life in which all fills that may.

The gateway runs as it is shipped and polls 1,000 points all the time, each of which makes a sample a second. Its flight
ring fills, a flight record is fetched, so that its copy does, a sync of its journal takes 5 s, so that the samples wait
on the way there, and the hub is away for a while, so that the window of messages fills. Then the peaks are read.

The references: of the gateway's anonymous memory the goal of 4 MiB, of its resident the line's; of the hub a bare
mosquitto with the same listener, of the cloud SQLite's own shell that has read the same store, all in the same run.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "bench"), str(SOURCE / "tests/system/stalls")]
os.environ.setdefault("BUSWARD_BUILD", str(SOURCE / "build/release"))  # stalls asks for it; what is measured is named by --build

from bench_system import POINTS, as_shipped, plain_bus  # noqa: E402
from gateway_run import Line, memory_mib, row, wait_until  # noqa: E402
from stalls import Slow  # noqa: E402
from world import ports  # noqa: E402
from world.parts import Event  # noqa: E402
from world.service import Service  # noqa: E402
from world.store import Store  # noqa: E402
from world.world import World, find_program  # noqa: E402

GATEWAY_GOAL_MIB = 4.0
INTERVAL_MS, HEARTBEAT_MS = 200, 1000  # of a poll; of a sample of each point, which never changes
RING_REPLIES = 2000  # of 250 bytes and more with their request: more than the ring of 256 KiB holds
STALL_S, OUTAGE_S = 5, 20
CHUNK_S = 0.25  # between two parts of a flight record
SETTLE_S = 5
WAIT_S = 120


class MemoryWatch:
    """The peak of each part's anonymous and resident memory, from its start on."""

    def __init__(self, pids: dict[str, Callable[[], int]], every_s: float = 0.05):
        self.pids = pids
        self.every_s = every_s
        self.peak = {name: (0.0, 0.0) for name in pids}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.ending.wait(self.every_s):
            for name, pid in self.pids.items():
                with contextlib.suppress(OSError, KeyError):  # it does not run yet
                    self.peak[name] = tuple(map(max, self.peak[name], memory_mib(pid())))

    def stop(self) -> dict[str, tuple[float, float]]:
        self.ending.set()
        self.thread.join()
        return self.peak


def sample_each_second(world: World) -> None:
    path = world.site.gateway_config.parent / "profiles" / "bench.json"
    profile = json.loads(path.read_text())
    for point in profile["points"]:
        point["report"]["heartbeat_ms"] = HEARTBEAT_MS
    path.write_text(json.dumps(profile))


def fetch_flight_record(world: World) -> None:
    answer = Service(world.site).method("flight_record", {"minutes": 60, "upload": True})
    if answer["status"] != 202:
        raise RuntimeError(f"the flight record was refused: {answer}")
    world.pause(answer["payload"]["parts"] * CHUNK_S + SETTLE_S)


def stall_the_journal(world: World, slow: Slow) -> None:
    slow.hold("sync")
    world.wait_for(lambda: slow.hanging("sync"), WAIT_S, "a sync that hangs")
    world.pause(STALL_S)
    slow.release("sync")
    world.pause(SETTLE_S)


def is_online(event: Event) -> bool:
    return event.part == "gateway" and event.fields.get("mod") == "uplink" and event.fields.get("ev") == "online"


def lose_the_hub(world: World) -> None:
    world.parts["hub"].stop()
    world.pause(OUTAGE_S)
    place = len(world.seen)
    world.parts["hub"].start()
    world.wait_event(is_online, WAIT_S, "the gateway online again", after=place)
    world.pause(OUTAGE_S)


def bare_broker(world: World) -> tuple[float, float]:
    """(anonymous, resident) of mosquitto with the hub's TLS listener and no plugin."""
    conf, port = world.folder / "bare.conf", ports.free_port()
    conf.write_text(f"listener {port} 127.0.0.1\ncertfile {world.site.certificate}\nkeyfile {world.site.key}\n"
                    f"tls_version tlsv1.2\nallow_anonymous true\nlog_type none\n{'user root' if os.geteuid() == 0 else ''}\n")
    process = subprocess.Popen([world.parts["hub"].command[0], "-c", conf])
    try:
        wait_until("bare broker", lambda: is_listening(process.pid, port))
        return memory_mib(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def is_listening(pid: int, port: int) -> bool:
    """By the process's own table of sockets: nobody connects to it."""
    rows = (line.split() for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:])
    return any(fields[1].endswith(f":{port:04X}") and fields[3] == "0A" for fields in rows)


def sqlite_shell(world: World) -> tuple[float, float]:
    """(anonymous, resident) of the sqlite3 shell once it has read every page of the cloud's store."""
    program = shutil.which("sqlite3")
    if program is None:
        raise RuntimeError("no sqlite3 shell: ./dev setup")
    process = subprocess.Popen([program, "-readonly", world.folder / "cloud" / "store.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    try:
        process.stdin.write("PRAGMA quick_check;\n")
        process.stdin.flush()
        if process.stdout.readline().strip() != "ok":
            raise RuntimeError("the store is damaged")
        return memory_mib(process.pid)
    finally:
        process.stdin.close()
        process.wait(20)


def full_rows(world: World, line: Line, slow: Slow) -> list[dict]:
    as_shipped(world, [plain_bus(world, line, INTERVAL_MS)])
    sample_each_second(world)
    watch = MemoryWatch({**{name: world.parts[name].pid for name in ("gateway", "hub", "cloud")}, "line": lambda: line.process.pid}, 0.01)
    with world:
        world.log_in()
        world.wait_for(lambda: len(world.api.points(world.site.device_id)) >= POINTS, WAIT_S, f"{POINTS} points on the page")
        steps: dict[str, Callable[[], object]] = {
            "online": lambda: None,
            "the flight ring full": lambda: world.wait_for(lambda: line.report()["replies"] >= RING_REPLIES, WAIT_S, "a full flight ring"),
            "a flight record fetched": lambda: fetch_flight_record(world),
            f"a sync of {STALL_S} s": lambda: stall_the_journal(world, slow),
            f"no hub for {OUTAGE_S} s": lambda: lose_the_hub(world)}
        for what, act in steps.items():
            act()
            print(f"bench: memory: {what}: {', '.join(f'{part} {anon:.2f}' for part, (anon, _) in watch.peak.items())} MiB", flush=True)
        peak = watch.stop()
        if world.parts["gateway"].ends:
            raise RuntimeError("the gateway did not live through it")
        broker, shell = bare_broker(world), sqlite_shell(world)
    return [row("gateway.anon_mib", peak["gateway"][0], "MiB", "lower", GATEWAY_GOAL_MIB),
            row("gateway.rss_mib", peak["gateway"][1], "MiB", "lower", peak["line"][1]),
            row("hub.anon_mib", peak["hub"][0], "MiB", "lower", broker[0]),
            row("hub.rss_mib", peak["hub"][1], "MiB", "lower", broker[1]),
            row("cloud.anon_mib", peak["cloud"][0], "MiB", "lower", shell[0]),
            row("cloud.rss_mib", peak["cloud"][1], "MiB", "lower", shell[1])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    build = args.build.resolve()
    slow = Slow(find_program(build, "bench-slow.so"), STALL_S + SETTLE_S)
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        line = Line(build, pathlib.Path(name), 115200, "8N1")
        try:
            world = World(build, Store(sensors=1, report_s=3600, calm=True), environments={"gateway": slow.environment})
            rows = full_rows(world, line, slow)
        finally:
            line.stop()
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
