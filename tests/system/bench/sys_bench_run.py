#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: `./dev bench` with words changes the rows of those benches and no others; without words it writes all anew. What a
program measured is kept although it fails, or another one does. A ratio to 0 is none, and goals are called goals.

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


def put_program(build: pathlib.Path, program: str, text: str, code: int = 0) -> None:
    path = build / "bench" / program
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\nexit {code}\n")
    path.chmod(0o755)


def put_bench(build: pathlib.Path, program: str, rows: dict[str, float], code: int = 0) -> None:
    text = json.dumps([{"name": name, "value": value, **ROW} for name, value in rows.items()])
    put_program(build, program, f"cat >\"$2\" <<'EOT'\n{text}\nEOT", code)


def bench(build: pathlib.Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, SOURCE / "bench/run.py", "--build", build, "--out", build / "bench.json", *words],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, text=True)


def run(build: pathlib.Path, *words: str) -> int:
    return bench(build, *words).returncode


def values(build: pathlib.Path) -> list[tuple[str, float]]:
    return [(row["name"], row["value"]) for row in json.loads((build / "bench.json").read_text())]


def failures(build: pathlib.Path) -> None:
    """A program that fails loses neither its own rows nor those of the others, and is named at the end."""
    put_bench(build, "bench_telemetry", {"bench_telemetry.a": 6.0}, code=3)
    put_bench(build, "bench_units", {"bench_units.a": 6.0})
    put_bench(build, "bench_journal", {"bench_journal.b": 6.0})
    done = bench(build, "telemetry", "journal")
    check(f"a bench that fails is told: {done.returncode}", done.returncode == 1)
    found = dict(values(build))
    for name in ("bench_telemetry.a", "bench_units.a", "bench_journal.b"):
        check(f"{name} is the new one: {found}", found[name] == 6.0)
    check(f"the last words name it: {done.stdout}",
          done.stdout.splitlines()[-1] == "bench: FAILED: telemetry: bench_telemetry ended with 3")

    before = values(build)
    for text in ("", "{", '{"name": 1}', '[{"name": "x"}]', json.dumps([{"name": "x", "value": None, **ROW}]),
                 json.dumps([{"name": "x", "value": 1, **ROW, "better": "more"}])):
        put_program(build, "bench_telemetry", f"cat >\"$2\" <<'EOT'\n{text}\nEOT")
        put_bench(build, "bench_units", {"bench_units.a": 7.0})
        done = bench(build, "telemetry")
        check(f"rows {text!r} are told: {done.stdout}",
              done.returncode == 1 and "FAILED: telemetry: bench_telemetry wrote" in done.stdout)
        check(f"and cost no others: {values(build)}", values(build) == [(n, 7.0 if n == "bench_units.a" else v) for n, v in before])
    put_program(build, "bench_telemetry", "true")
    done = bench(build, "telemetry")
    check(f"no rows at all are told: {done.stdout}", done.returncode == 1 and "bench_telemetry wrote no rows" in done.stdout)
    (build / "bench/bench_telemetry").unlink()
    done = bench(build, "telemetry")
    check(f"a program that is not there is told: {done.stdout}",
          done.returncode == 1 and "bench_telemetry did not start" in done.stdout)
    check(f"and costs no others: {values(build)}", dict(values(build))["bench_telemetry.a"] == 6.0)


def ratios(build: pathlib.Path) -> None:
    """A ratio to nothing is none, whatever the program says; a goal is called one."""
    rows = [{"name": "gateway.anon_mib", "value": 1.0, **ROW}, {"name": "x.none", "value": 0.0, **ROW, "reference": 0.0, "ratio": 0.0}]
    put_program(build, "bench_journal", f"cat >\"$2\" <<'EOT'\n{json.dumps(rows)}\nEOT")
    done = bench(build, "journal")
    check(f"a reference of 0 is no failure: {done.stdout}", done.returncode == 0)
    found = {row["name"]: row["ratio"] for row in json.loads((build / "bench.json").read_text())}
    check(f"its ratio is null: {found}", found["x.none"] is None and found["gateway.anon_mib"] == 0.5)
    table = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
    check(f"the table shows none: {table['x.none']}", table["x.none"][-2:] == ["-", "lower"])
    check(f"and which one is a goal: {table['gateway.anon_mib']}", "goal" in table["gateway.anon_mib"] and "goal" not in table["x.none"])
    document = (SOURCE / "docs/testing.md").read_text()
    goals = (line for line in (SOURCE / "bench/run.py").read_text().split("GOALS = (")[1].split(")")[0].split('"')[1::2])
    missing = [goal for goal in goals if f"`{goal}`" not in document]
    check(f"docs/testing.md lists every goal, but not {missing}", not missing)


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

        failures(build)

        put_bench(build, "bench_journal", {"bench_journal.b": 5.0})
        for bad in ("{", "[1]", '[{"name": "x"}]', '{"name": 1}', "7"):
            (build / "bench.json").write_text(bad)
            check(f"a file that holds {bad} is no obstacle", run(build, "journal") == 0)
            check(f"and is written anew: {values(build)}", values(build) == [("bench_journal.b", 5.0)])
        ratios(build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
