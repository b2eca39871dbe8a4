#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the hub is reached by an IPv6 address alone as well as by others, in every attempt, and where
its name points now; a link that carries nothing any more is given up. Method: the gateway's northern
half and a real hub behind relays on loopback addresses; a preloaded resolver knows a name that moves."""
import os
import re
import selectors
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sys_north import FOLDER, Driver, assert_once  # noqa: E402

from hub_world import Hub  # noqa: E402
from world.ports import free_port  # noqa: E402


FREEZE, END = b"f", b"e"


class Relay:
    """Carries what comes to an address to the hub, until it is ended."""

    def __init__(self, hub, address, port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.hub, self.taken = hub, 0
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port or free_port()))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.ended, self.wake = socket.socketpair()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        ready, pairs, frozen = selectors.DefaultSelector(), {}, []
        ready.register(self.listener, selectors.EVENT_READ)
        ready.register(self.ended, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is self.ended and self.ended.recv(1) == FREEZE:
                    for one in pairs:
                        ready.unregister(one)
                    frozen += pairs
                    pairs.clear()
                    continue
                if key.fileobj is self.ended:
                    for one in [*pairs, *frozen, self.listener]:
                        one.close()
                    return
                if key.fileobj is self.listener:
                    near = self.listener.accept()[0]
                    far = socket.create_connection(("127.0.0.1", self.hub.port))
                    self.taken += 1
                    pairs.update({near: far, far: near})
                    ready.register(near, selectors.EVENT_READ)
                    ready.register(far, selectors.EVENT_READ)
                elif key.fileobj in pairs:
                    self.carry(ready, pairs, key.fileobj)

    @staticmethod
    def carry(ready, pairs, source):
        try:
            data = source.recv(65536)
            if data:
                pairs[source].sendall(data)
        except OSError:
            data = b""
        if not data:
            for one in (source, pairs.pop(source)):
                pairs.pop(one, None)
                ready.unregister(one)
                one.close()

    def freeze(self):
        """The connections that there are stay open and carry nothing any more."""
        self.wake.send(FREEZE)

    def end(self):
        self.wake.send(END)
        self.thread.join()


def test_ipv6_alone(hub):
    relay = Relay(hub, "::1")
    driver = Driver(hub, address="::1", port=relay.port, retry_s=1)
    driver.wait_line("ev=online")
    relay.end()
    # No attempt is wasted on IPv4: each hears the same.
    driver.wait_line("ev=lost", count=6)
    reasons = [line for line in driver.lines if "mod=uplink ev=lost" in line][1:]
    assert all(re.search('(?i)reason="connection refused"', line) for line in reasons), reasons
    relay = Relay(hub, "::1", relay.port)
    driver.wait_line("ev=online", count=2)
    assert_once(hub)
    driver.end()
    relay.end()


def test_a_name_that_moves(hub):
    here = f"{hub.dir}/here"

    def point_to(address):
        with open(here + ".new", "w") as out:
            out.write(address)
        os.rename(here + ".new", here)

    first = Relay(hub, "127.0.0.2")
    point_to("127.0.0.2")
    env = {"LD_PRELOAD": f"{FOLDER}/slow.so", "ASAN_OPTIONS": "verify_asan_link_order=0",
           "MOVING_NAME": "hub.moving.test", "MOVING_FILE": here}
    driver = Driver(hub, address="hub.moving.test", port=first.port, retry_s=1, env=env)
    driver.wait_line("ev=online")
    second = Relay(hub, "127.0.0.3", first.port)
    point_to("127.0.0.3")
    assert second.taken == 0  # a connection that stands is not moved
    first.end()
    driver.wait_line("ev=online", count=2)
    assert second.taken > 0
    assert_once(hub)
    driver.end()
    second.end()


def test_a_link_that_goes_silent(hub):
    """No end of the connection is told: the hub's answers to pings are missed, and only they."""
    relay = Relay(hub, "127.0.0.2")
    driver = Driver(hub, address="127.0.0.2", port=relay.port, retry_s=1, keep_alive_s=5)
    driver.wait_line("ev=online")
    relay.freeze()
    driver.wait_line('ev=lost .*reason="silent for 2 x keep_alive_s"', 60)
    driver.wait_line("ev=online", count=2)
    assert_once(hub)
    driver.end()
    relay.end()


def main():
    for test in (test_ipv6_alone, test_a_name_that_moves, test_a_link_that_goes_silent):
        hub = Hub().start()
        try:
            test(hub)
        finally:
            for process in Driver.running:
                if process.poll() is None:
                    process.kill()
            hub.close()
        print("ok", test.__name__, flush=True)


if __name__ == "__main__":
    main()
