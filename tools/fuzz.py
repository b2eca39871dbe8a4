#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the libFuzzer targets of a fuzz build, each from its corpus, for a bounded time."""

import argparse
import os
import pathlib
import subprocess
import sys

CANARY = "fuzz_canary"  # must crash: proves that the net is up


def run(target: pathlib.Path, source: pathlib.Path, seconds: int) -> bool:
    """True if the target behaved: no crash, or for the canary, a crash."""
    name = target.name
    folders = list(source.glob(f"tests/fuzz/*/corpus/{name}"))
    grown = target.parent / f"{name}.grown"
    crashes = target.parent / f"{name}.crash-"
    grown.mkdir(exist_ok=True)
    command = [str(target), str(grown), *map(str, folders), f"-max_total_time={seconds}",
               f"-artifact_prefix={crashes}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"]
    done = subprocess.run(command, capture_output=True, text=True)
    crashed = done.returncode != 0
    good = crashed == (name == CANARY)
    what = "crashed" if crashed else "no crash"
    print(f"{'ok  ' if good else 'FAIL'} {name} ({what}, {len(os.listdir(grown))} inputs grown)", flush=True)
    if not good:
        print(done.stderr[-6000:])
    return good


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("--build", required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--parse-only", action="store_true", help=argparse.SUPPRESS)  # ./dev asks before it builds
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("targets", nargs="*", help="default: all")
    args = parser.parse_args()
    if args.parse_only:
        return 0
    source = pathlib.Path(__file__).resolve().parent.parent
    programs = args.build.resolve().glob("tests/fuzz/**/fuzz_*")
    found = sorted(path for path in programs if path.is_file() and os.access(path, os.X_OK))
    if args.targets:
        found = [path for path in found if path.name in args.targets]
    if not found:
        print(f"fuzz: no target found in {args.build}")
        return 1
    results = [run(path, source, args.seconds) for path in found]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
