#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""busward sniff on a tty and behind the real-time core's own program.

Goal: every frame on a line is told in words with its time, its silence and its CRC, and not a byte of our own gets onto it.
Method: a PTY that a test writes to; busward-m4, with a PTY as the device on its line, whose judge counts what it sent.
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
import tty
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from world.wait import until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))
BUSWARD = BUILD / "apps" / "cli" / "busward"
M4 = BUILD / "sim" / "mt3620" / "busward-m4"
ELF = pathlib.Path(os.environ.get("BUSWARD_SOURCE", ".")) / "build" / "m4" / "busward-rt.elf"
DEADLINE_S = 30
LINE = re.compile(r"~?(-?[\d.]+) s  silence (-|~?[\d.]+) ms  CRC (ok|wrong)  (.*)")


def framed(body: str) -> bytes:
    """With its CRC."""
    frame, value = bytes.fromhex(body), 0xffff
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xa001 if value & 1 else 0)
    return frame + value.to_bytes(2, "little")


ASKED, ANSWERED, REFUSED = framed("110300630002"), framed("110304002affff"), framed("118302")


class Sniffer:
    def __init__(self, test, *options):
        self.process = subprocess.Popen([BUSWARD, "sniff", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        test.addCleanup(self.end)
        self.text = b""

    def line(self) -> str:
        deadline = time.monotonic() + DEADLINE_S
        while b"\n" not in self.text:
            ready = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not chunk:
                raise AssertionError(f"no line; so far {self.text!r}")
            self.text += chunk
        line, self.text = self.text.split(b"\n", 1)
        return line.decode()

    def frame(self):
        """(time in s, silence in ms or None, CRC, words)."""
        line = self.line()
        found = LINE.fullmatch(line)
        if not found:
            raise AssertionError(line)
        silence = found[2].lstrip("~")
        return float(found[1]), None if silence == "-" else float(silence), found[3], found[4]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.line(), self.process.wait(DEADLINE_S)

    def end(self):
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        self.process.stderr.close()


class Sniff(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def say(self, sniffer, device, frame):
        """What the sniffer says of it."""
        os.write(device, frame)
        return sniffer.frame()

    def pty(self):
        ours, theirs = os.openpty()
        tty.setraw(ours)
        tty.setraw(theirs)
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        return ours, os.ttyname(theirs)

    def open_tty(self, *options):
        """A sniffer that is known to listen."""
        ours, path = self.pty()
        sniffer = Sniffer(self, "--port", f"tty:{path}", *options)
        self.meet(sniffer, ours)
        return ours, sniffer

    def meet(self, sniffer, device):
        """Writes one frame after the other, each another, until the sniffer tells the last one: it listens, and has told all."""
        deadline, number = time.monotonic() + DEADLINE_S, 0
        while time.monotonic() < deadline:
            number += 1
            os.write(device, framed(f"1103{number:04x}0002"))
            while b"\n" in sniffer.text or select.select([sniffer.process.stdout], [], [], 0.3)[0]:
                if sniffer.frame()[3].endswith(f"read holding registers {number} to {number + 1}"):
                    return
        self.fail("the sniffer tells nothing")

    def test_a_tty(self):
        ours, sniffer = self.open_tty()
        before = self.say(sniffer, ours, ASKED)
        self.assertEqual(before[2:], ("ok", "unit 17  request  read holding registers 99 to 100"))
        after = self.say(sniffer, ours, ANSWERED)
        self.assertEqual(after[2:], ("ok", "unit 17  reply  read holding registers 99 to 100: 42 65535"))
        self.assertGreater(after[0], before[0])
        self.say(sniffer, ours, ASKED)
        self.assertEqual(self.say(sniffer, ours, REFUSED)[3],
                         "unit 17  refusal  read holding registers: illegal data address (exception 2)")
        self.assertEqual(self.say(sniffer, ours, b"\x11\x03\x00")[2:], ("wrong", "3 bytes  11 03 00"))
        os.write(ours, ASKED + ANSWERED)  # as an adapter with a latency timer hands them over
        self.assertIn("request", sniffer.frame()[3])
        self.assertIn("reply", sniffer.frame()[3])
        total, code = sniffer.stop()
        self.assertEqual(code, 0)
        self.assertRegex(total, r"^\d+ frames, \d+ with a wrong CRC; .* 0 too long, 0 lost$")
        self.assertFalse(select.select([ours], [], [], 0)[0])  # it never said a word

    def test_count_and_bytes(self):
        ours, path = self.pty()
        sniffer = Sniffer(self, "--port", f"tty:{path}", "--count", "1", "--hex")
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and not select.select([sniffer.process.stdout], [], [], 0.2)[0]:
            os.write(ours, REFUSED)
        self.assertTrue(sniffer.frame()[3].endswith("(exception 2)  " + REFUSED.hex(" ")))
        self.assertRegex(sniffer.line(), "^1 frames, 0 with a wrong CRC")
        self.assertEqual(sniffer.process.wait(DEADLINE_S), 0)

    def test_behind_the_core(self):
        mailbox, device, report = (self.folder / name for name in ("mailbox", "device", "report"))
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            core = subprocess.Popen([M4, "--elf", ELF, "--mailbox", mailbox, "--report", report, "--device", device,
                                     "--baud", "19200", "--format", "8E1"], stderr=log)
        self.addCleanup(core.wait)
        self.addCleanup(core.kill)
        until("mailbox and device", lambda: mailbox.exists() and device.exists())
        line = os.open(device, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, line)
        tty.setraw(line)
        sniffer = Sniffer(self, "--port", f"rt:{mailbox}", "--baud", "19200", "--format", "8E1")
        self.meet(sniffer, line)
        before = self.say(sniffer, line, ASKED)
        self.assertEqual(before[2:], ("ok", "unit 17  request  read holding registers 99 to 100"))
        after = self.say(sniffer, line, ANSWERED)
        self.assertEqual(after[2:], ("ok", "unit 17  reply  read holding registers 99 to 100: 42 65535"))
        # Eight characters of eleven bits lie between their beginnings, and the silence.
        self.assertAlmostEqual((after[0] - before[0]) * 1000, 8 * 11000 / 19200 + after[1], delta=0.01)
        self.assertEqual(self.say(sniffer, line, b"\x11\x03\x00")[2:], ("wrong", "3 bytes  11 03 00"))
        total, code = sniffer.stop()
        self.assertEqual(code, 0, total)
        core.terminate()
        self.assertEqual(core.wait(DEADLINE_S), 0)
        seen = json.loads(report.read_text())
        self.assertEqual((seen["requests"], seen["collisions"], seen["violations"]), (0, 0, 0), seen)

    def test_wrong_calls(self):
        for options, code, said in ((["--port", "tcp:127.0.0.1:502"], 2, "over TCP"),
                                    (["--port", f"rt:{self.folder}/none"], 1, "No such file")):
            done = subprocess.run([BUSWARD, "sniff", *options], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
            self.assertEqual(done.returncode, code)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
