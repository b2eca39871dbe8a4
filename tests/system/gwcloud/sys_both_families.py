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


def main() -> None:
    if INSIDE not in os.environ:
        command = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        os.environ[INSIDE] = "1"
        os.execvp(command[0], [*command, sys.executable, __file__])
    with tempfile.NamedTemporaryFile("w", prefix="busward-hosts-") as hosts:
        hosts.write(HOSTS)
        hosts.flush()
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
        first = subprocess.run(["getent", "ahosts", "localhost"], capture_output=True, text=True, check=True).stdout.split()[0]
        assert first == "::1", f"localhost is {first} first: nothing is shown"
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("sys_channel.py")], check=True)


main()
