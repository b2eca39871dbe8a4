#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over what ships and what measures it, by build folders' compile commands, one process a core.

A file that several builds compile is checked as the first of them does. A build of the Cortex-M4 is gcc's; its commands
are put into clang's words. Tests are left to the compilers' warnings and the sanitizers: their many small files would
double the time.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

GCC_ONLY = {
    "-fconserve-stack", "-fno-tree-loop-distribute-patterns", "-flto", "-ffat-lto-objects",
    "-Wlogical-op", "-Wduplicated-cond", "-Wduplicated-branches", "-Wcast-align=strict",
}


def clang_flags(compiler: str) -> list[str]:
    """What clang needs to see a cross compiler's world: its target and its headers."""
    asked = subprocess.run([compiler, "-xc", "-E", "-v", "/dev/null"], capture_output=True, text=True, check=True)
    lines = asked.stderr.splitlines()
    found = lines[lines.index("#include <...> search starts here:") + 1:lines.index("End of search list.")]
    target = next(line.split()[1] for line in lines if line.startswith("Target: "))
    # The compiler's own headers are clang's; the library's are the cross compiler's.
    library = [line.strip() for line in found if not line.strip().startswith("/usr/lib/gcc/") or "/../" in line]
    return [f"--target={target}"] + [f"-isystem{os.path.realpath(path)}" for path in library]


def translated(build: str, commands: list[dict]) -> str:
    """A folder with a cross build's commands as clang takes them."""
    extra: dict[str, list[str]] = {}
    out = []
    for entry in commands:
        words = entry["command"].split()
        if words[0] not in extra:
            extra[words[0]] = clang_flags(words[0])
        kept = ["clang"] + extra[words[0]] + [word for word in words[1:] if word not in GCC_ONLY]
        out.append({**entry, "command": " ".join(kept)})
    folder = pathlib.Path(build, "clang")
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(out))
    return str(folder)


def check(build: str, source: str) -> tuple[str, int, str]:
    done = subprocess.run(["clang-tidy", "--quiet", "-p", build, source], capture_output=True, text=True)
    return source, done.returncode, done.stdout


def main(builds: list[str]) -> int:
    build_of: dict[str, str] = {}
    for build in builds:
        commands = json.loads(pathlib.Path(build, "compile_commands.json").read_text())
        sources = sorted({entry["file"] for entry in commands if "/tests/" not in entry["file"]})
        if not sources:
            print(f"clang-tidy: {build} has no files")
            return 1
        folder = translated(build, commands) if "arm-none-eabi" in commands[0]["command"].split()[0] else build
        for source in sources:
            build_of.setdefault(source, folder)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, code, text in pool.map(lambda source: check(build_of[source], source), build_of):
            if code != 0:
                bad += 1
                print(f"{source}:\n{text}")
    print(f"clang-tidy: {len(build_of)} files, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
