#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: busward-hub behind real brokers: kill -9 at random points loses nothing that a device was told, twins, messages
and registrations go on with the next life, and what an operator does from a shell counts at once."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import threading

from hub_world import DEADLINE_S, HOST, Client, Hub, dps_sas, key_of, sas
from world.ports import free_port

PACE_S = 0.03  # of a service whose messages are to meet several kills
PROGRAM = os.path.join(os.environ["BUSWARD_BUILD"], "apps/hub/backend/busward-hub")
ANSWERS, DESIRED, ANY_C2D = "$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#", "devices/+/messages/devicebound/#"
SEED = int(os.environ.get("SEED", "20261127"))


def command(hub, *words, expect=0):
    done = subprocess.run([PROGRAM, *words, "--data-dir", hub.dir], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == expect, (words, done.returncode, done.stderr)
    return done.stdout + done.stderr


def secret(hub, name, text):
    path = f"{hub.dir}/{name}"
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    return path


class Backend:
    """busward-hub serve for one or two brokers; its lines are the first one's."""

    def __init__(self, hub, dps=None, more=()):
        self.hub = hub
        self.words = [PROGRAM, "serve", "--data-dir", hub.dir, "--hub-link", f"{hub.dir}/link.sock"]
        self.words += ["--dps-link", f"{dps.dir}/link.sock", "--dps-retry-after-s", "1"] if dps else []
        self.words += more
        self.brokers = ["hub", "dps"] if dps else ["hub"]
        self.process = None

    def start(self):
        seen = len(self.hub.lines)
        # SIGXFSZ stays ignored, as python has it: a file limit is then an error of the disk's.
        self.process = subprocess.Popen(self.words, stderr=subprocess.PIPE, text=True, restore_signals=False)
        self.follower = threading.Thread(target=self.hub.follow, args=(self.process,))
        self.follower.start()
        for broker in self.brokers:
            self.hub.wait_for("the snapshot begins", lambda b=broker: any(
                f"ev=hello broker={b}" in line for line in self.hub.lines[seen:]))
        return self

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        code = self.process.wait(DEADLINE_S)
        self.follower.join()
        assert code == (-9 if how == signal.SIGKILL else 0), code


class Service:
    """A policy of all rights, and requests to the REST of the backend, which may be away."""

    def __init__(self, hub):
        self.port, self.hub = free_port(), hub
        self.words = ["--listen", f"127.0.0.1:{self.port}"]
        command(hub, "policy", "add", "--name", "owner", "--rights", "registryRead,registryWrite,serviceConnect",
                "--key-file", secret(hub, "owner.key", key_of("owner")))

    def ask(self, method, path, body=b"", headers=None):
        """(status, headers, body); None: no answer."""
        token = sas("owner", key=key_of("owner"), resource=HOST, policy="owner")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, f"{path}?api-version=2021-04-12", body, {"Authorization": token, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Device:
    def __init__(self, hub, name, **more):
        self.client = Client(hub, name, **more)
        assert self.client.login == 0
        for topic in (ANSWERS, DESIRED, ANY_C2D):
            assert self.client.subscribe(topic) == 1
        self.rid = 0
        self.waiting = {}  # rid -> key
        self.kept = {}  # key -> version, as acknowledged
        self.heard = []  # other messages: topic, body

    def report(self, key):
        self.rid += 1
        self.waiting[str(self.rid)] = key
        self.client.publish(json.dumps({key: self.rid}).encode(),
                            topic=f"$iothub/twin/PATCH/properties/reported/?$rid={self.rid}", qos=0)

    def take(self):
        """Takes one message; (rid, status, body) if it answers."""
        topic, body = self.client.message()
        match = re.fullmatch(r"\$iothub/twin/res/(\d+)/\?\$rid=([^&]+)(?:&\$version=(\d+))?", topic)
        if not match:
            self.heard.append((topic, body))
            return None
        status, rid, version = match.groups()
        key = self.waiting.pop(rid, None)
        if key is not None and status == "204":
            assert body == b"" and int(version) > max(self.kept.values(), default=1), (topic, self.kept)
            self.kept[key] = int(version)
        return rid, int(status), body

    def twin(self):
        """Takes all that comes until the answer to a GET."""
        self.rid += 1
        rid = f"get{self.rid}"
        self.client.publish(b" ", topic=f"$iothub/twin/GET/?$rid={rid}", qos=0)
        while True:
            answer = self.take()
            if answer and answer[0] == rid:
                assert answer[1] == 200, answer
                return json.loads(answer[2])


def test_kill_loses_nothing_acknowledged(hub):
    dice = random.Random(SEED)
    print(f"seed={SEED}")
    backend = Backend(hub).start()
    devices = [Device(hub, name, clean=False) for name in ("gw-1", "gw-2")]
    sent = 0
    for life in range(6):
        for _ in range(dice.randrange(4, 30)):
            device = dice.choice(devices)
            for _ in range(dice.randrange(1, 6)):  # several under way at a time
                sent += 1
                device.report(f"k{sent}")
            device.take()
        backend.kill()
        for row, device in enumerate(devices):  # as a service's answer would have promised
            hub.db.execute("INSERT INTO c2d(device_id, message_id, properties, payload, enqueued_ms, expires_ms) VALUES "
                           "(?, ?, ?, ?, 1, 9000000000000)",
                           (device.client.device, f"m{life}", f"%24.mid=m{life}", f"{row}.{life}".encode()))
        backend.start()
        for device in devices:
            twin = device.twin()
            reported = twin["reported"]
            lost = [key for key in device.kept if key not in reported]
            assert not lost, lost
            assert reported["$version"] >= max(device.kept.values(), default=1)
    for row, device in enumerate(devices):
        want = {f"{row}.{life}".encode() for life in range(6)}
        while {body for _, body in device.heard} < want:
            device.take()
        assert {body for _, body in device.heard} == want
        assert len(device.kept) > 20
    backend.kill(signal.SIGTERM)
    hub.wait_for("the end", lambda: "mod=hub ev=stopping" in hub.output())


def test_what_a_service_was_promised(hub):
    """Messages to devices by REST, devices added by command, and kills of backend and broker in between: what was answered
    204 arrives, what was added stays."""
    dice = random.Random(SEED)
    service = Service(hub)
    backend = Backend(hub, more=service.words).start()
    devices = [Device(hub, name, clean=False) for name in ("gw-1", "gw-2")]
    promised, added, stop = {"gw-1": set(), "gw-2": set()}, [], threading.Event()

    def send():
        number = 0
        while not stop.wait(PACE_S) and number < 90:  # a queue takes 50 of a device
            name = f"gw-{number % 2 + 1}"
            number += 1
            answer = service.ask("POST", f"/devices/{name}/messages/devicebound", f"m{number}".encode())
            if answer is not None:
                assert answer[0] == 204, answer
                promised[name].add(f"m{number}".encode())
            hub.tell("")  # wakes who waits for us

    def add():
        while not stop.is_set():
            name = f"new-{len(added)}"
            command(hub, "device", "add", "--id", name)
            added.append(name)

    workers = [threading.Thread(target=send), threading.Thread(target=add)]
    for worker in workers:
        worker.start()
    for life in range(4):
        seen = sum(map(len, promised.values()))
        hub.wait_for("some are promised", lambda s=seen: sum(map(len, promised.values())) > s + 1 or not workers[0].is_alive())
        if dice.random() < 0.5 or life == 0:
            backend.kill()
            backend.start()
        else:
            hub.kill()
            hub.start()
            for row, device in enumerate(devices):
                devices[row] = Device(hub, device.client.device, clean=False)
                devices[row].heard = device.heard
    stop.set()
    for worker in workers:
        worker.join()
    assert min(map(len, promised.values())) > 3 and len(added) > 3
    assert set(added) <= {row[0] for row in hub.db.execute("SELECT id FROM device")}
    assert Client(hub, added[-1], password=sas(added[-1], key=base64.b64encode(hub.db.execute(
        "SELECT key1 FROM device WHERE id=?", (added[-1],)).fetchone()[0]).decode())).login == 0
    # Ten of a device are under way at a time; the others still wait their turn.
    for device in devices:
        name = device.client.device
        waiting = {row[0] for row in hub.db.execute("SELECT payload FROM c2d WHERE device_id=? AND state=0", (name,))}
        while not promised[name] <= waiting | {body for _, body in device.heard}:
            device.take()
    backend.kill(signal.SIGTERM)


def test_requests_under_way_when_it_dies(hub):
    backend = Backend(hub).start()
    device = Device(hub, "gw-1")
    backend.process.send_signal(signal.SIGSTOP)
    device.client.publish(b" ", topic="$iothub/twin/GET/?$rid=q", qos=0)
    assert device.client.deliver(b"behind it")  # the plugin has it
    backend.kill()
    rid, status, body = device.take()
    assert (rid, status, json.loads(body)["errorCode"]) == ("q", 503, 503001)
    backend.start()
    assert device.twin()["reported"] == {"$version": 1}
    backend.kill(signal.SIGTERM)


def test_broker_restart_is_survived(hub):
    backend = Backend(hub).start()
    hub.kill()
    seen = len(hub.lines)
    hub.start()
    hub.wait_for("the backend is back", lambda: any("ev=hello" in line for line in hub.lines[seen:]))
    device = Device(hub, "gw-1")
    device.report("a")
    assert device.twin()["reported"] == {"a": 1, "$version": 2}
    backend.kill(signal.SIGTERM)


def test_disk_that_takes_nothing(hub):
    backend = Backend(hub).start()
    device = Device(hub, "gw-1")
    for number in range(4):
        device.report(f"a{number}")
        device.take()
    assert len(device.kept) == 4
    resource.prlimit(backend.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    backend.process.send_signal(signal.SIGSTOP)  # so that many wait together, for one commit
    for number in range(40):
        device.report(f"b{number}")
    assert device.client.deliver(b"behind them")
    backend.process.send_signal(signal.SIGCONT)
    hub.wait_for("the link begins anew", lambda: "ev=answers_lost" in hub.output() and hub.output().count("ev=hello broker=hub") == 2)
    resource.prlimit(backend.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    reported = device.twin()["reported"]
    assert set(device.kept) <= set(reported), (device.kept, reported)
    assert len(device.kept) < 44  # some were refused, or not answered at all
    device.waiting.clear()
    device.report("c")
    assert device.twin()["reported"]["c"] and "c" in device.kept
    backend.kill(signal.SIGTERM)


def test_operator_acts_while_it_runs(hub):
    backend = Backend(hub).start()
    path = secret(hub, "devices.json", json.dumps({"hub": HOST, "devices": [{"id": "gw-3", "keys": [key_of("gw-3")]}]}))
    assert command(hub, "import", path) == "added 1, changed 0\n"
    live = Device(hub, "gw-3")
    assert live.twin()["desired"] == {"$version": 1}
    out = f"{hub.dir}/gw-4.txt"
    command(hub, "device", "add", "--id", "gw-4", "--out", out)
    assert os.stat(out).st_mode & 0o777 == 0o600
    with open(out) as file:
        parts = dict(part.split("=", 1) for part in file.read().strip().split(";"))
    assert parts["HostName"] == HOST and Client(hub, "gw-4", password=sas("gw-4", key=parts["SharedAccessKey"])).login == 0
    assert "is there already" in command(hub, "device", "add", "--id", "gw-5", "--out", out, expect=1)
    assert "DeviceId" not in hub.output() and parts["SharedAccessKey"] not in hub.output()
    command(hub, "device", "remove", "--id", "gw-3")
    assert live.client.receive() is None  # it is disconnected
    assert "gw-3" not in command(hub, "device", "list")
    assert "not registered" in command(hub, "device", "remove", "--id", "gw-3", expect=1)
    backend.kill(signal.SIGTERM)


def test_devices_provision_themselves(hub):
    dps = Hub((), mode="dps")
    with open(f"{dps.dir}/mosquitto.conf") as file:
        text = file.read().replace(f"plugin_opt_directory {dps.dir}", f"plugin_opt_directory {hub.dir}")
    with open(f"{dps.dir}/mosquitto.conf", "w") as file:
        file.write(text)
    dps.start()
    backend = Backend(hub, dps).start()
    try:
        group = key_of("group")
        command(hub, "enrolment", "add", "--id", "reg-1", "--device-id", "store-1", "--key-file", secret(hub, "k1", key_of("reg-1")))
        twin = secret(hub, "twin", json.dumps({"properties": {"desired": {"every": 60}}}))
        command(hub, "group", "add", "--id", "shops", "--key-file", secret(hub, "k2", group), "--initial-twin", twin)
        derived = base64.b64encode(hmac.digest(base64.b64decode(group), b"reg-2", hashlib.sha256)).decode()
        for registration, key, device, desired in (("reg-1", key_of("reg-1"), "store-1", {}), ("reg-2", derived, "reg-2", {"every": 60})):
            client = Client(dps, registration, password=dps_sas(registration, key))
            assert client.login == 0 and client.subscribe("$dps/registrations/res/#") == 1
            client.publish(json.dumps({"registrationId": registration}).encode(),
                           topic="$dps/registrations/PUT/iotdps-register/?$rid=1")
            messages = []
            while len(messages) < 2:  # the PUBACK and the answer, in any order
                first, body = client.receive()
                messages.append(body if first & 0xF0 == 0x30 else None)
            body = next(m for m in messages if m)
            assert b"$dps/registrations/res/202/?$rid=1&retry-after=1" in body, body
            operation = json.loads(body[body.index(b"{"):])["operationId"]
            backend.kill()  # between the promise and the question
            backend.start()
            client.publish(b"", topic=f"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}", qos=0)
            topic, body = client.message()
            assert topic == "$dps/registrations/res/200/?$rid=2", (topic, body)
            state = json.loads(body)["registrationState"]
            assert (state["assignedHub"], state["deviceId"]) == (HOST, device)
            assigned = Device(hub, device, password=sas(device, key=key))
            got = assigned.twin()["desired"]
            got.pop("$version")
            assert got == desired, got
        backend.kill(signal.SIGTERM)
    finally:
        dps.close()


def test_it_refuses_to_start_on_a_foreign_database(hub):
    hub.db.execute("PRAGMA user_version = 7")
    done = subprocess.run([PROGRAM, "serve", "--data-dir", hub.dir, "--hub-link", "x"], capture_output=True, text=True,
                          timeout=DEADLINE_S)
    assert done.returncode == 1 and "ev=version" in done.stderr and "found=7 known=2" in done.stderr, done.stderr
    assert sqlite3.connect(f"{hub.dir}/hub.db").execute("PRAGMA user_version").fetchone() == (7,)


def main():
    for test in (test_kill_loses_nothing_acknowledged, test_what_a_service_was_promised, test_requests_under_way_when_it_dies,
                 test_broker_restart_is_survived, test_disk_that_takes_nothing,
                 test_operator_acts_while_it_runs, test_devices_provision_themselves, test_it_refuses_to_start_on_a_foreign_database):
        hub = Hub()
        hub.start()
        try:
            test(hub)
            print(f"ok {test.__name__}")
        except BaseException:
            print(hub.output())
            raise
        finally:
            hub.close()


if __name__ == "__main__":
    main()
