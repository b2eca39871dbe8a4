#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The gateway against servers nobody here wrote: pymodbus and libmodbus on serial ports.

Goal: every type arrives with the value that was put in, and a register that the server does not have is told as bad.
Method: two PTYs joined by a thread; the judge is the journal's sync trace.
"""
import json
import os
import pathlib
import select
import struct
import subprocess
import sys
import tempfile
import threading
import tty
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from world.wait import until  # noqa: E402

HERE = pathlib.Path(__file__).parent
END_S = 20
BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))

POINTS = [
    {"name": "u16", "address": 0, "type": "u16"},
    {"name": "i16", "address": 1, "type": "i16", "scale": 0.01},
    {"name": "u32", "address": 2, "type": "u32"},
    {"name": "i32_swapped", "address": 4, "type": "i32", "order": "CDAB"},
    {"name": "f32", "address": 6, "type": "f32"},
    {"name": "f64", "address": 8, "type": "f64"},
    {"name": "i64_little", "address": 12, "type": "i64", "order": "HGFEDCBA"},
    {"name": "text", "address": 16, "type": "string", "length": 8},
    {"name": "bits", "address": 20, "type": "bits", "bit": 4, "width": 4},
    {"name": "bcd", "address": 21, "type": "bcd16"},
    {"name": "missing_value", "address": 22, "type": "i16", "sentinels": [{"value": -32768}]},
    {"name": "far", "address": 60, "table": "input", "type": "u16"},
    {"name": "not_there", "address": 100, "table": "input", "type": "u16"},
    {"name": "coil", "address": 3, "table": "coil", "type": "bool"},
    {"name": "discrete", "address": 4, "table": "discrete", "type": "bool"},
]
WANTED = {"u16": 65535, "i16": -12.34, "u32": 4000000000, "i32_swapped": -2, "f32": 12.375, "f64": -1e-7,
          "i64_little": -5000000000, "text": "Busward", "bits": 10, "bcd": 1234, "missing_value": None, "far": 4242,
          "not_there": None, "coil": True, "discrete": False}


def registers() -> list[int]:
    wire = (struct.pack(">Hh", 65535, -1234) + struct.pack(">I", 4000000000) + struct.pack(">HH", 0xfffe, 0xffff)
            + struct.pack(">fd", 12.375, -1e-7) + struct.pack("<q", -5000000000) + b"Busward\0"
            + struct.pack(">HHh", 0x00a5, 0x1234, -32768))
    values = list(struct.unpack(f">{len(wire) // 2}H", wire))
    values += [0] * (100 - len(values))
    values[60] = 4242
    return values


class Wire:
    """Two PTYs whose masters are joined."""

    def __init__(self):
        self.pairs = [os.openpty(), os.openpty()]
        for _, slave in self.pairs:
            tty.setraw(slave)
        self.ends = [os.ttyname(slave) for _, slave in self.pairs]
        self.stop_r, self.stop_w = os.pipe()
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()

    def carry(self):
        a, b = self.pairs[0][0], self.pairs[1][0]
        while True:
            ready = select.select([a, b, self.stop_r], [], [])[0]
            if self.stop_r in ready:
                return
            for fd in ready:
                os.write(b if fd == a else a, os.read(fd, 4096))

    def close(self):
        os.write(self.stop_w, b"x")
        self.thread.join()
        for fd in (*self.pairs[0], *self.pairs[1], self.stop_r, self.stop_w):
            os.close(fd)


class GatewayAgainstServers(unittest.TestCase):
    def poll(self, *server):
        wire = Wire()
        self.addCleanup(wire.close)
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()) if hasattr(self, "enterContext")
                              else self._folder())
        (folder / "profiles").mkdir()
        (folder / "registers").write_text("\n".join(map(str, registers())) + "\n")
        (folder / "profiles" / "server.json").write_text(json.dumps(
            {"name": "server", "groups": [{"name": "fast", "interval_ms": 400}], "points": POINTS}))
        (folder / "gateway.json").write_text(json.dumps(
            {"gateway": {"id": "gw", "data_dir": str(folder / "data")}, "telemetry": {"sync_ms": 50},
             "buses": [{"name": "line", "port": f"tty:{wire.ends[0]}", "format": "8N1", "reply_timeout_ms": 2000,
                        "reply_timeout_min_ms": 2000, "devices": [
                            {"name": "server", "unit": 1, "profile": "server"},
                            {"name": "nobody", "unit": 2, "profile": "server", "reply_timeout_ms": 200}]}]}))
        process = subprocess.Popen([*server, wire.ends[1], folder / "registers"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.assertEqual(process.stdout.readline().strip(), "ready")
        trace = folder / "trace.jsonl"
        with open(folder / "log", "w", encoding="utf-8") as log:
            gateway = subprocess.Popen([BUILD / "apps" / "gateway" / "busward-gateway", "--config", folder / "gateway.json",
                                        "--trust-clock", "--sync-trace", trace], stderr=log)
        try:
            samples = self.watch(trace, gateway)
        finally:
            gateway.terminate()
            self.assertEqual(gateway.wait(timeout=END_S), 0, (folder / "log").read_text())
        self.judge(samples)

    def _folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def watch(self, trace, gateway):
        """Reads the trace until every point was seen several times."""
        samples = []

        def all_seen():
            self.assertIsNone(gateway.poll())
            samples[:] = [json.loads(line) for line in trace.read_text().splitlines()[:-1]] if trace.exists() else []
            often = sum(s["name"] == "u16" and s["device"] == "server" for s in samples)
            return len({(s["device"], s["name"]) for s in samples}) == 2 * len(POINTS) and often >= 10

        until("every point", all_seen)
        return samples

    def judge(self, samples):
        for sample in samples:
            name = sample["name"]
            if sample["device"] == "nobody":
                self.assertEqual((sample["v"], sample["q"]), (None, "stale"), sample)
                continue
            wanted = WANTED[name]
            self.assertEqual(sample["q"], "bad" if wanted is None else "good", sample)
            if isinstance(wanted, float):
                self.assertAlmostEqual(sample["v"], wanted, delta=abs(wanted) * 1e-9)
            else:
                self.assertEqual(sample["v"], wanted, sample)
        for name in ("missing_value", "not_there"):
            self.assertEqual(sum(s["name"] == name and s["device"] == "server" for s in samples), 1, name)

    def test_pymodbus_serial_server(self):
        self.poll(HERE / "pymodbus_server.py")

    def test_libmodbus_serial_server(self):
        self.poll(BUILD / "tests" / "system" / "gateway" / "libmodbus_server")


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
