#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a hub with quotas ends messages, connections, twin requests and REST calls as Azure does, counts the day over plugin
and backend and over restarts, and a hub without any limits nothing."""
import json
import os
import signal
import subprocess
import sys

from hub_world import DEADLINE_S, Client, Hub
from sys_hub_backend import PROGRAM, Backend, Device, Service

sys.path.append(os.path.join(os.environ["BUSWARD_SOURCE"], "tools"))

from world.wait import until  # noqa: E402

EMPTY = "/devices/gw-1/messages/devicebound"


def stored(hub):
    return [payload for _, _, _, payload, _ in hub.records()]


def test_day_is_used_up():
    hub = Hub(quota="messages_per_day=4").start()
    try:
        client = Client(hub, "gw-1")
        assert client.deliver(b"1") and client.deliver(b"x" * 4097)  # three blocks
        hub.kill()  # what was counted stays
        hub.start()
        client = Client(hub, "gw-1")
        assert client.deliver(b"4")
        for _ in range(2):
            assert not client.deliver(b"5")  # closed, not acknowledged
            client = Client(hub, "gw-1")
            assert client.login == 0  # it may come
        assert not client.deliver(b"6", qos=0)
        hub.wait_for("the reason", lambda: "403002" in hub.output())
        assert stored(hub) == [b"1", b"x" * 4097, b"4"]
        # Another day's count is none of today's.
        hub.kill()
        with open(f"{hub.log_dir}/quota", "wb") as file:
            file.write(b"damaged")
        hub.start()
        assert Client(hub, "gw-1").deliver(b"7")
        hub.wait_for("the word of the damage", lambda: "ev=quota_unreadable" in hub.output())
    finally:
        hub.close()


def test_day_counts_both_ways():
    """Four for the device's report, the service's message and both twin reads; then nothing of either passes any more."""
    hub = Hub(quota="messages_per_day=5").start()
    service = Service(hub)
    backend = Backend(hub, more=[*service.words, "--quota", "messages_per_day=5"]).start()
    try:
        device = Device(hub, "gw-1")
        device.report("a")
        device.take()
        assert device.kept
        assert service.ask("POST", EMPTY, b"m")[0] == 204
        device.take()
        assert device.heard[0][1] == b"m"
        assert service.ask("GET", "/twins/gw-1")[0] == 200
        assert device.client.deliver(b"telemetry")
        wait_until_kept(hub, 3)
        backend.kill()
        backend.start()
        assert device.twin()["reported"]["a"] == 1  # the fifth
        wait_until_kept(hub, 4)
        # The plugin tells its one once a second: then it is five for the backend, too.
        status = None
        while status != 403:
            status, headers, body = service.ask("GET", "/twins/nobody")
            assert status in (404, 403), (status, body)
        assert headers["iothub-errorcode"] == "IotHubQuotaExceeded" and b"00:00 UTC" in body
        for method, path in (("POST", EMPTY), ("POST", "/twins/gw-1/methods"), ("PATCH", "/twins/gw-1"), ("POST", "/devices/query")):
            assert service.ask(method, path, b"{}")[0] == 403, path
        assert service.ask("GET", "/devices/gw-1")[0] == 200  # the registry is not metered
        device.client.publish(b" ", topic="$iothub/twin/GET/?$rid=q", qos=0)
        rid, status, body = device.take()
        assert (rid, status, json.loads(body)["errorCode"]) == ("q", 403, 403002)
        device.client.deliver(b"more")  # perhaps the plugin has not read it yet
        while (client := Client(hub, "gw-1")).deliver(b"more"):
            pass
        backend.kill(signal.SIGTERM)
    finally:
        hub.close()


def wait_until_kept(hub, count):
    until(f"{count} messages counted", lambda: hub.db.execute("SELECT messages FROM counter").fetchone() == (count,), DEADLINE_S)


def test_rates():
    hub = Hub(quota="sends_per_s=1,connects_per_s=1").start()
    service = Service(hub)
    backend = Backend(hub, more=[*service.words, "--quota", "twin_reads_per_s=1,twin_updates_per_s=1,methods_per_s=1,c2d_per_min=1,"
                                 "registry_per_min=2,queries_per_min=1"]).start()
    try:
        clients = []
        while (client := Client(hub, f"gw-{len(clients) % 2 + 1}")).login == 0:
            clients.append(client)
            assert len(clients) < 30
        assert client.login is None and len(clients) >= 10  # closed without a word: he is not unknown here
        hub.wait_for("the reason", lambda: "429001" in hub.output())
        client = clients[-1]
        sent = 0
        while client.deliver(b"x"):
            sent += 1
            assert sent < 60
        assert sent >= 10 and len(stored(hub)) == sent
        while (client := Client(hub, "gw-1")).login is None:  # soon it may again
            pass
        assert client.login == 0 and client.subscribe("$iothub/twin/res/#") == 1
        for rid in range(16):  # together: one of them passes
            client.publish(b" ", topic=f"$iothub/twin/GET/?$rid={rid}", qos=0)
        answers = [client.message() for _ in range(16)]
        assert {topic.split("/")[3] for topic, _ in answers} == {"200", "429"}
        assert {json.loads(body).get("errorCode") for _, body in answers} == {None, 429001}
        for path, method, body, wait_s in (("/devices/query", "POST", b'{"query":"SELECT * FROM devices"}', range(50, 61)),
                                           (EMPTY, "POST", b"m", range(50, 61)), ("/devices/gw-1", "GET", b"", range(1, 31))):
            seen = [service.ask(method, path, body) for _ in range(3)]
            assert seen[0][0] in (200, 204) and seen[-1][0] == 429, (path, seen)
            assert int(seen[-1][1]["Retry-After"]) in wait_s and seen[-1][1]["iothub-errorcode"] == "ThrottlingException"
        for path, method, body in (("/twins/gw-1", "PATCH", b'{"tags":{}}'), ("/twins/gw-1", "GET", b""),
                                   ("/twins/gw-1/methods", "POST", b'{"methodName":"x"}')):
            assert any(service.ask(method, path, body)[0] == 429 for _ in range(50)), path
        backend.kill(signal.SIGTERM)
    finally:
        hub.close()


def test_wrong_words():
    hub = Hub(quota="s1,twins=5")
    try:
        broker = subprocess.run(["mosquitto", "-c", f"{hub.dir}/mosquitto.conf"], capture_output=True, text=True, timeout=DEADLINE_S)
        assert broker.returncode != 0 and "twin_reads_per_s" in broker.stderr and "twins=5" in broker.stderr, broker
        backend = subprocess.run([PROGRAM, "serve", "--data-dir", hub.dir, "--hub-link", "x", "--quota", "f2"], capture_output=True,
                                 text=True, timeout=DEADLINE_S)
        assert backend.returncode == 1 and "--quota" in backend.stderr and "none, f1, s1" in backend.stderr, backend
    finally:
        hub.close()


def main():
    for test in (test_day_is_used_up, test_day_counts_both_ways, test_rates, test_wrong_words):
        test()
        print(f"ok {test.__name__}", flush=True)


if __name__ == "__main__":
    main()
