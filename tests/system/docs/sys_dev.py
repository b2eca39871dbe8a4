#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev looks at its words before it installs, builds or removes anything, and then installs what the command needs.

Goal: --help of every command, and every wrong word, is answered at once: exit code 0 or 2, the word named, nothing run. On a machine
where nothing is installed, each command asks for the packages that its presets are configured and built with, and setup for all of them.
Method: a copy of ./dev in a folder of its own; whatever it would install, build or test with is a trap that writes its name down.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).parents[3]
TRAPS = ("apt-get", "sudo", "dpkg-query", "npm", "node", "cmake", "ninja", "ctest", "git", "mvn", "clang-format")
HELP = {  # what each must say
    "demo": "--sensors", "bench": "telemetry", "fuzz": "--seconds", "soak kafka": "--rounds", "soak": "./dev soak kafka",
    "build": "coverage", "test": "ctest", "lint": "house rules", "rt": "firmware", "coverage": "line and branch",
    "fmt": "in place", "package": "Debian package", "setup": "Debian's packages", "clean": "remove", "help": "this text"}
WRONG = {  # what each must name
    "frob": "frob", "build nonsense": "nonsense", "build host more": "more", "demo --sensros 3": "--sensros", "demo --sensors 99": "99",
    "bench frob": "frob", "fuzz --seconds x": "'x'", "soak frob": "frob", "soak kafka --rnds 1": "--rnds", "rt frob": "frob",
    "fmt --chekc": "--chekc", "lint all": "all", "coverage all": "all", "package all": "all", "setup all": "all", "clean all": "all",
    "help me": "me"}

RIGHT = ("build host", "soak kafka --rounds 2", "soak kafka", "soak", "bench bus store", "fuzz --seconds 1 fuzz_json", "rt package",
         "package", "demo --sensors 8 --tty", "test -R sys_dev")


class Tree:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.sprung = folder, folder / "sprung"
        shutil.copy(SOURCE / "dev", folder / "dev")
        for name in ("tools", "bench", "tests"):
            (folder / name).symlink_to(SOURCE / name)
        self.kept = [folder / "build/kept", folder / "web/dist/kept"]
        for path in (*self.kept, folder / "traps/kept"):
            path.parent.mkdir(parents=True)
            path.touch()
        for name in TRAPS:
            trap = folder / "traps" / name
            trap.write_text(f'#!/bin/sh\necho {name} >>"{self.sprung}"\nexit 1\n')
            trap.chmod(0o755)

    def run(self, words: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.folder / "dev", *words.split()], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": f"{self.folder}/traps:{os.environ['PATH']}"})

    def is_untouched(self) -> bool:
        return not self.sprung.exists() and all(path.exists() for path in self.kept)


class BareMachine:
    """Nothing is installed and nothing was built; each trap writes down what it was called with, and succeeds but for `fails`."""
    ACTS = {"dpkg-query": "exit 1", "sudo": 'exec "$@"', "npm": '[ "$1" != ci ] || mkdir -p node_modules'}

    def __init__(self, folder: pathlib.Path, fails: str = "") -> None:
        self.folder, self.calls = folder, folder / "calls"
        shutil.copy(SOURCE / "dev", folder / "dev")
        for name in ("tools", "bench", "tests/soak", "deploy"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(SOURCE / name)
        for name in ("web", "tests/system/azure"):
            (folder / name).mkdir(parents=True)
            (folder / name / "package-lock.json").touch()
        (folder / "traps").mkdir()
        for name in TRAPS:
            trap = folder / "traps" / name
            act = "exit 1" if name == fails else self.ACTS.get(name, "")
            trap.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.calls}"\n{act}\n')
            trap.chmod(0o755)

    def run(self, words: str) -> list[str]:
        subprocess.run([self.folder / "dev", *words.split()], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                       env={**os.environ, "PATH": f"{self.folder}/traps:{os.environ['PATH']}"})
        return self.calls.read_text().splitlines() if self.calls.exists() else []


def calls_of(words: str, fails: str = "") -> list[str]:
    with tempfile.TemporaryDirectory(prefix="busward-dev-") as name:
        return BareMachine(pathlib.Path(name), fails).run(words)


def asked_for(calls: list[str]) -> set[str]:
    installs = [call.split() for call in calls if call.startswith("apt-get install ")]
    return {word for install in installs for word in install[2:] if not word.startswith("-")}


def check_presets() -> None:
    demanded = re.search(r"if\(BUILD_TESTING\)(.*?)else", (SOURCE / "cmake/packages.cmake").read_text(), re.S)[1]
    linked = {f"lib{name.removeprefix('lib')}-dev" for name in re.findall(r"pkg_check_modules\((\w+) REQUIRED", demanded)}
    assert len(linked) == 3, linked
    presets = [p for p in json.loads((SOURCE / "CMakePresets.json").read_text())["configurePresets"] if not p.get("hidden")]
    for preset in presets:
        needs, variables = {"cmake", "ninja-build"}, preset["cacheVariables"]
        if "toolchainFile" not in preset and variables.get("BUILD_TESTING") != "OFF":
            needs |= linked
        if variables.get("CMAKE_C_COMPILER") == "clang":
            needs.add("clang")
        if "fuzzer" in variables["CMAKE_C_FLAGS"]:
            needs.add("libclang-rt-14-dev")
        calls = calls_of(f"build {preset['name']}")
        assert needs <= asked_for(calls), (preset["name"], needs - asked_for(calls))
        assert f"cmake --preset {preset['name']}" in calls and "npm ci --no-audit --no-fund --loglevel=error" in calls, calls


def check_a_bare_machine() -> None:
    calls = calls_of("lint")  # build/, where its logs go, is not there before
    assert "cmake --preset tidy" in calls and {"clang-tidy", "clang-format", "clang", "libcmocka-dev"} <= asked_for(calls), calls
    calls = calls_of("fmt")
    packages, page, formatter = (calls.index(next(c for c in calls if c.startswith(start))) for start in
                                 ("apt-get install", "npm ci", "npm run --silent fmt"))
    assert packages < page < formatter and "clang-format" in asked_for(calls), calls
    all_packages = asked_for(calls_of("setup"))
    for words in (*RIGHT, "build fuzz", "build tidy", "coverage", "lint", "fmt", "demo", "test", "bench"):
        asked = asked_for(calls_of(words, fails="cmake"))
        assert asked and asked <= all_packages, (words, asked - all_packages)


def main() -> int:
    check_presets()
    check_a_bare_machine()
    with tempfile.TemporaryDirectory(prefix="busward-dev-") as name:
        tree = Tree(pathlib.Path(name))
        for words, must_say in HELP.items():
            for flag in ("--help", "-h"):
                done = tree.run(f"{words} {flag}")
                assert done.returncode == 0 and must_say in done.stdout and done.stderr == "", (words, done)
                assert tree.is_untouched(), (words, flag, tree.sprung.read_text() if tree.sprung.exists() else "removed")
        for words, must_say in WRONG.items():
            done = tree.run(words)
            assert done.returncode == 2 and must_say in done.stderr, (words, done)
            assert tree.is_untouched(), (words, tree.sprung.read_text() if tree.sprung.exists() else "removed")
        for words in RIGHT:  # they get as far as the traps
            done = tree.run(words)
            assert done.returncode not in (0, 2) and tree.sprung.exists(), (words, done)
            tree.sprung.unlink()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
