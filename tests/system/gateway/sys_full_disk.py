#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a gateway whose disk is full says so, goes on polling, and loses and doubles no sample when there is room again; on a
disk that is full it starts all the same, with a point more, too. Method: a small tmpfs in a mount namespace of the test's own is
filled to the last byte; the line's own log of replies is the judge of polls and samples."""

import json
import os
import pathlib
import sys
import tempfile

SOURCE, BUILD = pathlib.Path(os.environ["BUSWARD_SOURCE"]), pathlib.Path(os.environ["BUSWARD_BUILD"])
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "tests/system/golden")]

from modbus_unit import Process  # noqa: E402
from world import mounts  # noqa: E402
from world.judge import read_lines  # noqa: E402
from world.wait import until  # noqa: E402

DISK = "700k"
POINTS, UNITS = 20, 2
SEGMENT_SIZE = 256 * 1024
POLLS = 3  # of each unit, while the disk is full


class Box:
    def __init__(self, folder: pathlib.Path):
        self.folder, self.data = folder, folder / "data"
        self.line_log, self.trace = folder / "line.jsonl", folder / "trace.jsonl"
        self.ends = 0
        self.data.mkdir()
        (folder / "profiles").mkdir()
        mounts.mount(self.data, DISK)
        self.give_points(POINTS)
        (folder / "c.json").write_text(json.dumps(
            {"gateway": {"id": "gw", "data_dir": str(self.data)}, "telemetry": {"max_age_ms": 500, "sync_ms": 200},
             "buses": [{"name": "line", "port": f"tty:{folder}/tty", "baud": 115200, "format": "8N1", "diagnostics_s": 0,
                        "reply_timeout_ms": 5000, "reply_timeout_min_ms": 5000,
                        "devices": [{"name": f"unit {unit}", "unit": unit, "profile": "plain"} for unit in range(1, UNITS + 1)]}]}))
        self.line = Process([BUILD / "sim/busward-line", "--client", folder / "tty", "--responder", str(UNITS), "--baud", "115200",
                             "--format", "8N1", "--log", self.line_log])
        until("the line", (folder / "tty").exists)

    def give_points(self, count: int) -> None:
        (self.folder / "profiles/plain.json").write_text(json.dumps(
            {"name": "plain", "groups": [{"name": "all", "interval_ms": 500}],
             "points": [{"name": f"r{number}", "address": number} for number in range(count)]}))

    def start(self) -> Process:
        return Process([BUILD / "apps/gateway/busward-gateway", "--config", self.folder / "c.json", "--trust-clock",
                        "--sync-trace", self.trace])

    def replies(self) -> dict[str, int]:
        """How many the line carried from each unit."""
        found = {f"unit {unit}": 0 for unit in range(1, UNITS + 1)}
        for row in read_lines(self.line_log):
            found[f"unit {int(row['reply'][:2], 16)}"] += 1
        return found

    def samples(self, point: str) -> dict[str, int]:
        """How many of one point of each unit were synced."""
        found = {f"unit {unit}": 0 for unit in range(1, UNITS + 1)}
        for row in read_lines(self.trace):
            found[row["device"]] += row["name"] == point
        return found

    def events(self, text: bytes) -> int:
        """How often the sealed events say this; there is no hub that takes them."""
        return sum(file.read_bytes().count(text) for file in (self.data / "journal/alerts").glob("*.seg"))

    def wait_replies(self, more: int) -> None:
        before = self.replies()
        until("polls", lambda: all(count >= before[unit] + more for unit, count in self.replies().items()))

    def judge(self) -> None:
        """Each reply that the line carried is one sample of each point; one may have come while a gateway ended."""
        replies, samples = self.replies(), self.samples("r0")
        print(f"replies {replies}, samples of one point {samples}", flush=True)
        assert all(replies[unit] - self.ends <= samples[unit] <= replies[unit] for unit in replies), (replies, samples)


def full_while_it_runs(box: Box) -> None:
    gateway = box.start()
    box.wait_replies(3)
    mounts.fill(box.data)
    gateway.wait_line("mod=journal ev=medium_full")
    box.wait_replies(POLLS)
    # While it is full: events have their own room, and not just what is left of a page.
    until("the word of it", lambda: box.events(b"the medium is full") == 1)
    newest = max((box.data / "journal/alerts").glob("*.seg")).stat()
    assert newest.st_blocks * 512 >= SEGMENT_SIZE > newest.st_size, newest
    mounts.free(box.data)
    gateway.wait_line("mod=journal ev=healed")
    box.wait_replies(3)
    end(box, gateway)


def full_when_it_starts(box: Box) -> None:
    mounts.fill(box.data)
    gateway = box.start()
    box.wait_replies(POLLS)
    gateway.wait_line("mod=journal ev=medium_full")
    mounts.free(box.data)
    gateway.wait_line("mod=journal ev=healed")
    end(box, gateway)


def full_when_it_starts_with_a_point_more(box: Box) -> None:
    """The new point has no stored id: nothing may be kept under it until it has one."""
    box.give_points(POINTS + 1)
    before, ids = box.replies(), (box.data / "ids").read_bytes()
    journal = {file: file.stat().st_size for file in (box.data / "journal").glob("*/*.seg")}
    mounts.fill(box.data)
    gateway = box.start()
    gateway.wait_line("mod=gateway ev=ids_wait")
    box.wait_replies(POLLS)
    assert {file: file.stat().st_size for file in (box.data / "journal").glob("*/*.seg")} == journal
    assert (box.data / "ids").read_bytes() == ids
    mounts.free(box.data)
    gateway.wait_line("mod=journal ev=healed")
    assert f"unit 1/r{POINTS}\n".encode() in (box.data / "ids").read_bytes()
    end(box, gateway)
    replies, samples = box.replies(), box.samples(f"r{POINTS}")
    assert all(replies[unit] - before[unit] - 1 <= samples[unit] <= replies[unit] - before[unit] for unit in replies), \
        (before, replies, samples)


def end(box: Box, gateway: Process) -> None:
    gateway.process.terminate()
    assert gateway.process.wait(60) == 0, gateway.lines
    box.ends += 1
    box.judge()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        box = Box(pathlib.Path(folder))
        try:
            for test in (full_while_it_runs, full_when_it_starts, full_when_it_starts_with_a_point_more):
                test(box)
                print("ok", test.__name__, flush=True)
        finally:
            box.line.end()
            mounts.unmount(box.data)


if __name__ == "__main__":
    mounts.enter()
    main()
