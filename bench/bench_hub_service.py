#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The hub's backend behind its broker, asked by devices over TLS and by a service over one connection to the REST.

hub.twin_reports        durable reports/s, 4 devices with 16 under way each; reference: bare SQLite commits/s of such a row
hub.method_p50_ms, p99  a method, from REST over backend, broker and device back; reference: a REST call that stays in the backend
hub.bulk_devices        devices/s added by a hundred; reference: the same rows by bare SQLite, a hundred a commit
hub.query_devices       devices/s that a query looks at; reference: those that a list of the registry returns
"""
import argparse
import http.client
import json
import os
import pathlib
import signal
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system/hub"))

RUN_S = 1.5
DEVICES, UNDER_WAY = 4, 16
CALLS = 200
BULKS = 10
METHODS, ANSWERS = "$iothub/methods/POST/#", "$iothub/twin/res/#"


def row(name, value, unit, better, reference):
    return {"name": name, "value": value, "unit": unit, "better": better, "reference": reference, "ratio": value / reference}


class Rest:
    """One kept connection."""

    def __init__(self, service, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        self.headers = {"Authorization": token}

    def send(self, method, path, body=b"", **headers):
        self.connection.request(method, f"{path}?api-version=2021-04-12", body, {**self.headers, **headers})

    def receive(self, status=200):
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == status, (answer.status, body)
        return answer, body


def bare_rates(folder):
    """Commits/s of one small row, and rows/s by a hundred a commit, with the backend's pragmas."""
    db = sqlite3.connect(f"{folder}/bare.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE t(id TEXT PRIMARY KEY, reported TEXT)")
    db.execute("INSERT INTO t VALUES('x', '{}')")
    commits, start = 0, time.monotonic()
    while time.monotonic() - start < RUN_S:
        db.execute("UPDATE t SET reported=?", (json.dumps({"k": commits}),))
        commits += 1
    commit_rate, rows, start = commits / (time.monotonic() - start), 0, time.monotonic()
    while time.monotonic() - start < RUN_S / 2:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO t VALUES(?, '{}')", [(f"d{rows + i}",) for i in range(100)])
        db.execute("COMMIT")
        rows += 100
    db.close()
    return commit_rate, rows / (time.monotonic() - start)


def report_rate(clients):
    """Each client has as many under way at any time; answers are taken in turn."""
    count, rid = 0, 0

    def report(client):
        nonlocal rid
        rid += 1
        client.publish(json.dumps({"k": rid}).encode(), topic=f"$iothub/twin/PATCH/properties/reported/?$rid={rid}", qos=0)
    for client in clients:
        for _ in range(UNDER_WAY):
            report(client)
    start = time.monotonic()
    while time.monotonic() - start < RUN_S:
        for client in clients:
            topic, _ = client.message()
            assert "/204/" in topic, topic
            report(client)
            count += 1
    return count / (time.monotonic() - start)


def call_times(rest, client):
    """Seconds of calls one after the other, and of as many requests that no device answers."""
    calls, bare = [], []
    for _ in range(CALLS):
        start = time.monotonic()
        rest.send("GET", "/statistics/service")
        rest.receive()
        bare.append(time.monotonic() - start)
        start = time.monotonic()
        rest.send("POST", f"/twins/{client.device}/methods", b'{"methodName":"x","payload":{}}')
        topic, _ = client.message()
        client.publish(b"{}", topic="$iothub/methods/res/200/?" + topic.split("?")[1], qos=0)
        rest.receive()
        calls.append(time.monotonic() - start)
    return sorted(calls), sorted(bare)


def bulk_rate(rest):
    start = time.monotonic()
    for bulk in range(BULKS):
        rest.send("POST", "/devices", json.dumps([{"id": f"new-{bulk}-{i}", "importMode": "create"} for i in range(100)]).encode())
        rest.receive()
    return BULKS * 100 / (time.monotonic() - start)


def page_rates(rest):
    """Devices/s of a query over all, and of the list."""
    rates = []
    for words in (("POST", "/devices/query", b'{"query":"SELECT * FROM devices"}'), ("GET", "/devices", b"")):
        count, start = 0, time.monotonic()
        for _ in range(5):
            rest.send(*words, **{"x-ms-max-item-count": "1000"})
            count += len(json.loads(rest.receive()[1]))
        rates.append(count / (time.monotonic() - start))
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    os.environ["BUSWARD_BUILD"] = args.build
    import hub_world
    from sys_hub_backend import Backend, Service
    hub = hub_world.Hub([f"gw-{i}" for i in range(DEVICES)]).start()
    service = Service(hub)
    backend = Backend(hub, more=service.words).start()
    try:
        commits, inserts = bare_rates(hub.dir)
        clients = [hub_world.Client(hub, f"gw-{i}") for i in range(DEVICES)]
        for client in clients:
            assert client.login == 0 and client.subscribe(ANSWERS) == 1
        rows = [row("hub.twin_reports", report_rate(clients), "reports/s", "higher", commits)]
        caller = clients[0]
        while len(clients) > 1:
            clients.pop().close()
        for _ in range(UNDER_WAY):  # of the reports, still on their way
            caller.message()
        assert caller.subscribe(METHODS) == 1
        rest = Rest(service, hub_world.sas("owner", key=hub_world.key_of("owner"), resource=hub_world.HOST, policy="owner"))
        calls, bare = call_times(rest, caller)
        for name, part in (("p50", 0.5), ("p99", 0.99)):
            at = int(CALLS * part)
            rows.append(row(f"hub.method_{name}_ms", calls[at] * 1000, "ms", "lower", bare[at] * 1000))
        rows.append(row("hub.bulk_devices", bulk_rate(rest), "devices/s", "higher", inserts))
        query, listed = page_rates(rest)
        rows.append(row("hub.query_devices", query, "devices/s", "higher", listed))
        backend.kill(signal.SIGTERM)
    finally:
        hub.close()
    args.out.write_text(json.dumps(rows) + "\n")


main()
