#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a bus whose adapter is pulled out says so, answers every SEND, and comes back by itself.

Method: the adapter is a PTY behind a link; closing the master is pulling it out. The same story runs
over Modbus TCP and RTU over TCP with a server that goes away. A resolver that hangs holds up no end.
"""
import os
import pty
import socket
import struct
import sys
import tempfile
import tty

from probe import BUILD, DEADLINE_S, Probe, adu, take

HANG_S = 40  # of a look-up, longer than anybody waits


REQUEST = adu(bytes.fromhex("010300000001"))
REPLY = adu(bytes.fromhex("0103022a2b"))


def plug_in(link: str) -> int:
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.symlink(os.ttyname(slave), link + ".new")
    os.rename(link + ".new", link)
    os.close(slave)
    return master


def story_tty(folder: str) -> None:
    # As long as the names under /dev/serial/by-id get, and longer.
    link = os.path.join(folder, "usb-" + "A_very_long_maker_and_model_" * 7 + "if00-port0")
    probe = Probe("--tty", link)
    probe.expect("down ")
    probe.send(1, REQUEST)
    probe.expect("done 1 port_lost")
    for round_number in range(3):
        master = plug_in(link)
        probe.expect("up")
        probe.send(10 + round_number, REQUEST)
        if take(master, len(REQUEST)) != REQUEST:
            raise SystemExit("the device got another frame")
        os.write(master, REPLY)
        probe.expect(f"done {10 + round_number} reply {REPLY.hex()}")
        probe.send(20 + round_number, REQUEST)
        take(master, len(REQUEST))
        os.unlink(link)
        os.close(master)  # pulled out while a reply is due
        seen = sorted([probe.line(), probe.line()])
        if not (seen[0].startswith(f"done {20 + round_number} port_lost") and seen[1].startswith("down ")):
            raise SystemExit(f"after pulling out: {seen}")
        print(f"ok: {seen}", flush=True)
    probe.end()


def story_tcp(rtu: bool) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(DEADLINE_S)
    options = ["--host", "localhost", "--port", str(listener.getsockname()[1])]
    probe = Probe(*options, *(["--rtu"] if rtu else []))
    for round_number in range(2):
        peer = listener.accept()[0]
        # Where localhost is ::1 first, nobody serves that address: the next one must be tried by itself.
        line = probe.line()
        while "refused" in line:
            line = probe.line()
        if line != "up":
            raise SystemExit(f"expected 'up', got {line!r}")
        probe.send(round_number, REQUEST)
        if rtu:
            take(peer.fileno(), len(REQUEST))
            peer.sendall(REPLY)
        else:
            request = take(peer.fileno(), 12)
            stale = struct.pack(">H", 0xBEEF) + bytes.fromhex("00000005010302ffff")
            peer.sendall(stale + request[:2] + bytes.fromhex("0000000501") + REPLY[1:5])
        probe.expect(f"done {round_number} reply {REPLY.hex()}")
        peer.close()
        probe.expect("down ")
    probe.end()


def story_hung_resolver() -> None:
    asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    probe = Probe("--host", "device.invalid", "--port", "502", LD_PRELOAD=os.path.join(BUILD, "tests/system/gwcloud/slow.so"),
                  SLOW_LOOKUP_S=str(HANG_S), ASAN_OPTIONS=asan)
    probe.expect("down device.invalid:502: the name look-up does not answer")
    probe.end(DEADLINE_S)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        story_tty(folder)
    story_tcp(rtu=False)
    story_tcp(rtu=True)
    story_hung_resolver()
    return 0


sys.exit(main())
