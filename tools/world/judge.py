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
from collections.abc import Iterator, Sequence

from world.api import BUCKETS_MAX, Api
from world.store import PHASES

SERIAL_BASE, SERIAL_SIZE = 8, 16  # the receiver's serial: a register, characters
SENSOR_BASE, SENSOR_STRIDE, SLOTS_MAX = 100, 10, 200
AGE_NEVER = 65535
VALUES = {"temperature": (2, True, 0.01), "humidity": (3, False, 0.1), "battery": (4, False, 0.001), "signal": (5, True, 1.0)}
EVERY = ("temperature", "humidity")  # sampled from each report; the others when they leave their deadband
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
    invented: list[str] = dataclasses.field(default_factory=list)  # journalled or stored, but not on the line at that time
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
    """Every reply with registers that the line carried, as (first address, the registers' bytes, its end in us)."""
    for row in read_lines(log):
        request, reply = bytes.fromhex(row["request"]), bytes.fromhex(row["reply"])
        # One that was cut short, since its sender died, or spoilt by noise says nothing.
        is_whole = row.get("good", True) and len(request) >= 8 and len(reply) >= 5 and len(reply) == 5 + reply[2]
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


@dataclasses.dataclass(frozen=True)
class Reading:
    """One value of one report, as one reply carried it."""
    slot: int
    number: int  # of the report: a receiver that starts anew counts anew
    name: str
    value: float
    measured_us: int
    end_us: int  # of the reply


class Wire:
    """What the line carried, from the replies' own bytes."""

    def __init__(self, log: pathlib.Path):
        self.readings: list[Reading] = []
        self.by_value: dict[tuple[int, str, float], list[Reading]] = defaultdict(list)
        reports: set[tuple[int, int]] = set()
        for slot, block, end_us in sensor_blocks(log):
            reports.add((slot, block[0]))
            values = {"phase": float(block[0] % len(PHASES))}
            for name, (offset, signed, scale) in VALUES.items():
                word = block[offset]
                if word != NOT_AVAILABLE[offset]:
                    values[name] = round((word - 65536 if signed and word >= 32768 else word) * scale, 6)
            for name, value in values.items():
                reading = Reading(slot, block[0], name, value, end_us - block[1] * 1_000_000, end_us)
                self.readings.append(reading)
                self.by_value[slot, name, value].append(reading)
        self.reports = len(reports)

    def near(self, key: tuple[int, str, float], at_us: int, off_us: int = TIME_OFF_US) -> list[Reading]:
        """The readings of a value that was measured at about that time."""
        return [one for one in self.by_value.get(key, ()) if abs(one.measured_us - at_us) < off_us]

    def count_reports(self, key: tuple[int, str, float], at_us: int) -> int:
        """Different reports with that value at about that time, the next ones included."""
        found: list[Reading] = []
        for one in self.near(key, at_us, 2 * TIME_OFF_US):
            if not any(one.number == other.number and abs(one.measured_us - other.measured_us) < TIME_OFF_US for other in found):
                found.append(one)
        return len(found)


class Judge:
    def __init__(self, site: str, line_log: pathlib.Path, sync_trace: pathlib.Path, slots: dict[str, int]):
        """slots: sensor name -> slot on the receiver."""
        self.site = site
        self.line_log = line_log
        self.sync_trace = sync_trace
        self.slots = slots
        # Stored, but not traced, as judge() found them: (slot, name) -> when they were measured.
        self.untraced: dict[tuple[int, str], list[int]] = {}

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

    def judge(self, api: Api, until_us: int | None = None, deaths_us: Sequence[int] = (), slack_s: float = 0) -> Verdict:
        """until_us: in a store that runs on, what is journalled later need not be stored yet. deaths_us: of the gateway, rising.
        A death between a sync and its line in the trace leaves what was synced untraced: stored all the same, it must have been
        read within slack_s before one, and be no second sample of its report."""
        by_point = self._by_point()
        verdict = Verdict()
        self._judge_texts(api, verdict, until_us)
        stored = {point: self.stored(api, point, min(row["utc_ms"] for row in rows), max(row["utc_ms"] for row in rows))
                  for point, rows in by_point.items()}
        # What was synced before the store was asked must be there; what is there was synced by now.
        later = self._by_point()
        wire = Wire(self.line_log)
        verdict.measured = wire.reports
        for point, rows in by_point.items():
            # The line never carried what is said of it: such a sample is judged by the journal alone.
            is_diagnostic = rows[0].get("diag", False)
            verdict.diagnostics += len(rows) if is_diagnostic else 0
            verdict.journalled += 0 if is_diagnostic else len(rows)
            verdict.stored += sum(count for count, _, _ in stored[point].values())
            for row in rows if not is_diagnostic else ():
                self._check_line(verdict, wire, row)
            due = Counter(row["utc_ms"] // SECOND_MS for row in rows if is_due(row, until_us))
            self._judge_point(verdict, stored[point], rows, due, later[point])
            self._judge_untraced(verdict, wire, stored[point], later[point], deaths_us, slack_s)
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
    def _judge_untraced(self, verdict: Verdict, wire: Wire, stored: dict[int, tuple[int, float, float]], later: list[dict],
                        deaths_us: Sequence[int], slack_s: float) -> None:
        name, slot = later[0].get("name"), self.slots.get(later[0].get("sensor"))
        offset_us = later[0]["utc_ms"] * 1000 - later[0]["at_us"]
        untraced = set(stored) - {row["utc_ms"] // SECOND_MS for row in later}
        times_us = {second: second * 1_000_000 + 500_000 - offset_us for second in untraced}
        if slot is not None:
            self.untraced[slot, name] = list(times_us.values())
        for second, at_us in times_us.items():
            here = f"point {later[0]['p']} ({later[0].get('sensor')}, {name}) at {second}, which was never traced"
            count, value, _ = stored[second]
            key = (slot, name, round(float(value), 6))
            is_read = slot is not None and (name in VALUES or name == "phase")
            read_us = [one.end_us for one in wire.near(key, at_us)] if is_read else [at_us]
            excused = any(0 < death_us - end_us < slack_s * 1e6 for death_us in deaths_us for end_us in read_us)
            if not read_us:
                verdict.invented.append(f"{here}: {value}, the line did not carry it then")
            elif not excused or count > 1:
                verdict.doubled.append(f"{here}: {count} times {value}" + ("" if excused else ", and no death excuses it"))
            elif name in EVERY:
                same = [row["at_us"] for row in later if round(float(row["v"]), 6) == key[2]] + list(times_us.values())
                samples = sum(abs(one - at_us) < TIME_OFF_US for one in same)
                if samples > (reports := wire.count_reports(key, at_us)):
                    verdict.doubled.append(f"{here}: {samples} samples of {value} with those traced, the line carried {reports} reports")

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

    def _of_reports(self) -> list[dict]:
        """Good samples of sensors that were synced, of the values that each report brings."""
        return [row for row in self.journalled() if row.get("name") in EVERY and row.get("sensor") in self.slots]

    def _key(self, row: dict) -> tuple[int, str, float]:
        return self.slots[row["sensor"]], row["name"], round(float(row["v"]), 6)

    def _proven(self, wire: Wire, deaths_us: Sequence[int]) -> list[int]:
        """For each life of the gateway (the last one has no death): when the line carried the latest report that this life
        is known to have journalled, at the earliest. What came before that it cannot have lost by its death."""
        proven = [0] * (len(deaths_us) + 1)
        for row in self._of_reports():
            life = bisect.bisect_left(deaths_us, row["told_us"])
            begin_us = deaths_us[life - 1] if life else 0
            ends = [one.end_us for one in wire.near(self._key(row), row["at_us"]) if begin_us < one.end_us <= row["told_us"]]
            proven[life] = max(proven[life], min(ends, default=0))
        return proven

    def missed(self, deaths_us: Sequence[int], slack_s: float, until_us: int | None = None) -> list[str]:
        """Values of reports that the line carried and the journal never synced, but for those that a death took along: read
        within slack_s before one, and nothing that was read later was journalled in that life. After judge(), which knows what
        is stored. deaths_us: of the gateway, and of whatever carries the replies to it; rising. until_us: in a store that
        runs on, what the line carries later is left for another time, since it is on its way still."""
        traced: dict[tuple[int, str, float], list[int]] = defaultdict(list)
        for row in self._of_reports():
            traced[self._key(row)].append(row["at_us"])
        wire = Wire(self.line_log)
        proven = self._proven(wire, deaths_us)
        # A receiver that starts anew counts its reports anew, with other values.
        missing: dict[tuple[int, int, str, float], str] = {}
        found: set[tuple[int, int, str, float]] = set()
        for one in wire.readings:
            if one.name not in EVERY or (until_us is not None and one.end_us > until_us):
                continue
            key = (one.slot, one.number, one.name, one.value)
            times_us = [*traced.get((one.slot, one.name, one.value), ()), *self.untraced.get((one.slot, one.name), ())]
            if any(abs(at_us - one.measured_us) < TIME_OFF_US for at_us in times_us):
                found.add(key)
                continue
            life = bisect.bisect_left(deaths_us, one.end_us)
            is_excused = life < len(deaths_us) and one.end_us >= proven[life] and deaths_us[life] - one.end_us < slack_s * 1e6
            if not is_excused:
                missing.setdefault(key, f"slot {one.slot}, report {one.number}: {one.name} {one.value} measured at {one.measured_us} us")
        return [text for key, text in missing.items() if key not in found]

    def repeated(self) -> list[str]:
        """Reports that were journalled more than once: more samples of a value at a time than the line carried reports."""
        traced: dict[tuple[int, str, float], list[int]] = defaultdict(list)
        for row in self._of_reports():
            traced[self._key(row)].append(row["at_us"])
        wire = Wire(self.line_log)
        found = []
        for key, times in traced.items():
            for at_us in times:
                samples = sum(abs(other - at_us) < TIME_OFF_US for other in times)
                if samples > (reports := wire.count_reports(key, at_us)):
                    found.append(f"slot {key[0]}: {key[1]} {key[2]} at {at_us} us was journalled {samples} times, "
                                 f"the line carried {reports}")
        return found

    def _check_line(self, verdict: Verdict, wire: Wire, row: dict) -> None:
        if row.get("sensor") not in self.slots or (row.get("name") not in VALUES and row.get("name") != "phase"):
            return
        if not wire.near(self._key(row), row["at_us"]):
            verdict.invented.append(f"{row['sensor']}, {row['name']} = {row['v']}: the line did not carry it then ({row['at_us']} us)")
