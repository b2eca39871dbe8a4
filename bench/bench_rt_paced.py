#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The gateway on the emulated real-time core, in real time: how much of the wire it uses, broken silences, what a
transaction costs the gateway's host beside one over a tty, and what the model itself takes.

10 units x 40 registers ("one unit": one x 10 blocks of 40), device delay 1 ms. busward-m4 runs the program to deploy; the
core in it keeps the times, so what the wire carries depends on Linux only if a SEND comes too late. The ways take turns,
several times, and the middle one of each one's runs counts. Idle is: linked, and nothing due.
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gateway_run import CORE_ELF, UNITS, Core, Gateway, Line, cpu_us, row, wait_until, wake_ups  # noqa: E402

LINES = [(19200, "8E1"), (115200, "8N1")]
WAYS = ("core", "one unit", "tty")
INTERVAL_MS = 50       # ten units in that time are more than either line carries: always due
NEVER_MS = 3600000
SETTLE_S, IDLE_S = 12, 20  # the first is longer than the journal's longest wait for company
SYNC_WAKES_PER_S = 1.0     # its question and its answer, every 2 s
BROKEN = ("early", "undriven", "damaged")  # what the driver must not do to a frame
ONE_CORE_US = 1e6


def open_wire(build: pathlib.Path, way: str, folder: pathlib.Path, baud: int, form: str) -> tuple[Line | Core, dict]:
    if way == "tty":
        wire = Line(build, folder, baud, form)
        return wire, {"port": f"tty:{wire.port}", "baud": baud, "format": form}
    wire = Core(build, folder, baud, form)
    return wire, {"port": f"rt:{wire.mailbox}", "baud": baud, "format": form}


def run_full(build: pathlib.Path, way: str, baud: int, form: str, seconds: int) -> dict:
    units = 1 if way == "one unit" else UNITS
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        folder = pathlib.Path(name)
        wire, bus = open_wire(build, way, folder, baud, form)
        try:
            gateway = Gateway(build, folder, bus, INTERVAL_MS, units=units, blocks=UNITS // units)
            try:
                wait_until("every unit polled", lambda: wire.report()["replies"] > 20)
                before, spent, model = wire.report(), cpu_us(gateway.pid), cpu_us(wire.process.pid)
                start = time.monotonic()
                time.sleep(seconds)
                took = time.monotonic() - start
                after, spent, model = (wire.report(), cpu_us(gateway.pid) - spent,
                                       cpu_us(wire.process.pid) - model)
            finally:
                gateway.stop()
            report = wire.report()
        finally:
            wire.stop()
    count = after["replies"] - before["replies"]
    # Judged by the microsecond and, where there is a driver, by the model's own units.
    broken = report["violations"]
    if way != "tty":
        broken = max(broken, report["de"]["silence"]) + sum(report["de"][what] for what in BROKEN)
    return {"utilisation": report["utilisation"], "violations": broken, "requests": report["requests"],
            "gap_us": report["gap_us"], "stalls": report["stalls"], "per_s": count / took,
            "cpu_us": spent / max(count, 1), "model_percent": 100 * model / (took * ONE_CORE_US)}


def run_idle(build: pathlib.Path) -> tuple[float, float]:
    """(CPU of the model in per cent of a core, wake-ups of the gateway in a second) while nothing is due."""
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        folder = pathlib.Path(name)
        wire, bus = open_wire(build, "core", folder, *LINES[-1])
        try:
            gateway = Gateway(build, folder, bus, NEVER_MS)
            try:
                time.sleep(SETTLE_S)
                model, wakes = cpu_us(wire.process.pid), wake_ups(gateway.pid)
                time.sleep(IDLE_S)
                model, wakes = cpu_us(wire.process.pid) - model, wake_ups(gateway.pid) - wakes
            finally:
                gateway.stop()
            if wire.report()["replies"] == 0:
                raise RuntimeError("the gateway got no replies")
        finally:
            wire.stop()
    return 100 * model / (IDLE_S * ONE_CORE_US), wakes / IDLE_S


def show(baud: int, way: str, runs: list[dict]) -> dict:
    got = {key: statistics.median(run[key] for run in runs)
           for key in ("utilisation", "per_s", "cpu_us", "model_percent")}
    got |= {key: sum(run[key] for run in runs) for key in ("violations", "requests", "stalls")}
    gaps = [statistics.median(run["gap_us"][point] for run in runs) / 1000 for point in ("p50", "p99", "max")]
    print(f"{baud:<7} {way:<9} {got['utilisation'] * 100:7.2f} % {got['per_s']:8.1f} "
          f"{got['violations']:6d} / {got['requests']:<6d} {gaps[0]:7.2f} {gaps[1]:7.2f} {gaps[2]:7.2f} "
          f"{got['cpu_us']:8.1f} {got['model_percent']:7.2f} {got['stalls']:6d}", flush=True)
    return got


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="release build")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="JSON file for the rows")
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way on each line")
    args = parser.parse_args()
    build = args.build.resolve()
    if not CORE_ELF.exists():
        parser.error(f"no {CORE_ELF}: ./dev build m4")
    print(f"{'baud':<7} {'way':<9} {'utilised':>9} {'per s':>9} {'broken':>14} {'gap p50':>10} {'p99':>7} {'max ms':>7} "
          f"{'CPU us':>8} {'line %':>7} {'stalls':>6}")
    rows, violations = [], 0
    for baud, form in LINES:
        runs = {way: [] for way in WAYS}
        for _ in range(args.rounds):
            for way in WAYS:
                runs[way].append(run_full(build, way, baud, form, args.seconds))
        got = {way: show(baud, way, runs[way]) for way in WAYS}
        violations += got["core"]["violations"] + got["one unit"]["violations"]
        rows.append(row(f"bus.rt.{baud}.paced_utilisation", got["core"]["utilisation"], "of limit", "higher", 1.0))
        rows.append(row(f"bus.rt.{baud}.paced_one_unit_utilisation", got["one unit"]["utilisation"], "of limit", "higher",
                        1.0))
    # Of the last line, the busiest.
    core, tty = got["core"], got["tty"]
    idle_percent, wakes = run_idle(build)
    print(f"idle: the model takes {idle_percent:.2f} % of a core, the gateway wakes {wakes:.2f} times a second")
    rows.append(row("bus.rt.paced_violations", violations, "transactions", "lower", 1.0))
    rows.append(row("rt.model_cpu_idle_percent", idle_percent, "% of a core", "lower", 100.0))
    rows.append(row("rt.model_cpu_full_percent", core["model_percent"], "% of a core", "lower", 100.0))
    rows.append(row("gateway.rt_cpu_us", core["cpu_us"], "us/transaction", "lower", tty["cpu_us"]))
    rows.append(row("gateway.rt_wakeups_per_s", wakes, "1/s", "lower", SYNC_WAKES_PER_S))
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if violations == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
