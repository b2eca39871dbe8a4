#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a peer that is gone without a word, its cable pulled, is noticed while a request is under way and while nothing is asked, long
before the quarter of an hour that TCP itself takes; and it comes back.

Method: in a network namespace of its own the loopback device is taken down: whatever is sent vanishes. Where none may be made, the test is
skipped.
"""
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

from probe import Probe, adu, take

REQUEST = adu(bytes.fromhex("010300000001"))
REPLY = bytes.fromhex("0103022a2b")
LONG_MS = 60000  # the reply's own time-out tells nothing here
NOTICED_S = 60
SKIPPED = 77
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def set_up(is_up: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP if is_up else 0))


def answer(connection: socket.socket, rtu: bool) -> None:
    request = take(connection.fileno(), len(REQUEST) if rtu else 12)
    connection.sendall(adu(REPLY) if rtu else request[:4] + b"\0\5" + REPLY)


def story(rtu: bool, is_asked: bool) -> None:
    set_up(True)
    listener = socket.create_server(("127.0.0.1", 502))  # all ports are free here
    listener.settimeout(NOTICED_S)
    probe = Probe("--host", "127.0.0.1", "--port", "502", *(["--rtu"] if rtu else []))
    connection = listener.accept()[0]
    probe.expect("up")
    probe.send(1, REQUEST)
    answer(connection, rtu)
    probe.expect("done 1 reply")
    set_up(False)
    if is_asked:
        probe.send(2, REQUEST, LONG_MS)
    if not select.select([probe.process.stdout], [], [], NOTICED_S)[0]:
        raise SystemExit(f"not noticed in {NOTICED_S} s")
    seen = sorted(probe.line() for _ in range(2 if is_asked else 1))
    if not (seen[-1].startswith("down 127.0.0.1:502: ") and "timed out" in seen[-1]):
        raise SystemExit(f"expected a connection that timed out, got {seen}")
    if is_asked and not seen[0].startswith("done 2 port_lost"):
        raise SystemExit(f"expected a request that is lost, got {seen}")
    set_up(True)
    back = listener.accept()[0]
    probe.expect("up")
    probe.send(3, REQUEST)
    answer(back, rtu)
    probe.expect("done 3 reply")
    probe.end()


def main() -> int:
    if len(sys.argv) > 1:
        story("rtu" in sys.argv, "asked" in sys.argv)
        return 0
    apart = ["unshare", "--user", "--map-root-user", "--net", "--"]
    if subprocess.run([*apart, "true"], check=False).returncode != 0:
        print("skipped: no network namespace may be made here")
        return SKIPPED
    stories = [["tcp", "asked"], ["rtu", "asked"], ["tcp", "idle"]]
    running = [subprocess.Popen([*apart, sys.executable, os.path.abspath(__file__), *words]) for words in stories]
    return int(any([process.wait() for process in running]))


sys.exit(main())
