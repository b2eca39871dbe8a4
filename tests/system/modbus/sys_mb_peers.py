#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our codec against pymodbus and Wireshark: what pymodbus encodes we decode to the same fields and
encode to the same bytes and RTU frame; what we encode tshark dissects to the same fields, with a
good CRC. Bytes and fields only, no timing."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from pymodbus import bit_read_message as bits
from pymodbus import bit_write_message as bits_w
from pymodbus import diag_message as diag
from pymodbus import file_message as files
from pymodbus import mei_message as mei
from pymodbus import other_message as other
from pymodbus import register_read_message as regs
from pymodbus import register_write_message as regs_w
from pymodbus.factory import ServerDecoder
from pymodbus.framer.rtu_framer import ModbusRtuFramer

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host"))
CODEC = BUILD / "tests" / "system" / "modbus" / "mb_codec"
UNIT = 17

READ_RECORDS = [files.FileRecord(file_number=4, record_number=1, record_length=2),
                files.FileRecord(file_number=3, record_number=9, record_length=2)]
WRITE_RECORDS = [files.FileRecord(file_number=4, record_number=7, record_data=b"\x06\xaf\x04\xbe\x10\x0d")]

# (what pymodbus builds, what we must see in it)
REQUESTS = [
    (bits.ReadCoilsRequest(19, 2000), {"address": 19, "count": 2000}),
    (bits.ReadDiscreteInputsRequest(196, 22), {"address": 196, "count": 22}),
    (regs.ReadHoldingRegistersRequest(107, 125), {"address": 107, "count": 125}),
    (regs.ReadInputRegistersRequest(65535, 1), {"address": 65535, "count": 1}),
    (bits_w.WriteSingleCoilRequest(172, True), {"address": 172, "value": 0xFF00}),
    (regs_w.WriteSingleRegisterRequest(1, 3), {"address": 1, "value": 3}),
    (other.ReadExceptionStatusRequest(), {"fc": 7}),
    (diag.ReturnQueryDataRequest(0xA537), {"sub": 0, "data": "a537"}),
    (diag.ForceListenOnlyModeRequest(), {"sub": 4}),
    (diag.ReturnBusMessageCountRequest(), {"sub": 11}),
    (other.GetCommEventCounterRequest(), {"fc": 11}),
    (other.GetCommEventLogRequest(), {"fc": 12}),
    (bits_w.WriteMultipleCoilsRequest(19, [True, False] * 5), {"address": 19, "count": 10, "data": "5501"}),
    (regs_w.WriteMultipleRegistersRequest(1, [10, 258]), {"address": 1, "count": 2, "data": "000a0102"}),
    (other.ReportSlaveIdRequest(), {"fc": 17}),
    (files.ReadFileRecordRequest(READ_RECORDS), {"records": 2}),
    (files.WriteFileRecordRequest(WRITE_RECORDS), {"records": 1}),
    (regs_w.MaskWriteRegisterRequest(4, 0xF2, 0x25), {"address": 4, "and": 0xF2, "or": 0x25}),
    (regs.ReadWriteMultipleRegistersRequest(read_address=3, read_count=6, write_address=14, write_registers=[255] * 3),
     {"address": 3, "count": 6, "waddress": 14, "wcount": 3, "data": "00ff00ff00ff"}),
    (files.ReadFifoQueueRequest(1246), {"address": 1246}),
    (mei.ReadDeviceInformationRequest(read_code=1, object_id=0), {"code": 1, "object": 0}),
]

# (request in hex, what pymodbus answers, what we must see in it). Not FC 24, where pymodbus 3.0 counts bytes for registers,
# nor FC 20, whose lengths it gets wrong: the specification's own bytes are in tests/vectors.
REPLIES = [
    ("0100130013", bits.ReadCoilsResponse([True, False] * 9 + [True]), {"data": "555505"}),
    ("0200000008", bits.ReadDiscreteInputsResponse([True] * 8), {"data": "ff"}),
    ("030000007d", regs.ReadHoldingRegistersResponse(list(range(125))), {"data": "".join(f"{i:04x}" for i in range(125))}),
    ("0400080001", regs.ReadInputRegistersResponse([10]), {"data": "000a"}),
    ("0500acff00", bits_w.WriteSingleCoilResponse(172, True), {"value": 0xFF00}),
    ("0600010003", regs_w.WriteSingleRegisterResponse(1, 3), {"value": 3}),
    ("07", other.ReadExceptionStatusResponse(0x6D), {"status": 0x6D}),
    ("080000a537", diag.ReturnQueryDataResponse(0xA537), {"data": "a537"}),
    ("0b", other.GetCommEventCounterResponse(264), {"events": 264}),
    ("0f0013000a02cd01", bits_w.WriteMultipleCoilsResponse(19, 10), {"address": 19, "count": 10}),
    ("1000010002040" "00a0102", regs_w.WriteMultipleRegistersResponse(1, 2), {"address": 1, "count": 2}),
    ("150d0600040007000306af04be100d", files.WriteFileRecordResponse(WRITE_RECORDS), {"records": 1}),
    ("16000400f20025", regs_w.MaskWriteRegisterResponse(4, 0xF2, 0x25), {"address": 4}),
    ("1700030006000e00030600ff00ff00ff", regs.ReadWriteMultipleRegistersResponse([1, 2, 3, 4, 5, 6]),
     {"data": "000100020003000400050006"}),
    ("2b0e0100", mei.ReadDeviceInformationResponse(1, {0: b"Busward", 1: b"BW-RX", 2: b"1.0"}), {"objects": 3}),
]


def pdu_of(message):
    return bytes([message.function_code]) + message.encode()


def codec(lines):
    done = subprocess.run([CODEC], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.splitlines()


def fields_of(line):
    fields = dict(word.split("=", 1) for word in line.split())
    hexes = ("data", "pdu", "rtu")
    return {k: v if k in hexes else int(v) for k, v in fields.items()}


def tshark(folder, frames, decode, names, port):
    """Dissects frames (bytes, each in a segment of its own) sent to `port`."""
    text = os.path.join(folder, "frames.txt")
    capture = os.path.join(folder, "frames.pcap")
    with open(text, "w", encoding="ascii") as out:
        for frame in frames:
            out.write("000000 " + " ".join(f"{b:02x}" for b in frame) + "\n\n")
    subprocess.run(["text2pcap", "-q", "-T", f"40000,{port}", text, capture], check=True, capture_output=True, timeout=30)
    command = ["tshark", "-r", capture, "-d", f"tcp.port=={port},{decode}", "-o", "mbrtu.crc_verification:TRUE", "-T", "fields",
               "-E", "separator=|"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return [line.split("|") for line in done.stdout.splitlines()]


class AgainstPeers(unittest.TestCase):
    def test_requests_of_pymodbus(self):
        framer = ModbusRtuFramer(ServerDecoder())
        for (message, expected), line in zip(REQUESTS, codec([pdu_of(m).hex() for m, _ in REQUESTS])):
            with self.subTest(type(message).__name__):
                fields = fields_of(line)
                self.assertEqual(fields["pdu"], pdu_of(message).hex())
                self.assertEqual({k: fields[k] for k in expected}, expected)
                message.unit_id = UNIT
                self.assertEqual(fields["rtu"], framer.buildPacket(message).hex())

    def test_replies_of_pymodbus(self):
        pdus = [pdu_of(m).hex() for _, m, _ in REPLIES]  # once: encoding twice changes pymodbus's object count
        for (asked, message, expected), pdu, line in zip(REPLIES, pdus, codec([f"{r[0]} {p}" for r, p in zip(REPLIES, pdus)])):
            with self.subTest(type(message).__name__, asked=asked):
                self.assertNotIn("error", line)
                fields = fields_of(line)
                self.assertEqual(fields["pdu"], pdu)
                self.assertEqual({k: fields[k] for k in expected}, expected)

    def test_our_requests_in_tshark(self):
        ours = [fields_of(line) for line in codec([pdu_of(m).hex() for m, _ in REQUESTS])]
        frames = []
        for number, fields in enumerate(ours):
            pdu = bytes.fromhex(fields["pdu"])
            frames.append(number.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes([UNIT]) + pdu)
        with tempfile.TemporaryDirectory() as folder:
            names = ["mbtcp.trans_id", "mbtcp.unit_id", "modbus.func_code", "modbus.reference_num", "modbus.word_cnt",
                     "modbus.bit_cnt", "_ws.malformed"]
            rows = tshark(folder, frames, "mbtcp", names, 502)
        self.assertEqual(len(rows), len(ours))
        for number, (row, fields) in enumerate(zip(rows, ours)):
            with self.subTest(fc=fields["fc"]):
                self.assertEqual([int(row[0]), int(row[1]), int(row[2])], [number, UNIT, fields["fc"]])
                self.assertEqual(row[6], "")
                if fields["fc"] in (1, 2, 3, 4, 15, 16):
                    self.assertEqual(int(row[3]), fields["address"])
                    self.assertEqual(int(row[4] or row[5]), fields["count"])
                if fields["fc"] in (5, 6, 22):
                    self.assertEqual(int(row[3]), fields["address"])

    def test_our_rtu_frames_in_tshark(self):
        ours = [fields_of(line) for line in codec([pdu_of(m).hex() for m, _ in REQUESTS])]
        ours = [fields for fields in ours if len(fields["rtu"]) > 8]  # over TCP tshark overlooks frames of 4 bytes
        frames = [bytes.fromhex(fields["rtu"]) for fields in ours]
        with tempfile.TemporaryDirectory() as folder:
            rows = tshark(folder, frames, "mbrtu", ["mbrtu.unit_id", "modbus.func_code", "mbrtu.crc16.status"], 5020)
        for row, fields in zip(rows, ours):
            with self.subTest(fc=fields["fc"]):
                self.assertEqual([int(row[0]), int(row[1])], [UNIT, fields["fc"]])
                self.assertIn(row[2], ("1", "Good"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
