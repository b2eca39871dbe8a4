#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a call from the hub reaches the one gateway and its answer the hub; nudges and flight records pass too. Method: the
real gateway and the hub's own plugin in mosquitto, with a token; the test is the backend at the other end of the link."""
import json
import os
import pathlib
import sys

sys.path.insert(0, os.path.join(os.environ["BUSWARD_SOURCE"], "tests/system/hub"))

from hub_parts import Backend  # noqa: E402
from hub_world import HOST, Hub, key_of  # noqa: E402
from methods_world import DEVICE, Unit, start_gateway, write_config  # noqa: E402

METHODS = 1  # in the mask of subscriptions


def connection(backend):
    """The number of the gateway's connection, once it has subscribed to methods."""
    while True:
        kind, conn, device, payload = backend.hear()
        if kind == "subs" and device == DEVICE and int(payload) & METHODS:
            return conn


def call(backend, conn, rid, method, payload):
    """(topic of the answer, the answer)."""
    backend.to(conn, DEVICE, f"$iothub/methods/POST/{method}/?$rid={rid}", json.dumps(payload).encode())
    while True:
        kind, _, device, payload = backend.hear()
        topic, _, body = payload.partition(b"\0")
        if kind == "req" and topic.startswith(b"$iothub/methods/res/"):
            assert device == DEVICE
            return topic.decode(), json.loads(body)


def main():
    hub = Hub().start()
    folder = pathlib.Path(hub.dir)
    backend, gateway, unit = Backend(hub), None, Unit()
    try:
        backend.sync()
        (folder / "gw.key").write_text(key_of(DEVICE) + "\n")
        (folder / "gw.key").chmod(0o600)
        write_config(folder, {"host": HOST, "address": "127.0.0.1", "port": hub.port, "key_file": str(folder / "gw.key"),
                              "ca_file": str(folder / "ca.pem")}, unit)
        gateway = start_gateway(folder)
        conn = connection(backend)
        read = {"unit": 1, "table": "holding", "address": 50}
        assert call(backend, conn, "a1", "read", read) == ("$iothub/methods/res/200/?$rid=a1", {"values": [4711]})
        topic, answer = call(backend, conn, "a2", "write", {"unit": 1, "table": "holding", "address": 99, "values": [1]})
        assert topic == "$iothub/methods/res/403/?$rid=a2" and "no rule" in answer["error"], (topic, answer)
        backend.to(conn, DEVICE, f"devices/{DEVICE}/messages/devicebound/x=1", b'{"nudge":"watch","for_s":1}', qos=1)
        gateway.wait_line("ev=watch on=1")
        topic, answer = call(backend, conn, "a3", "flight_record", {"upload": True})
        assert topic == "$iothub/methods/res/202/?$rid=a3" and answer["parts"] == 1, (topic, answer)
        call(backend, conn, "a4", "sync_now", {})
        gateway.wait_line("ev=watch on=0")  # a second later: the part is in the hub's log
        flights = [row for row in hub.records() if "t=flight" in row[2]]
        assert len(flights) == 1 and b"ev=send" in flights[0][3] and flights[0][1] == DEVICE, hub.records()
        print("ok", flush=True)
    except BaseException:
        print("".join(gateway.lines[-40:]) if gateway else "", hub.output()[-2000:])
        raise
    finally:
        code = gateway.end() if gateway else 0
        backend.close()
        hub.close()
        unit.shutdown()
    assert code == 0, "".join(gateway.lines)


main()
