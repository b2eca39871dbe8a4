#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole chain measured: age from a device's reply to the page, memory of the parts, wake-ups when idle.

The references: three disk syncs, which the path cannot do without (journal, hub, store); the broker's memory in
the same run, and the line's where the gateway runs alone.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "bench")]

from gateway_run import UNITS, Gateway, Line, memory_mib, row, wake_ups  # noqa: E402
from world.judge import VALUES, sensor_blocks  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World  # noqa: E402

PATH_SAMPLES = 300
POINTS = 1000
SETTLE_S, IDLE_S = 12, 20  # the first is longer than the journal's longest wait for company


class MemoryWatch:
    """The peak of each part's anonymous and resident memory, looked at every 50 ms."""

    def __init__(self, pids: dict[str, int]):
        self.pids = pids
        self.peak = {name: (0.0, 0.0) for name in pids}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.ending.wait(0.05):
            for name, pid in self.pids.items():
                self.peak[name] = tuple(map(max, self.peak[name], memory_mib(pid)))

    def stop(self) -> dict[str, tuple[float, float]]:
        self.ending.set()
        self.thread.join()
        return self.peak


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


def live_samples(world: World, count: int) -> list[tuple[int, float, float]]:
    """(point, value, monotonic time of arrival) of live samples, as the page's stream brings them."""
    arrived = []
    request = world.api.stream(world.site.device_id)
    kind = ""
    for raw in request:
        line = raw.decode().rstrip("\n")
        if line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:") and kind == "sample":
            sample = json.loads(line[5:])
            arrived.append((sample["point"], sample["value"], time.monotonic()))
            if len(arrived) >= count:
                break
    request.close()
    return arrived


def bench_path(build: pathlib.Path) -> list[dict]:
    store = Store(sensors=50, report_s=2, calm=True, baud=115200, format="8N1", poll_ms=100, max_age_ms=10, sync_ms=1000)
    with World(build, store) as world:
        world.log_in()
        world.first_value()
        watch = MemoryWatch({name: world.parts[name].pid() for name in ("gateway", "hub", "cloud")})
        arrived = live_samples(world, PATH_SAMPLES)
        peak = watch.stop()
        ages = match_ages(world, arrived)
        limit = 3 * sync_ms(world.folder)
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


def match_ages(world: World, arrived: list[tuple[int, float, float]]) -> list[float]:
    """Milliseconds from the reply that first carried a value to its arrival on the stream."""
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
        if seen:
            ages.append((at - seen[-1]) * 1000)
    return ages


# --- the gateway alone ----------------------------------------------------------------------------------


def bench_idle(build: pathlib.Path) -> list[dict]:
    """1,000 points that are due once an hour, no hub: peak memory from the start on, and wake-ups while nothing is due."""
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        folder = pathlib.Path(name)
        line = Line(build, folder, 115200, "8N1")
        bus = {"port": f"tty:{line.port}", "baud": 115200, "format": "8N1"}
        gateway = Gateway(build, folder, bus, 3600000, POINTS // UNITS)
        watch = MemoryWatch({"gateway": gateway.pid, "line": line.process.pid})
        time.sleep(SETTLE_S)
        before, line_before = wake_ups(gateway.pid), wake_ups(line.process.pid)
        time.sleep(IDLE_S)
        wakes = (wake_ups(gateway.pid) - before) / IDLE_S
        line_wakes = (wake_ups(line.process.pid) - line_before) / IDLE_S
        replies = line.report()["replies"]
        peak = watch.stop()
        gateway.stop()
        line.stop()
    if replies < UNITS:
        raise RuntimeError(f"the gateway got {replies} replies")
    print(f"bench: idle: {wakes:.2f} wake-ups/s, the line's {line_wakes:.2f}")
    return [row("gateway.anon_mib", peak["gateway"][0], "MiB", "lower", peak["line"][0]),
            row("gateway.rss_mib", peak["gateway"][1], "MiB", "lower", peak["line"][1]),
            row("gateway.wakeups_per_s", wakes, "1/s", "lower", line_wakes)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    rows = bench_idle(args.build.resolve()) + bench_path(args.build.resolve())
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
