# SPDX-License-Identifier: Apache-2.0
"""The Debian packages of a build: made by cpack as ./dev package does, looked into, and unpacked."""

import dataclasses
import os
import pathlib
import re
import subprocess

from world.debian import package_of

EPOCH, EPOCH_TEXT = "1700000000", "2023-11-14 22:13"
SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
BUILD = pathlib.Path(os.environ["BUSWARD_BUILD"])


def run(*command, **options) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@dataclasses.dataclass
class Entry:
    mode: str
    owner: str
    time: str  # UTC
    path: str  # absolute


class Package:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.name = self.field("Package")
        listed = [line.split(None, 5) for line in run("dpkg-deb", "--contents", path, env={**os.environ, "TZ": "UTC"}).splitlines()]
        self.entries = [Entry(words[0], words[1], f"{words[3]} {words[4]}", words[5].lstrip(".").rstrip("/")) for words in listed]

    def field(self, name: str) -> str:
        return run("dpkg-deb", "--field", self.path, name).strip()

    def depends(self) -> dict[str, str]:
        """Name -> the whole word, its version with it."""
        return {word.split()[0]: word for word in self.field("Depends").split(", ")}

    def files(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.mode.startswith("d")]

    def control(self, folder: pathlib.Path) -> pathlib.Path:
        out = folder / self.name
        run("dpkg-deb", "--control", self.path, out)
        return out

    def unpack(self, root: pathlib.Path) -> None:
        run("dpkg-deb", "--extract", self.path, root)


def make(folder: pathlib.Path) -> dict[str, Package]:
    assert (SOURCE / "web/dist/index.html").exists(), "the page is not built: ./dev build, or (cd web && npm ci && npm run build)"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    run("cpack", "-G", "DEB", "-B", folder, cwd=BUILD, env=environment, umask=0o022)
    return {package.name: package for package in map(Package, sorted(folder.glob("*.deb")))}


def linked_packages(program: pathlib.Path) -> set[str]:
    """Which Debian packages hold the libraries that this file names as NEEDED, asked of the loader and dpkg's list of files."""
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "--dynamic", program)))
    assert needed, program
    resolved = dict(re.findall(r"^\s*(\S+) => (\S+)", run("ldd", program), re.M))
    return {package_of(resolved[name]) for name in needed}
