# SPDX-License-Identifier: Apache-2.0
"""A mount namespace of the caller's own, for a disk that can be filled to the last byte."""

import os
import pathlib
import subprocess
import sys

SKIPPED = 77  # what ctest takes for skipped (CMakeLists.txt)
INSIDE = "BUSWARD_TEST_NAMESPACE"


def enter() -> None:
    """Begins the program anew inside one, or ends it as skipped where nothing can be mounted."""
    if INSIDE in os.environ:
        return
    # The second is for root whose / is no mount point, as in a chroot.
    for own in (["unshare", "--mount", "--map-root-user"], ["unshare", "--mount", "--propagation", "unchanged"]):
        try_it = [*own, "sh", "-c", "mount -t tmpfs tmpfs /mnt && umount /mnt"]
        if subprocess.run(try_it, capture_output=True, check=False).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(own[0], [*own, sys.executable, *sys.argv])
    print("skipped: no file system can be mounted here")
    sys.exit(SKIPPED)


def mount(folder: pathlib.Path, size: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder], check=True)


def unmount(folder: pathlib.Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: pathlib.Path) -> None:
    with open(folder / "fill", "ab", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as problem:
                print(f"filled: {problem}", flush=True)


def free(folder: pathlib.Path) -> None:
    (folder / "fill").unlink()
