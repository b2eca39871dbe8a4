#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the paced line, by whose log and report the stores and benches are judged, says what was on it.

Method: a client and a device of a few lines on its PTYs. Replies that are held back meet the next request; bytes are lost
and flipped; a master writes its frames back to back. The log must give each reply the request that it answers and say which
ones were spoilt or late, the report must count each broken silence.
"""

import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
sys.path.insert(0, str(SOURCE / "tools"))

from world.wait import until as wait_until  # noqa: E402
from world.world import find_program  # noqa: E402

LIMIT_S = 20
QUIET_S = 0.02  # far more than t3.5


def frame(body: bytes) -> bytes:
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return body + crc.to_bytes(2, "little")


def request(address: int) -> bytes:
    return frame(bytes((1, 3, address >> 8, address & 255, 0, 1)))


def reply(value: int) -> bytes:
    return frame(bytes((1, 3, 2, value >> 8, value & 255)))


class Line:
    """with Line(...) as line: ...; then line.rows and line.report."""

    def __init__(self, *options: str, has_device: bool = True):
        self.folder = tempfile.TemporaryDirectory()
        here = pathlib.Path(self.folder.name)
        self.ttys = [here / "client", here / "device"][:1 + has_device]
        self.log, self.report_file = here / "log", here / "report"
        self.rows: list[dict] = []
        self.report: dict = {}
        device = ["--device", self.ttys[1]] if has_device else []
        self.process = subprocess.Popen([find_program(pathlib.Path(os.environ["BUSWARD_BUILD"]), "busward-line"), "--client",
                                         self.ttys[0], *device, "--log", self.log, "--report", self.report_file, *options])

    def __enter__(self) -> "Line":
        wait_until("the line's ends", lambda: all(tty.exists() for tty in self.ttys), LIMIT_S)
        self.files = [os.open(tty, os.O_RDWR | os.O_NOCTTY) for tty in self.ttys]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT_S)
        self.rows = [json.loads(row) for row in self.log.read_text().splitlines()]
        self.report = json.loads(self.report_file.read_text())
        for file in self.files:
            os.close(file)
        self.folder.cleanup()
        assert code == 0, f"the line ended with code {code}"

    def send(self, data: bytes, is_client: bool = True) -> None:
        os.write(self.files[0 if is_client else 1], data)

    def hear(self, size: int, is_client: bool = True) -> bytes:
        """So many bytes; what is lost would be waited for in vain."""
        data, until = b"", time.monotonic() + LIMIT_S
        while len(data) < size and select.select([file := self.files[0 if is_client else 1]], [], [], until - time.monotonic())[0]:
            data += os.read(file, size - len(data))
        assert len(data) == size, f"{len(data)} of {size} bytes came"
        return data

    def told(self, name: str) -> int:
        """A count of its last report, and asks for the next."""
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.report_file.read_text())[name] if self.report_file.exists() else 0

    def wait_for_bytes(self, count: int) -> None:
        """Until the line has begun to carry so many."""
        wait_until(f"{count} bytes on the line", lambda: self.told("bytes") >= count, LIMIT_S)

    def ask(self, address: int) -> None:
        """The device hears it, and has an answer ready."""
        self.send(request(address))
        assert self.hear(8, is_client=False) == request(address)


def late_replies(*options: str) -> list[str]:
    """Each reply's value is its request's address; both are held back, the first until after the next request."""
    with Line("--late-ppm", "1000000", "--late-ms", "300", *options) as line:
        for address in (100, 200):
            line.ask(address)
            line.send(reply(address), is_client=False)
        heard = line.hear(14)
    pairs = [(bytes.fromhex(row["request"]), bytes.fromhex(row["reply"])) for row in line.rows]
    is_right = pairs == [(request(address), reply(address)) for address in (100, 200)] and heard == reply(100) + reply(200)
    is_right = is_right and all(row["good"] and row["late"] for row in line.rows)
    return [] if is_right else [f"{options}: {line.rows}"]


def late_responder() -> list[str]:
    with Line("--late-ppm", "1000000", "--late-ms", "100", "--responder", "1", has_device=False) as line:
        line.send(request(100))
        line.hear(7)
    rows = [(row["request"], row["good"], row["late"]) for row in line.rows]
    return [] if rows == [(request(100).hex(), True, True)] else [f"the responder was late: {rows}"]


def flipped() -> list[str]:
    with Line("--flip-ppm", "1000000", "--by-byte") as line:
        line.send(request(1))
        line.hear(8, is_client=False)
        line.send(reply(1), is_client=False)
        heard = line.hear(7)
    rows = [(row["good"], row["reply"]) for row in line.rows]
    return [] if heard != reply(1) and rows == [(False, heard.hex())] else [f"flipped to {heard.hex()}: {rows}"]


def lost(*options: str) -> list[str]:
    """Replies of one byte: one is heard or lost as a whole, and of a lost one there is no word, nor of it at the next."""
    count = 16
    with Line("--drop-ppm", "400000", *options) as line:
        for number in range(count):
            line.send(b"\x55", is_client=False)
            line.wait_for_bytes(number + 1)
        wait_until("the end of each", lambda: len(line.log.read_text().splitlines()) + line.told("dropped") >= count, LIMIT_S)
    good = [row["good"] for row in line.rows]
    is_right = 0 < len(good) < count and all(good) and line.report["dropped"] == count - len(good)
    return [] if is_right else [f"{options}: of {count} bytes {line.report['dropped']} were lost, the log has {good}"]


def masters() -> list[str]:
    """One that waits for its reply and the silence, and one that writes its frames at once."""
    with Line("--responder", "1", has_device=False) as patient:
        for address in (1, 2, 3):
            patient.send(request(address))
            patient.hear(7)
            until = time.monotonic() + QUIET_S
            wait_until("the silence", lambda: time.monotonic() > until, LIMIT_S)
    with Line("--responder", "1", has_device=False) as hasty:
        hasty.send(request(1) + request(2) + request(3))
        hasty.wait_for_bytes(24)
    found = [(line.report["requests"], line.report["violations"]) for line in (patient, hasty)]
    return [] if found == [(3, 0), (3, 2)] else [f"requests and violations of a patient and a hasty master: {found}"]


def main() -> int:
    bad = late_replies() + late_replies("--by-byte") + late_responder() + flipped() + lost() + lost("--by-byte") + masters()
    print("\n".join(bad) or "the line's log and report say what was on it")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
