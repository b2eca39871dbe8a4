#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Modbus RTU server by pymodbus, with the same data as libmodbus_server: pymodbus_server.py PORT REGISTERS"""
import pathlib
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartSerialServer
from pymodbus.transaction import ModbusRtuFramer

registers = [int(line) for line in pathlib.Path(sys.argv[2]).read_text().split()]
bits = [i & 1 for i in range(100)]
unit = ModbusSlaveContext(di=ModbusSequentialDataBlock(0, bits), co=ModbusSequentialDataBlock(0, bits),
                          hr=ModbusSequentialDataBlock(0, registers), ir=ModbusSequentialDataBlock(0, registers),
                          zero_mode=True)
print("ready", flush=True)
StartSerialServer(context=ModbusServerContext(slaves={1: unit}, single=False), framer=ModbusRtuFramer, port=sys.argv[1],
                  baudrate=19200, bytesize=8, parity="N", stopbits=1, timeout=0.01)
