#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules that no compiler checks: include arrows, sizes, freestanding libraries, leftovers, documents' links.

Prints one line per finding, as file:line: what, and exits 1 if there is any. With --objects it checks
only the undefined symbols of the freestanding build in build/m4.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = {".c", ".h", ".py", ".sh", ".ts", ".tsx", ".mjs", ".cmake"}
FILE_LINES_MAX = {".h": 150}
FILE_LINES_MAX_DEFAULT = 500
LINE_MAX = 100
LINE_MAX_SCRIPT = 140

# Headers that a freestanding library may include (C17 4p6, and the mem* functions every compiler needs).
FREESTANDING = {"stdbool.h", "stddef.h", "stdint.h", "stdarg.h", "limits.h", "float.h", "stdalign.h", "string.h"}
# What a freestanding object may leave undefined: memory functions, compiler helpers, the assertion seam.
UNDEFINED_ALLOWED = re.compile(r"^(mem(cpy|move|set|cmp|chr)|__aeabi_\w+|assert_failed)$")
# lib/ folders that any other may use; the rest do not know each other.
LIB_SHARED = {"base", "json"}
# One app may read what another one writes or checks: (who, whose).
APP_PAIRS = {("cloud", "hub"), ("cli", "gateway")}
# Who may call Linux by name, beside main_*.c and *_linux.*: daemons and tools that run nowhere else, the loop around the
# gateway's north, the sensor's ends of a line, the paced line's programs. What decides knows seams alone.
LINUX_USERS = ("port/linux/", "apps/cli/", "apps/cloud/", "apps/hub/backend/", "apps/hub/rest/", "apps/hub/plugin",
               "apps/gateway/north/north_", "apps/gateway/north/sync_trace.c", "apps/sensor/serial_link", "apps/sensor/tcp_link",
               "apps/sensor/settings.h", "sim/line_options", "sim/mt3620/gate.c", "sim/mt3620/paced_core.c", "bench/", "tests/")
LINUX_FILE = re.compile(r"^(main_\w+|\w+_linux)\.[ch]$")
MT3620_USERS = ("port/mt3620/", "tests/")
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|^\s*#\s*if\s+0\b")
SLEEPS = re.compile(r"\b(sleep|usleep|nanosleep|time\.sleep|setTimeout)\s*\(|\bEvent\(\)\.wait\(|\bselect\(\[\], \[\], \[\], |"
                    r"(?<!process)(?<!gateway)\.wait\((timeout=)?[\d.]+\)")  # an event's, not a process's; a slow partner's pace has a name
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
PORT_PROBE = re.compile(r"\bbind\(\([^)]*, 0\)\)")  # a port that is given back and used later, when another may have it
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")  # of a document, into this tree
CHANGE_NAME = re.compile(r"^\d{4}-[a-z0-9-]+\.md$")
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b")


def tracked() -> list[pathlib.Path]:
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [pathlib.Path(line) for line in out.splitlines() if (ROOT / line).is_file()]


def lib_include(path: pathlib.Path, target: str) -> str | None:
    here, first = path.parts[1], target.split("/")[0]
    if target.startswith("port/api/"):
        return None  # a seam that the caller fills
    if not (ROOT / "lib" / first).is_dir():
        return "lib/ includes lib/ and port/api/ alone"
    if here == "base" and first != "base":
        return "lib/base stands alone"
    if first not in LIB_SHARED and first != here:
        return f"lib/{here} must not know lib/{first}"
    return None


def include_refused(path: pathlib.Path, target: str) -> str | None:
    """Why this include goes against the arrows, or None."""
    here, first = path.parts[0], target.split("/")[0]
    if target.startswith("port/linux/") and not (path.as_posix().startswith(LINUX_USERS) or LINUX_FILE.match(path.name)):
        return "what decides knows port/api alone; Linux is for main_*.c, *_linux.* and LINUX_USERS"
    if target.startswith("port/mt3620/") and not path.as_posix().startswith(MT3620_USERS):
        return "port/mt3620 is the bare machine's own"
    if here == "lib":
        return lib_include(path, target)
    if here == "port":
        if first in ("apps", "sim", "tests"):
            return "a port must not know apps, sim or tests"
        if path.parts[1] == "api" and not (ROOT / "lib" / first).is_dir() and not target.startswith("port/api/"):
            return "port/api knows lib/ and itself alone"
    if here == "sim" and first in ("apps", "tests"):
        return "sim must not know apps or tests"
    if here == "apps":
        if first in ("sim", "tests"):
            return f"an app must not know {first}"
        if first == "apps":
            pair = (path.parts[1], target.split("/")[1])
            if pair[0] != pair[1] and pair not in APP_PAIRS:
                return f"apps/{pair[0]} must not know apps/{pair[1]}"
    return None


def check_c(path: pathlib.Path, lines: list[str]) -> list[tuple[int, str]]:
    found = []
    in_lib = path.parts[0] == "lib"
    conditionals = 0
    for number, line in enumerate(lines, 1):
        if match := INCLUDE.match(line):
            if match[1] == '"' and (why := include_refused(path, match[2])):
                found.append((number, f"include against the arrows: {why}"))
            if match[1] == "<" and in_lib and match[2] not in FREESTANDING:
                found.append((number, f"lib/ is freestanding: <{match[2]}> is not"))
        if in_lib and CONDITIONAL.match(line):
            conditionals += 1
            if path.suffix != ".h" or conditionals > 1:
                found.append((number, "no #if in lib/ beyond the header guard: choose another .c in CMake"))
        if len(line) > LINE_MAX:
            found.append((number, f"{len(line)} columns, {LINE_MAX} at most"))
    return found


def check_file(path: pathlib.Path) -> list[tuple[int, str]]:
    if path.suffix not in CODE and path.name not in ("dev", "run", "CMakeLists.txt"):
        return []
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    found = []
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
        found.append((1, "no SPDX-License-Identifier: Apache-2.0 in the first three lines"))
    limit = FILE_LINES_MAX.get(path.suffix, FILE_LINES_MAX_DEFAULT)
    if len(lines) > limit:
        found.append((len(lines), f"{len(lines)} lines, {limit} at most"))
    for number, line in enumerate(lines, 1):
        if path.name != "tidy.py" and LEFTOVERS.search(line):
            found.append((number, "leftover: " + line.strip()[:60]))
        if path.parts[0] == "tests" and SLEEPS.search(line):
            found.append((number, "a test waits by the clock: wait for the event instead"))
        if path.suffix == ".py" and PORT_PROBE.search(line):
            found.append((number, "a port that nobody holds: take one of tools/world/ports.py"))
        if path.suffix in (".py", ".sh") and len(line) > LINE_MAX_SCRIPT:
            found.append((number, f"{len(line)} columns, {LINE_MAX_SCRIPT} at most"))
    if path.suffix in (".c", ".h"):
        found += check_c(path, lines)
    return found


def check_objects() -> list[str]:
    """Undefined symbols of the freestanding build: the proof that lib/ needs no operating system."""
    archives = sorted((ROOT / "build/m4").glob("lib/**/*.a"))
    if not archives:
        return ["build/m4 holds no library: cmake --workflow --preset m4"]
    defined, undefined = set(), {}
    for archive in archives:
        out = subprocess.run(["arm-none-eabi-nm", str(archive)], capture_output=True, text=True, check=True).stdout
        for fields in (line.split() for line in out.splitlines()):
            if len(fields) == 2 and fields[0] == "U":
                undefined.setdefault(fields[1], archive.name)
            elif len(fields) == 3:
                defined.add(fields[2])
    missing = sorted(symbol for symbol in undefined if symbol not in defined)
    return [f"{undefined[symbol]}: needs {symbol}, which no bare machine has"
            for symbol in missing if not UNDEFINED_ALLOWED.match(symbol)]


def check_documents(paths: list[pathlib.Path]) -> list[str]:
    """Links that lead nowhere, and notes of changes that share a number (two branches took the same one)."""
    found, numbers = [], {}
    for path in (path for path in paths if path.suffix == ".md"):
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            for target in LINK.findall(line):
                if not (ROOT / path.parent / target).exists():
                    found.append(f"{path}:{number}: no such file: {target}")
        if path.parts[:2] == ("docs", "changes"):
            if not CHANGE_NAME.match(path.name):
                found.append(f"{path}:1: is called NNNN-what.md")
            other = numbers.setdefault(path.name[:4], path)
            if other != path:
                found.append(f"{path}:1: {other.name} has this number: take the next free one")
    return found


def main() -> int:
    if "--objects" in sys.argv[1:]:
        findings = check_objects()
    else:
        paths = tracked()
        findings = [f"{path}:{number}: {what}" for path in paths for number, what in check_file(path)]
        findings += check_documents(paths)
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
