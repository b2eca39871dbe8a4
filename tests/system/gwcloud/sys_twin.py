#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a configuration from the twin runs in a real gateway, proves itself or goes away by itself,
and the twin says so. Method: busward-gateway polls a Modbus TCP server; a test plays the hub behind a
real mosquitto, and serves a profile by HTTPS; the process must stay the same one throughout."""
import hashlib
import http.server
import json
import os
import re
import socketserver
import ssl
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.environ["BUSWARD_SOURCE"], "tests/system/hub"))
from hub_world import HOST, Client, key_of  # noqa: E402
from sys_channel import Broker, take_publish  # noqa: E402

GATEWAY = os.path.join(os.environ["BUSWARD_BUILD"], "apps/gateway/busward-gateway")
PROFILE = {"name": "plain", "groups": [{"name": "fast", "interval_ms": 200}],
           "points": [{"name": "voltage", "address": 0}]}
REMOTE_PROFILE = {"name": "remote", "groups": [{"name": "fast", "interval_ms": 100}],
                  "points": [{"name": "voltage", "address": 0}, {"name": "current", "address": 1}]}
WAIT_S = 40


class Unit1(socketserver.BaseRequestHandler):
    """Modbus TCP: unit 1 answers every read of holding registers, others are silent."""

    def handle(self):
        while True:
            head = b""
            while len(head) < 12:
                more = self.request.recv(12 - len(head))
                if not more:
                    return
                head += more
            number, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", head)
            if unit == 1:
                data = bytes([function, 2 * count]) + b"\x00\x07" * count
                self.request.sendall(struct.pack(">HHHB", number, 0, len(data) + 1, unit) + data)


class Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(REMOTE_PROFILE).encode()
        self.server.asked += 1
        self.send_response(200 if self.path == "/remote.json" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Twin:
    """The hub's half, as facts say it: GET, merge of reported patches, desired patches."""

    def __init__(self, broker):
        self.desired, self.version = {}, 1
        self.reported, self.gets, self.states = {}, 0, []
        self.changed = threading.Condition()
        self.client = Client(broker, "hub")
        self.client.socket.settimeout(None)  # the gateway may have nothing to say for long
        assert self.client.subscribe("$iothub/twin/GET/#") is not None
        assert self.client.subscribe("$iothub/twin/PATCH/properties/reported/#") is not None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                topic, body = take_publish(self.client)
            except TypeError:
                return  # the broker has gone
            rid = topic.split("$rid=")[1]
            with self.changed:
                if topic.startswith("$iothub/twin/GET/"):
                    self.gets += 1
                    answer = {"desired": {**self.desired, "$version": self.version}, "reported": {"$version": 1}}
                    self.client.publish(json.dumps(answer).encode(), topic=f"$iothub/twin/res/200/?$rid={rid}", qos=0)
                else:
                    for key, value in json.loads(body).items():
                        self.reported[key] = {**self.reported.get(key, {}), **value}
                    self.states.append(self.reported.get("config", {}).get("state"))
                    self.client.publish(b"", topic=f"$iothub/twin/res/204/?$rid={rid}&$version=2", qos=0)
                self.changed.notify_all()

    def desire(self, config):
        with self.changed:
            self.version += 1
            self.desired = {"config": config}
            patch = json.dumps({**self.desired, "$version": self.version}).encode()
            self.client.publish(patch, topic=f"$iothub/twin/PATCH/properties/desired/?$version={self.version}", qos=0)

    def wait(self, **wanted):
        """Until the reported section config holds these, for the version desired last."""
        with self.changed:
            wanted = {"version": self.version, **wanted}
            assert self.changed.wait_for(
                lambda: wanted.items() <= self.reported.get("config", {}).items(), WAIT_S), (wanted, self.reported)
            return self.reported["config"]


class Gateway:
    def __init__(self, broker, modbus_port):
        self.dir = broker.dir
        os.makedirs(f"{self.dir}/profiles", exist_ok=True)
        with open(f"{self.dir}/gw.key", "w") as out:
            os.chmod(out.fileno(), 0o600)
            out.write(key_of("gw-1") + "\n")
        with open(f"{self.dir}/profiles/plain.json", "w") as out:
            json.dump(PROFILE, out)
        config = {
            "gateway": {"id": "gw-1", "name": "first", "data_dir": f"{self.dir}/data"},
            "hub": {"host": HOST, "address": "localhost", "port": broker.port, "key_file": f"{self.dir}/gw.key",
                    "ca_file": f"{self.dir}/ca.pem"},
            "remote": {"trial_s": 5, "ca_file": f"{self.dir}/ca.pem", "local": [{"path": "journal"}]},
            "buses": [{"name": "line", "port": f"tcp:127.0.0.1:{modbus_port}", "reply_timeout_ms": 200,
                       "devices": [{"name": "meter", "unit": 1, "profile": "plain"}]}],
        }
        with open(f"{self.dir}/gateway.json", "w") as out:
            json.dump(config, out)
        self.lines, self.heard = [], threading.Condition()
        self.process = subprocess.Popen([GATEWAY, "--config", f"{self.dir}/gateway.json", "--trust-clock"],
                                        stderr=subprocess.PIPE, text=True)
        self.follower = threading.Thread(target=self.follow)
        self.follower.start()

    def follow(self):
        for line in self.process.stderr:
            with self.heard:
                self.lines.append(line)
                self.heard.notify_all()
        self.process.stderr.close()

    def wait_line(self, pattern, count=1):
        with self.heard:
            assert self.heard.wait_for(
                lambda: sum(bool(re.search(pattern, line)) for line in self.lines) >= count, WAIT_S), pattern

    def starts(self):
        return [re.search(r"name=(\S+) points=(\d+)", line).groups() for line in self.lines if "ev=start" in line]

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(20)
        self.follower.join()
        return code


def story(twin, gateway, files_port, files):
    state = twin.wait(state="applied", source="local")
    assert state["errors"] == [] and twin.reported["gateway"]["version"], twin.reported
    digest = hashlib.sha256(json.dumps(REMOTE_PROFILE).encode()).hexdigest()
    ref = {"name": "remote", "sha256": digest, "url": f"https://localhost:{files_port}/remote.json"}
    good = {"v": 1, "gateway": {"name": "second"}, "profiles": [{"ref": ref}],
            "journal": {"bytes_max": 1000000000},
            "buses": [{"name": "line", "devices": [{"name": "meter", "profile": "remote"}]}]}

    # What is wrong is named by its place, and nothing is restarted for it.
    twin.desire({"v": 1, "buses": [{"name": "line", "baud": "fast"}, {"name": "other"}]})
    state = twin.wait(state="rejected")
    assert {e["path"] for e in state["errors"]} == {"buses[0].baud", "buses[1]"}, state
    twin.desire({**good, "profiles": [{"ref": {**ref, "sha256": "0" * 64}}]})
    state = twin.wait(state="waiting")
    assert state["reason"] == "remote: the file has another SHA-256", state
    assert len(gateway.starts()) == 1 and files.asked == 1

    twin.desire(good)
    twin.wait(state="trial")
    state = twin.wait(state="applied", source="desired")
    assert [w["path"] for w in state["warnings"]] == ["journal"], state  # marked local
    assert gateway.starts()[1][0] == "second" and int(gateway.starts()[1][1]) == int(gateway.starts()[0][1]) + 1
    assert files.asked == 2 and os.listdir(f"{gateway.dir}/data/cache") == [digest]
    assert open(f"/proc/{gateway.process.pid}/comm").read().startswith("busward-gateway")

    # Its one device falls silent with it: given up, and the one before is back.
    twin.desire({**good, "buses": [{"name": "line", "devices": [{"name": "meter", "profile": "remote", "unit": 9}]}]})
    twin.wait(state="trial")
    # Somebody is just changing the local file: with it no new start would come up, so it comes later.
    path = f"{gateway.dir}/gateway.json"
    text = open(path).read()
    with open(path, "w") as out:
        out.write(text[:-20])
    gateway.wait_line('mod=remote ev=restart file=.* problem="wrong')
    assert gateway.process.poll() is None and len(gateway.starts()) == 3
    with open(path, "w") as out:
        out.write(text)
    state = twin.wait(state="reverted", source="desired")
    assert state["reason"].startswith("1 of 1 devices that answered before do not answer"), state
    assert [name for name, _ in gateway.starts()] == ["first", "second", "second", "second"], gateway.starts()
    assert files.asked == 2  # from the cache
    assert twin.states.count("rejected") == 1


def main():
    broker = Broker().start()
    socketserver.ThreadingTCPServer.daemon_threads = True
    modbus_port = serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Unit1))
    files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    files.asked = 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{broker.dir}/server.pem", f"{broker.dir}/server.key")
    files.socket = context.wrap_socket(files.socket, server_side=True)
    gateway = None
    try:
        files_port = serve(files)
        twin = Twin(broker)
        gateway = Gateway(broker, modbus_port)
        story(twin, gateway, files_port, files)
        assert gateway.end() == 0
        assert not any("level=error mod=assert" in line for line in gateway.lines)
    except BaseException:
        sys.stderr.writelines(gateway.lines[-60:] if gateway else [])
        raise
    finally:
        if gateway:
            gateway.end()
        broker.close()
    print("ok", flush=True)


main()
