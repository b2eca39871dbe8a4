#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over what ships and what measures it, by a build folder's compile commands, one process a core.

Tests are left to the compilers' warnings and the sanitizers: their many small files would double the time.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys


def check(build: str, source: str) -> tuple[str, int, str]:
    done = subprocess.run(["clang-tidy", "--quiet", "-p", build, source], capture_output=True, text=True)
    return source, done.returncode, done.stdout


def main(build: str) -> int:
    commands = json.loads(pathlib.Path(build, "compile_commands.json").read_text())
    sources = sorted({entry["file"] for entry in commands if "/tests/" not in entry["file"]})
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, code, text in pool.map(lambda source: check(build, source), sources):
            if code != 0:
                bad += 1
                print(f"{source}:\n{text}")
    print(f"clang-tidy: {len(sources)} files, {bad} with findings")
    return 1 if bad or not sources else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
