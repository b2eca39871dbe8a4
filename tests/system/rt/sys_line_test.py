#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""busward line-test on lines with one fault each.

Goal: each fault is named by the verdict that is about it and by no other, and the exit code says whether anything is wrong.
Method: rt-host with a knob per fault; a PTY line for what a tty can tell.
"""
import os
import pathlib
import re
import select
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))
HOST = BUILD / "tests" / "system" / "rt" / "rt-host"
LINE = BUILD / "sim" / "busward-line"
BUSWARD = BUILD / "apps" / "cli" / "busward"
DEADLINE_S = 60
QUICK_MS = 60  # where a unit never answers; the core's time-out is told by its own line's time, however late the core runs


class TestLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, *command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def line_test(self, port, *options, timeout_ms=2000):
        """(exit code, {what: (verdict, text)}) of a quick test."""
        done = subprocess.run([BUSWARD, "line-test", "--port", port, "--timeout-ms", str(timeout_ms), "--count", "5", "--idle-ms", "300",
                               *options], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        found = re.findall("^(ok|look|WRONG) +(idle|driver|clock|echo|unit [0-9]+) +(.*)$", done.stdout, re.M)
        self.assertTrue(found, done.stdout + done.stderr)
        return done.returncode, {what: (verdict, text) for verdict, what, text in found}

    def on_core(self, *options, ask=("--to", "2"), timeout_ms=2000):
        path = self.folder / "core"
        process = self.start(HOST, "--socket", path, "--units", "3", *options)
        self.assertEqual(process.stdout.readline(), b"listening\n")
        return self.line_test(f"rt:{path}", *ask, timeout_ms=timeout_ms)

    def assert_wrong(self, seen, *wanted):
        self.assertEqual([what for what, (verdict, _) in seen.items() if verdict == "WRONG"], list(wanted), seen)

    def test_a_good_line_is_fine(self):
        code, seen = self.on_core("--ppm", "60")
        self.assertEqual(code, 0, seen)
        self.assert_wrong(seen)
        self.assertRegex(seen["driver"][1], "let go 1.50 bits .78.1 us. .* 10 frames, none early")
        least, most = map(float, re.search(r"5 of 5 answered after [0-9.]+ ms \(([0-9.]+) to ([0-9.]+)\)", seen["unit 1"][1]).groups())
        self.assertTrue(2.99 < least <= most < 3.01, seen)
        self.assertIn("come back as sent", seen["echo"][1])

    def test_a_unit_that_is_not_there(self):
        code, seen = self.on_core("--mute", "2", timeout_ms=QUICK_MS)
        self.assertEqual(code, 1)
        self.assert_wrong(seen, "unit 2")
        self.assertIn("never answered", seen["unit 2"][1])

    def test_noise_while_nobody_is_asked(self):
        code, seen = self.on_core("--noise-ms", "97")
        self.assertEqual(code, 1)
        self.assertEqual(seen["idle"][0], "WRONG")
        self.assertRegex(seen["idle"][1], "^[0-9]+ bytes .* though nobody was asked")

    def test_a_driver_that_is_held_too_long(self):
        code, seen = self.on_core("--late-ns", "110000")  # 2.1 bits
        self.assertEqual(code, 1)
        self.assert_wrong(seen, "driver")
        self.assertRegex(seen["driver"][1], "held 3.61 bits")

    def test_a_unit_that_answers_into_the_held_driver(self):
        code, seen = self.on_core("--reply-us", "300", ask=("--to", "2", "--guard-bits", "6"))  # 312 us
        self.assertEqual(code, 1)
        self.assertEqual(seen["unit 1"][0], "WRONG")
        self.assertIn("lower guard_bits", seen["unit 1"][1])

    def test_a_receiver_that_is_dead(self):
        code, seen = self.on_core("--deaf", timeout_ms=QUICK_MS)
        self.assertEqual(code, 1)
        self.assert_wrong(seen, "unit 1", "unit 2")
        self.assertIn("receiver is off", seen["echo"][1])

    def test_a_unit_that_never_stops(self):
        code, seen = self.on_core("--babble")
        self.assertEqual(code, 1)
        self.assert_wrong(seen, "unit 1")
        self.assertRegex(seen["unit 1"][1], "0 of 5 answered; .* 5 broken")

    def test_a_tty_tells_less(self):
        tty = self.folder / "tty"
        process = self.start(LINE, "--client", tty, "--responder", "2")
        while not tty.exists():
            self.assertTrue(select.select([process.stdout], [], [], DEADLINE_S)[0])
            process.stdout.readline()
        code, seen = self.line_test(f"tty:{tty}", "--to", "2")
        self.assertEqual(code, 0, seen)
        self.assertEqual((seen["driver"][0], seen["clock"][0], seen["idle"][0]), ("look", "look", "ok"))
        self.assertEqual(seen["unit 2"][1], "5 of 5 answered")
        self.assertIn("none", seen["echo"][1])

    def test_wrong_calls(self):
        for options, said in ((["--port", "tcp:127.0.0.1:502"], "not over TCP"),
                              (["--port", "rt:/x", "--from", "5", "--to", "4"], "lies above"),
                              (["--port", "rt:x"], "is no port")):
            done = subprocess.run([BUSWARD, "line-test", *options], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stderr)
        done = subprocess.run([BUSWARD, "line-test", "--port", f"rt:{self.folder}/none"], capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
