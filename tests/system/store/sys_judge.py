#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the judge of every store invents nothing and overlooks nothing.

Method: a line's log and a sync trace written by hand, and a cloud that answers from them. While the judge looks, the store
runs on: a report is carried, synced and stored between any two of its looks (that once was called invented), and so is a
second sample of a second that it has seen (that once was called doubled).
"""

import json
import os
import pathlib
import struct
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
sys.path.insert(0, str(SOURCE / "tools"))

from world.judge import SENSOR_BASE, SENSOR_STRIDE, Judge, Verdict  # noqa: E402

POINT, TEXT_POINT, SENSOR = 7, 8, "Door 1"
UTC_MS = 1_790_000_000_000
SERIAL = b"BW-1"


class RunningStore:
    """Each question of the judge's finds the store one report further on."""

    def __init__(self, folder: pathlib.Path, repeats: bool):
        self.repeats = repeats
        self.line_log, self.trace = folder / "line.jsonl", folder / "trace.jsonl"
        self.stored: dict[int, list[float]] = {}  # second -> values
        self.reports = 0
        self._carry(8, 8, SERIAL.ljust(16, b"\0"))
        self._sync(TEXT_POINT, "serial", SERIAL.decode(), 0)
        self.report()

    def _carry(self, address: int, count: int, data: bytes) -> None:
        request = struct.pack(">BBHHH", 1, 3, address, count, 0)
        reply = bytes((1, 3, len(data))) + data + b"\0\0"
        with self.line_log.open("a") as log:
            print(json.dumps({"end_us": self.reports * 2_000_000, "request": request.hex(), "reply": reply.hex()}), file=log)

    def _sync(self, point: int, name: str, value: object, second: int) -> None:
        with self.trace.open("a") as trace:
            print(json.dumps({"p": point, "sensor": SENSOR, "name": name, "q": "good", "v": value, "at_us": second * 1_000_000,
                              "told_us": second * 1_000_000, "utc_ms": UTC_MS + second * 1000}), file=trace)

    def report(self, journalled: float | None = None) -> None:
        self.reports += 1
        word = 400 + self.reports
        block = [self.reports, 0, word, 500, 3000, 0, 0, 0, 0, 0]
        self._carry(SENSOR_BASE, SENSOR_STRIDE, struct.pack(">10H", *block))
        second, value = self.reports * 2, round(word * 0.01, 2) if journalled is None else journalled
        self._sync(POINT, "temperature", value, second)
        self.stored.setdefault(UTC_MS // 1000 + second, []).append(value)

    def points(self, _site: str) -> dict[int, dict]:
        self.report()
        return {TEXT_POINT: {"at_ms": UTC_MS}}

    def series(self, _site: str, point: int, start_ms: int, end_ms: int, _count: int) -> dict[str, list]:
        self.report()
        if self.repeats:  # a second sample of a second that was journalled before
            second = max(one for one in self.stored if one * 1000 < end_ms)
            self._sync(POINT, "temperature", self.stored[second][0], second - UTC_MS // 1000)
            self.stored[second].append(self.stored[second][0])
        seconds = [one for one in sorted(self.stored) if start_ms <= one * 1000 < end_ms] if point == POINT else []
        values = [self.stored[one] for one in seconds]
        return {"t": [one * 1000 for one in seconds], "n": [len(one) for one in values], "min": [min(one) for one in values],
                "max": [max(one) for one in values]}


def judged(change: str = "") -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        store = RunningStore(pathlib.Path(folder), change == "repeats")
        if change == "invented":
            store.report(journalled=99.0)
        second = max(store.stored)
        if change == "lost":
            del store.stored[second]
        elif change == "doubled":
            store.stored[second] *= 2
        elif change == "wrong":
            store.stored[second] = [77.0]
        return Judge("store-1", store.line_log, store.trace, {SENSOR: 0}).judge(store)


def main() -> int:
    bad = []
    for change in ("", "repeats"):
        if not (verdict := judged(change)).good() or verdict.texts != 1:
            bad.append(f"a store without a fault {change}: {verdict}")
    for change in ("lost", "doubled", "wrong", "invented"):
        verdict = judged(change)
        if len(getattr(verdict, change)) != 1 or verdict.good():
            bad.append(f"one sample {change}: {verdict}")
    print("\n".join(bad) or "the judge saw each of four faults, and none where there is none")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
