#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benches, prints one table and writes build/bench.json.

Each bench is one or more programs that write rows {name, value, unit, better, reference, ratio} to the JSON file
given by --out; the reference is a peer or a limit measured in the same run. Only some of the benches: the rows
of the others stay in the file as an earlier run left them.
"""

import argparse
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
    "system": [[str(HERE / "bench_system.py"), "--build", "{build}", "--out", "{out}"]],
}


def run(name: str, words: list[str], build: pathlib.Path, out: pathlib.Path) -> list[dict]:
    out.unlink(missing_ok=True)
    command = [word.format(build=build, out=out) for word in words]
    print(f"bench: {name}: {' '.join(command)}", flush=True)
    done = subprocess.run(command)
    if done.returncode != 0:
        raise SystemExit(f"bench: {name} failed with {done.returncode}")
    rows = json.loads(out.read_text())
    for row in rows:
        if set(row) != ROW_KEYS or row["better"] not in ("higher", "lower"):
            raise SystemExit(f"bench: {name} wrote a row of another form: {row}")
    return rows


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


def print_table(rows: list[dict]) -> None:
    print(f"\n{'name':40} {'value':>14} {'unit':14} {'reference':>14} {'ratio':>8}  better")
    for row in rows:
        print(f"{row['name']:40} {row['value']:14.3f} {row['unit']:14} {row['reference']:14.3f} "
              f"{row['ratio']:8.3f}  {row['better']}")


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
    rows = []
    for name in args.benches or BENCHES:
        for words in BENCHES[name]:
            rows += run(name, words, args.build.resolve(), args.build.resolve() / f"bench-{name}.json")
    kept = earlier_rows(args.out) if args.benches else []
    all_rows = merged(kept, rows)
    args.out.write_text(json.dumps(all_rows, indent=1) + "\n")
    print_table(rows)
    print(f"bench: wrote {args.out}: {len(rows)} rows, {len(all_rows) - len(rows)} others kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
