#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: strangers who open connections and finish no request, silent or a byte at a time, cannot keep a service out of the hub's
REST; and no line of who changed what is lost in a flood of them. Method: busward-hub with TLS and few places, more strangers than
places, and services that ask meanwhile."""
import contextlib
import http.client
import json
import os
import socket
import ssl
import threading

from hub_world import DEADLINE_S, HOST, Hub, key_of, sas
from sys_hub_backend import PROGRAM, Backend, command, free_port, secret

PLACES, CHANGES, ASKERS = 32, 60, 20
PACE_S = 0.05  # of a stranger that drips
BEGINNING = b"GET /devices?api-version=2021-04-12 HTTP/1.1\r\nHost: " + b"x" * 4000


class Rest:
    def __init__(self, hub):
        self.port = free_port()
        self.words = ["--listen", f"127.0.0.1:{self.port}", "--cert", f"{hub.dir}/server.pem", "--key", f"{hub.dir}/server.key",
                      "--conn-max", str(PLACES)]
        self.tls = ssl.create_default_context(cafile=f"{hub.dir}/ca.pem")

    def open(self):
        return http.client.HTTPSConnection("localhost", self.port, timeout=DEADLINE_S, context=self.tls)

    def stranger(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)

    def dripper(self):
        """Has greeted by TLS and begun a request."""
        client = self.tls.wrap_socket(self.stranger(), server_hostname="localhost")
        client.sendall(BEGINNING[:10])
        return client

    @staticmethod
    def ask(connection, method, path, body=None):
        token = sas("owner", key=key_of("owner"), resource=HOST, policy="owner")
        connection.request(method, f"{path}?api-version=2021-04-12", body,
                           {"Authorization": token, "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status


class Drip:
    """A byte of each, over and over, until told to stop."""

    def __init__(self, clients):
        self.clients, self.over = list(clients), threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        at = 10
        while not self.over.wait(PACE_S) and at < len(BEGINNING):
            for client in list(self.clients):
                try:
                    client.sendall(BEGINNING[at:at + 1])
                except OSError:
                    self.clients.remove(client)
            at += 1

    def stop(self):
        self.over.set()
        self.thread.join()


def strangers_make_room(_, rest):
    known = rest.open()
    assert rest.ask(known, "GET", "/devices") == 200  # and keeps its connection
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(rest.stranger()) for _ in range(2 * PLACES)]
        drippers = [stack.enter_context(rest.dripper()) for _ in range(PLACES)]
        drip = Drip(drippers)
        try:
            for _ in range(ASKERS):
                asker = stack.enter_context(contextlib.closing(rest.open()))
                assert rest.ask(asker, "GET", "/devices") == 200
            assert rest.ask(known, "GET", "/devices") == 200
        finally:
            drip.stop()
        # All but the one that is known had their places from who came later; closed long before their 30 s.
        for client in silent + drippers[:ASKERS]:
            with contextlib.suppress(ConnectionResetError, ssl.SSLError):
                assert client.recv(1) == b""
    known.close()


def every_change_is_told(hub, rest):
    asker = rest.open()
    for i in range(CHANGES):
        assert rest.ask(asker, "PUT", f"/devices/told-{i}", json.dumps({"deviceId": f"told-{i}"})) == 200
    asker.close()
    hub.wait_for("a line of each change", lambda: all(
        any("level=audit mod=rest ev=change policy=owner method=PUT of=devices" in line and line.rstrip().endswith(
            f"id=told-{i} peer=127.0.0.1") for line in hub.lines) for i in range(CHANGES)))


def main():
    assert os.access(PROGRAM, os.X_OK)
    hub = Hub().start()
    try:
        command(hub, "policy", "add", "--name", "owner", "--rights", "registryRead,registryWrite,serviceConnect",
                "--key-file", secret(hub, "owner.key", key_of("owner")))
        rest = Rest(hub)
        backend = Backend(hub, more=rest.words).start()
        for test in (strangers_make_room, every_change_is_told):
            test(hub, rest)
            print(f"ok {test.__name__}")
        backend.kill()
    except BaseException:
        print(hub.output())
        raise
    finally:
        hub.close()


if __name__ == "__main__":
    main()
