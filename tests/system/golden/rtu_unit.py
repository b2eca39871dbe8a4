# SPDX-License-Identifier: Apache-2.0
"""A unit of Modbus RTU at the other end of a pseudo terminal: a serial line for a gateway, with one unit that holds a few registers."""
import os
import pty
import select
import struct
import threading
import tty

UNIT, FRAME_SIZE = 1, 8  # reads and single writes


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return struct.pack("<H", crc)


class RtuUnit:
    def __init__(self):
        self.near, self.far = pty.openpty()
        tty.setraw(self.far)
        self.port = f"tty:{os.ttyname(self.far)}"
        self.wake, self.end = os.pipe()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        waiting = b""
        while True:
            ready, _, _ = select.select([self.near, self.wake], [], [])
            if self.wake in ready:
                return
            waiting += os.read(self.near, 4096)
            for size in range(4, len(waiting) + 1):  # whole frames of whatever kind, one after the other
                frame = waiting[:size]
                if crc16(frame[:-2]) == frame[-2:]:
                    self.answer(frame)
                    waiting = waiting[size:]
                    break

    def answer(self, frame):
        unit, code = frame[:2]
        if unit != UNIT:
            return
        if code == 3 and len(frame) == FRAME_SIZE:
            count, = struct.unpack(">H", frame[4:6])
            reply = bytes([unit, code, 2 * count]) + b"\0\7" * count
        else:
            reply = bytes([unit, code | 0x80, 1])
        os.write(self.near, reply + crc16(reply))

    def close(self):
        os.write(self.end, b"x")
        self.thread.join()
        for fd in (self.near, self.far, self.wake, self.end):
            os.close(fd)
