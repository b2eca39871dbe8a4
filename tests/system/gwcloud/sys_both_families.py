#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A name whose first address is an IPv6 one that nobody serves: one attempt reaches the hub all the same. In a mount namespace
of its own, where localhost is ::1 first; the rest is sys_channel, which tells a lost connection from none."""
import os
import pathlib
import subprocess
import sys
import tempfile

INSIDE = "BUSWARD_HOSTS"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


def first_address() -> str:
    return subprocess.run(["getent", "ahosts", "localhost"], capture_output=True, text=True, check=True).stdout.split()[0]


def main() -> None:
    if INSIDE not in os.environ and first_address() != "::1":
        command = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        os.environ[INSIDE] = "1"
        os.execvp(command[0], [*command, sys.executable, __file__])
    with tempfile.NamedTemporaryFile("w", prefix="busward-hosts-") as hosts:
        if INSIDE in os.environ:
            hosts.write(HOSTS)
            hosts.flush()
            subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
        assert first_address() == "::1", f"localhost is {first_address()} first: nothing is shown"
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("sys_channel.py")], check=True)


main()
