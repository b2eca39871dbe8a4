#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole chain measured: age from a device's reply to the page, memory of the parts, wake-ups when idle.

The gateway runs as it is shipped: the configuration's defaults for telemetry and diagnostics, a hub found by its
provisioning service, both behind TLS that is verified against as many authorities as the system has. For the age
somebody watches: a stream is open, and the cloud tells the gateway so through the hub.

The references: three disk syncs, which the path cannot do without (journal, hub, store); the broker's memory in
the same run, and the line's.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "bench")]

from gateway_run import UNITS, Gateway, Line, memory_mib, plain_devices, row, wake_ups  # noqa: E402
from world.judge import VALUES, sensor_blocks  # noqa: E402
from world.parts import Event  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World  # noqa: E402

PATH_SAMPLES = 1200
MATCHED_MIN = 300
WATCH_WAIT_S = 60  # until the gateway knows that somebody watches
POINTS = 1000
SETTLE_S = 12  # longer than the journal's longest wait for company
IDLE_S, IDLE_ONLINE_S = 20, 60  # the latter is as long as the hub's link may be silent


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


# --- the gateway as it is shipped -----------------------------------------------------------------------


def system_authorities(world: World) -> pathlib.Path:
    """The file that hub.ca_file names by default, and the world's own authority at its end."""
    schema = json.loads((SOURCE / "docs/config.schema.json").read_text())
    default = pathlib.Path(schema["properties"]["hub"]["properties"]["ca_file"]["default"])
    path = world.folder / "tls" / "system.pem"
    path.write_text(default.read_text() + (world.folder / "tls" / "ca.pem").read_text())
    return path


def as_shipped(world: World, buses: list[dict] | None = None) -> None:
    """The world's gateway, before it starts: what may be left out is left out; other buses, if given."""
    path = world.site.gateway_config
    head, text = path.read_text().split("\n", 1)
    config = json.loads(text)
    for key in ("telemetry", "journal", "remote"):
        config.pop(key, None)
    config["hub"]["ca_file"] = str(system_authorities(world))
    for bus in config["buses"]:
        bus.pop("diagnostics_s", None)
    config["buses"] = buses or config["buses"]
    path.write_text(f"{head}\n{json.dumps(config, indent=1)}\n")


# --- the path from the wire to the page -----------------------------------------------------------------


def sync_ms(folder: pathlib.Path, count: int = 50) -> float:
    """Median time of appending 4 KiB to a file and making it durable, on the disk the run uses."""
    times = []
    with open(folder / "sync-probe", "wb", buffering=0) as file:
        for _ in range(count):
            start = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def live_samples(lines: Iterator[bytes], count: int) -> list[tuple[int, float, float]]:
    """(point, value, monotonic time of arrival) of the next live samples, as the page's stream brings them.

    What follows late, of the time before, makes the stream tell a point's newest sample once more: it is counted once."""
    arrived = []
    newest: dict[int, int] = {}
    kind = ""
    for raw in lines:
        at = time.monotonic()
        line = raw.decode().rstrip("\n")
        if line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:") and kind == "sample":
            sample = json.loads(line[5:])
            if sample["at_ms"] > newest.get(sample["point"], 0):
                arrived.append((sample["point"], sample["value"], at))
            newest[sample["point"]] = max(sample["at_ms"], newest.get(sample["point"], 0))
            if len(arrived) >= count:
                break
    return arrived


def is_watched(event: Event) -> bool:
    return event.part == "gateway" and event.fields.get("ev") == "watch" and event.fields.get("on") == "1"


def watched_samples(world: World) -> tuple[float, list[tuple[int, float, float]]]:
    """Opens the stream as a page does; since when the gateway knows of it, and the samples that came from then on."""
    start = time.monotonic()
    with world.api.stream(world.site.device_id) as lines:
        world.wait_event(is_watched, WATCH_WAIT_S, "the nudge that somebody watches")
        watched_from = time.monotonic()
        arrived = live_samples(lines, PATH_SAMPLES)
    print(f"bench: path: the gateway knew after {(watched_from - start) * 1000:.0f} ms that somebody watches")
    return watched_from, arrived


def bench_path(build: pathlib.Path) -> list[dict]:
    store = Store(sensors=50, report_s=10, calm=True, baud=115200, format="8N1", poll_ms=5000)
    world = World(build, store)
    as_shipped(world)
    with world:
        world.log_in()
        world.first_value()
        watch = MemoryWatch({name: world.parts[name].pid for name in ("gateway", "hub", "cloud")})
        watched_from, arrived = watched_samples(world)
        peak = watch.stop()
        ages = match_ages(world, arrived, watched_from)
        limit = 3 * sync_ms(world.folder)
    if len(ages) < MATCHED_MIN:
        raise RuntimeError(f"only {len(ages)} of {len(arrived)} samples could be matched with what the line carried")
    print(f"bench: path: {len(ages)} samples matched of {len(arrived)}, p50 {statistics.median(ages):.1f} ms, "
          f"three syncs {limit:.1f} ms")
    p99 = statistics.quantiles(ages, n=100)[98]
    return [row("path.age_ms.p50", statistics.median(ages), "ms", "lower", limit), row("path.age_ms.p99", p99, "ms", "lower", limit),
            row("gateway.hub_anon_mib", peak["gateway"][0], "MiB", "lower", peak["hub"][0]),
            row("gateway.hub_rss_mib", peak["gateway"][1], "MiB", "lower", peak["hub"][1]),
            row("hub.anon_mib", peak["hub"][0], "MiB", "lower", peak["gateway"][0]),
            row("hub.rss_mib", peak["hub"][1], "MiB", "lower", peak["gateway"][1]),
            row("cloud.anon_mib", peak["cloud"][0], "MiB", "lower", peak["hub"][0]),
            row("cloud.rss_mib", peak["cloud"][1], "MiB", "lower", peak["hub"][1])]


def match_ages(world: World, arrived: list[tuple[int, float, float]], watched_from: float) -> list[float]:
    """Milliseconds from the reply that first carried a value to its arrival on the stream.

    What the line carried before the gateway knew that somebody watches had waited for company, and is left out."""
    slots = {entry["name"]: entry["slot"] for entry in sensor_entries(world.store.sensors)}
    points = {point: (slots.get(entry["sensor_name"]), entry["name"]) for point, entry in world.api.points(world.site.device_id).items()}
    first_seen: dict[tuple[int, str], list[tuple[float, float]]] = {}
    sequences: set[tuple[int, int]] = set()
    for slot, block, end_us in sensor_blocks(world.site.line_log):
        if (slot, block[0]) in sequences:
            continue
        sequences.add((slot, block[0]))
        for name, (offset, signed, scale) in VALUES.items():
            word = block[offset]
            value = (word - 65536 if signed and word >= 32768 else word) * scale
            first_seen.setdefault((slot, name), []).append((end_us / 1e6, value))
    ages = []
    for point, value, at in arrived:
        slot, name = points.get(point, (None, ""))
        seen = [end for end, carried in first_seen.get((slot, name), []) if end <= at and value is not None and abs(carried - value) < 1e-6]
        if seen and seen[-1] >= watched_from:
            ages.append((at - seen[-1]) * 1000)
    return ages


# --- memory and wake-ups of an idle gateway ------------------------------------------------------------


def idle_wakes(pids: list[int], idle_s: float) -> list[float]:
    """Wake-ups a second of each, once what began has settled."""
    time.sleep(SETTLE_S)
    before = [wake_ups(pid) for pid in pids]
    time.sleep(idle_s)
    return [(wake_ups(pid) - count) / idle_s for pid, count in zip(pids, before, strict=True)]


def check_replies(line: Line) -> None:
    replies = line.report()["replies"]
    if replies < UNITS:
        raise RuntimeError(f"the gateway got {replies} replies")


def bench_online(build: pathlib.Path) -> list[dict]:
    """1,000 points that are due once an hour, online: peak memory from the start on, and wake-ups while nothing is due."""
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        line = Line(build, pathlib.Path(name), 115200, "8N1")
        try:
            return online_rows(World(build, Store(sensors=1, report_s=3600, calm=True)), line)
        finally:
            line.stop()


def online_rows(world: World, line: Line) -> list[dict]:
    devices = plain_devices(world.site.gateway_config.parent, 3600000, POINTS // UNITS)
    as_shipped(world, [{"name": "plain", "port": f"tty:{line.port}", "baud": 115200, "format": "8N1", "devices": devices}])
    watch = MemoryWatch({"gateway": world.parts["gateway"].pid, "line": lambda: line.process.pid}, every_s=0.01)
    with world:
        world.log_in()
        world.wait_for(lambda: len(world.api.points(world.site.device_id)) >= POINTS, 60, f"{POINTS} points on the page")
        world.first_value()
        pid = world.parts["gateway"].pid()
        wakes, line_wakes = idle_wakes([pid, line.process.pid], IDLE_ONLINE_S)
        if world.parts["gateway"].pid() != pid or any(event.fields.get("ev") == "lost" for event in world.seen):
            raise RuntimeError("the gateway did not stay online")
        check_replies(line)
        peak = watch.stop()
    print(f"bench: online: {wakes:.2f} wake-ups/s, the line's {line_wakes:.2f}")
    return [row("gateway.anon_mib", peak["gateway"][0], "MiB", "lower", peak["line"][0]),
            row("gateway.rss_mib", peak["gateway"][1], "MiB", "lower", peak["line"][1]),
            row("gateway.wakeups_per_s", wakes, "1/s", "lower", line_wakes)]


def bench_alone(build: pathlib.Path) -> list[dict]:
    """The same without a hub: what the buses alone take."""
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        folder = pathlib.Path(name)
        line = Line(build, folder, 115200, "8N1")
        bus = {"port": f"tty:{line.port}", "baud": 115200, "format": "8N1"}
        gateway = Gateway(build, folder, bus, 3600000, POINTS // UNITS)
        watch = MemoryWatch({"gateway": lambda: gateway.pid, "line": lambda: line.process.pid})
        wakes, line_wakes = idle_wakes([gateway.pid, line.process.pid], IDLE_S)
        check_replies(line)
        peak = watch.stop()
        gateway.stop()
        line.stop()
    print(f"bench: alone: {wakes:.2f} wake-ups/s, the line's {line_wakes:.2f}")
    return [row("gateway.alone_anon_mib", peak["gateway"][0], "MiB", "lower", peak["line"][0]),
            row("gateway.alone_rss_mib", peak["gateway"][1], "MiB", "lower", peak["line"][1]),
            row("gateway.alone_wakeups_per_s", wakes, "1/s", "lower", line_wakes)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    build = args.build.resolve()
    rows = bench_alone(build) + bench_online(build) + bench_path(build)
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
