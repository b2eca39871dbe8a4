#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev looks at its words before it installs, builds or removes anything.

Goal: --help of every command, and every wrong word, is answered at once: exit code 0 or 2, the word named, nothing run.
Method: a copy of ./dev in a folder of its own; whatever it would install, build or test with is a trap that writes its name down.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).parents[3]
TRAPS = ("apt-get", "sudo", "dpkg-query", "npm", "node", "cmake", "ninja", "ctest", "git", "mvn", "clang-format")
HELP = {  # what each must say
    "demo": "--sensors", "bench": "telemetry", "fuzz": "--seconds", "soak kafka": "--rounds", "soak": "./dev soak kafka",
    "build": "coverage", "test": "ctest", "lint": "house rules", "rt": "firmware", "coverage": "line and branch",
    "fmt": "in place", "setup": "every Debian", "clean": "remove", "help": "this text"}
WRONG = {  # what each must name
    "frob": "frob", "build nonsense": "nonsense", "build host more": "more", "demo --sensros 3": "--sensros", "demo --sensors 99": "99",
    "bench frob": "frob", "fuzz --seconds x": "'x'", "soak frob": "frob", "soak kafka --rnds 1": "--rnds", "rt frob": "frob",
    "fmt --chekc": "--chekc", "lint all": "all", "coverage all": "all", "setup all": "all", "clean all": "all", "help me": "me"}

RIGHT = ("build host", "soak kafka --rounds 2", "soak kafka", "soak", "bench bus store", "fuzz --seconds 1 fuzz_json", "rt package",
         "demo --sensors 8 --tty", "test -R sys_dev")


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


def main() -> int:
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
