#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benches, prints one table and writes build/bench.json.

Each bench is one or more programs that write rows {name, value, unit, better, reference, ratio} to the JSON file
given by --out. The reference is a peer or a limit of the same run, or a goal: the table marks the latter. A ratio is
null if the reference is 0. What a program measured counts although it fails: its rows are kept, the others run, and at
the end the failures are named and the exit code is 1. Only some of the benches: the rows of the others stay in the
file as an earlier run left them.
"""

import argparse
import fnmatch
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROW_KEYS = {"name", "value", "unit", "better", "reference", "ratio"}
BENCHES = {
    "bus": [[str(HERE / "bench_bus.py"), "--build", "{build}", "--out", "{out}"],
            [str(HERE / "bench_bus_online.py"), "--build", "{build}", "--out", "{out}"]],
    "rt": [["{build}/bench/bench-rt", "--out", "{out}"],
           [str(HERE / "bench_rt_paced.py"), "--build", "{build}", "--out", "{out}"]],
    "telemetry": [["{build}/bench/bench_telemetry", "--out", "{out}"],
                  ["{build}/bench/bench_units", "--out", "{out}"]],
    "journal": [["{build}/bench/bench_journal", "--out", "{out}"]],
    "store": [["{build}/bench/bench_store", "--out", "{out}"]],
    "hub": [[str(HERE / "bench_hub.py"), "--build", "{build}", "--out", "{out}"],
            [str(HERE / "bench_hub_service.py"), "--build", "{build}", "--out", "{out}"],
            [str(HERE / "bench_hub_crowd.py"), "--build", "{build}", "--out", "{out}"]],
    "system": [[str(HERE / "bench_system.py"), "--build", "{build}", "--out", "{out}"],
               [str(HERE / "bench_memory.py"), "--build", "{build}", "--out", "{out}"]],
    "stalls": [[str(HERE / "bench_stalls.py"), "--build", "{build}", "--out", "{out}"]],
}
# Rows whose reference is a goal that was set, not something that the run measured (docs/testing.md lists them).
GOALS = ("bus.rt.violations", "bus.rt.paced_violations", "rt.de_hold_bits.*", "rt.irq_to_de_instructions", "rt.text_kib", "rt.ram_kib",
         "rt.stack_bytes", "gateway.rt_wakeups_per_s", "telemetry.decode", "telemetry.*_per_day", "journal.memory", "hub.memory_kib.*",
         "gateway.anon_mib", "page.first_kb")


class BenchError(Exception):
    """What a program wrote is none of its rows."""


def rows_of(path: pathlib.Path) -> list[dict]:
    """What a program wrote, judged by its form."""
    if not path.exists():
        raise BenchError("wrote no rows")
    try:
        rows = json.loads(path.read_text())
    except ValueError as error:
        raise BenchError(f"wrote no JSON: {error}") from error
    if not isinstance(rows, list):
        raise BenchError(f"wrote no list of rows: {str(rows)[:60]}")
    for row in rows:
        if not isinstance(row, dict) or set(row) != ROW_KEYS or row["better"] not in ("higher", "lower") or not has_numbers(row):
            raise BenchError(f"wrote a row of another form: {row}")
    return [dict(row, ratio=None if row["reference"] == 0 else row["ratio"]) for row in rows]


def has_numbers(row: dict) -> bool:
    return all(type(row[key]) in (int, float) for key in ("value", "reference")) and type(row["ratio"]) in (int, float, type(None))


def run(name: str, words: list[str], build: pathlib.Path, out: pathlib.Path) -> tuple[list[dict], list[str]]:
    """The rows of one program, and what went wrong in it."""
    out.unlink(missing_ok=True)
    command = [word.format(build=build, out=out) for word in words]
    program = pathlib.Path(command[0]).name
    print(f"bench: {name}: {' '.join(command)}", flush=True)
    failures, rows = [], []
    try:
        code = subprocess.run(command).returncode
        if code != 0:
            failures.append(f"{name}: {program} ended with {code}")
        rows = rows_of(out)
    except OSError as error:
        failures.append(f"{name}: {program} did not start: {error}")
    except BenchError as error:
        failures.append(f"{name}: {program} {error}")
    return rows, failures


def earlier_rows(path: pathlib.Path) -> list[dict]:
    """What an earlier run wrote; a file that is none of ours is written anew."""
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text())
        if not all(set(row) == ROW_KEYS for row in rows):
            raise ValueError("rows of another form")
    except (ValueError, TypeError) as error:
        print(f"bench: {path} is written anew: {error}")
        return []
    return rows


def merged(before: list[dict], rows: list[dict]) -> list[dict]:
    """Each name once and in its place: the newer row."""
    return list({row["name"]: row for row in [*before, *rows]}.values())


def is_goal(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in GOALS)


def print_table(rows: list[dict]) -> None:
    print(f"\n{'name':40} {'value':>14} {'unit':14} {'reference':>19} {'ratio':>8}  better")
    for row in rows:
        reference = f"{'goal ' if is_goal(row['name']) else ''}{row['reference']:.3f}"
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.3f}"
        print(f"{row['name']:40} {row['value']:14.3f} {row['unit']:14} {reference:>19} {ratio:>8}  {row['better']}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--parse-only", action="store_true", help=argparse.SUPPRESS)  # ./dev asks before it builds
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"of {', '.join(BENCHES)}; default: all")
    args = parser.parse_args()
    unknown = set(args.benches) - set(BENCHES)
    if unknown:
        parser.error(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    if args.parse_only:
        return 0
    build, rows, failures = args.build.resolve(), [], []
    for name in args.benches or BENCHES:
        for words in BENCHES[name]:
            more, wrong = run(name, words, build, build / f"bench-{name}.json")
            rows += more
            failures += wrong
    kept = earlier_rows(args.out) if args.benches else []
    all_rows = merged(kept, rows)
    args.out.write_text(json.dumps(all_rows, indent=1) + "\n")
    print_table(rows)
    print(f"bench: wrote {args.out}: {len(rows)} rows, {len(all_rows) - len(rows)} others kept")
    for failure in failures:
        print(f"bench: FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
