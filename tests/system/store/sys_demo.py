#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: `DEMO_SECONDS=1 ./dev demo` as anybody types it, with the real-time core's program in its model, shows a sensor's first
value, judges itself well and leaves nothing behind. Method: tools/demo.py without an option; its words, its exit code, /proc."""

import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tools"))

from demo_run import Demo  # noqa: E402
from world.store import sensor_entries  # noqa: E402

SENSORS = 24
VERDICT = "every report was journalled, every journalled sample is in the store exactly once"


def main() -> int:
    demo = Demo(seconds="1")
    try:
        code, text = demo.end(), demo.text()
    finally:
        wrong = demo.close()
    wrong += [f"it ended with {code}"] if code != 0 else []
    wrong += ["another verdict"] if VERDICT not in text or "gaps announced 0 of 0 samples" not in text else []
    wrong += ["no real-time core"] if "the real-time core's own program" not in text else []
    first = re.search(r"first value on the page after [0-9.]+ s: (.+), (\w+) (-?[0-9.]+) \S+$", text, re.M)
    if not first or first[1] not in {entry["name"] for entry in sensor_entries(SENSORS)}:
        wrong.append("the first value is none of a sensor's")
    print("\n".join("WRONG " + word for word in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
