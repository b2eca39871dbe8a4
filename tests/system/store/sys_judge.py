#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the judge of every store invents nothing and overlooks nothing.

Method: a line's log and a sync trace written by hand, and a cloud that answers from them. While the judge looks, the store
runs on: a report is carried, synced and stored between any two of its looks (that once was called invented), and
so is a second sample of a second that it has seen (that once was called doubled). What is on its way when the judge begins
must arrive; what is measured later may be on its way still. A store that has all of it twice, two seconds apart, once passed,
and so did a gateway that journalled no humidity.
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

POINT, TEXT_POINT, HUMIDITY_POINT, SENSOR = 7, 8, 9, "Door 1"
SLACK_S = 3.0
UTC_MS = 1_790_000_000_000
SERIAL = b"BW-1"


class RunningStore:
    """Each question of the judge's finds the store one report further on."""

    def __init__(self, folder: pathlib.Path, gaps: tuple[dict, ...] = (), repeats: bool = False):
        self.gaps, self.repeats = gaps, repeats
        self.line_log, self.trace = folder / "line.jsonl", folder / "trace.jsonl"
        self.stored: dict[int, list[float]] = {}  # second -> temperatures
        self.humidities: dict[int, list[float]] = {}
        self.reports = 0
        self._carry(8, 8, SERIAL.ljust(16, b"\0"))
        self.sync(TEXT_POINT, "serial", SERIAL.decode(), 0)
        self.report()

    def _carry(self, address: int, count: int, data: bytes) -> None:
        request = struct.pack(">BBHHH", 1, 3, address, count, 0)
        reply = bytes((1, 3, len(data))) + data + b"\0\0"
        with self.line_log.open("a") as log:
            print(json.dumps({"end_us": self.now_us(), "request": request.hex(), "reply": reply.hex()}), file=log)

    def sync(self, point: int, name: str, value: object, second: int) -> None:
        with self.trace.open("a") as trace:
            print(json.dumps({"p": point, "sensor": SENSOR, "name": name, "q": "good", "v": value, "at_us": second * 1_000_000,
                              "told_us": second * 1_000_000, "utc_ms": UTC_MS + second * 1000}), file=trace)

    @staticmethod
    def now_us_of(reports: int) -> int:
        return reports * 2_000_000

    def now_us(self) -> int:
        return self.now_us_of(self.reports)

    def report(self, journalled: float | None = None, is_synced: bool = True, is_stored: bool = True, has_humidity: bool = True) -> None:
        self.reports += 1
        word, humid = 400 + self.reports, 500 + self.reports
        block = [self.reports, 0, word, humid, 3000, 0, 0, 0, 0, 0]
        self._carry(SENSOR_BASE, SENSOR_STRIDE, struct.pack(">10H", *block))
        second = self.reports * 2
        values = [(POINT, "temperature", round(word * 0.01, 2) if journalled is None else journalled, self.stored)]
        values += [(HUMIDITY_POINT, "humidity", round(humid * 0.1, 1), self.humidities)] if has_humidity else []
        for point, name, value, stored in values:
            if is_synced:
                self.sync(point, name, value, second)
            if is_stored:
                stored.setdefault(UTC_MS // 1000 + second, []).append(value)

    def points(self, _site: str) -> dict[int, dict]:
        self.report()
        return {TEXT_POINT: {"at_ms": UTC_MS}}

    def series(self, _site: str, point: int, start_ms: int, end_ms: int, _count: int) -> dict[str, list]:
        self.report()
        if self.repeats:  # a second sample of a second that was journalled before
            second = max(one for one in self.stored if one * 1000 < end_ms)
            self.sync(POINT, "temperature", self.stored[second][0], second - UTC_MS // 1000)
            self.stored[second].append(self.stored[second][0])
        stored = {POINT: self.stored, HUMIDITY_POINT: self.humidities}.get(point, {})
        seconds = [one for one in sorted(stored) if start_ms <= one * 1000 < end_ms]
        values = [stored[one] for one in seconds]
        return {"t": [one * 1000 for one in seconds], "n": [len(one) for one in values], "min": [min(one) for one in values],
                "max": [max(one) for one in values],
                "gaps": [gap for gap in self.gaps if gap["from"] < end_ms and gap["to"] > start_ms]}


def judged(change: str = "") -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        store = RunningStore(pathlib.Path(folder), repeats=change == "repeats")
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


def judged_gaps() -> Verdict:
    """Two gaps, both before the first sample that was left."""
    gaps = tuple({"from": UTC_MS - 60_000 * far, "to": UTC_MS - 60_000 * far + 5000, "count": 8 + far} for far in (1, 2))
    with tempfile.TemporaryDirectory() as folder:
        store = RunningStore(pathlib.Path(folder), gaps)
        return Judge("store-1", store.line_log, store.trace, {SENSOR: 0}).judge(store)


def judged_late(is_synced: bool, is_stored: bool, is_due: bool) -> tuple[Verdict, list[str]]:
    """A report that stays on its way to the journal or to the store, carried before the judge begins or after."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunningStore(pathlib.Path(folder))
        until_us = store.now_us() + (2_000_000 if is_due else 0)
        store.report(is_synced=is_synced, is_stored=is_stored)
        judge = Judge("store-1", store.line_log, store.trace, {SENSOR: 0})
        return judge.judge(store, until_us), judge.missed([], 0, until_us)


def judged_shifted(deaths_us: tuple[int, ...], is_ghost: bool) -> Verdict:
    """A second that no trace knows is stored: the sample of the second before once more, or one that a death left untraced."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunningStore(pathlib.Path(folder))
        if is_ghost:
            store.report()
            second = max(store.stored)
            store.stored[second + 1] = [store.stored[second][0]]
        else:
            store.report(is_synced=False)
        store.report()
        judge = Judge("store-1", store.line_log, store.trace, {SENSOR: 0})
        return judge.judge(store, None, deaths_us, SLACK_S)


def judge_untraced() -> list[str]:
    at_death = (RunningStore.now_us_of(2) + 1_000_000,)
    bad = []
    for deaths_us in ((), at_death):
        if (verdict := judged_shifted(deaths_us, True)).good() or len(verdict.doubled) != 1:
            bad.append(f"a sample stored again a second later, deaths {deaths_us}: {verdict}")
    if not (verdict := judged_shifted(at_death, False)).good():
        bad.append(f"a report whose trace a death took: {verdict}")
    if (verdict := judged_shifted((), False)).good() or not verdict.doubled:
        bad.append(f"a report without a trace and without a death: {verdict}")
    return bad


def judge_humidity() -> list[str]:
    """A gateway that forgets a value of the report, and one that dates it wrongly."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunningStore(pathlib.Path(folder))
        store.report(has_humidity=False)
        judge = Judge("store-1", store.line_log, store.trace, {SENSOR: 0})
        verdict, missed = judge.judge(store), judge.missed([], 0)
        bad = [] if verdict.good() and len(missed) == 1 and "humidity" in missed[0] else [f"no humidity: {verdict} {missed}"]
        store.sync(POINT, "temperature", 4.01, 20)  # right once, much earlier
        verdict = judge.judge(store)
        return bad + ([] if len(verdict.invented) == 1 else [f"a value at the wrong time: {verdict}"])


def judge_running() -> list[str]:
    bad = []
    for is_due in (True, False):
        verdict, missed = judged_late(is_synced=False, is_stored=False, is_due=is_due)
        if len(missed) != 2 * is_due or not verdict.good():
            bad.append(f"a report that was not journalled, due {is_due}: {missed} {verdict}")
        verdict, missed = judged_late(is_synced=True, is_stored=False, is_due=is_due)
        if missed or len(verdict.lost) != 2 * is_due:
            bad.append(f"a sample that was not stored, due {is_due}: {missed} {verdict}")
    return bad


def main() -> int:
    bad = judge_running() + judge_untraced() + judge_humidity()
    for change in ("", "repeats"):
        if not (verdict := judged(change)).good() or verdict.texts != 1 or verdict.gaps:
            bad.append(f"a store without a fault {change}: {verdict}")
    for change in ("lost", "doubled", "wrong", "invented"):
        verdict = judged(change)
        if len(getattr(verdict, change)) != 1 or verdict.good():
            bad.append(f"one sample {change}: {verdict}")
    verdict = judged_gaps()
    if (verdict.gaps, verdict.gap_samples) != (2, 19) or not verdict.good():
        bad.append(f"two gaps of 9 and 10 samples: {verdict}")
    print("\n".join(bad) or "the judge saw each fault and each gap, and none where there is none")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
