#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole chain measured: age from a device's reply to the page, CPU of a transaction, memory, wake-ups when idle.

The references: three disk syncs, which the path cannot do without (journal, hub, store); libmodbus on the same
line; the broker's memory in the same run.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SOURCE / "tools"))

from world.judge import VALUES, sensor_blocks  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World, find_program  # noqa: E402

MIB = 1024 * 1024
PATH_SAMPLES = 300
LOAD_S = 10
IDLE_S = 10
UNITS, REGISTERS = 10, 40


def row(name: str, value: float, unit: str, better: str, reference: float) -> dict:
    ratio = value / reference if reference else 0.0
    return {"name": name, "value": value, "unit": unit, "better": better, "reference": reference, "ratio": ratio}


# --- processes ------------------------------------------------------------------------------------------


def threads(pid: int) -> list[pathlib.Path]:
    return list(pathlib.Path(f"/proc/{pid}/task").iterdir())


def cpu_us(pid: int) -> float:
    """Time on a core of all threads so far."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in threads(pid)) / 1000


def wake_ups(pid: int) -> int:
    return sum(int(line.split()[1]) for task in threads(pid) for line in (task / "status").read_text().splitlines()
               if line.startswith("voluntary_ctxt_switches"))


def memory_mib(pid: int) -> tuple[float, float]:
    """(anonymous, resident) now."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, _, value = line.partition(":")
        fields[key] = int(value.split()[0]) * 1024 / MIB
    return fields["Anonymous"], fields["Rss"]


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


def write_gateway(folder: pathlib.Path, port: str, interval_ms: int, units: int, registers: int) -> pathlib.Path:
    """A gateway with `units` devices of `registers` plain registers, reported on change; no hub."""
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    points = [{"name": f"r{i}", "table": "holding", "address": i, "type": "u16", "group": "all",
               "report": {"on_change": True}} for i in range(registers)]
    profile = {"version": 1, "name": "bench", "groups": [{"name": "all", "interval_ms": interval_ms}], "points": points}
    (profiles / "bench.json").write_text(json.dumps(profile))
    config = {"gateway": {"id": "bench", "data_dir": str(folder)},
              "buses": [{"name": "line", "port": port, "baud": 115200, "format": "8N1",
                         "devices": [{"name": f"d{i}", "unit": i, "profile": "bench"} for i in range(1, units + 1)]}]}
    path = folder / "gateway.json"
    path.write_text(json.dumps(config))
    return path


def count_replies(log: pathlib.Path) -> int:
    return sum(1 for _ in open(log, errors="replace")) if log.exists() else 0


class Bus:
    """The paced line with its own responder, and one client on it."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path):
        self.tty = folder / "tty"
        self.log = folder / "line.jsonl"
        self.line = subprocess.Popen([find_program(build, "busward-line"), "--baud", "115200", "--format", "8N1", "--client", str(self.tty),
                                      "--responder", str(UNITS), "--log", str(self.log)], stderr=subprocess.DEVNULL)
        while not self.tty.exists():
            if self.line.poll() is not None:
                raise RuntimeError("busward-line ended")
            time.sleep(0.01)

    def stop(self) -> None:
        self.line.terminate()
        self.line.wait()


def run_gateway(build: pathlib.Path, config: pathlib.Path) -> subprocess.Popen:
    return subprocess.Popen([find_program(build, "busward-gateway"), "--config", str(config)], stderr=subprocess.DEVNULL)


def bench_gateway(build: pathlib.Path) -> list[dict]:
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        folder = pathlib.Path(name)
        bus = Bus(build, folder)
        gateway = run_gateway(build, write_gateway(folder, f"tty:{bus.tty}", 100, UNITS, REGISTERS))
        time.sleep(3)
        start_cpu, start_count = cpu_us(gateway.pid), count_replies(bus.log)
        time.sleep(LOAD_S)
        transactions = count_replies(bus.log) - start_count
        spent = (cpu_us(gateway.pid) - start_cpu) / max(transactions, 1)
        gateway.terminate()
        gateway.wait()
        peer = libmodbus_cpu(build, bus)
        bus.stop()
    print(f"bench: gateway: {transactions / LOAD_S:.1f} transactions/s at 115200, {spent:.1f} us each; libmodbus {peer:.1f} us")
    return [row("gateway.cpu_us", spent, "us/transaction", "lower", peer)]


def libmodbus_cpu(build: pathlib.Path, bus: Bus) -> float:
    """The same reads by libmodbus, a blocking loop without decoding, journal or schedule."""
    before = count_replies(bus.log)
    client = subprocess.Popen([find_program(build, "bench_libmodbus"), str(bus.tty), "115200", "N", str(UNITS), str(REGISTERS), "5"],
                              stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(client.pid, 0)
    transactions = count_replies(bus.log) - before
    return (usage.ru_utime + usage.ru_stime) * 1e6 / max(transactions, 1)


def bench_idle(build: pathlib.Path) -> list[dict]:
    """1,000 points that are due once an hour: memory after start, and wake-ups while nothing is due."""
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        folder = pathlib.Path(name)
        bus = Bus(build, folder)
        gateway = run_gateway(build, write_gateway(folder, f"tty:{bus.tty}", 3600000, UNITS, 100))
        watch = MemoryWatch({"gateway": gateway.pid, "line": bus.line.pid})
        time.sleep(5)
        before = wake_ups(gateway.pid)
        time.sleep(IDLE_S)
        wakes = (wake_ups(gateway.pid) - before) / IDLE_S
        peak = watch.stop()
        gateway.terminate()
        gateway.wait()
        bus.stop()
    return [row("gateway.anon_mib", peak["gateway"][0], "MiB", "lower", peak["line"][0]),
            row("gateway.rss_mib", peak["gateway"][1], "MiB", "lower", peak["line"][1]),
            row("gateway.wakeups_per_s", wakes, "1/s", "lower", 1.0)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    rows = bench_gateway(args.build) + bench_idle(args.build) + bench_path(args.build)
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
