#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bus behind a real-time core: the core's application in real time, its socket, the gateway.

Goal: times are true within the error that is told, a core that restarts, hangs up or comes back is told in words and costs
nothing but what was on its line, and the gateway reads through it without breaking a silence. Method: rt-host, whose line
has its own judge.
"""
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from world.wait import until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))
HOST = BUILD / "tests" / "system" / "rt" / "rt-host"
PROBE = BUILD / "tests" / "system" / "line" / "bus-probe"
GATEWAY = BUILD / "apps" / "gateway" / "busward-gateway"
DEADLINE_S = 30
READ_ONE = "010300070001"  # unit 1, register 7
CHAR_US = 11e6 / 19200


def crc(frame: bytes) -> bytes:
    value = 0xffff
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xa001 if value & 1 else 0)
    return value.to_bytes(2, "little")


class Lines:
    """The lines of a process's output, with a deadline."""

    def __init__(self, process):
        self.process = process
        self.text = b""

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def line(self) -> str:
        deadline = time.monotonic() + DEADLINE_S
        while b"\n" not in self.text:
            ready = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not chunk:
                raise AssertionError(f"no line in {DEADLINE_S} s; so far {self.text!r}")
            self.text += chunk
        line, self.text = self.text.split(b"\n", 1)
        return line.decode()


class Core(Lines):
    def __init__(self, path, *options):
        super().__init__(subprocess.Popen([HOST, "--socket", path, *options], stdout=subprocess.PIPE, bufsize=0))

    def restart(self):
        self.process.send_signal(signal.SIGUSR1)

    def end(self):
        """The judge's report."""
        self.process.terminate()
        report = json.loads(self.line())
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        return report


class Probe(Lines):
    def __init__(self, path):
        self.errors = tempfile.TemporaryFile()
        super().__init__(subprocess.Popen([PROBE, "--rt", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          stderr=self.errors, bufsize=0))

    def send(self, token, pdu=READ_ONE):
        frame = bytes.fromhex(pdu)
        self.process.stdin.write(f"{token} {(frame + crc(frame)).hex()}\n".encode())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(DEADLINE_S) == 0
        self.process.stdout.close()
        self.errors.seek(0)
        log = self.errors.read().decode()
        self.errors.close()
        return log


class TestRt(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = str(self.folder / "core")

    def core(self, *options):
        core = Core(self.path, *options)
        self.addCleanup(core.kill)
        self.assertEqual(core.line(), "listening")
        return core

    def probe(self):
        probe = Probe(self.path)
        self.addCleanup(probe.kill)
        return probe

    def test_times_are_true_within_the_error_told(self):
        core = self.core("--ppm", "150", "--reply-us", "4000")
        begun_us = time.monotonic_ns() // 1000
        probe = self.probe()
        self.assertEqual(probe.line(), "up")
        for token in range(5):
            before_us = time.monotonic_ns() // 1000
            probe.send(token)
            done = probe.line().split()
            after_us = time.monotonic_ns() // 1000
            self.assertEqual(done[:4], ["done", str(token), "reply", "0103020107f816"])
            tx_first, tx_end, rx_first, rx_last, error = map(int, done[4:9])
            self.assertTrue(0 < error < after_us - begun_us, done)  # no exchange on its way to core and back took longer
            self.assertGreaterEqual(tx_first, before_us - error)
            self.assertLessEqual(rx_last, after_us)
            self.assertAlmostEqual(tx_end - tx_first, 8 * CHAR_US, delta=5)
            self.assertAlmostEqual(rx_first - tx_end, 4000 + CHAR_US, delta=5)
            self.assertAlmostEqual(rx_last - rx_first, 6 * CHAR_US, delta=5)
        log = probe.end()
        self.assertIn('event=SETUP', log)
        self.assertIn('text="line set up: 19200 baud, 11 bits per character"', log)
        self.assertEqual(core.end()["violations"], 0)

    def test_a_core_that_restarts_goes_away_and_comes_back(self):
        probe = self.probe()
        self.assertIn(f"down {self.path}: No such file", probe.line())
        probe.send(1)
        self.assertTrue(probe.line().startswith("done 1 port_lost"))
        core = self.core("--mute", "9", "--units", "9", "--tell")
        self.assertEqual(probe.line(), "up")
        for turn in range(3):
            probe.send(10, "090300070001")  # never answers
            self.assertEqual(core.line(), "request 9")
            core.restart()
            seen = sorted([probe.line(), probe.line()])
            self.assertTrue(seen[0].startswith("done 10 port_lost"), seen)
            self.assertEqual(seen[1], "down the core restarted after its watchdog ran out", seen)
            self.assertEqual(probe.line(), "up")
            probe.send(20 + turn)
            self.assertTrue(probe.line().startswith(f"done {20 + turn} reply"))
            self.assertEqual(core.line(), "request 1")
        self.assertEqual(core.end()["boots"], 4)
        self.assertRegex(probe.line(), "^down .*(closed|reset|refused|No such file)")
        core = self.core()
        line = probe.line()
        while line != "up":  # it may have been refused in between
            self.assertTrue(line.startswith("down "), line)
            line = probe.line()
        probe.send(30)
        self.assertTrue(probe.line().startswith("done 30 reply"))
        crashes = re.findall("ev=crash .*", probe.end())
        self.assertEqual(len(crashes), 3, crashes)  # each boot's once
        self.assertIn('text="the core began anew after its watchdog ran out"', crashes[0])
        core.end()

    def test_what_is_no_core_is_told(self):
        with open(self.path, "w", encoding="utf-8"):
            pass
        probe = self.probe()
        self.assertEqual(probe.line(), f"down {self.path}: Connection refused")
        probe.end()

    def test_a_line_at_another_speed_gives_noise_and_no_more(self):
        core = self.core("--baud", "9600")
        probe = self.probe()
        self.assertEqual(probe.line(), "up")
        probe.send(1)
        self.assertRegex(probe.line(), "^done 1 (noise|timeout|collision)")
        probe.end()
        core.end()

    def test_the_gateway_reads_through_it(self):
        core = self.core("--baud", "115200", "--format", "8N1", "--ppm", "-90", "--reply-us", "1000")
        (self.folder / "profiles").mkdir()
        points = [{"name": f"r{i}", "address": i, "type": "u16"} for i in range(40)]
        (self.folder / "profiles" / "unit.json").write_text(json.dumps(
            {"name": "unit", "groups": [{"name": "fast", "interval_ms": 100}], "points": points}))
        config = self.folder / "gateway.json"
        config.write_text(json.dumps(
            {"gateway": {"id": "gw", "data_dir": str(self.folder / "data")}, "telemetry": {"sync_ms": 50},
             "buses": [{"name": "line", "port": f"rt:{self.path}", "baud": 115200, "format": "8N1", "guard_bits": 1.5,
                        "reply_timeout_ms": 5000, "reply_timeout_min_ms": 5000,
                        "devices": [{"name": f"unit {u}", "unit": u, "profile": "unit"} for u in (1, 2, 3)]}]}))
        trace = self.folder / "trace.jsonl"
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            gateway = subprocess.Popen([GATEWAY, "--config", config, "--trust-clock", "--sync-trace", trace], stderr=log)
        self.addCleanup(gateway.kill)
        until("samples of 15 polls", lambda: trace.exists() and trace.read_text().count("\n") > 15 * len(points))
        gateway.terminate()
        self.assertEqual(gateway.wait(DEADLINE_S), 0, (self.folder / "log").read_text())
        text = (self.folder / "log").read_text()
        samples = [json.loads(line) for line in trace.read_text().splitlines()]
        for sample in samples:
            unit, register = int(sample["device"].split()[1]), int(sample["name"][1:])
            self.assertEqual((sample["v"], sample["q"]), (unit * 256 + register, "good"))
        self.assertTrue(re.search("mod=bus ev=up bus=line", text), text)
        report = core.end()
        self.assertEqual((report["violations"], report["collisions"], report["fights"]), (0, 0, 0))
        self.assertGreater(report["replies"], 10)


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
