#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pymodbus_client.py PORT BAUD PARITY SECONDS: the same polling as bench-bus-client, by pymodbus."""
import json
import resource
import sys
import time

from pymodbus.client import ModbusSerialClient

UNITS, REGISTERS = 10, 40


class NoParity(ModbusSerialClient):
    """A PTY has no parity bit and pyserial refuses one, so only the timing knows of it."""

    def connect(self):
        self.params.parity = "N"
        return super().connect()


def main() -> int:
    port, baud, parity, seconds = sys.argv[1:]
    client = NoParity(port, baudrate=int(baud), parity=parity, timeout=1)
    if not client.connect():
        return 1
    good = bad = 0
    before = resource.getrusage(resource.RUSAGE_SELF)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for unit in range(1, UNITS + 1):
            reply = client.read_holding_registers(0, REGISTERS, slave=unit)
            if reply.isError():
                bad += 1
            else:
                good += 1
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e6
    print(json.dumps({"good": good, "bad": bad, "cpu_us": round(cpu / max(good + bad, 1), 1)}))
    return 0 if good else 1


sys.exit(main())
