#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a configuration that a service desires runs in a real gateway, proves itself or goes away by itself, and the twin says so
in the words that were kept. Method: a real gateway on Modbus TCP, the real hub with its REST, a tap between them, a profile by
HTTPS; the process must stay the same one throughout; its clocks are put ahead where it would wait."""
import hashlib
import http.server
import json
import os
import re
import ssl
import threading

from golden_world import HOST, Golden

DEVICE = "gw-t"
PROFILE = {"name": "remote", "groups": [{"name": "fast", "interval_ms": 100}],
           "points": [{"name": "voltage", "address": 7}, {"name": "current", "address": 8}]}
DIGEST = hashlib.sha256(json.dumps(PROFILE).encode()).hexdigest()


class Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(PROFILE).encode()
        self.server.asked += 1
        self.send_response(200 if self.path == "/remote.json" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve_files(world):
    files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    files.asked = 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{world.dir}/server.pem", f"{world.dir}/server.key")
    files.socket = context.wrap_socket(files.socket, server_side=True)
    threading.Thread(target=files.serve_forever, daemon=True).start()
    return files


class Box:
    def __init__(self, world):
        self.world = world
        world.world.do("device", "add", "--id", DEVICE, "--key-file", world.key(DEVICE))
        folder = world.write(DEVICE, {"host": HOST, "key_file": world.key(DEVICE)},
                             remote={"trial_s": 5, "ca_file": f"{world.dir}/ca.pem", "local": [{"path": "journal"}]})
        self.data = folder / "data"
        self.gateway = world.start(folder, DEVICE, "its start", is_chancy=True)
        self.gateway.wait_line("mod=uplink ev=online ")
        world.settle(self.gateway, DEVICE)
        self.version = 1

    def starts(self):
        return [re.search(r"name=(\S+) points=(\d+)", line).groups() for line in self.gateway.lines if "ev=start" in line]

    def reported(self, **wanted):
        """Once the hub holds this about the version desired last; what it holds."""
        texts = "".join(f"(?=.*{re.escape(json.dumps(key))}:{re.escape(json.dumps(value))})" for key, value in wanted.items())
        transcript = self.world.transcript
        transcript.wait(f'^> PUBLISH .*/reported/(?=.*"version":{self.version}\\b){texts}', transcript.sections[DEVICE])
        transcript.wait_answered(DEVICE)
        state = self.world.reported(DEVICE)["config"]
        assert {"version": self.version, **wanted}.items() <= state.items(), state
        return state

    def desire(self, name, config):
        self.world.section(DEVICE, name, is_chancy=True)
        self.version = self.world.desire(DEVICE, config)
        self.gateway.wait_line(f"ev=desired version={self.version} ")
        self.gateway.shift(12)  # it rested, and the gateway ran long enough

    def prove(self):
        """Lets the trial pass, once it is online with what it tries."""
        self.gateway.wait_line("mod=uplink ev=online ", count=len(self.starts()))
        self.gateway.shift(8)


def story(world, box, files):
    ref = {"name": "remote", "sha256": DIGEST, "url": f"https://localhost:{files.server_address[1]}/remote.json"}
    world.transcript.replace(f"localhost:{files.server_address[1]}", "localhost:<port>")
    good = {"v": 1, "gateway": {"name": "second"}, "profiles": [{"ref": ref}], "journal": {"bytes_max": 1000000000},
            "buses": [{"name": "line", "devices": [{"name": "meter", "profile": "remote"}]}]}

    # What is wrong is named by its place, and nothing is restarted for it.
    box.desire("a wrong one is rejected", {"v": 1, "buses": [{"name": "line", "baud": "fast"}, {"name": "other"}]})
    state = box.reported(state="rejected")
    assert {error["path"] for error in state["errors"]} == {"buses[0].baud", "buses[1]"}, state
    box.desire("a file with another hash is waited for", {**good, "profiles": [{"ref": {**ref, "sha256": "0" * 64}}]})
    state = box.reported(state="waiting")
    assert state["reason"] == "remote: the file has another SHA-256", state
    assert len(box.starts()) == 1 and files.asked == 1

    box.desire("a good one: trial, then applied", good)
    box.reported(state="trial")
    box.prove()
    state = box.reported(state="applied", source="desired")
    assert [warning["path"] for warning in state["warnings"]] == ["journal"], state  # marked local
    starts = box.starts()
    assert starts[1][0] == "second" and int(starts[1][1]) == int(starts[0][1]) + 1 and len(starts) == 2, starts
    assert files.asked == 2 and os.listdir(box.data / "cache") == [DIGEST]
    assert open(f"/proc/{box.gateway.process.pid}/comm").read().startswith("busward-gateway")

    # Its one device falls silent with it: given up, and the one before is back.
    silent = {"name": "meter", "profile": "remote", "unit": 9}
    box.desire("one that loses the devices: reverted", {**good, "buses": [{"name": "line", "devices": [silent]}]})
    box.reported(state="trial")
    # Somebody is just changing the local file: with it no new start would come up, so it comes later.
    file = box.data.parent / "c.json"
    text = file.read_text()
    file.write_text(text[:-20])
    box.prove()
    box.gateway.wait_line('mod=remote ev=restart file=.* problem="wrong')
    assert len(box.starts()) == 3
    file.write_text(text)
    state = box.reported(state="reverted", source="desired")
    assert re.match("1 of 1 devices that answered before do not answer", state["reason"]), state
    assert [name for name, _ in box.starts()] == ["Store", "second", "second", "second"], box.starts()
    assert files.asked == 2  # from the cache
    world.settle(box.gateway, DEVICE, count=2)


def main():
    with Golden("twin") as world:
        files = serve_files(world)
        story(world, Box(world), files)


if __name__ == "__main__":
    main()
