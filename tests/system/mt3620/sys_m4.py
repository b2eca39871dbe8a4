#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""busward-m4 as the gateway and the devices see it: a real-time core (guests/bridge.c, the smallest there is) between a
mailbox socket and a line in real time, with its judge; resets, dead gateways, a guest that breaks the model's rules."""
import json
import os
import pathlib
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import tty
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from world.wait import until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))
M4 = BUILD / "sim" / "mt3620" / "busward-m4"
GUESTS = BUILD / "tests" / "unit" / "mt3620"
UNITS = 3
WAIT_S = 60


def crc(data: bytes) -> bytes:
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


def read_request(unit: int, start: int, count: int) -> bytes:
    body = struct.pack(">BBHH", unit, 3, start, count)
    return body + crc(body)


def read_reply(unit: int, start: int, count: int) -> bytes:
    """What the built-in responder holds: unit * 256 + register."""
    body = struct.pack(">BBB", unit, 3, 2 * count) + b"".join(
        struct.pack(">H", (unit * 256 + start + i) & 0xFFFF) for i in range(count))
    return body + crc(body)


class Core:
    """busward-m4 for one test; files in a folder of its own, with a PTY for a device as `device` in it if asked for."""

    def __init__(self, test: unittest.TestCase, *options: str, guest: str = "bridge", device: bool = False,
                 traced: bool = False):
        folder = tempfile.TemporaryDirectory(prefix="busward-m4-")
        test.addCleanup(folder.cleanup)
        base = pathlib.Path(folder.name)
        self.mailbox, self.report_file, self.log_file = base / "mailbox", base / "report", base / "log"
        self.device, self.trace = base / "device", base / "trace.vcd"
        if device:
            options = (*options, "--device", str(self.device))
        if traced:
            options = (*options, "--trace", str(self.trace))
        self.test = test
        command = [M4, "--elf", GUESTS / f"{guest}.elf", "--mailbox", self.mailbox, "--report", self.report_file,
                   "--log", self.log_file, *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self._stop)
        self.lines: list[str] = []
        self.wait_for_line("ev=ready")

    def _stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_S)
        self.process.stderr.close()

    def wait_for_line(self, text: str) -> str:
        for line in self.process.stderr:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"no line with {text}: {self.lines}")

    def connect(self) -> socket.socket:
        gateway = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.test.addCleanup(gateway.close)
        gateway.settimeout(WAIT_S)
        gateway.connect(str(self.mailbox))
        return gateway

    def report(self) -> dict:
        """The judge's report of everything so far."""
        self.report_file.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        until("a report", self.report_file.exists, WAIT_S)
        return json.loads(self.report_file.read_text())

    def end(self) -> dict:
        self.process.send_signal(signal.SIGTERM)
        self.lines += self.process.stderr.readlines()
        assert self.process.wait(WAIT_S) == 0, self.lines
        return json.loads(self.report_file.read_text())


class BuswardM4(unittest.TestCase):
    def check_wire(self, report: dict) -> None:
        self.assertEqual(report["violations"], 0)
        self.assertEqual(report["collisions"], 0)
        de = report["de"]
        self.assertEqual((de["early"], de["undriven"], de["damaged"], de["silence"]), (0, 0, 0, 0))
        self.assertGreater(de["hold_bits"]["min"], 0)
        self.assertLess(de["hold_bits"]["max"], 0.1)
        self.assertEqual(report["core"]["rx_overruns"], 0)
        self.assertEqual(report["core"]["mismatched"], 0)

    def test_requests_go_out_and_replies_come_back(self):
        core = Core(self, "--responder", str(UNITS))
        gateway = core.connect()
        self.assertEqual(stat.S_IMODE(os.stat(core.mailbox).st_mode), 0o600)
        for i in range(20):
            unit, count = 1 + i % UNITS, 1 + i * 7 % 125
            gateway.send(read_request(unit, i, count))
            self.assertEqual(gateway.recv(2048), read_reply(unit, i, count))
        report = core.end()
        self.assertEqual((report["requests"], report["replies"]), (20, 20))
        self.assertEqual(report["de"]["frames"], 20)
        self.check_wire(report)

    def test_queued_frames_keep_the_silence(self):
        core = Core(self, "--responder", str(UNITS))
        gateway = core.connect()
        for i in range(30):
            gateway.send(read_request(200, i, 1))  # a unit that is not there

        until("30 requests on the line", lambda: core.report()["requests"] == 30, WAIT_S)
        report = core.end()
        self.check_wire(report)
        self.assertLess(report["gap_us"]["max"], 4000)  # back to back

    def test_a_frame_that_a_reset_cut_is_nobodys_fault(self):
        core = Core(self, "--responder", str(UNITS))
        gateway = core.connect()

        def was_cut():
            for i in range(5):
                gateway.send(read_request(200, i, 1))  # a unit that is not there
            core.process.send_signal(signal.SIGUSR1)  # at whatever moment of them
            return core.report()["de"]["cut"] > 0

        until("a frame cut by a reset", was_cut, WAIT_S)

        def is_whole():
            gateway.send(read_request(1, 0, 1))
            return core.report()["de"]["frames"] > 0

        until("a whole frame", is_whole, WAIT_S)
        self.check_wire(core.end())

    def test_device_on_a_pty_is_heard_byte_for_byte(self):
        core = Core(self, device=True)
        gateway = core.connect()
        fd = os.open(core.device, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(fd)
        gateway.send(bytes(range(64)))
        heard = b""
        while len(heard) < 64:
            self.assertTrue(select.select([fd], [], [], WAIT_S)[0])
            heard += os.read(fd, 512)
        self.assertEqual(heard, bytes(range(64)))
        os.write(fd, bytes(range(255, 55, -1)))
        self.assertEqual(gateway.recv(2048), bytes(range(255, 55, -1)))
        os.close(fd)
        report = core.end()
        self.check_wire(report)

    def test_one_gateway_at_a_time_and_a_dead_one_is_replaced(self):
        core = Core(self, "--responder", str(UNITS))
        first = core.connect()
        first.send(read_request(1, 0, 2))
        self.assertEqual(first.recv(2048), read_reply(1, 0, 2))
        second = core.connect()
        self.assertEqual(second.recv(16), b"")  # turned away
        first.close()
        third = core.connect()
        third.send(read_request(2, 0, 2))
        self.assertEqual(third.recv(2048), read_reply(2, 0, 2))
        report = core.end()
        self.assertEqual(report["mailbox"]["refused"], 1)

    def test_core_comes_back_after_a_reset(self):
        core = Core(self, "--responder", str(UNITS))
        gateway = core.connect()
        for _ in range(3):
            gateway.send(read_request(1, 5, 3))
            self.assertEqual(gateway.recv(2048), read_reply(1, 5, 3))
            core.process.send_signal(signal.SIGUSR1)
            core.wait_for_line("ev=reset")
        gateway.send(read_request(1, 5, 3))
        self.assertEqual(gateway.recv(2048), read_reply(1, 5, 3))
        self.assertEqual(core.end()["core"]["resets"], 3)

    def test_devices_at_another_speed_hear_garbage(self):
        core = Core(self, "--responder", str(UNITS), "--baud", "9600")
        gateway = core.connect()
        gateway.send(read_request(1, 0, 1))
        gateway.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            gateway.recv(2048)
        report = core.end()
        self.assertEqual(report["core"]["mismatched"], 8)
        self.assertEqual(report["replies"], 0)

    def test_what_is_not_modelled_ends_with_its_reason(self):
        core = Core(self, guest="stray")
        line = core.wait_for_line("ev=model_failed")
        self.assertIn("register 0x70 of UART0 is not modelled", line)
        self.assertIn("pc 0x", line)
        self.assertEqual(core.process.wait(WAIT_S), 1)

    def test_trace_is_written(self):
        core = Core(self, "--responder", str(UNITS), traced=True)
        gateway = core.connect()
        gateway.send(read_request(1, 0, 1))
        self.assertEqual(gateway.recv(2048), read_reply(1, 0, 1))
        core.end()
        text = core.trace.read_text()
        self.assertTrue(text.startswith("$timescale 1 ps $end"))
        for change in ("1d", "0d", "0t", "0r", "b000000000 x"):
            self.assertIn(f"\n{change}\n", text)


if __name__ == "__main__":
    unittest.main()
