#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: figures that the documents give are those of the code. Method: each sentence below must stand in its document with the
constants' values filled in; line breaks do not count. The day's costs in azure.md add up, and its sites fit their hub."""

import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
# Name: file, pattern whose group is the value.
CONSTANTS = {
    "depth_min": ("apps/gateway/poll/poller_state.h", r"POLLER_DEPTH_MIN = (\d+)"),
    "depth_max": ("apps/gateway/poll/poller_state.h", r"POLLER_DEPTH_MAX = (\d+)"),
    "ahead_ms": ("apps/gateway/poll/poller_state.h", r"POLLER_AHEAD_US \((\d+) \* US_PER_MS\)"),
    "core_queue": ("lib/line/CMakeLists.txt", r"if\(BUSWARD_FREESTANDING\)\s+set\(LINE_QUEUE_MAX (\d+)\)"),
    "unsynced": ("apps/gateway/journal/journal.c", r"UNSYNCED_MAX = (\d+)"),
    "relays": ("apps/gateway/journal/journal.c", r"RELAYS_DIRTY_MAX = (\d+)"),
    "inline": ("apps/gateway/methods/flight_upload.h", r"FLIGHT_INLINE_SIZE = (\d+) \* 1024"),
    "chunk": ("apps/gateway/methods/flight_upload.h", r"FLIGHT_CHUNK_SIZE = (\d+) \* 1024"),
    "attempt_ms": ("apps/gateway/north/uplink.c", r"CONNECT_TIMEOUT_MS = (\d+)"),
    "units_goal": ("bench/bench_units.c", r"UNITS_GOAL = (\d+)"),
    "page_kb": ("web/build.mjs", r"FIRST_BYTES_MAX = (\d+)_000"),
    "page_test_kb": ("web/test/size.test.ts", r"const BYTES_MAX = (\d+)_000"),
    "page_bench_kb": ("bench/bench_system.py", r"PAGE_GOAL_KB = SOURCE / \"web/dist\", (\d+)"),
}
WORDS = {500: "half a second"}
SENTENCES = [
    ("docs/gateway.md", "up to {depth_max} within {ahead_ms} of the line's time, and {depth_min} on a slower line"),
    ("docs/gateway.md", "Of these up to {core_queue} wait in the core"),
    ("docs/gateway.md", "sooner once {unsynced} samples or {relays} changed relays wait"),
    ("docs/config.schema.json", "sooner once {unsynced} samples or {relays} changed relays wait"),
    ("docs/gateway.md", "each takes at most {attempt_s} s"),
    ("docs/methods.md", "up to {inline} KB in the answer, more in parts of {chunk} KB"),
    ("docs/cloud.md", "stays below {page_kb} kB compressed"),
    ("docs/cloud.md", "stays below {page_test_kb} kB compressed"),
    ("docs/cloud.md", "stays below {page_bench_kb} kB compressed"),
    ("bench/bench_units.c", "{units_goal} units that a store may cost a day"),
]


def value_of(name: str) -> int:
    path, pattern = CONSTANTS[name]
    found = re.findall(pattern, (SOURCE / path).read_text())
    if len(found) != 1:
        raise SystemExit(f"figures: {path}: {pattern} is there {len(found)} times")
    return int(found[0])


def wrong_sums() -> list[str]:
    """What a site costs a day, and how many of them a unit of the hub carries."""
    text = re.sub(r"\s+", " ", (SOURCE / "docs/azure.md").read_text())
    found = re.search(r"So (\d+) a day \((\d+) \+ (\d+) \+ (\d+)\).* allows 400,000 a day: (\d+) such sites; unwatched ([\d,]+)\. ", text)
    if found is None:
        return ["docs/azure.md sums up no day"]
    total, telemetry, twin, page, sites, unwatched = (int(word.replace(",", "")) for word in found.groups())
    wrong = [] if total == telemetry + twin + page else [f"docs/azure.md: {telemetry} + {twin} + {page} is not {total}"]
    wrong += [f"docs/azure.md: {count} sites of {each} a day are not what 400,000 allow" for count, each in
              ((sites, total), (unwatched, telemetry + twin)) if count != 400_000 // each]
    return wrong + [f"docs/azure.md: no row of its table has {part}" for part in (telemetry, twin, page) if f"| {part} |" not in text]


def main() -> int:
    values = {name: value_of(name) for name in CONSTANTS}
    values["attempt_s"] = values["attempt_ms"] // 1000
    words = {name: WORDS.get(value, value) for name, value in values.items()}
    wrong = []
    for path, sentence in SENTENCES:
        text = re.sub(r"\s*\n//\s*|\s+", " ", (SOURCE / path).read_text())
        if sentence.format(**words) not in text:
            wrong.append(f"{path} does not say: {sentence.format(**words)}")
    wrong += wrong_sums()
    for line in wrong:
        print(f"figures: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
