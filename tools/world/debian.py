# SPDX-License-Identifier: Apache-2.0
"""What dpkg and apt know of this machine."""

import os
import re
import subprocess


def package_of(path: str) -> str:
    """Which package holds this file. dpkg lists it by the path that it has there, which on a merged /usr may be the other one."""
    real = os.path.realpath(path)
    for name in (real, real.removeprefix("/usr"), f"/usr{real}"):
        done = subprocess.run(["dpkg-query", "--search", name], capture_output=True, text=True)
        if done.returncode == 0:
            return re.split("[:,]", done.stdout)[0]
    raise LookupError(f"no package holds {path}")


def essential_packages() -> set[str]:
    """What every Debian has."""
    said = subprocess.run(["dpkg-query", "--show", "--showformat", "${Essential} ${Priority} ${Package}\n"],
                          capture_output=True, text=True, check=True)
    words = [line.split() for line in said.stdout.splitlines()]
    return {name for essential, priority, name in words if essential == "yes" or priority == "required"}


def with_dependencies(names: set[str]) -> set[str]:
    """These packages and whatever apt brings with them, of what is installed here."""
    said = subprocess.run(["apt-cache", "depends", "--recurse", "--installed", "--important", *sorted(names)],
                          capture_output=True, text=True, check=True)
    return set(re.findall(r"^(\w[\w.+-]*)", said.stdout, re.M))
