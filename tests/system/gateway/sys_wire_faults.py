#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: whoever wires a bus is told what goes wrong on it, not that a device is dead; and a bus that nobody can use is nothing
against its units. Method: one gateway with a bus for each fault, each a PTY behind which a unit does that one thing wrong, then
right; the gateway's log and the journal's sync trace judge."""
import contextlib
import json
import os
import pathlib
import re
import select
import struct
import subprocess
import sys
import tempfile
import threading
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from world.wait import until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))
UNIT = 17
REQUEST_SIZE = 8
BABBLE_S = 0.002  # far below the silence of the babbling line, however busy this machine is
BAUD = {"babbling": 300}
# bus: (why of the log, reason of the samples)
FAULTS = {"silent": ("timeout", "timeout"), "damaged": ("bad_crc", "garbled"), "foreign": ("wrong_unit", "garbled"),
          "deaf": ("no_echo", "no_echo"), "babbling": (None, "busy")}
PROFILE = {"name": "p", "groups": [{"name": "g", "interval_ms": 200}], "points": [{"name": "x", "group": "g", "address": 7}]}


def frame(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return data + struct.pack("<H", crc)


class Unit:
    """Answers each request with one register, 42; until it is well, in its own wrong way."""

    def __init__(self, name: str) -> None:
        self.name, self.is_well = name, threading.Event()
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self.live)
        self.thread.start()

    def reply(self) -> bytes:
        good = frame(bytes([UNIT, 3, 2, 0, 42]))
        if self.is_well.is_set():
            return good
        return {"silent": b"", "damaged": good[:-1] + bytes([good[-1] ^ 1]), "foreign": frame(bytes([UNIT + 1, 3, 2, 0, 42])),
                "deaf": good, "babbling": good}[self.name]

    def live(self) -> None:
        held = b""
        while True:
            babbles = self.name == "babbling" and not self.is_well.is_set()
            ready = select.select([self.master, self.stop_read], [], [], BABBLE_S if babbles else None)[0]
            if self.stop_read in ready:
                return
            held += os.read(self.master, 256) if ready else b""
            if babbles and not ready:
                os.write(self.master, b"\x55")
            if len(held) >= REQUEST_SIZE:
                # An adapter that hears itself gives back what it sent.
                echo = held if self.name == "deaf" and self.is_well.is_set() else b""
                os.write(self.master, echo + self.reply())
                held = b""

    def close(self) -> None:
        os.write(self.stop_write, b"x")
        self.thread.join()
        for fd in (self.master, self.slave, self.stop_read, self.stop_write):
            os.close(fd)


def main() -> None:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        units = {name: Unit(name) for name in FAULTS}
        for unit in units.values():
            stack.callback(unit.close)
        (folder / "profiles").mkdir()
        (folder / "profiles" / "p.json").write_text(json.dumps(PROFILE))
        (folder / "gateway.json").write_text(json.dumps(
            {"gateway": {"id": "gw", "data_dir": str(folder / "data")}, "telemetry": {"sync_ms": 50},
             "buses": [{"name": name, "port": f"tty:{unit.path}", "baud": BAUD.get(name, 19200), "format": "8N1", "echo": name == "deaf",
                        "reply_timeout_ms": 150, "reply_timeout_min_ms": 150, "retries": 1, "suspend_after": 2, "probe_min_ms": 100,
                        "probe_max_ms": 500, "diagnostics_s": 0,
                        "devices": [{"name": name, "unit": UNIT, "profile": "p"}]} for name, unit in units.items()]}))
        trace, log = folder / "trace.jsonl", folder / "log"
        with open(log, "w", encoding="utf-8") as out:
            gateway = subprocess.Popen([BUILD / "apps/gateway/busward-gateway", "--config", folder / "gateway.json", "--trust-clock",
                                        "--sync-trace", trace], stderr=out)
        try:
            judge(gateway, units, trace, log)
        finally:
            gateway.terminate()
            assert gateway.wait(timeout=30) == 0, log.read_text()
        assert "runtime error" not in log.read_text() and "AddressSanitizer" not in log.read_text(), log.read_text()


def judge(gateway, units, trace, log) -> None:
    def samples(name: str) -> list[dict]:
        assert gateway.poll() is None, log.read_text()
        rows = [json.loads(line) for line in trace.read_text().splitlines()[:-1]] if trace.exists() else []
        return [row for row in rows if row["device"] == name]

    def told(name: str) -> list[str]:
        return re.findall(rf"mod=poll ev=unit bus={name} .* state=suspended (.*)", log.read_text())

    # The trace's last line waits for the next: only what is followed by another is whole.
    for name, (why, reason) in FAULTS.items():
        if why is None:
            continue
        line = until(f"{name} told", lambda: told(name))[0]
        assert re.match(rf'why={why} hint="[^"]{{20,}}\?"|why={why} hint=".*false', line), (name, line)
        print(f"ok: {name}: {line}", flush=True)
    line = until("the busy line told", lambda: re.search(r"ev=line_busy bus=babbling unsent=\d+ hint=.*never quiet.*", log.read_text()))
    print(f"ok: {line[0]}", flush=True)
    until("a busy sample", lambda: '"why":"busy"' in trace.read_text())
    assert told("babbling") == [], told("babbling")
    for unit in units.values():
        unit.is_well.set()
    for name, (_, reason) in FAULTS.items():
        until(f"{name} well", lambda: sum(row["q"] == "good" and row["v"] == 42 for row in samples(name)) >= 3)
        first = samples(name)[0]
        assert (first["q"], first["v"], first["why"]) == ("stale", None, reason), (name, first)
        assert sum(row["q"] != "good" for row in samples(name)) == 1, samples(name)
        print(f"ok: {name}: {first['q']} {first['why']}, then good", flush=True)
    assert told("babbling") == []


if __name__ == "__main__":
    main()
