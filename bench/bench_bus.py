#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients on the same paced line: utilisation, broken silences, CPU per transaction.

10 units x 40 registers, device delay 1 ms, replies as one chunk at the end of their wire time. The
reference of utilisation is the wire's limit, of the rest libmodbus on the same line in the same run.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LINES = [
    # name, baud, format, t3.5 counted in characters, main row
    ("19200 8E1", 19200, "8E1", False, "bus.tty.19200.utilisation"),
    ("115200 8N1, t3.5 1.75 ms", 115200, "8N1", False, "bus.tty.115200.utilisation"),
    ("115200 8N1, t3.5 3.5 chars", 115200, "8N1", True, "bus.tty.115200.chars.utilisation"),
]
WARM_UP_S = 10.0


def commands(build: pathlib.Path, port: str, baud: int, form: str, chars: bool, seconds: int):
    ours = [build / "bench/bench-bus-client", "--port", port, "--baud", str(baud), "--format", form,
            "--seconds", str(seconds)]
    if chars:
        ours.append("--silence-in-chars")
    # libmodbus asks for parity with plain termios, which a PTY silently lacks.
    rest = [port, str(baud), form[1], str(seconds)]
    return {
        "busward": ours,
        "libmodbus": [build / "bench/bench-libmodbus-client", *rest],
        "pymodbus": [HERE / "pymodbus_client.py", *rest],
    }


def measure(build: pathlib.Path, client: str, line: tuple, seconds: int) -> dict:
    _, baud, form, chars, _ = line
    with tempfile.TemporaryDirectory() as folder:
        port, report = os.path.join(folder, "client"), os.path.join(folder, "report")
        command = [build / "sim/busward-line", "--baud", str(baud), "--format", form, "--client", port,
                   "--responder", "10", "--responder-delay-us", "1000", "--report", report,
                   "--log-level", "error"]
        if chars:
            command.append("--silence-in-chars")
        wire = subprocess.Popen(command)
        try:
            deadline = time.monotonic() + WARM_UP_S
            while not os.path.exists(port):
                if wire.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("busward-line did not start")
                time.sleep(0.01)
            done = subprocess.run(commands(build, port, baud, form, chars, seconds)[client],
                                  stdout=subprocess.PIPE, text=True, timeout=seconds + 60)
            if done.returncode != 0:
                raise RuntimeError(f"{client} failed on {line[0]}")
        finally:
            wire.send_signal(signal.SIGTERM)
            wire.wait(10)
        with open(report, encoding="utf-8") as file:
            return {**json.loads(file.read()), **json.loads(done.stdout)}


def show(line: str, client: str, got: dict) -> None:
    gap = got["gap_us"]
    print(f"{line:<28} {client:<10} {got['utilisation'] * 100:7.2f} % "
          f"{got['requests'] / max(got['elapsed_us'], 1) * 1e6:8.1f} "
          f"{got['violations']:6d} / {got['requests']:<6d} "
          f"{gap['p50'] / 1000:7.2f} {gap['p99'] / 1000:7.2f} {got['cpu_us']:8.1f}", flush=True)


def row(name: str, value: float, unit: str, better: str, reference: float) -> dict:
    return {"name": name, "value": value, "unit": unit, "better": better, "reference": reference,
            "ratio": value / reference if reference else 0.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="release build")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="JSON file for the rows")
    parser.add_argument("--seconds", type=int, default=6, help="of each run")
    args = parser.parse_args()
    print(f"{'line':<28} {'client':<10} {'utilised':>9} {'per s':>9} {'t3.5 broken':>15} "
          f"{'gap p50':>9} {'p99 ms':>7} {'CPU us':>8}")
    rows, violations, peer_violations, requests, peer_requests = [], 0, 0, 0, 0
    for line in LINES:
        got = {}
        for client in ("busward", "libmodbus", "pymodbus"):
            got[client] = measure(args.build.resolve(), client, line, args.seconds)
            show(line[0], client, got[client])
        ours, peer = got["busward"], got["libmodbus"]
        rows.append(row(line[4], ours["utilisation"], "of limit", "higher", 1.0))
        rows.append(row(line[4].replace("utilisation", "cpu_us"), ours["cpu_us"], "us", "lower",
                        peer["cpu_us"]))
        violations += ours["violations"]
        requests += ours["requests"]
        peer_violations += peer["violations"]
        peer_requests += peer["requests"]
    rows.append(row("bus.tty.violations", violations, "transactions", "lower", peer_violations))
    print(f"t3.5 broken: busward {violations} of {requests}, libmodbus {peer_violations} of "
          f"{peer_requests}; above 100 % a client starts before the silence is over")
    old = json.loads(args.out.read_text()) if args.out.exists() else []
    names = {r["name"] for r in rows}
    args.out.write_text(json.dumps([r for r in old if r["name"] not in names] + rows, indent=1) + "\n")
    return 0 if violations == 0 else 1


sys.exit(main())
