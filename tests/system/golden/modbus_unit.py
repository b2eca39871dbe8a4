# SPDX-License-Identifier: Apache-2.0
"""What tests of a whole gateway stand on: a Modbus TCP endpoint, processes whose lines can be waited for."""
import atexit
import os
import re
import socketserver
import struct
import subprocess
import threading

WAIT_S = 60


class Unit(socketserver.ThreadingTCPServer):
    """Units 1 and 2 of a Modbus TCP endpoint: holding registers that can be read and written one by one."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.registers = {7: 70, 100: 1, 50: 4711}
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while len(head := self.rfile.read(7)) == 7:
                tag, _, size, unit = struct.unpack(">HHHB", head)
                pdu = self.rfile.read(size - 1)
                if unit <= 2:
                    reply = bytes([unit]) + self.answer(pdu)
                    self.wfile.write(struct.pack(">HHH", tag, 0, len(reply)) + reply)

        def answer(self, pdu):
            code, address, value = struct.unpack(">BHH", pdu[:5]) if len(pdu) >= 5 else (pdu[0], 0, 0)
            if code == 6:
                self.server.registers[address] = value
                return pdu
            if code != 3:
                return bytes([code | 0x80, 1])
            words = [self.server.registers.get(address + i, 0) for i in range(value)]
            return struct.pack(f">BB{value}H", code, 2 * value, *words)


class Process:
    """Its log lines can be waited for."""

    def __init__(self, command, env=None):
        self.lines, self.changed = [], threading.Condition()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        atexit.register(self.end)  # whatever becomes of the test
        self.follower = threading.Thread(target=self.follow, daemon=True)
        self.follower.start()

    def follow(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def wait_line(self, pattern, count=1):
        with self.changed:
            assert self.changed.wait_for(lambda: sum(bool(re.search(pattern, x)) for x in self.lines) >= count,
                                         WAIT_S), (pattern, "".join(self.lines))

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(WAIT_S)
        self.follower.join()
        return code
