#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients on the same paced line: utilisation, broken silences, CPU per transaction. "gateway" is
the whole of busward-gateway, "one unit" the same with all blocks in one unit, "line" the bus runner
it stands on, alone.

10 units x 40 registers (or one unit x 10 blocks of 40), device delay 1 ms, replies as one chunk at the end of their wire time. The
reference of utilisation is the wire's limit, of the rest libmodbus on the same line in the same run. Whoever keeps
t3.5 sleeps twice in a transaction; what two sleeps alone cost on this machine at that time is measured too.

The clients take turns, several times, and the middle one of each client's runs counts: what else the
machine does then spoils a run of each, not all runs of one. A stall is a reply that the line itself,
which runs before all others where it may, handed over more than 1 ms late.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gateway_run import UNITS, Gateway, Line, cpu_us, row, wait_until  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
LINES = [
    # name, baud, format, t3.5 counted in characters, rows, t3.5 in us
    ("19200 8E1", 19200, "8E1", False, "bus.tty.19200", 2006),
    ("115200 8N1, t3.5 1.75 ms", 115200, "8N1", False, "bus.tty.115200", 1750),
    ("115200 8N1, t3.5 3.5 chars", 115200, "8N1", True, "bus.tty.115200.chars", 304),
]
CLIENTS = ("gateway", "one unit", "line", "libmodbus", "pymodbus")
INTERVAL_MS = 50  # ten units in that time are more than any of the lines carries: always due


def run_gateway(build: pathlib.Path, folder: pathlib.Path, line: tuple, wire: Line, seconds: int,
                units: int = UNITS) -> dict:
    """busward-gateway with its default batching; its start is judged too, but not its CPU time."""
    _, baud, form, chars, *_ = line
    bus = {"port": f"tty:{wire.port}", "baud": baud, "format": form,
           "silence": "characters" if chars else "standard"}
    gateway = Gateway(build, folder, bus, INTERVAL_MS, units=units, blocks=UNITS // units)
    try:
        wait_until("every unit polled", lambda: wire.report()["replies"] > 20)
        before, spent = wire.report(), cpu_us(gateway.pid)
        time.sleep(seconds)
        after, spent = wire.report(), cpu_us(gateway.pid) - spent
    finally:
        gateway.stop()
    count = after["replies"] - before["replies"]
    return {"good": count, "bad": after["requests"] - after["replies"], "cpu_us": spent / max(count, 1)}


def run_client(build: pathlib.Path, client: str, line: tuple, wire: Line, seconds: int) -> dict:
    _, baud, form, chars, *_ = line
    # libmodbus asks for parity with plain termios, which a PTY silently lacks.
    rest = [wire.port, str(baud), form[1], str(seconds)]
    command = {
        "line": [build / "bench/bench-bus-client", "--port", wire.port, "--baud", str(baud),
                 "--format", form, "--seconds", str(seconds),
                 *(["--silence-in-chars"] if chars else [])],
        "libmodbus": [build / "bench/bench-libmodbus-client", *rest],
        "pymodbus": [HERE / "pymodbus_client.py", *rest],
    }[client]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise RuntimeError(f"{client} failed on {line[0]}")
    return json.loads(done.stdout)


def bare_sleeps(build: pathlib.Path, line: tuple, seconds: int, per_s: float) -> float:
    """CPU time of two sleeps, as long as those of one transaction of the gateway."""
    silence_us = line[5]
    wait_us = max(int(1e6 / per_s) - silence_us, 1)
    done = subprocess.run([build / "bench/bench-bare-sleeps", str(wait_us), str(silence_us), str(seconds)],
                          stdout=subprocess.PIPE, text=True, timeout=seconds + 60, check=True)
    return json.loads(done.stdout)["cpu_us"]


def measure(build: pathlib.Path, client: str, line: tuple, seconds: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="busward-bench-") as name:
        folder = pathlib.Path(name)
        wire = Line(build, folder, *line[1:4])
        try:
            if client in ("gateway", "one unit"):
                own = run_gateway(build, folder, line, wire, seconds, UNITS if client == "gateway" else 1)
            else:
                own = run_client(build, client, line, wire, seconds)
            return {**wire.report(), **own}
        finally:
            wire.stop()


def summary(runs: list[dict]) -> dict:
    """Medians of what is a rate, sums of what is a count."""
    def middle(key) -> float:
        return statistics.median(key(run) for run in runs)

    return {"utilisation": middle(lambda run: run["utilisation"]),
            "cpu_us": middle(lambda run: run["cpu_us"]),
            "per_s": middle(lambda run: run["requests"] / max(run["elapsed_us"], 1) * 1e6),
            "gap_p50_us": middle(lambda run: run["gap_us"]["p50"]),
            "gap_p99_us": middle(lambda run: run["gap_us"]["p99"]),
            **{key: sum(run[key] for run in runs) for key in ("requests", "violations", "stalls")}}


def show(line: str, client: str, got: dict) -> None:
    print(f"{line:<28} {client:<10} {got['utilisation'] * 100:7.2f} % {got['per_s']:8.1f} "
          f"{got['violations']:6d} / {got['requests']:<6d} "
          f"{got['gap_p50_us'] / 1000:7.2f} {got['gap_p99_us'] / 1000:7.2f} {got['cpu_us']:8.1f} "
          f"{got['stalls']:6d}", flush=True)


def take_turns(build: pathlib.Path, line: tuple, seconds: int, rounds: int) -> tuple[dict[str, dict], float]:
    runs, sleeps = {client: [] for client in CLIENTS}, []
    for _ in range(rounds):
        for client in CLIENTS:
            runs[client].append(measure(build, client, line, seconds))
        last = runs["gateway"][-1]
        sleeps.append(bare_sleeps(build, line, seconds, last["requests"] / last["elapsed_us"] * 1e6))
    return {client: summary(runs[client]) for client in CLIENTS}, statistics.median(sleeps)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="release build")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="JSON file for the rows")
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each client on each line")
    args = parser.parse_args()
    print(f"{'line':<28} {'client':<10} {'utilised':>9} {'per s':>9} {'t3.5 broken':>15} "
          f"{'gap p50':>9} {'p99 ms':>7} {'CPU us':>8} {'stalls':>6}")
    rows, broken, asked = [], dict.fromkeys(CLIENTS, 0), dict.fromkeys(CLIENTS, 0)
    stalls = 0
    for line in LINES:
        name = line[4]
        got, sleeps_us = take_turns(args.build.resolve(), line, args.seconds, args.rounds)
        for client in CLIENTS:
            show(line[0], client, got[client])
            broken[client] += got[client]["violations"]
            asked[client] += got[client]["requests"]
            stalls += got[client]["stalls"]
        whole, alone, peer = got["gateway"], got["line"], got["libmodbus"]
        rows.append(row(f"{name}.utilisation", whole["utilisation"], "of limit", "higher", 1.0))
        rows.append(row(f"{name}.one_unit_utilisation", got["one unit"]["utilisation"], "of limit", "higher", 1.0))
        rows.append(row(f"{name}.cpu_us", whole["cpu_us"], "us", "lower", peer["cpu_us"]))
        rows.append(row(f"{name}.line_utilisation", alone["utilisation"], "of limit", "higher", 1.0))
        rows.append(row(f"{name}.line_cpu_us", alone["cpu_us"], "us", "lower", peer["cpu_us"]))
        rows.append(row(f"{name}.cpu_over_sleeps", whole["cpu_us"], "us", "lower", sleeps_us))
        for client in ("libmodbus", "pymodbus"):  # above 1: it starts before the silence is over
            rows.append(row(f"{name}.{client}_utilisation", got[client]["utilisation"], "of limit", "higher", 1.0))
        print(f"{line[0]:<28} two bare sleeps, the least for whoever keeps t3.5: {sleeps_us:.1f} us; "
              f"the gateway takes {whole['cpu_us'] / sleeps_us:.2f} times that", flush=True)
        if name == "bus.tty.115200":
            rows.append(row("gateway.cpu_us", whole["cpu_us"], "us/transaction", "lower", peer["cpu_us"]))
    ours = broken["gateway"] + broken["one unit"]
    rows.append(row("bus.tty.violations", ours, "transactions", "lower", broken["libmodbus"]))
    for client in ("line", "libmodbus", "pymodbus"):
        rows.append(row(f"bus.tty.{client}_violations", broken[client], "transactions", "lower", asked[client]))
    rows.append(row("bus.tty.stalls", stalls, "late replies", "lower", sum(asked.values())))
    print("t3.5 broken: " + ", ".join(f"{client} {broken[client]} of {asked[client]}" for client in CLIENTS) +
          "; above 100 % a client starts before the silence is over")
    args.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if ours + broken["line"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
