#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the slowest tests and the closing line `N passed, N failed` from ctest's JUnit record."""

import sys
import xml.etree.ElementTree as ElementTree

SLOW_SHOWN = 5


def main(path: str) -> int:
    try:
        cases = ElementTree.parse(path).getroot().findall("testcase")
    except (OSError, ElementTree.ParseError) as error:
        print(f"junit_summary: {path}: {error}", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    ran = [case for case in cases if case.get("status") not in ("disabled", "notrun")]
    failed = [case for case in ran if case.find("failure") is not None or case.get("status") == "fail"]
    # A test whose program is missing counts as failed: a check that does not run must not look green. One that says itself
    # that it cannot run here is named.
    idle = [case for case in cases if case.get("status") == "notrun"]
    skipped = [case for case in idle if "SKIP_RETURN_CODE" in (getattr(case.find("skipped"), "attrib", {}).get("message", ""))]
    not_run = len(idle) - len(skipped)
    for case in skipped:
        print(f"  SKIPPED {case.get('name')}: " + "".join(case.itertext()).strip().splitlines()[-1])
    for case in sorted(ran, key=lambda case: -float(case.get("time", 0)))[:SLOW_SHOWN]:
        print(f"  {float(case.get('time', 0)):7.1f} s  {case.get('name')}")
    print(f"{len(ran) - len(failed)} passed, {len(failed) + not_run} failed")
    return 1 if failed or not_run or not ran else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
