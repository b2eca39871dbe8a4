#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our codec against pymodbus and Wireshark: what pymodbus encodes we decode to the same fields and
encode to the same bytes and RTU frame; what we encode, requests, replies and exceptions of every
public function code, tshark dissects to the same fields, with a good CRC. Bytes and fields only,
no timing."""
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

# Whole transactions for tshark: (request, its reply, what tshark must see in each). The fields are tshark's own names without
# "modbus."; several values of one field are joined by commas. Numbers are the specification's examples or ours.
TRANSACTIONS = [
    ("0100130013", "0103cd6b05", {"reference_num": "19", "bit_cnt": "19"},
     {"byte_cnt": "3", "bitnum": ",".join(map(str, range(19, 38))), "bitval": "1,0,1,1,0,0,1,1,1,1,0,1,0,1,1,0,1,0,1"}),
    ("0200c40009", "0202ac01", {"reference_num": "196", "bit_cnt": "9"},
     {"byte_cnt": "2", "bitnum": ",".join(map(str, range(196, 205))), "bitval": "0,0,1,1,0,1,0,1,1"}),
    ("03006b0003", "0306022b00000064", {"reference_num": "107", "word_cnt": "3"},
     {"byte_cnt": "6", "regnum16": "107,108,109", "regval_uint16": "555,0,100"}),
    ("0400080001", "0402000a", {"reference_num": "8", "word_cnt": "1"}, {"byte_cnt": "2", "regnum16": "8", "regval_uint16": "10"}),
    ("0500acff00", "0500acff00", {"reference_num": "172", "data": "ff00"}, {"reference_num": "172", "data": "ff00"}),
    ("0600010003", "0600010003", {"reference_num": "1", "data": "0003"}, {"reference_num": "1", "data": "0003"}),
    ("07", "076d", {}, {"data": "6d"}),
    ("080000a537", "080000a537", {"diagnostic_code": "0", "diagnostic.return_query_data.request": "a537"},
     {"diagnostic_code": "0", "diagnostic.return_query_data.echo": "a537"}),
    ("08000a0000", "08000a0000", {"diagnostic_code": "10", "data": "0000"},
     {"diagnostic_code": "10", "diagnostic.clear_ctr_diag_reg": "0"}),
    ("08000b0000", "08000b0107", {"diagnostic_code": "11", "data": "0000"},
     {"diagnostic_code": "11", "diagnostic.bus_message_count": "263"}),
    ("0b", "0bffff0108", {}, {"ev_status": "0xffff", "ev_count": "264"}),
    ("0c", "0c08000001080121" + "2000", {}, {"byte_cnt": "8", "ev_status": "0x0000", "ev_count": "264", "ev_msg_count": "289"}),
    ("0f0013000a02cd01", "0f0013000a", {"reference_num": "19", "bit_cnt": "10", "byte_cnt": "2", "data": "cd01"},
     {"reference_num": "19", "bit_cnt": "10"}),
    ("100001000204000a0102", "1000010002",
     {"reference_num": "1", "word_cnt": "2", "byte_cnt": "4", "regnum16": "1,2", "regval_uint16": "10,258"},
     {"reference_num": "1", "word_cnt": "2"}),
    ("11", "110411ff4142", {}, {"data": "0411ff4142"}),
    ("140e0600040001000206000300090002", "140c05060dfe0020050633cd0040",
     {"byte_cnt": "14", "reference_type": "6,6", "reference_num_32": f"{4 << 16 | 1},{3 << 16 | 9}", "word_cnt": "2,2"},
     # The first group's data are its own 4 bytes, but tshark shows all that follow as well.
     {"byte_cnt": "12,5,5", "reference_type": "6,6", "data": "0dfe0020050633cd0040,33cd0040"}),
    ("150d0600040007000306af04be100d", "150d0600040007000306af04be100d",
     {"byte_cnt": "13", "reference_type": "6", "reference_num_32": f"{4 << 16 | 7}", "word_cnt": "3", "data": "06af04be100d"},
     {"byte_cnt": "13", "reference_type": "6", "reference_num_32": f"{4 << 16 | 7}", "word_cnt": "3", "data": "06af04be100d"}),
    ("16000400f20025", "16000400f20025", {"reference_num": "4", "and_mask": "0x00f2", "or_mask": "0x0025"},
     {"reference_num": "4", "and_mask": "0x00f2", "or_mask": "0x0025"}),
    ("1700030006000e00030600ff00ff00ff", "170c00fe0acd00010003000d00ff",
     {"read_reference_num": "3", "read_word_cnt": "6", "write_reference_num": "14", "write_word_cnt": "3", "byte_cnt": "6",
      "data": "00ff00ff00ff"}, {"byte_cnt": "12", "data": "00fe0acd00010003000d00ff"}),
    ("1804de", "180006000201b81284", {"reference_num": "1246"}, {"byte_cnt_16": "6", "word_cnt": "2", "data": "01b81284"}),
    ("2b0e0100", "2b0e01010000030007427573776172640105" "42572d52580203312e30", {"mei": "14", "read_device_id": "1", "object_id": "0"},
     {"mei": "14", "read_device_id": "1", "conformity_level": "0x01", "more_follows": "0x00", "next_object_id": "0",
      "num_objects": "3", "object_id": "0,1,2", "objects_len": "7,5,3", "object_str_value": "Busward,BW-RX,1.0"}),
]
# tshark's name: ours, where both tell one number of a request, or of a reply.
IN_REQUEST = {"reference_num": "address", "bit_cnt": "count", "word_cnt": "count", "read_reference_num": "address",
              "read_word_cnt": "count", "write_reference_num": "waddress", "write_word_cnt": "wcount", "and_mask": "and",
              "or_mask": "or", "diagnostic_code": "sub", "read_device_id": "code", "object_id": "object"}
IN_REPLY = {"reference_num": "address", "bit_cnt": "count", "ev_count": "events",
            "ev_msg_count": "messages", "num_objects": "objects"}
FILE_FCS = (20, 21)  # their word_cnt is each record's
PUBLIC_FCS = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43}
EXCEPTIONS = (1, 2, 3, 4, 5, 6, 8, 10, 11)  # each function code meets each
SHORTEST_RTU = 4  # unit, function, CRC: over TCP tshark overlooks such a frame
FIELDS = sorted({name for _, _, asked, answered in TRANSACTIONS for name in [*asked, *answered]})


def pdu_of(message):
    return bytes([message.function_code]) + message.encode()


def codec(lines):
    done = subprocess.run([CODEC], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=30, check=True)
    told = done.stdout.splitlines()
    assert len(told) == len(lines), (len(told), len(lines))
    return told


def fields_of(line):
    fields = dict(word.split("=", 1) for word in line.split())
    hexes = ("data", "pdu", "rtu")
    return {k: v if k in hexes else int(v) for k, v in fields.items()}


def tshark(folder, frames, decode, names, port):
    """Dissects frames, each (bytes, whether it comes from the server at `port`) and in a segment of its own. A row for each."""
    text = os.path.join(folder, "frames.txt")
    capture = os.path.join(folder, "frames.pcap")
    with open(text, "w", encoding="ascii") as out:
        for frame, is_reply in frames:
            out.write(("O" if is_reply else "I") + "\n000000 " + " ".join(f"{b:02x}" for b in frame) + "\n\n")
    subprocess.run(["text2pcap", "-q", "-D", "-T", f"40000,{port}", text, capture], check=True, capture_output=True, timeout=30)
    command = ["tshark", "-r", capture, "-d", f"tcp.port=={port},{decode}", "-o", f"{decode}.tcp.port:{port}",
               "-o", "mbrtu.crc_verification:TRUE", "-T", "fields", "-E", "separator=|"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    rows = [dict(zip(names, line.split("|"), strict=True)) for line in done.stdout.splitlines()]
    assert len(rows) == len(frames), (len(rows), len(frames))
    return rows


def ours_of(transactions):
    """What our codec makes of each (request, reply), both ways: (fields of the request, fields of the reply)."""
    told = codec([line for asked, answered in transactions for line in (asked, f"{asked} {answered}")])
    for line in told:
        assert not line.startswith(("exception", "error")), line
    fields = [fields_of(line) for line in told]
    return list(zip(fields[0::2], fields[1::2], strict=True))


def over_tcp(number, fields):
    pdu = bytes.fromhex(fields["pdu"])
    return number.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes([UNIT]) + pdu


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

    def check_in_tshark(self, row, fc, expected, what):
        self.assertEqual([row["modbus.func_code"], row["_ws.malformed"]], [str(fc), ""], what)
        self.assertEqual({name: row[f"modbus.{name}"] for name in FIELDS if row[f"modbus.{name}"]}, expected, what)

    def test_our_requests_and_replies_in_tshark(self):
        self.assertEqual({int(asked[:2], 16) for asked, _, _, _ in TRANSACTIONS}, PUBLIC_FCS)
        ours = ours_of([(asked, answered) for asked, answered, _, _ in TRANSACTIONS])
        frames = [(over_tcp(number, fields), is_reply)
                  for number, pair in enumerate(ours) for is_reply, fields in enumerate(pair)]
        with tempfile.TemporaryDirectory() as folder:
            names = ["mbtcp.trans_id", "mbtcp.unit_id", "modbus.func_code", "modbus.request_frame", "modbus.exception_code",
                     "_ws.malformed", *(f"modbus.{name}" for name in FIELDS)]
            rows = tshark(folder, frames, "mbtcp", names, 502)
        for number, (asked, answered, in_request, in_reply) in enumerate(TRANSACTIONS):
            for is_reply, expected in enumerate((in_request, in_reply)):
                row = rows[2 * number + is_reply]
                with self.subTest(asked=asked, is_reply=is_reply):
                    self.assertEqual([row["mbtcp.trans_id"], row["mbtcp.unit_id"]], [str(number), str(UNIT)])
                    # tshark takes it for the answer to that request and for no exception.
                    self.assertEqual(row["modbus.request_frame"], str(2 * number + 1) if is_reply else "")
                    self.assertEqual(row["modbus.exception_code"], "")
                    self.check_in_tshark(row, int(asked[:2], 16), expected, answered if is_reply else asked)
                    # And what we read from it is what tshark reads.
                    for theirs, own in (IN_REPLY if is_reply else IN_REQUEST).items():
                        if row[f"modbus.{theirs}"] and ours[number][is_reply]["fc"] not in FILE_FCS:
                            self.assertEqual(int(row[f"modbus.{theirs}"], 0), ours[number][is_reply][own], theirs)

    def test_our_exceptions_in_tshark(self):
        refused = {int(asked[:2], 16): asked for asked, _, _, _ in TRANSACTIONS}
        cases = [(asked, f"{fc | 0x80:02x}{code:02x}", fc, code) for fc, asked in refused.items() for code in EXCEPTIONS]
        self.assertEqual(len(cases), len(PUBLIC_FCS) * len(EXCEPTIONS))
        ours = ours_of([case[:2] for case in cases])
        for (_, _, fc, code), (_, reply) in zip(cases, ours, strict=True):
            self.assertEqual([reply["fc"], reply["exception"]], [fc, code])
        frames = [(over_tcp(number, fields), is_reply)
                  for number, pair in enumerate(ours) for is_reply, fields in enumerate(pair)]
        with tempfile.TemporaryDirectory() as folder:
            names = ["modbus.func_code", "modbus.exception_code", "_ws.malformed"]
            rows = tshark(folder, frames, "mbtcp", names, 502)
        for number, (_, _, fc, code) in enumerate(cases):
            with self.subTest(fc=fc, code=code):
                self.assertEqual(list(rows[2 * number + 1].values()), [str(fc), str(code), ""])

    def test_our_rtu_frames_in_tshark(self):
        """Requests of pymodbus's table and both ends of the transactions, exceptions too: unit, function and CRC."""
        requests = [(fields_of(line), False) for line in codec([pdu_of(m).hex() for m, _ in REQUESTS])]
        pairs = ours_of([(asked, answered) for asked, answered, _, _ in TRANSACTIONS]
                        + [(asked, f"{int(asked[:2], 16) | 0x80:02x}02") for asked, _, _, _ in TRANSACTIONS])
        both = requests + [(fields, bool(is_reply)) for pair in pairs for is_reply, fields in enumerate(pair)]
        ours = [(fields, is_reply) for fields, is_reply in both if len(fields["rtu"]) > 2 * SHORTEST_RTU]
        short = {fields["fc"] for fields, _ in both if len(fields["rtu"]) <= 2 * SHORTEST_RTU}
        self.assertEqual(short, {7, 11, 12, 17})  # their requests, and no reply
        self.assertEqual({fields["fc"] for fields, is_reply in ours if is_reply}, PUBLIC_FCS)
        with tempfile.TemporaryDirectory() as folder:
            rows = tshark(folder, [(bytes.fromhex(fields["rtu"]), is_reply) for fields, is_reply in ours], "mbrtu",
                          ["mbrtu.unit_id", "modbus.func_code", "mbrtu.crc16.status", "_ws.malformed"], 5020)
        for row, (fields, is_reply) in zip(rows, ours, strict=True):
            with self.subTest(fc=fields["fc"], is_reply=is_reply):
                self.assertEqual([row["mbrtu.unit_id"], row["modbus.func_code"]], [str(UNIT), str(fields["fc"])])
                self.assertIn(row["mbrtu.crc16.status"], ("1", "Good"))
                self.assertEqual(row["_ws.malformed"], "")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
