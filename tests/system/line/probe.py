# SPDX-License-Identifier: Apache-2.0
"""bus-probe as a test drives it, and RTU frames."""
import binascii
import os
import select
import struct
import subprocess

BUILD = os.environ.get("BUSWARD_BUILD", "build/host")
PROBE = os.path.join(BUILD, "tests/system/line/bus-probe")
DEADLINE_S = 20


def crc16(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return struct.pack("<H", crc)


def adu(data: bytes) -> bytes:
    return data + crc16(data)


class Probe:
    def __init__(self, *options: str, **environment: str) -> None:
        self.process = subprocess.Popen([PROBE, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                                        env={**os.environ, **environment})
        self.text = b""

    def line(self) -> str:
        while b"\n" not in self.text:
            ready = select.select([self.process.stdout], [], [], DEADLINE_S)[0]
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not chunk:
                raise SystemExit(f"no event in {DEADLINE_S} s; so far {self.text!r}")
            self.text += chunk
        line, self.text = self.text.split(b"\n", 1)
        return line.decode()

    def expect(self, start: str) -> None:
        line = self.line()
        if not line.startswith(start):
            raise SystemExit(f"expected {start!r}, got {line!r}")
        print(f"ok: {line}", flush=True)

    def send(self, token: int, frame: bytes, timeout_ms: int = 5000) -> None:
        self.process.stdin.write(b"%d %s %d\n" % (token, binascii.hexlify(frame), timeout_ms))

    def end(self, within_s: float = DEADLINE_S) -> None:
        self.process.stdin.close()
        if self.process.wait(within_s) != 0:
            raise SystemExit("the probe failed")


def take(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not select.select([fd], [], [], DEADLINE_S)[0]:
            raise SystemExit(f"the device got {data!r} only")
        data += os.read(fd, size - len(data))
    return data
