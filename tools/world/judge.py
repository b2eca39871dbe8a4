# SPDX-License-Identifier: Apache-2.0
"""What was measured, journalled and stored: judged by the line's own log, the journal's sync trace and the cloud.

The line's log holds every reply it carried; the trace holds every sample that was synced. The gateway's own
counters are never asked. In a store that runs, the trace is read before the line's log: what was synced by then had
been carried by then, and the other way round a report between two looks would seem invented. And it is read again after
the store has answered: what was synced between the two looks would seem stored twice.
"""

import bisect
import dataclasses
import json
import pathlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from world.api import BUCKETS_MAX, Api
from world.store import PHASES

SERIAL_BASE, SERIAL_SIZE = 8, 16  # the receiver's serial: a register, characters
SENSOR_BASE, SENSOR_STRIDE, SLOTS_MAX = 100, 10, 200
AGE_NEVER = 65535
VALUES = {"temperature": (2, True, 0.01), "humidity": (3, False, 0.1), "battery": (4, False, 0.001), "signal": (5, True, 1.0)}
NOT_AVAILABLE = {2: 0x8000, 3: 0xFFFF, 4: 0xFFFF, 5: 0x8000}
SECOND_MS = 1000
DAY_MS = 86_400_000
TIME_OFF_US = 2_500_000  # the age counts whole seconds, and a reply takes its time


@dataclasses.dataclass
class Verdict:
    measured: int = 0  # different reports of sensors that the line carried
    journalled: int = 0  # samples synced, diagnostics apart
    texts: int = 0  # samples of texts among those
    diagnostics: int = 0  # samples of the system itself, synced
    stored: int = 0  # of all
    lost: list[str] = dataclasses.field(default_factory=list)
    doubled: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)  # another value than the journal's
    invented: list[str] = dataclasses.field(default_factory=list)  # journalled, but never on the line
    gaps: int = 0  # announced to the cloud
    gap_samples: int = 0  # that they say are missing

    def good(self) -> bool:
        return self.journalled > 0 and not (self.lost or self.doubled or self.wrong or self.invented)

    def text(self) -> str:
        return (f"reports measured {self.measured}, samples journalled {self.journalled} and {self.texts} texts, "
                f"of the lines themselves {self.diagnostics}, stored {self.stored}, lost {len(self.lost)}, "
                f"doubled {len(self.doubled)}, wrong {len(self.wrong)}, invented {len(self.invented)}, gaps announced {self.gaps} "
                f"of {self.gap_samples} samples")


def read_lines(path: pathlib.Path) -> list[dict]:
    """JSON lines; the last one may be torn, because its writer was killed."""
    rows = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def replies(log: pathlib.Path) -> Iterator[tuple[int, bytes, int]]:
    """Every good reply with registers that the line carried, as (first address, the registers' bytes, its end in us)."""
    for row in read_lines(log):
        if not row["good"]:
            continue  # lost or flipped bytes, a collision: nobody may take it
        request, reply = bytes.fromhex(row["request"]), bytes.fromhex(row["reply"])
        # One that was cut short, since its sender died, says nothing.
        is_whole = len(request) >= 8 and len(reply) >= 5 and len(reply) == 5 + reply[2]
        if is_whole and request[1] in (3, 4) and reply[1] == request[1]:
            yield int.from_bytes(request[2:4], "big"), reply[3:3 + reply[2]], row["end_us"]


def is_due(row: dict, until_us: int | None) -> bool:
    return until_us is None or row["told_us"] <= until_us


def line_serials(log: pathlib.Path) -> set[str]:
    """Every serial of the receiver that the line carried."""
    found = set()
    for address, data, _ in replies(log):
        first = 2 * (SERIAL_BASE - address)
        if first >= 0 and first + SERIAL_SIZE <= len(data):
            found.add(data[first:first + SERIAL_SIZE].rstrip(b"\0").decode(errors="replace"))
    return found


def sensor_blocks(log: pathlib.Path) -> Iterator[tuple[int, list[int], int]]:
    """Every sensor block that the line carried, as (slot, its ten registers, end of the reply in us); those never heard left out."""
    for address, data, end_us in replies(log):
        words = [int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2)]
        for slot in range(SLOTS_MAX):
            first = SENSOR_BASE + SENSOR_STRIDE * slot - address
            if first >= 0 and first + SENSOR_STRIDE <= len(words) and words[first + 1] != AGE_NEVER:
                yield slot, words[first:first + SENSOR_STRIDE], end_us


def line_values(log: pathlib.Path) -> tuple[int, dict[tuple[int, str], set[float]]]:
    """How many different reports the line carried, and every value: (slot, point) -> values, from the replies' own bytes."""
    reports: set[tuple[int, int]] = set()
    values: dict[tuple[int, str], set[float]] = defaultdict(set)
    for slot, block, _ in sensor_blocks(log):
        reports.add((slot, block[0]))
        for name, (offset, signed, scale) in VALUES.items():
            word = block[offset]
            if word != NOT_AVAILABLE[offset]:
                values[slot, name].add(round((word - 65536 if signed and word >= 32768 else word) * scale, 6))
        values[slot, "phase"].add(block[0] % len(PHASES))
    return len(reports), values


class Judge:
    def __init__(self, site: str, line_log: pathlib.Path, sync_trace: pathlib.Path, slots: dict[str, int]):
        """slots: sensor name -> slot on the receiver."""
        self.site = site
        self.line_log = line_log
        self.sync_trace = sync_trace
        self.slots = slots
        self.untraced: dict[int, set[int]] = {}  # slot -> seconds of temperatures that judge() found stored, but not traced

    def journalled(self) -> list[dict]:
        """Good samples with numbers that were synced."""
        return [row for row in read_lines(self.sync_trace)
                if row.get("q") == "good" and isinstance(row.get("v"), (bool, int, float))]

    def shown_texts(self, api: Api) -> tuple[int, list[str]]:
        """Texts and words of enumerations that the overview shows now: how many, and which are not those journalled."""
        traced = {(row["p"], row["utc_ms"] // SECOND_MS): row["v"] for row in read_lines(self.sync_trace) if row.get("q") == "good"}
        count, wrong = 0, []
        for point in api.points(self.site).values():
            value = traced.get((point["id"], (point["at_ms"] or 0) // SECOND_MS))
            if value is None or point["quality"] != "good" or not (isinstance(value, str) or point["name"] == "phase"):
                continue  # untraced, if a kill came between the sync and its trace line
            count += 1
            text = PHASES[value] if point["name"] == "phase" else value
            if point["text"] != text:
                wrong.append(f"{point['sensor_name']}, {point['name']}: journal {text!r}, page {point['text']!r}")
        return count, wrong

    def _judge_texts(self, api: Api, verdict: Verdict, until_us: int | None) -> None:
        """The cloud keeps of a text the latest only: that one must be there, and the line must have carried each."""
        newest: dict[int, dict] = {}
        rows = read_lines(self.sync_trace)
        serials = line_serials(self.line_log)
        for row in rows:
            if row.get("q") == "good" and isinstance(row.get("v"), str):
                verdict.texts += 1
                if is_due(row, until_us):
                    newest[row["p"]] = max(row, newest.get(row["p"], row), key=lambda one: one["utc_ms"])
                if row.get("name") == "serial" and row["v"] not in serials:
                    verdict.invented.append(f"serial {row['v']!r}: the line never carried it")
        points = api.points(self.site) if newest else {}
        for point, row in newest.items():
            at_ms = points[point]["at_ms"] if point in points else None
            if at_ms is None or at_ms // SECOND_MS < row["utc_ms"] // SECOND_MS:
                verdict.lost.append(f"point {point} ({row.get('name')} = {row['v']!r}) at {row['utc_ms']}: the page has {at_ms}")

    def stored(self, api: Api, point: int, first_ms: int, last_ms: int) -> dict[int, tuple[int, float, float]]:
        """Second of measurement -> (count, min, max), as the cloud's series has them."""
        found = {}
        start = first_ms // SECOND_MS * SECOND_MS
        while start <= last_ms:
            end = start + BUCKETS_MAX * SECOND_MS
            series = api.series(self.site, point, start, end, BUCKETS_MAX)
            for at, count, low, high in zip(series["t"], series["n"], series["min"], series["max"]):
                found[at // SECOND_MS] = (count, low, high)
            start = end
        return found

    def judge(self, api: Api, until_us: int | None = None) -> Verdict:
        """until_us: in a store that runs on, what is journalled later need not be stored yet."""
        by_point = self._by_point()
        reports, on_line = line_values(self.line_log)
        verdict = Verdict(measured=reports)
        self._judge_texts(api, verdict, until_us)
        stored = {point: self.stored(api, point, min(row["utc_ms"] for row in rows), max(row["utc_ms"] for row in rows))
                  for point, rows in by_point.items()}
        # What was synced before the store was asked must be there; what is there was synced by now.
        later = self._by_point()
        for point, rows in by_point.items():
            # The line never carried what is said of it: such a sample is judged by the journal alone.
            is_diagnostic = rows[0].get("diag", False)
            verdict.diagnostics += len(rows) if is_diagnostic else 0
            verdict.journalled += 0 if is_diagnostic else len(rows)
            verdict.stored += sum(count for count, _, _ in stored[point].values())
            for row in rows if not is_diagnostic else ():
                self._check_line(verdict, on_line, row)
            due = Counter(row["utc_ms"] // SECOND_MS for row in rows if is_due(row, until_us))
            self._judge_point(verdict, stored[point], rows, due, later[point])
        if by_point:
            self._count_gaps(api, verdict, next(iter(by_point)), [row["utc_ms"] for rows in by_point.values() for row in rows])
        return verdict

    def _by_point(self) -> dict[int, list[dict]]:
        found: dict[int, list[dict]] = defaultdict(list)
        for row in self.journalled():
            found[row["p"]].append(row)
        return found

    def _judge_point(self, verdict: Verdict, stored: dict[int, tuple[int, float, float]], rows: list[dict],
                     due: Counter[int], later: list[dict]) -> None:
        """What is stored of a point against what was synced before the store was asked, what of that is due by second, and what
        was synced by the time the store had answered."""
        values = defaultdict(list)
        for row in later:
            values[row["utc_ms"] // SECOND_MS].append(row["v"])
        name = rows[0].get("name")
        for second in {row["utc_ms"] // SECOND_MS: None for row in rows}:
            here = f"point {rows[0]['p']} ({rows[0].get('sensor')}, {name}) at {second}"
            synced = values[second]
            found, low, high = stored.get(second, (0, 0.0, 0.0))
            if found < due[second]:
                verdict.lost.append(f"{here}: {found} of {due[second]}")
            elif found > len(synced):
                verdict.doubled.append(f"{here}: {found} for {len(synced)}")
            elif found and not self._fits(synced, found, low, high):
                verdict.wrong.append(f"{here}: journal {synced}, store {low} to {high}")
        # A kill between the sync and its trace line leaves a journalled sample untraced: it may be stored, once.
        untraced = set(stored) - set(values)
        if name == "temperature" and (slot := self.slots.get(rows[0].get("sensor"))) is not None:
            self.untraced[slot] = untraced
        verdict.doubled += [f"point {rows[0]['p']} at {second}: stored twice" for second in untraced if stored[second][0] > 1]

    @staticmethod
    def _fits(synced: list[float], found: int, low: float, high: float) -> bool:
        """Least and largest stored value are those synced; while some of them are still on their way, values among them."""
        if found == len(synced):
            return abs(min(synced) - low) <= 1e-6 and abs(max(synced) - high) <= 1e-6
        return all(any(abs(value - one) <= 1e-6 for value in synced) for one in (low, high))

    def _count_gaps(self, api: Api, verdict: Verdict, point: int, times_ms: list[int]) -> None:
        """Gaps are the site's: with the series of any point come those of its span, here well beyond all samples."""
        for gap in api.series(self.site, point, min(times_ms) - DAY_MS, max(times_ms) + DAY_MS, 1)["gaps"]:
            verdict.gaps += 1
            verdict.gap_samples += gap["count"]

    def _proven(self, carried: dict[tuple[int, float], list[tuple[int, int]]], deaths_us: list[int]) -> list[int]:
        """For each life of the gateway (the last one has no death): when the line carried the latest report that this life
        is known to have journalled, at the earliest. What came before that it cannot have lost by its death."""
        proven = [0] * (len(deaths_us) + 1)
        for row in self._temperatures():
            life = bisect.bisect_left(deaths_us, row["told_us"])
            begin_us = deaths_us[life - 1] if life else 0
            ends = [end_us for measured_us, end_us in carried.get((self.slots[row["sensor"]], round(float(row["v"]), 6)), [])
                    if abs(measured_us - row["at_us"]) < TIME_OFF_US and begin_us < end_us <= row["told_us"]]
            proven[life] = max(proven[life], min(ends, default=0))
        return proven

    def _temperatures(self) -> list[dict]:
        """Good samples of sensors' temperatures that were synced."""
        return [row for row in self.journalled() if row.get("name") == "temperature" and row.get("sensor") in self.slots]

    def missed(self, deaths_us: list[int], slack_s: float, until_us: int | None = None) -> list[str]:
        """Reports that the line carried and the journal never synced, but for those that a death took along: read within
        slack_s before one, and nothing that was read later was journalled in that life. After judge(), which knows what
        is stored. deaths_us: of the gateway, and of whatever carries the replies to it; rising. until_us: in a store that
        runs on, what the line carries later is left for another time, since it is on its way still."""
        offset_us = next((row["utc_ms"] * 1000 - row["at_us"] for row in self.journalled()), 0)
        traced: dict[tuple[int, float], list[int]] = defaultdict(list)
        for row in self._temperatures():
            traced[self.slots[row["sensor"]], round(float(row["v"]), 6)].append(row["at_us"])
        offset, _, scale = VALUES["temperature"]
        blocks = []  # key, value, measured, end of the reply
        carried: dict[tuple[int, float], list[tuple[int, int]]] = defaultdict(list)
        for slot, block, end_us in sensor_blocks(self.line_log):
            word = block[offset]
            if word != NOT_AVAILABLE[offset] and (until_us is None or end_us <= until_us):
                value = round((word - 65536 if word >= 32768 else word) * scale, 6)
                measured_us = end_us - block[1] * 1_000_000
                blocks.append(((slot, block[0], word), value, measured_us, end_us))
                carried[slot, value].append((measured_us, end_us))
        proven = self._proven(carried, deaths_us)
        # A receiver that starts anew counts its reports anew, with other values.
        missing: dict[tuple[int, int, int], str] = {}
        found: set[tuple[int, int, int]] = set()
        for key, value, measured_us, end_us in blocks:
            slot, number, _ = key
            near = any(abs(at_us - measured_us) < TIME_OFF_US for at_us in traced.get((slot, value), []))
            second = (measured_us + offset_us) // 1_000_000
            if near or any(abs(one - second) <= 1 for one in self.untraced.get(slot, ())):
                found.add(key)
                continue
            life = bisect.bisect_left(deaths_us, end_us)
            is_excused = life < len(deaths_us) and end_us >= proven[life] and deaths_us[life] - end_us < slack_s * 1e6
            if not is_excused:
                missing.setdefault(key, f"slot {slot}, report {number}: {value} measured at {measured_us} us")
        return [text for key, text in missing.items() if key not in found]

    def repeated(self) -> list[str]:
        """Reports that were journalled more than once: more samples of a value at a time than the line carried reports."""
        offset, _, scale = VALUES["temperature"]
        synced = self._temperatures()
        carried: dict[tuple[int, float], list[tuple[int, int]]] = defaultdict(list)  # number of the report, time
        for slot, block, end_us in sensor_blocks(self.line_log):
            word = block[offset]
            value = round((word - 65536 if word >= 32768 else word) * scale, 6)
            at_us = end_us - block[1] * 1_000_000
            if not any(number == block[0] and abs(at_us - other) < TIME_OFF_US for number, other in carried[slot, value]):
                carried[slot, value].append((block[0], at_us))
        traced: dict[tuple[int, float], list[int]] = defaultdict(list)
        for row in synced:
            traced[self.slots[row["sensor"]], round(float(row["v"]), 6)].append(row["at_us"])
        found = []
        for (slot, value), times in traced.items():
            for at_us in times:
                samples = sum(abs(other - at_us) < TIME_OFF_US for other in times)
                reports = sum(abs(other - at_us) < 2 * TIME_OFF_US for _, other in carried[slot, value])
                if samples > reports:
                    found.append(f"slot {slot}: {value} at {at_us} us was journalled {samples} times, the line carried {reports}")
        return found

    def _check_line(self, verdict: Verdict, on_line: dict[tuple[int, str], set[float]], row: dict) -> None:
        slot, name = self.slots.get(row.get("sensor")), row.get("name")
        if slot is None or (name not in VALUES and name != "phase"):
            return
        if round(float(row["v"]), 6) not in on_line.get((slot, name), set()):
            verdict.invented.append(f"{row['sensor']}, {name} = {row['v']}: the line never carried it")
