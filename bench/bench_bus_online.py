#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CPU of the whole gateway at work: what it reads changes, and goes through the journal to a hub behind TLS.

The same line and devices as bench_bus.py, whose registers never change; here some do at each read, reported on change
with the configuration's defaults for batching. How often a value changes decides what a transaction costs, so the
figure is given for none, a tenth and all of the registers. The reference is the gateway's own cost in turns on the
same line without a hub and without a change.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "bench")]

from bench_system import as_shipped  # noqa: E402
from gateway_run import REGISTERS, UNITS, Gateway, Line, cpu_us, plain_devices, row, wait_until  # noqa: E402
from world.store import Store  # noqa: E402
from world.world import World  # noqa: E402

LINES = [("19200", 19200, "8E1"), ("115200", 115200, "8N1")]
CHANGING = [("still", 0), ("tenth", REGISTERS // 10), ("all", REGISTERS)]
INTERVAL_MS = 50  # always due
SETTLE_S = 3  # the catalogue leaves, and the first message
POINTS = UNITS * REGISTERS


def bus(wire: Line, baud: int, form: str) -> dict:
    return {"port": f"tty:{wire.port}", "baud": baud, "format": form}


def spent(wire: Line, pid: int, seconds: int) -> dict:
    wait_until("every unit polled", lambda: wire.report()["replies"] > 20)
    time.sleep(SETTLE_S)
    before, cpu = wire.report(), cpu_us(pid)
    time.sleep(seconds)
    after, cpu = wire.report(), cpu_us(pid) - cpu
    return {"cpu_us": cpu / max(after["replies"] - before["replies"], 1), "utilisation": after["utilisation"],
            "violations": after["violations"]}


def alone(build: pathlib.Path, baud: int, form: str, seconds: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        wire = Line(build, pathlib.Path(name), baud, form)
        gateway = Gateway(build, pathlib.Path(name), bus(wire, baud, form), INTERVAL_MS)
        try:
            return spent(wire, gateway.pid, seconds)
        finally:
            gateway.stop()
            wire.stop()


def online(build: pathlib.Path, baud: int, form: str, changing: int, seconds: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        wire = Line(build, pathlib.Path(name), baud, form, changing=changing)
        try:
            world = World(build, Store(sensors=1, report_s=3600, calm=True))
            devices = plain_devices(world.site.gateway_config.parent, INTERVAL_MS)
            as_shipped(world, [{"name": "plain", **bus(wire, baud, form), "devices": devices}])
            with world:
                world.log_in()
                world.wait_for(lambda: len(world.api.points(world.site.device_id)) >= POINTS, 60, f"{POINTS} points on the page")
                return spent(wire, world.parts["gateway"].pid(), seconds)
        finally:
            wire.stop()


def measure(build: pathlib.Path, line: tuple, seconds: int, rounds: int) -> list[dict]:
    name, baud, form = line
    runs = {key: [] for key in ("alone", *dict(CHANGING))}
    for _ in range(rounds):
        runs["alone"].append(alone(build, baud, form, seconds))
        for key, changing in CHANGING:
            runs[key].append(online(build, baud, form, changing, seconds))
    middle = {key: statistics.median(run["cpu_us"] for run in own) for key, own in runs.items()}
    for key, own in runs.items():
        print(f"bench: {name} {key:6} CPU {middle[key]:6.1f} us a transaction, utilised "
              f"{statistics.median(run['utilisation'] for run in own) * 100:.2f} %, t3.5 broken {sum(run['violations'] for run in own)}",
              flush=True)
    rows = [row(f"bus.tty.{name}.online_{key}_cpu_us", middle[key], "us/transaction", "lower", middle["alone"]) for key, _ in CHANGING]
    if name == "115200":
        rows.append(row("gateway.online_cpu_us", middle["tenth"], "us/transaction", "lower", middle["alone"]))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="release build")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="JSON file for the rows")
    parser.add_argument("--seconds", type=int, default=6, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="of each")
    args = parser.parse_args()
    rows = [found for line in LINES for found in measure(args.build.resolve(), line, args.seconds, args.rounds)]
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
