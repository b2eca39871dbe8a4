#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what is staged for the MT3620 is what its tools expect, and the two manifests and the code agree
on who talks to whom and over which pins. Method: stages with and without a packer in PATH, then reads."""
import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import uuid

ROOT = pathlib.Path(os.environ["BUSWARD_SOURCE"])
DEPLOY = ROOT / "deploy/mt3620"
BUILD = ROOT / "build/m4"


def package(out: pathlib.Path, path: str) -> subprocess.CompletedProcess:
    return subprocess.run([DEPLOY / "package.sh", BUILD, out], env={**os.environ, "PATH": path},
                          stdout=subprocess.PIPE, text=True)


def check_staged(out: pathlib.Path) -> None:
    manifest = json.loads((out / "approot/app_manifest.json").read_text())
    app = (out / "approot" / manifest["EntryPoint"].lstrip("/")).read_bytes()
    assert app[:5] == b"\x7fELF\x01" and app[16:20] == b"\x02\x00\x28\x00", "no ELF for 32-bit ARM"
    assert int.from_bytes(app[24:28], "little") == 0x00100000, "its entry is not the vector table in TCM"
    assert len(app) < 64 * 1024


def check_manifests() -> None:
    core = json.loads((DEPLOY / "rt/app_manifest.json").read_text())
    gateway = json.loads((DEPLOY / "gateway/app_manifest.json").read_text())
    assert core["ApplicationType"] == "RealTimeCapable" and gateway["ApplicationType"] == "Default"
    assert len(core["Name"]) <= 31 and len(gateway["Name"]) <= 31
    assert core["Capabilities"]["AllowedApplicationConnections"] == [gateway["ComponentId"]]
    assert gateway["Capabilities"]["AllowedApplicationConnections"] == [core["ComponentId"]]
    assert gateway["Capabilities"]["MutableStorage"]["SizeKB"] <= 64
    bytes_in_code = re.findall(r"0x([0-9a-f]{2})\b", (ROOT / "port/mt3620/partner.h").read_text())
    assert bytes.fromhex("".join(bytes_in_code)) == uuid.UUID(gateway["ComponentId"]).bytes_le
    board = (ROOT / "port/mt3620/board.h").read_text()
    pins = {int(pin) for pin in re.findall(r"BOARD_\w+_GPIO = (\d+)", board)}
    assert pins == set(core["Capabilities"]["Gpio"]), "the manifest's pins are not the board's"
    isu = re.search(r"BOARD_ISU = (\d)", board)[1]
    assert core["Capabilities"]["Uart"] == [f"ISU{isu}"]


def main() -> None:
    check_manifests()
    with tempfile.TemporaryDirectory(prefix="busward-package-") as name:
        folder = pathlib.Path(name)
        done = package(folder / "bare", "/usr/bin:/bin")
        assert done.returncode == 3 and "azsphere is not installed" in done.stdout, done
        check_staged(folder / "bare")
        tools = folder / "tools"
        tools.mkdir()
        packer = tools / "azsphere"
        packer.write_text('#!/bin/sh\necho "$@" >"${6}"\n')
        packer.chmod(packer.stat().st_mode | stat.S_IXUSR)
        done = package(folder / "packed", f"{tools}:/usr/bin:/bin")
        assert done.returncode == 0, done
        asked = (folder / "packed/busward-rt.imagepackage").read_text().split()
        assert asked[:3] == ["image-package", "pack-application", "--input"], asked
        check_staged(folder / "packed")
    print("package: staged, packed, manifests agree")


main()
