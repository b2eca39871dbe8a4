#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole chain measured: age from a device's reply to the page, memory and wake-ups of an idle gateway, the page's size.

The gateway runs as it is shipped: the configuration's defaults for telemetry and diagnostics, a hub found by its
provisioning service, both behind TLS that is verified against as many authorities as the system has. For the age
somebody watches: a stream is open, and the cloud tells the gateway so through the hub. What the parts take when all
that may fill is full is bench_memory.py's to say.

The references: three disk syncs, which the path cannot do without (journal, hub, store); the line's memory and its
wake-ups in the same run; the 60 kB that the page's first load may take.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "bench")]

from gateway_run import UNITS, Gateway, Line, memory_mib, plain_devices, row, wake_ups  # noqa: E402
from world.judge import VALUES, sensor_blocks  # noqa: E402
from world.parts import Event  # noqa: E402
from world.store import Store, sensor_entries  # noqa: E402
from world.world import World  # noqa: E402

PATH_SAMPLES = 1200
MATCHED_MIN = 0.95  # of the samples that arrived
MEASURED_OFF_S = 2.5  # the age counts whole seconds; reports lie 10 s apart
ON_ITS_WAY_S = 2  # at the end of the run
WATCH_WAIT_S = 60  # until the gateway knows that somebody watches
POINTS = 1000
SETTLE_S = 12  # longer than the journal's longest wait for company
PAGE, PAGE_GOAL_KB = SOURCE / "web/dist", 60
IDLE_S, IDLE_ONLINE_S = 20, 60  # the latter is as long as the hub's link may be silent


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


def live_samples(lines: Iterator[bytes], count: int) -> list[tuple[dict, float]]:
    """The next live samples with the monotonic time of their arrival, as the page's stream brings them.

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
                arrived.append((sample, at))
            newest[sample["point"]] = max(sample["at_ms"], newest.get(sample["point"], 0))
            if len(arrived) >= count:
                break
    return arrived


def is_watched(event: Event) -> bool:
    return event.part == "gateway" and event.fields.get("ev") == "watch" and event.fields.get("on") == "1"


def watched_samples(world: World) -> tuple[float, list[tuple[dict, float]]]:
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
        watched_from, arrived = watched_samples(world)
        ages = path_ages(world, arrived, watched_from)
        limit = 3 * sync_ms(world.folder)
    p99 = statistics.quantiles(ages, n=100)[98]
    print(f"bench: path: p50 {statistics.median(ages):.1f} ms, p99 {p99:.1f} ms, worst {max(ages):.1f} ms, three syncs {limit:.1f} ms")
    return [row("path.age_ms.p50", statistics.median(ages), "ms", "lower", limit), row("path.age_ms.p99", p99, "ms", "lower", limit),
            row("path.age_ms.max", max(ages), "ms", "lower", limit)]


def match_ages(world: World, arrived: list[tuple[dict, float]]) -> tuple[list[tuple[float, float]], list[dict]]:
    """(end of the reply that first carried a report, ms from there to the arrival of one of its samples on the stream) of each
    sample of a sensor, and those samples whose report the line never carried.

    A sample is that report of its sensor which was measured when the sample says and has its value, so a sample that comes
    an interval late counts as that late."""
    slots, points, reports = site_slots(world), world.api.points(world.site.device_id), line_reports(world.site.line_log)
    ages, unmatched = [], []
    for sample, at in arrived:
        point = points.get(sample["point"], {"sensor_name": "", "name": ""})
        slot, name = slots.get(point["sensor_name"]), point["name"]
        if slot is None or name not in VALUES or sample["value"] is None:
            continue
        end = next((end for measured_s, end, values in reports[slot] if abs(measured_s - sample["at_ms"] / 1000) < MEASURED_OFF_S and
                    abs(values[name] - sample["value"]) < 1e-6), None)
        if end is None or end > at:
            unmatched.append(sample)
        else:
            ages.append((end, (at - end) * 1000))
    return ages, unmatched


def path_ages(world: World, arrived: list[tuple[dict, float]], watched_from: float) -> list[float]:
    """Milliseconds on the way of all that the line carried since the gateway knew that somebody watches: what came before had
    waited for company."""
    matched, unmatched = match_ages(world, arrived)
    ages = [age for end, age in matched if end >= watched_from]
    missing = missing_reports(world, arrived, watched_from)
    print(f"bench: path: {len(ages)} samples matched with their report, {len(unmatched)} with none, {len(missing)} reports did not arrive")
    if len(unmatched) + len(missing) > (1 - MATCHED_MIN) * len(ages) or len(ages) < PATH_SAMPLES / 2:
        raise RuntimeError(f"of {len(arrived)} samples {len(ages)} matched; not so {unmatched[:3]}; did not arrive: {missing[:3]}")
    return ages


def site_slots(world: World) -> dict[str, int]:
    return {entry["name"]: entry["slot"] for entry in sensor_entries(world.store.sensors)}


def missing_reports(world: World, arrived: list[tuple[dict, float]], watched_from: float) -> list[str]:
    """Reports that the line carried while somebody watched, well before the end, and whose temperature never came."""
    slots, points = site_slots(world), world.api.points(world.site.device_id)
    came: dict[int, list[float]] = defaultdict(list)
    for sample, _ in arrived:
        point = points.get(sample["point"])
        if point and point["name"] == "temperature" and point["sensor_name"] in slots:
            came[slots[point["sensor_name"]]].append(sample["at_ms"] / 1000)
    until = arrived[-1][1] - ON_ITS_WAY_S
    return [f"slot {slot}, measured at {measured_s:.1f} s" for slot, known in line_reports(world.site.line_log).items()
            for measured_s, end, _ in known
            if watched_from <= end < until and not any(abs(measured_s - at_s) < MEASURED_OFF_S for at_s in came[slot])]


def line_reports(log: pathlib.Path) -> dict[int, list[tuple[float, float, dict[str, float]]]]:
    """The reports of each slot as (when measured by the wall's clock, end of the first reply that carried it, values), in s."""
    wall_offset_s = time.time() - time.monotonic()
    found: dict[int, list[tuple[float, float, dict[str, float]]]] = defaultdict(list)
    known: set[tuple[int, int]] = set()
    for slot, block, end_us in sensor_blocks(log):
        if (slot, block[0]) not in known:
            known.add((slot, block[0]))
            values = {name: (block[offset] - 65536 if signed and block[offset] >= 32768 else block[offset]) * scale
                      for name, (offset, signed, scale) in VALUES.items()}
            found[slot].append((end_us / 1e6 - block[1] + wall_offset_s, end_us / 1e6, values))
    return found


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


def plain_bus(world: World, line: Line, interval_ms: int) -> dict:
    """A bus of POINTS plain points, a hundred each unit."""
    devices = plain_devices(world.site.gateway_config.parent, interval_ms, POINTS // UNITS)
    return {"name": "plain", "port": f"tty:{line.port}", "baud": 115200, "format": "8N1", "devices": devices}


def bench_online(build: pathlib.Path) -> list[dict]:
    """1,000 points that are due once an hour, online: wake-ups while nothing is due."""
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        line = Line(build, pathlib.Path(name), 115200, "8N1")
        try:
            return online_rows(World(build, Store(sensors=1, report_s=3600, calm=True)), line)
        finally:
            line.stop()


def online_rows(world: World, line: Line) -> list[dict]:
    as_shipped(world, [plain_bus(world, line, 3600000)])
    with world:
        world.log_in()
        world.wait_for(lambda: len(world.api.points(world.site.device_id)) >= POINTS, 60, f"{POINTS} points on the page")
        world.first_value()
        pid = world.parts["gateway"].pid()
        wakes, line_wakes = idle_wakes([pid, line.process.pid], IDLE_ONLINE_S)
        if world.parts["gateway"].pid() != pid or any(event.fields.get("ev") == "lost" for event in world.seen):
            raise RuntimeError("the gateway did not stay online")
        check_replies(line)
    print(f"bench: online: {wakes:.2f} wake-ups/s, the line's {line_wakes:.2f}")
    return [row("gateway.wakeups_per_s", wakes, "1/s", "lower", line_wakes)]


def bench_alone(build: pathlib.Path) -> list[dict]:
    """The same without a hub: what the buses alone take."""
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        folder = pathlib.Path(name)
        line = Line(build, folder, 115200, "8N1")
        bus = {"port": f"tty:{line.port}", "baud": 115200, "format": "8N1"}
        gateway = Gateway(build, folder, bus, 3600000, POINTS // UNITS)
        wakes, line_wakes = idle_wakes([gateway.pid, line.process.pid], IDLE_S)
        check_replies(line)
        memory, line_memory = memory_mib(gateway.pid), memory_mib(line.process.pid)
        gateway.stop()
        line.stop()
    print(f"bench: alone: {wakes:.2f} wake-ups/s, the line's {line_wakes:.2f}")
    return [row("gateway.alone_anon_mib", memory[0], "MiB", "lower", line_memory[0]),
            row("gateway.alone_rss_mib", memory[1], "MiB", "lower", line_memory[1]),
            row("gateway.alone_wakeups_per_s", wakes, "1/s", "lower", line_wakes)]


# --- the page -------------------------------------------------------------------------------------------


def bench_page() -> list[dict]:
    """What the browser loads before it shows anything, compressed as the cloud sends it: web/test/size.test.ts says how it is known."""
    html = (PAGE / "index.html").read_text()
    first = [path for path in PAGE.glob("*.gz") if not path.name.endswith(".js.gz") or f'/{path.name[:-3]}"' in html]
    if len(first) < 3:
        raise RuntimeError(f"{PAGE} holds no built page: ./dev build")
    return [row("page.first_kb", sum(path.stat().st_size for path in first) / 1000, "kB", "lower", PAGE_GOAL_KB)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    build = args.build.resolve()
    rows = bench_page() + bench_alone(build) + bench_online(build) + bench_path(build)
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
