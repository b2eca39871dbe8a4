#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the units of deploy/linux start what there is, with options that there are, in a sandbox that stays tight. Method: a root
folder as docs/deploy.md fills it, systemd's own checkers on it, the programs' --help, and each example given to its program."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["BUSWARD_BUILD"])
SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
DEPLOY = SOURCE / "deploy/linux"
UNITS = sorted(DEPLOY.glob("*.service"))
PROGRAMS = {"/usr/bin/busward": "apps/cli/busward", "/usr/bin/busward-cloud": "apps/cloud/busward-cloud",
            "/usr/bin/busward-gateway": "apps/gateway/busward-gateway", "/usr/bin/busward-hub": "apps/hub/backend/busward-hub",
            "/usr/lib/busward/busward_hub.so": "apps/hub/busward_hub.so"}
EXPOSURE_MAX = {"busward-gateway.service": 21}  # of 100: it has serial lines; the others:
EXPOSURE_MAX_PLAIN = 12
PLACES = {  # where the examples go, docs/deploy.md
    "sysusers.conf": "usr/lib/sysusers.d/busward.conf", "tmpfiles.conf": "usr/lib/tmpfiles.d/busward.conf",
    "hub.conf": "etc/busward/hub.conf", "dps.conf": "etc/busward/dps.conf", "gateway.json": "etc/busward/gateway.json",
    "busward-hub.env": "etc/busward/busward-hub.env", "busward-cloud.env": "etc/busward/busward-cloud.env",
    "gateway-credential.conf": "etc/systemd/system/busward-gateway.service.d/credential.conf"}


def run(*command) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def install(root: pathlib.Path) -> None:
    for place, program in PROGRAMS.items():
        target = root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUILD / program, target)  # a link would be followed inside the root
    for place in ("/usr/sbin/mosquitto", "/bin/kill"):
        target = root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(place, target)
    for name, place in PLACES.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DEPLOY / name, root / place)
    units = root / "usr/lib/systemd/system"
    shutil.copytree("/usr/lib/systemd/system", units, symlinks=True)  # the targets that ours name
    for unit in UNITS:
        shutil.copy(unit, units)


def settings(unit: pathlib.Path) -> list[tuple[str, str]]:
    text = unit.read_text().replace("\\\n", " ")
    return [tuple(line.split("=", 1)) for line in text.splitlines() if "=" in line and not line.startswith("#")]


def options_of(*command: str) -> set[str]:
    return set(re.findall(r"^  (--[a-z-]+)", run(*command, "--help"), re.M))


def check_options() -> None:
    """Every option and variable of ExecStart= exists, and every file that a unit names is one that the documents or a unit make."""
    for unit in UNITS:
        found = settings(unit)
        program, *words = dict(found)["ExecStart"].split()
        if program != "/usr/sbin/mosquitto":
            command = [BUILD / PROGRAMS[program], *(words[:1] if not words[0].startswith("-") else [])]
            unknown = {word for word in words if word.startswith("--")} - options_of(*command)
            assert not unknown, f"{unit.name}: {unknown}"
        used = set(re.findall(r"\$\{(\w+)\}", " ".join(words)))
        environment = dict(found).get("EnvironmentFile")
        given = set()
        if environment:
            assert environment.lstrip("/") in PLACES.values(), environment
            given = set(re.findall(r"^(\w+)=", (DEPLOY / pathlib.Path(environment).name).read_text(), re.M))
        assert used == given, f"{unit.name} uses {used}, its environment file gives {given}"


def check_units(root: pathlib.Path) -> None:
    said = run("systemd-analyze", "verify", "--man=no", "--generators=no", f"--root={root}", *(unit.name for unit in UNITS))
    ours = [line for line in said.splitlines() if "busward" in line]
    assert not ours, "\n".join(ours)
    for unit in UNITS:
        most = EXPOSURE_MAX.get(unit.name, EXPOSURE_MAX_PLAIN)
        told = run("systemd-analyze", "security", "--offline=yes", f"--threshold={most}", unit)
        # the order of SystemCallFilter= counts: the gateway may ask whether the clock is right, the others may not
        assert ("adjtimex is allowed" in told) == (unit.name == "busward-gateway.service"), told


def check_users_and_folders(root: pathlib.Path) -> None:
    run("systemd-sysusers", f"--root={root}")
    users = (root / "etc/passwd").read_text()
    wanted = {value for unit in UNITS for key, value in settings(unit) if key == "User"}
    assert wanted == set(re.findall(r"^(busward-\w+):", users, re.M)), users
    folders = re.findall(r"^d (\S+) 0700 busward-hub ", (DEPLOY / "tmpfiles.conf").read_text(), re.M)
    run("systemd-tmpfiles", "--create", f"--root={root}", *(f"--prefix={folder}" for folder in folders))
    needed = {value for unit in UNITS for key, value in settings(unit) if key == "ReadWritePaths"}
    assert needed and needed <= set(folders), f"a unit does not start without {needed - set(folders)}"
    for folder in folders:
        made = (root / folder.lstrip("/")).stat()
        assert made.st_mode & 0o777 == 0o700 and f"busward-hub:x:{made.st_uid}:" in users, folder


def check_examples(root: pathlib.Path) -> None:
    blocks = re.findall(r"^```\n(.*?)^```$", (SOURCE / "docs/hub.md").read_text(), re.S | re.M)
    for name, block in zip(("hub.conf", "dps.conf"), blocks):  # which sys_by_hand starts
        assert (DEPLOY / name).read_text() == block, f"deploy/linux/{name} is not what docs/hub.md says"
    told = run(BUILD / "apps/cli/busward", "check", "--profiles", SOURCE / "profiles", root / "etc/busward/gateway.json")
    assert "0 errors, 0 warnings" in told, told
    document = (SOURCE / "docs/deploy.md").read_text()
    for name in [*PLACES, *(unit.name for unit in UNITS)]:
        assert f"`{name}`" in document, f"docs/deploy.md does not name {name}"
    assert {path.name for path in DEPLOY.iterdir()} == {*PLACES, *(unit.name for unit in UNITS)}


def main() -> None:
    if not shutil.which("systemd-analyze"):
        sys.exit("systemd-analyze is missing: ./dev setup, or apt-get install systemd")
    with tempfile.TemporaryDirectory(prefix="busward-deploy-") as name:
        root = pathlib.Path(name)
        os.chmod(root, 0o755)
        install(root)
        for check, arguments in ((check_options, []), (check_units, [root]), (check_users_and_folders, [root]), (check_examples, [root])):
            check(*arguments)
            print(f"ok {check.__name__}", flush=True)


main()
