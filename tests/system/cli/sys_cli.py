#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""busward read, write and scan against the reference receiver (Modbus TCP, RTU over TCP, a PTY) and a pymodbus server.

Goal: what is in a unit is printed as it is, what goes wrong is said in words with the right exit code, and nothing is
written unasked. Method: the pymodbus server's own memory is the judge of reads and writes.
"""
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartTcpServer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from world.ports import free_port  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))
BUSWARD = BUILD / "apps" / "cli" / "busward"
SENSOR = BUILD / "apps" / "sensor" / "busward-sensor"
DEADLINE_S = 60


def busward(command, port, *arguments):
    """(exit code, stdout, stderr) of a command on a port; a unit that is there has time to answer."""
    patience = [] if "--timeout-ms" in arguments else ["--timeout-ms", "5000"]
    done = subprocess.run([BUSWARD, command, "--port", port, *patience, *arguments], capture_output=True, text=True,
                          timeout=DEADLINE_S, check=False)
    return done.returncode, done.stdout, done.stderr


class Sensor:
    """busward-sensor as a process, unit 3 with four sensors; `port` is where it listens."""

    def __init__(self, port):
        self.process = subprocess.Popen([SENSOR, "--port", port, "--unit", "3", "--sensors", "4", "--calm"],
                                        stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + DEADLINE_S
        line = ""
        while not re.search("ev=(listening|open)", line):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stderr], [], [], left)[0]:
                raise AssertionError("the sensor never said where it listens")
            line = self.process.stderr.readline()
            if not line:
                raise AssertionError("the sensor ended")
        self.port = port.replace("pty:", "tty:")
        if "tcp:" in port:
            self.port = port[:-1] + re.search(r"port=(\d+)", line).group(1)

    def __enter__(self):
        return self.port

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE_S)
        self.process.stderr.close()


class TestAgainstTheReceiver(unittest.TestCase):
    def each_port(self):
        with tempfile.TemporaryDirectory() as folder:
            for port in ("tcp:127.0.0.1:0", "rtu+tcp:127.0.0.1:0", f"pty:{folder}/line"):
                with Sensor(port) as where, self.subTest(port):
                    yield where

    def test_reads_on_every_kind_of_port(self):
        for port in self.each_port():
            code, out, err = busward("read", port, "--unit", "3", "--table", "input", "--count", "2")
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(out.split("\n"), ["    0  30001   1  (0x0001)", "    1  30002   4  (0x0004)", ""])
            code, out, _ = busward("read", port, "--unit=3", "--table=holding", "--address=8", "--count=8", "--type=string")
            self.assertEqual((code, out.split()[:3]), (0, ["8", "40009", '"BW-RX-000001"']))

    def test_a_scan_finds_it_and_says_what_it_is(self):
        for port in self.each_port():
            code, out, _ = busward("scan", port, "--from", "3", "--to", "4", "--timeout-ms", "2000")
            self.assertEqual(code, 0)
            self.assertIn('unit   3: here, vendor "Busward", product "BW-RX"', out)
            self.assertIn('product name "Reference receiver"', out)
            self.assertIn("1 of 2 units answered", out)

    def test_what_goes_wrong_is_said_in_words(self):
        with Sensor("tcp:127.0.0.1:0") as port:
            code, out, err = busward("read", port, "--unit", "3", "--table", "input", "--address", "60000")
            self.assertEqual((code, out), (1, ""))
            self.assertIn("refuses to read input registers: illegal data address (exception 2)", err)
            code, out, err = busward("read", port, "--unit", "9", "--table", "input", "--timeout-ms", "50")
            self.assertEqual((code, out), (1, ""))
            self.assertIn("unit 9 does not answer (3 tries, 50 ms each)", err)
            code, out, err = busward("write", port, "--unit", "3", "--table", "holding", "--yes", "1")
            self.assertEqual((code, out), (1, ""))
            self.assertIn("refuses to write", err)
            self.assertIn("illegal function (exception 1)", err)
        code, _, err = busward("read", port, "--table", "input")
        self.assertEqual(code, 1)
        self.assertIn("Connection refused", err)
        code, _, err = busward("scan", "tty:/dev/is-not-there")
        self.assertEqual(code, 1)
        self.assertIn("no such device", err)


class TestAgainstPymodbus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        registers = list(range(5000, 5300))
        cls.unit = ModbusSlaveContext(hr=ModbusSequentialDataBlock(0, registers), ir=ModbusSequentialDataBlock(0, registers),
                                      co=ModbusSequentialDataBlock(0, [0, 1] * 50),
                                      di=ModbusSequentialDataBlock(0, [1, 0, 1] * 40), zero_mode=True)
        port = free_port()
        context = ModbusServerContext(slaves={1: cls.unit, 7: cls.unit}, single=False)
        threading.Thread(target=StartTcpServer, kwargs={"context": context, "address": ("127.0.0.1", port)}, daemon=True).start()
        cls.port = f"tcp:127.0.0.1:{port}"
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    return
        raise AssertionError("the server never listened")

    def holding(self, address, count):
        return self.unit.getValues(3, address, count)

    def values(self, *arguments):
        code, out, err = busward("read", self.port, *arguments)
        self.assertEqual((code, err), (0, ""))
        return [line.split()[2] for line in out.splitlines()]

    def test_long_reads_are_split(self):
        expected = [str(value) for value in self.unit.getValues(4, 10, 280)]
        self.assertEqual(self.values("--table", "input", "--address", "10", "--count", "280"), expected)
        self.assertEqual(self.values("--table", "discrete", "--count", "100"), (["1", "0", "1"] * 40)[:100])

    def test_types_and_orders_written_and_read_back(self):
        for kind, text, order, wire in (
                ("u16", "65535", None, ">H"), ("i16", "-32768", None, ">h"), ("u32", "4294967295", None, ">I"),
                ("i32", "-2", None, ">i"), ("u64", "18446744073709551615", None, ">Q"),
                ("i64", "-9223372036854775808", None, ">q"), ("f32", "21.7", None, ">f"), ("f64", "0.1", "HGFEDCBA", "<d"),
                ("u32", "305419896", "DCBA", "<I")):
            with self.subTest(kind):
                orders = ["--order", order] if order else []
                place = ["--table", "holding", "--address", "20", "--type", kind, *orders]
                code, out, err = busward("write", self.port, *place, "--yes", text)
                self.assertEqual((code, err), (0, ""))
                self.assertEqual(out.splitlines(), [f"unit 1, 20 (40021): wrote {text}",
                                                    f"unit 1, 20 (40021): reads back as {text}"])
                number = float(text) if kind[0] == "f" else int(text)
                raw = struct.pack(wire, number)
                self.assertEqual(struct.pack(f">{len(raw) // 2}H", *self.holding(20, len(raw) // 2)), raw)
                self.assertEqual(self.values(*place), [text])

    def test_coils_one_and_many(self):
        code, _, err = busward("write", self.port, "--table", "coil", "--address", "30", "--yes", "on", "0", "1", "1", "off",
                               "1", "0", "1", "1")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual([int(bit) for bit in self.unit.getValues(1, 30, 9)], [1, 0, 1, 1, 0, 1, 0, 1, 1])
        for many in ([], ["--many"]):
            code, _, err = busward("write", self.port, "--table", "coil", "--address", "31", "--yes", *many, "1")
            self.assertEqual((code, err, self.unit.getValues(1, 31, 1)[0]), (0, "", 1))
            self.unit.setValues(1, 31, [0])

    def test_nothing_is_written_without_yes(self):
        before = self.holding(40, 2)
        code, out, err = busward("write", self.port, "--table", "holding", "--address", "40", "1", "2")
        self.assertEqual((code, out), (1, "unit 1, 40 (40041): would write 1 2\n"))
        self.assertIn("nothing was written; say --yes", err)
        self.assertEqual(self.holding(40, 2), before)

    def test_units_a_gateway_cannot_reach_are_not_there(self):
        code, out, _ = busward("scan", self.port, "--from", "7", "--to", "8", "--timeout-ms", "2000")
        self.assertEqual(code, 0)
        self.assertEqual([line.split(":")[0] for line in out.splitlines()], ["unit   7", "1 of 2 units answered"])


class TestWords(unittest.TestCase):
    def test_wrong_words_are_named_before_the_port_is_touched(self):
        for command, arguments, said in (
                ("read", ["--table", "foo"], '"foo" is none of coil, discrete, input, holding'),
                ("read", ["--table", "coil", "--type", "u16"], "--type and --order are for registers"),
                ("read", ["--table", "input", "--type", "u128"], '"u128" is none of u16,'),
                ("read", ["--table", "input", "--type", "f32", "--order", "ABCDEFGH"], "is none of ABCD BADC CDAB DCBA"),
                ("read", ["--table", "input", "--order", "ABCD"], "u16 takes one register"),
                ("read", ["--table", "input", "--address", "65535", "--count", "2"], "pass the last address"),
                ("read", ["--table", "input", "--type", "string", "--count", "65"], "up to 64 registers"),
                ("write", ["--table", "input", "--yes", "1"], "only holding and coil can be written"),
                ("write", ["--table", "holding", "--yes", "65536"], '"65536" is no value here'),
                ("write", ["--table", "holding", "--type", "i16", "--yes", "-32769"], '"-32769" is no value here'),
                ("write", ["--table", "holding", "--type", "f32", "--yes", "1e39"], '"1e39" is no value here'),
                ("write", ["--table", "holding", "--yes", "-1"], '"-1" is no value here'),
                ("write", ["--table", "coil", "--yes", "2"], '"2" is no value here; expected 0, 1, on or off'),
                ("scan", ["--from", "9", "--to", "8"], "--from 9 lies above --to 8")):
            with self.subTest(said):
                code, out, err = busward(command, "tcp:127.0.0.1:1", *arguments)
                self.assertEqual((code, out), (2, ""))
                self.assertIn(said, err)

    def test_wrong_ports_are_named(self):
        for port in ("x", "tcp:host", "tty:", "tcp:host:0"):
            code, _, err = busward("read", port, "--table", "input")
            self.assertEqual(code, 1)
            self.assertIn(f'"{port}" is no port; expected tty:/dev/...', err)


if __name__ == "__main__":
    unittest.main()
