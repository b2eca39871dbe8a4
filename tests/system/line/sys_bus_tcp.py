#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: over TCP no reply is taken for another request's, a stray byte costs nothing, and a peer that is gone is noticed.

Method: one bus against a peer that puts bytes where none belong, answers late, stops reading or says nothing. Each reply carries its
request's own value; what the peer got, and over which connection, is the judge.
"""
import contextlib
import fcntl
import pathlib
import select
import socket
import struct
import sys
import termios
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from probe import DEADLINE_S, Probe, adu, take  # noqa: E402
from world.ports import free_port  # noqa: E402

VAIN_MS = 100  # where nothing answers
WAITING_MS = 2000  # where what comes does not end it
SLOW_MS = 3000  # longer than the bus waits, and tries again
PATIENT_MS = 15000  # where something does


def read(unit: int, address: int) -> bytes:
    return adu(struct.pack(">BBHH", unit, 3, address, 1))


def value(unit: int, address: int) -> bytes:
    return adu(struct.pack(">BBBH", unit, 3, 2, address))


class Peer:
    def __init__(self, rtu: bool = True) -> None:
        self.port = free_port()
        self.listen()
        self.probe = Probe("--host", "127.0.0.1", "--port", str(self.port),
                           *(["--rtu"] if rtu else []))
        self.token = 0
        self.accept()
        self.probe.expect("up")

    def listen(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.listener.settimeout(DEADLINE_S)

    def accept(self) -> None:
        self.connection = self.listener.accept()[0]
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, frame: bytes, timeout_ms: int = PATIENT_MS) -> None:
        self.token += 1
        self.probe.send(self.token, frame, timeout_ms)

    def expect_request(self, frame: bytes) -> None:
        got = take(self.connection.fileno(), len(frame))
        if got != frame:
            raise SystemExit(f"expected {frame.hex()}, got {got.hex()}")

    def expect_end(self) -> None:
        """The gateway has left this connection, and asked nothing more over it."""
        self.connection.settimeout(DEADLINE_S)
        with contextlib.suppress(ConnectionResetError):  # with a late reply unread
            if self.connection.recv(1):
                raise SystemExit("asked over a connection that owes a reply")

    def expect(self, outcome: str) -> None:
        self.probe.expect(f"done {self.token} {outcome}")

    def ask(self, unit: int, address: int, ahead: bytes = b"", behind: bytes = b"") -> None:
        self.send(read(unit, address))
        self.expect_request(read(unit, address))
        self.connection.sendall(ahead + value(unit, address) + behind)
        self.expect("reply " + value(unit, address).hex())

    def ask_in_vain(self, unit: int, address: int) -> None:
        self.send(read(unit, address), VAIN_MS)
        self.expect_request(read(unit, address))
        self.expect("timeout")

    def end(self) -> None:
        self.probe.end()
        self.connection.close()
        self.listener.close()


def story_stray_bytes() -> None:
    peer = Peer()
    for unit in (1, 3, 10, 131, 247):
        for stray in (b"\xff", b"\0", bytes([unit])):
            peer.ask(unit, unit, behind=stray)  # comes while nothing is asked, or with the next request under way
            peer.ask(unit, 100 + unit, ahead=stray)
    peer.send(read(1, 7))
    peer.expect_request(read(1, 7))
    for byte in value(1, 7):  # and cut
        peer.connection.sendall(bytes([byte]))
    peer.expect("reply " + value(1, 7).hex())
    peer.end()


def story_broken_reply() -> None:
    peer = Peer()
    peer.send(read(10, 1), WAITING_MS)
    peer.expect_request(read(10, 1))
    peer.connection.sendall(value(10, 1)[:-1] + b"?")
    peer.expect("noise")
    peer.ask(11, 2)
    peer.ask(10, 3)
    peer.end()


def story_babble() -> None:
    """A peer that never stops keeps the thread neither from the reply's time-out nor from the end."""
    peer = Peer()
    stop = threading.Event()

    babbler = peer.connection

    def babble() -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set():
                babbler.sendall(bytes(range(256)) * 64)

    peer.send(read(10, 1), WAITING_MS)
    peer.expect_request(read(10, 1))
    babbling = threading.Thread(target=babble)
    babbling.start()
    peer.expect("noise")
    peer.send(read(10, 2))
    peer.accept()  # the next request goes out over a new connection
    stop.set()
    babbling.join()
    babbler.close()
    peer.expect_request(read(10, 2))
    peer.connection.sendall(value(10, 2))
    peer.expect("reply " + value(10, 2).hex())
    peer.end()


def story_late_replies() -> None:
    peer = Peer()
    peer.ask(1, 1)
    peer.ask_in_vain(1, 2)
    peer.send(read(1, 3))  # only over a new connection, as 2 may still be answered over the old one
    old = peer.connection
    with contextlib.suppress(OSError):
        old.sendall(value(1, 2))
    peer.expect_end()
    peer.accept()
    peer.expect_request(read(1, 3))
    peer.connection.sendall(value(1, 3))
    peer.expect("reply " + value(1, 3).hex())
    # Another unit's reply tells as much: the others keep the connection.
    peer.ask_in_vain(1, 4)
    for unit in range(2, 11):
        peer.ask(unit, unit)
    peer.ask(1, 5)
    # A late reply of one unit does not spoil another's.
    peer.ask_in_vain(1, 6)
    peer.ask(2, 7, ahead=value(1, 6))
    peer.ask(1, 8)
    peer.end()


def story_stalled() -> None:
    """A request that the peer's machine never received is taken back with its connection."""
    write = adu(bytes.fromhex("01100000007bf6") + bytes(246))
    written = adu(bytes.fromhex("01100000007b"))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    port = free_port()
    listener.bind(("127.0.0.1", port))
    listener.listen()
    listener.settimeout(DEADLINE_S)
    probe = Probe("--host", "127.0.0.1", "--port", str(port), "--rtu")
    peer = listener.accept()[0]
    probe.expect("up")
    sent = 0
    for token in range(200):
        probe.send(token, write, WAITING_MS)
        sent += len(write)
        while not select.select([probe.process.stdout], [], [], 0.01)[0]:
            if struct.unpack("i", fcntl.ioctl(peer, termios.FIONREAD, b"\0" * 4))[0] == sent:
                peer.sendall(written)  # received and not read: answered all the same
                break
        line = probe.line()
        if "timeout" in line:
            break
        if not line.startswith(f"done {token} reply {written.hex()}"):
            raise SystemExit(line)
    else:
        raise SystemExit("the peer's window never closed")
    probe.send(1000, read(2, 1))
    fresh = listener.accept()[0]
    if take(fresh.fileno(), len(read(2, 1))) != read(2, 1):
        raise SystemExit("not the new request first")
    fresh.sendall(value(2, 1))
    probe.expect("done 1000 reply " + value(2, 1).hex())
    got = 0
    try:
        while chunk := peer.recv(4096):
            got += len(chunk)
        raise SystemExit("ended as if all had been delivered")
    except ConnectionResetError:
        print(f"ok: {got} of {sent} bytes arrived", flush=True)
    if got >= sent:
        raise SystemExit("the request that timed out was delivered")
    probe.end()


def story_silent(rtu: bool) -> None:
    """It acknowledges everything, answers nothing and never closes."""
    peer = Peer(rtu)
    for unit in (1, 2, 3):
        peer.send(read(unit, unit), VAIN_MS)
        peer.expect("timeout")
    peer.send(read(4, 4))
    peer.accept()  # a new session of the same peer is well
    request = take(peer.connection.fileno(), 8 if rtu else 12)
    peer.connection.sendall(value(4, 4) if rtu else request[:4] + b"\0\5" + value(4, 4)[:5])
    peer.expect("reply " + value(4, 4).hex())
    peer.end()


def story_dropped_while_asked() -> None:
    """The next request waits for the time of the reply that the unit owes, longer than the bus's second."""
    peer = Peer()
    peer.ask(1, 1)
    peer.send(read(1, 2), SLOW_MS)
    peer.expect_request(read(1, 2))
    asked = time.monotonic()
    peer.connection.close()
    seen = sorted([peer.probe.line(), peer.probe.line()])
    if not (seen[0].startswith("done 2 port_lost") and seen[1].startswith("down ")):
        raise SystemExit(f"after the end of a connection: {seen}")
    peer.accept()
    if time.monotonic() - asked < (SLOW_MS - 100) / 1000:
        raise SystemExit("connected while the converter may still have the reply")
    peer.probe.expect("up")
    peer.ask(1, 3)
    peer.end()


def story_renewal_fails() -> None:
    peer = Peer()
    peer.ask_in_vain(1, 1)
    peer.listener.close()
    peer.send(read(1, 2))
    seen = sorted([peer.probe.line(), peer.probe.line()])
    if not (seen[0].startswith("done 2 port_lost") and seen[1].startswith("down ") and "refused" in seen[1]):
        raise SystemExit(f"after a refusal: {seen}")
    peer.listen()
    peer.accept()
    peer.probe.expect("up")
    peer.ask(1, 3)
    peer.end()


def story_end_while_it_is_renewed() -> None:
    peer = Peer()
    peer.ask_in_vain(1, 1)
    peer.listener.listen(0)
    others = [socket.socket() for _ in range(8)]  # fill what waits to be accepted
    for other in others:
        other.setblocking(False)
        other.connect_ex(("127.0.0.1", peer.port))
    peer.send(read(1, 2))
    peer.expect_end()
    peer.probe.end(4)  # the connection attempt has 5 s
    for other in others:
        other.close()


def main() -> int:
    story_stray_bytes()
    story_broken_reply()
    story_babble()
    story_late_replies()
    story_stalled()
    story_silent(rtu=False)
    story_silent(rtu=True)
    story_dropped_while_asked()
    story_renewal_fails()
    story_end_while_it_is_renewed()
    return 0


sys.exit(main())
