#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: `./dev bench` with words changes the rows of those benches and no others; without words it writes all anew.

Method: bench/run.py itself, over a folder whose benches are scripts that write known rows.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
# The programs that a whole run starts, below the build.
PROGRAMS = ("bench_telemetry", "bench_units", "bench_journal")
ROW = {"unit": "s", "better": "lower", "reference": 2.0, "ratio": 0.5}


def check(what: str, holds: object) -> None:
    if not holds:
        raise SystemExit(f"bench run: not so: {what}")


def put_bench(build: pathlib.Path, program: str, rows: dict[str, float], code: int = 0) -> None:
    path = build / "bench" / program
    path.parent.mkdir(exist_ok=True)
    text = json.dumps([{"name": name, "value": value, **ROW} for name, value in rows.items()])
    path.write_text(f"#!/bin/sh\ncat >\"$2\" <<'EOT'\n{text}\nEOT\nexit {code}\n")
    path.chmod(0o755)


def run(build: pathlib.Path, *words: str) -> int:
    return subprocess.run([sys.executable, SOURCE / "bench/run.py", "--build", build, "--out", build / "bench.json", *words],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode


def values(build: pathlib.Path) -> list[tuple[str, float]]:
    return [(row["name"], row["value"]) for row in json.loads((build / "bench.json").read_text())]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="busward-bench-run-") as name:
        build = pathlib.Path(name)
        for program in PROGRAMS:
            put_bench(build, program, {f"{program}.a": 1.0, f"{program}.b": 1.0})
        check("two benches run on an empty folder", run(build, "telemetry", "journal") == 0)
        everything = values(build)
        check(f"all rows are there: {everything}", sorted(n for n, _ in everything) == sorted(f"{p}.{x}" for p in PROGRAMS for x in "ab"))

        put_bench(build, "bench_journal", {"bench_journal.b": 3.0, "bench_journal.c": 3.0})
        check("one bench runs", run(build, "journal") == 0)
        wanted = [(n, 3.0 if n == "bench_journal.b" else v) for n, v in everything] + [("bench_journal.c", 3.0)]
        check(f"its rows are new, the others as they were: {values(build)}", values(build) == wanted)

        put_bench(build, "bench_journal", {"bench_journal.b": 4.0}, code=1)
        check("a bench that fails is told", run(build, "journal") != 0)
        check("and changes nothing", values(build) == wanted)

        put_bench(build, "bench_journal", {"bench_journal.b": 5.0})
        for bad in ("{", "[1]", '[{"name": "x"}]', '{"name": 1}', "7"):
            (build / "bench.json").write_text(bad)
            check(f"a file that holds {bad} is no obstacle", run(build, "journal") == 0)
            check(f"and is written anew: {values(build)}", values(build) == [("bench_journal.b", 5.0)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
