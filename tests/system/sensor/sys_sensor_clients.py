#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The reference receiver against clients nobody here wrote: mbpoll (libmodbus) and pymodbus, over a
PTY, Modbus TCP and RTU over TCP; and what it says to wrong options."""
import ctypes
import os
import pathlib
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.mei_message import ReadDeviceInformationRequest
from pymodbus.transaction import ModbusRtuFramer

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))
SENSOR = BUILD / "apps" / "sensor" / "busward-sensor"
LIFE = ["--sensors", "12", "--report-s", "1", "--seed", "7", "--calm", "--speed", "60", "--start-of-day", "10:00"]
DEADLINE_S = 20
IN_OPEN, INOTIFY_EVENT_SIZE = 0x20, 16


class Sensor:
    """busward-sensor as a process; reads its log until it says where it listens."""

    def __init__(self, port, *options):
        self.process = subprocess.Popen([SENSOR, "--port", port, *LIFE, *options], stderr=subprocess.PIPE, text=True)
        event = "ev=listening" if "tcp:" in port else "ev=open"
        self.line = self.wait_for(event)

    def wait_for(self, text):
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if select.select([self.process.stderr], [], [], 0.1)[0]:
                line = self.process.stderr.readline()
                if text in line:
                    return line
                if not line:
                    break
        raise AssertionError(f"the sensor never said {text}")

    @property
    def tcp_port(self):
        return int(re.search(r"port=(\d+)", self.line).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(DEADLINE_S)
        self.process.stderr.close()
        assert code == 0, f"ended with {code}"


def mbpoll(*arguments):
    done = subprocess.run(["mbpoll", "-1", "-0", "-o", "5", *arguments], capture_output=True, text=True, timeout=DEADLINE_S,
                          check=False)
    values = [int(v) for v in re.findall(r"^\[\d+\]:\s+(-?\d+)", done.stdout, re.M)]
    return done, values


def check_values(case, registers):
    """Twelve sensor blocks as the map promises."""
    case.assertEqual(len(registers), 120)
    for slot in range(12):
        block = registers[10 * slot:10 * slot + 10]
        celsius = (block[2] if block[2] < 32768 else block[2] - 65536) / 100
        case.assertTrue(-40 < celsius < 60, (slot, block))
        case.assertTrue(0 <= block[3] <= 1000, (slot, block))
        case.assertTrue(2000 < block[4] < 3700, (slot, block))
        case.assertLess(block[1], 65535)
        case.assertEqual(block[8] >> 8, 0x42)


def until(condition):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if condition():
            return True
    return False


class AgainstClients(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.link = os.path.join(self.folder.name, "bus")

    def all_heard(self, client):
        return until(lambda: client.read_input_registers(4, 2, slave=1).registers[1] >= 200)

    def talk(self, client):
        """What every pymodbus client must see, whatever carries it."""
        self.assertTrue(client.connect())
        self.addCleanup(client.close)
        self.assertTrue(self.all_heard(client))
        head = client.read_input_registers(0, 16, slave=1).registers
        self.assertEqual(head[:2], [1, 12])
        self.assertEqual(bytes(b for r in head[8:] for b in r.to_bytes(2, "big")).rstrip(b"\0"), b"BW-RX-000001")
        check_values(self, client.read_input_registers(100, 120, slave=1).registers)
        check_values(self, client.read_holding_registers(100, 120, slave=1).registers)
        first = client.read_input_registers(100, 1, slave=1).registers[0]
        self.assertTrue(until(lambda: client.read_input_registers(100, 1, slave=1).registers[0] != first))
        self.assertEqual(client.read_input_registers(16, 1, slave=1).exception_code, 2)
        self.assertEqual(client.read_input_registers(219, 2, slave=1).exception_code, 2)
        self.assertEqual(client.write_register(0, 1, slave=1).exception_code, 1)
        self.assertEqual(client.read_input_registers(0, 16, slave=1).registers[0], 1)  # good after bad
        who = client.execute(ReadDeviceInformationRequest(read_code=3, object_id=0, unit=1))
        self.assertEqual(who.information[0], b"Busward")
        self.assertEqual(who.information[1], b"BW-RX")
        self.assertEqual(who.information[4], b"Reference receiver")

    def test_pymodbus_over_a_pty(self):
        with Sensor(f"pty:{self.link}", "--baud", "115200", "--format", "8N1"):
            self.talk(ModbusSerialClient(self.link, baudrate=115200, parity="N", timeout=5))

    def test_pymodbus_over_tcp(self):
        with Sensor("tcp:127.0.0.1:0") as sensor:
            self.talk(ModbusTcpClient("127.0.0.1", sensor.tcp_port, timeout=5))

    def test_pymodbus_over_rtu_in_tcp(self):
        with Sensor("rtu+tcp:127.0.0.1:0") as sensor:
            self.talk(ModbusTcpClient("127.0.0.1", sensor.tcp_port, framer=ModbusRtuFramer, timeout=5))

    def test_a_stray_byte_over_rtu_in_tcp_costs_one_request(self):
        # Behind it unit 10 looks like a function of which nothing says how long its frames are.
        request = bytes.fromhex("0a0400000001 30b1")
        errors = bytes.fromhex("0a08000c0000 2173")
        with Sensor("rtu+tcp:127.0.0.1:0", "--unit", "10") as sensor:
            with socket.create_connection(("127.0.0.1", sensor.tcp_port), DEADLINE_S) as client:
                client.sendall(b"\xff" + request)
                self.assertEqual(select.select([client], [], [], 0.5)[0], [])  # as a client waits in vain
                client.sendall(request)
                self.assertEqual(client.recv(256)[:5].hex(), "0a04020001")
                client.sendall(errors)
                self.assertEqual(client.recv(256)[:6].hex(), "0a08000c0001")

    def test_mbpoll_over_a_pty(self):
        with Sensor(f"pty:{self.link}", "--format", "8N1"):
            self.mbpoll("-m", "rtu", "-b", "19200", "-P", "none", target=self.link)

    def test_mbpoll_over_tcp(self):
        with Sensor("tcp:127.0.0.1:0") as sensor:
            self.mbpoll("-m", "tcp", "-p", str(sensor.tcp_port), target="127.0.0.1")

    def mbpoll(self, *mode, target):
        done, values = mbpoll(*mode, "-a", "1", "-t", "3", "-r", "0", "-c", "16", target)
        self.assertEqual((done.returncode, values[:2]), (0, [1, 12]), done.stdout + done.stderr)
        done, values = mbpoll(*mode, "-a", "1", "-t", "4", "-r", "100", "-c", "120", target)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(values), 120)
        done, values = mbpoll(*mode, "-a", "1", "-t", "3", "-r", "50", "-c", "2", target)
        self.assertIn("Illegal data address", done.stdout + done.stderr)
        self.assertEqual(values, [])

    def test_a_tty_that_comes_later_is_opened(self):
        with Sensor(f"pty:{self.link}", "--format", "8N1") as first:
            path = os.path.realpath(self.link)
            self.assertIn("pts", first.line)
            master, peer = os.openpty()
            late = os.path.join(self.folder.name, "late")
            sensor = subprocess.Popen([SENSOR, "--port", f"tty:{late}", *LIFE], stderr=subprocess.PIPE, text=True)
            try:
                self.assertIn("ev=not_open", sensor.stderr.readline() + sensor.stderr.readline())
                os.symlink(os.ttyname(peer), late)
                lines = iter(sensor.stderr.readline, "")
                self.assertTrue(any("ev=open" in line for line in lines))
                os.write(master, bytes.fromhex("010400000002 71cb".replace(" ", "")))
                self.assertTrue(select.select([master], [], [], DEADLINE_S)[0])
                self.assertEqual(os.read(master, 256)[:5].hex(), "0104040001")
            finally:
                sensor.terminate()
                sensor.wait(DEADLINE_S)
                sensor.stderr.close()
                os.close(master)
                os.close(peer)
            self.assertTrue(os.path.exists(path))

    def test_a_port_that_is_no_tty_is_told_once(self):
        path = os.path.join(self.folder.name, "no-tty")
        with open(path, "w"):
            pass
        libc = ctypes.CDLL(None, use_errno=True)
        watch = libc.inotify_init1(os.O_CLOEXEC)
        self.assertGreaterEqual(libc.inotify_add_watch(watch, path.encode(), IN_OPEN), 0)
        sensor = subprocess.Popen([SENSOR, "--port", f"tty:{path}", *LIFE], stderr=subprocess.PIPE, text=True)
        try:
            for _ in range(3):  # each time it is tried
                self.assertTrue(select.select([watch], [], [], DEADLINE_S)[0])
                os.read(watch, INOTIFY_EVENT_SIZE)
            sensor.terminate()
            said = sensor.communicate(timeout=DEADLINE_S)[1]
            self.assertEqual(said.count("ev=not_open"), 1, said)
        finally:
            if sensor.poll() is None:
                sensor.kill()
            sensor.wait(DEADLINE_S)
            os.close(watch)

    def test_several_clients_and_not_too_many(self):
        with Sensor("tcp:127.0.0.1:0") as sensor:
            request = bytes.fromhex("000100000006010400000001")
            sockets = []
            refused = 0
            for _ in range(40):
                client = socket.create_connection(("127.0.0.1", sensor.tcp_port), DEADLINE_S)
                self.addCleanup(client.close)
                try:
                    client.sendall(request)
                    answer = client.recv(64)
                except ConnectionError:
                    answer = b""
                refused += answer == b""
                if answer:
                    self.assertEqual(answer.hex(), "0001000000050104020001")
                    sockets.append(client)
            self.assertGreaterEqual(len(sockets), 4)
            self.assertGreater(refused, 0)
            for client in sockets:  # those that were there go on
                client.sendall(request)
                self.assertEqual(client.recv(64).hex(), "0001000000050104020001")

    def test_nonsense_on_a_connection_ends_it_and_no_other(self):
        with Sensor("tcp:127.0.0.1:0") as sensor:
            good = socket.create_connection(("127.0.0.1", sensor.tcp_port), DEADLINE_S)
            bad = socket.create_connection(("127.0.0.1", sensor.tcp_port), DEADLINE_S)
            bad.sendall(b"GET / HTTP/1.1\r\n\r\n")
            try:
                self.assertEqual(bad.recv(64), b"")
            except ConnectionResetError:
                pass
            good.sendall(bytes.fromhex("000100000006010400000001"))
            self.assertEqual(good.recv(64).hex(), "0001000000050104020001")
            good.close()
            bad.close()


class WrongOptions(unittest.TestCase):
    def complaint(self, *options):
        done = subprocess.run([SENSOR, *options], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        return done.stderr

    def test_each_names_the_option_and_what_would_be_right(self):
        self.assertIn("busward-sensor: --port is required\n", self.complaint())
        self.assertIn("tcp:HOST:PORT", self.complaint("--port", "serial"))
        self.assertIn("247", self.complaint("--port", "pty:/tmp/x", "--unit", "248"))
        self.assertIn("200", self.complaint("--port", "pty:/tmp/x", "--sensors", "201"))
        self.assertIn("0 to 11", self.complaint("--port", "pty:/tmp/x", "--sensors", "12", "--silent", "12@5"))
        self.assertIn("8E1", self.complaint("--port", "pty:/tmp/x", "--format", "7E1"))
        self.assertIn("10:00", self.complaint("--port", "pty:/tmp/x", "--start-of-day", "25:00"))
        both = self.complaint("--port", "nowhere", "--format", "7E1")
        self.assertTrue("port" in both and "format" in both)

    def test_version(self):
        for program in ("sensor/busward-sensor", "gateway/busward-gateway", "cloud/busward-cloud", "hub/backend/busward-hub",
                        "cli/busward"):
            done = subprocess.run([BUILD / "apps" / program, "--version"], capture_output=True, text=True, timeout=DEADLINE_S)
            self.assertEqual(done.returncode, 0, done)
            self.assertRegex(done.stdout, rf"^{pathlib.Path(program).name} \d+\.\d+\.\d+\n$")

    def test_help_lists_every_option(self):
        done = subprocess.run([SENSOR, "--help"], capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        for option in ("port", "unit", "sensors", "speed", "seed", "silent", "report-s", "reply-delay-us"):
            self.assertIn(f"--{option}", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
