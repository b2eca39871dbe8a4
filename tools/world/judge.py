# SPDX-License-Identifier: Apache-2.0
"""What was measured, journalled and stored: judged by the line's own log, the journal's sync trace and the cloud.

The line's log holds every reply it carried; the trace holds every sample that was synced. The gateway's own
counters are never asked.
"""

import dataclasses
import json
import pathlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from world.api import BUCKETS_MAX, Api

SENSOR_BASE, SENSOR_STRIDE, SLOTS_MAX = 100, 10, 200
AGE_NEVER = 65535
VALUES = {"temperature": (2, True, 0.01), "humidity": (3, False, 0.1), "battery": (4, False, 0.001), "signal": (5, True, 1.0)}
NOT_AVAILABLE = {2: 0x8000, 3: 0xFFFF, 4: 0xFFFF, 5: 0x8000}
SECOND_MS = 1000
TIME_OFF_US = 2_500_000  # the age counts whole seconds, and a reply takes its time


@dataclasses.dataclass
class Verdict:
    measured: int = 0  # different reports of sensors that the line carried
    journalled: int = 0  # samples synced, diagnostics apart
    diagnostics: int = 0  # samples of the system itself, synced
    stored: int = 0  # of both
    lost: list[str] = dataclasses.field(default_factory=list)
    doubled: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)  # another value than the journal's
    invented: list[str] = dataclasses.field(default_factory=list)  # journalled, but never on the line
    gaps: int = 0

    def good(self) -> bool:
        return self.journalled > 0 and not (self.lost or self.doubled or self.wrong or self.invented)

    def text(self) -> str:
        return (f"reports measured {self.measured}, samples journalled {self.journalled}, of the lines themselves "
                f"{self.diagnostics}, stored {self.stored}, lost {len(self.lost)}, "
                f"doubled {len(self.doubled)}, wrong {len(self.wrong)}, invented {len(self.invented)}, gaps announced {self.gaps}")


def read_lines(path: pathlib.Path) -> list[dict]:
    """JSON lines; the last one may be torn, because its writer was killed."""
    rows = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def sensor_blocks(log: pathlib.Path) -> Iterator[tuple[int, list[int], int]]:
    """Every sensor block that the line carried, as (slot, its ten registers, end of the reply in us); those never heard left out."""
    for row in read_lines(log):
        request, reply = bytes.fromhex(row["request"]), bytes.fromhex(row["reply"])
        if len(request) < 8 or len(reply) < 5 or request[1] not in (3, 4) or reply[1] != request[1]:
            continue
        address = int.from_bytes(request[2:4], "big")
        words = [int.from_bytes(reply[at:at + 2], "big") for at in range(3, 3 + reply[2], 2)]
        for slot in range(SLOTS_MAX):
            first = SENSOR_BASE + SENSOR_STRIDE * slot - address
            if first >= 0 and first + SENSOR_STRIDE <= len(words) and words[first + 1] != AGE_NEVER:
                yield slot, words[first:first + SENSOR_STRIDE], row["end_us"]


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
    return len(reports), values


class Judge:
    def __init__(self, site: str, line_log: pathlib.Path, sync_trace: pathlib.Path, slots: dict[str, int]):
        """slots: sensor name -> slot on the receiver."""
        self.site = site
        self.line_log = line_log
        self.sync_trace = sync_trace
        self.slots = slots

    def journalled(self) -> list[dict]:
        """Good samples that were synced. Texts are left out: the cloud keeps their latest only, a series has numbers."""
        return [row for row in read_lines(self.sync_trace)
                if row.get("q") == "good" and isinstance(row.get("v"), (bool, int, float))]

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

    def judge(self, api: Api) -> Verdict:
        reports, on_line = line_values(self.line_log)
        verdict = Verdict(measured=reports)
        by_point: dict[int, list[dict]] = defaultdict(list)
        for row in self.journalled():
            by_point[row["p"]].append(row)
        for point, rows in by_point.items():
            # The line never carried what is said of it: such a sample is judged by the journal alone.
            is_diagnostic = rows[0].get("diag", False)
            verdict.diagnostics += len(rows) if is_diagnostic else 0
            verdict.journalled += 0 if is_diagnostic else len(rows)
            times = [row["utc_ms"] for row in rows]
            stored = self.stored(api, point, min(times), max(times))
            verdict.stored += sum(count for count, _, _ in stored.values())
            expected = Counter(row["utc_ms"] // SECOND_MS for row in rows)
            values = defaultdict(list)
            for row in rows:
                values[row["utc_ms"] // SECOND_MS].append(row["v"])
                if not is_diagnostic:
                    self._check_line(verdict, on_line, row)
            for second, count in expected.items():
                here = f"point {point} ({rows[0].get('sensor')}, {rows[0].get('name')}) at {second}"
                found, low, high = stored.get(second, (0, 0.0, 0.0))
                if found < count:
                    verdict.lost.append(f"{here}: {found} of {count}")
                elif found > count:
                    verdict.doubled.append(f"{here}: {found} for {count}")
                elif abs(min(values[second]) - low) > 1e-6 or abs(max(values[second]) - high) > 1e-6:
                    verdict.wrong.append(f"{here}: journal {values[second]}, store {low} to {high}")
            # A kill between the sync and its trace line leaves a journalled sample untraced: it may be stored, once.
            untraced = set(stored) - set(expected)
            verdict.doubled += [f"point {point} at {second}: stored twice" for second in untraced if stored[second][0] > 1]
        return verdict

    def missed(self, deaths_us: list[int], slack_s: float) -> list[str]:
        """Reports that the line carried and the journal never synced, but for those read within slack_s before a death
        of the gateway: what was not synced yet may go with it."""
        traced: dict[tuple[int, float], list[int]] = defaultdict(list)
        for row in self.journalled():
            slot = self.slots.get(row.get("sensor"))
            if slot is not None and row.get("name") == "temperature" and not row.get("diag"):
                traced[slot, round(float(row["v"]), 6)].append(row["at_us"])
        offset, _, scale = VALUES["temperature"]
        missing: dict[tuple[int, int], str] = {}
        found: set[tuple[int, int]] = set()
        for slot, block, end_us in sensor_blocks(self.line_log):
            word = block[offset]
            if word == NOT_AVAILABLE[offset] or any(0 <= death - end_us < slack_s * 1e6 for death in deaths_us):
                continue
            value = round((word - 65536 if word >= 32768 else word) * scale, 6)
            measured_us = end_us - block[1] * 1_000_000
            if any(abs(at_us - measured_us) < TIME_OFF_US for at_us in traced.get((slot, value), [])):
                found.add((slot, block[0]))
            else:
                missing.setdefault((slot, block[0]), f"slot {slot}, report {block[0]}: {value} measured at {measured_us} us")
        return [text for key, text in missing.items() if key not in found]

    def _check_line(self, verdict: Verdict, on_line: dict[tuple[int, str], set[float]], row: dict) -> None:
        slot, name = self.slots.get(row.get("sensor")), row.get("name")
        if slot is None or name not in VALUES:
            return
        if round(float(row["v"]), 6) not in on_line.get((slot, name), set()):
            verdict.invented.append(f"{row['sensor']}, {name} = {row['v']}: the line never carried it")
